package customer

import (
	"flag"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// modelRuns is how many orders TestRandomOrders tries unless -rapid.checks says
// otherwise.
const modelRuns = "25"

func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		_ = f.Value.Set(modelRuns)
	}
	goleak.VerifyTestMain(m)
}

// The defaults are those that the fields' comments name.
func TestDefaultsAreAsDocumented(t *testing.T) {
	source, err := os.ReadFile("store.go")
	if err != nil {
		t.Fatal(err)
	}
	var l Limits
	l.defaults()
	units := map[string]int64{"": 1, "s": int64(time.Second), "min": int64(time.Minute), "h": int64(time.Hour)}
	rows := regexp.MustCompile(`(?m)^\t([A-Z][A-Za-z]+) +(?:int|time\.Duration) +// .*; default ([0-9,]+) ?(s|min|h|)(?:\.|$)`).FindAllStringSubmatch(string(source), -1)
	if len(rows) != 16 {
		t.Errorf("%d rows: %q", len(rows), rows)
	}
	for _, row := range rows {
		n, _ := strconv.ParseInt(strings.ReplaceAll(row[2], ",", ""), 10, 64)
		if is := reflect.ValueOf(l).FieldByName(row[1]).Int(); is != n*units[row[3]] {
			t.Errorf("%s is %d, not %s %s", row[1], is, row[2], row[3])
		}
	}
}
