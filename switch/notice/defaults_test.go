package notice

import (
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	switching "wxswitch/switch"
	"wxswitch/switch/db"
	"wxswitch/switch/vault"
)

// The defaults are those of the package's documentation.
func TestDefaultsAreAsDocumented(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(doc), "# Defaults")
	table, _, _ = strings.Cut(table, "# Metrics")
	o := Options{DB: &db.DB{}, Vault: &vault.Vault{}, Sender: &HTTP{}, Text: func(switching.Notice) string { return "" }}
	if err := o.defaults(); err != nil {
		t.Fatal(err)
	}
	if want := (switching.Backoff{Min: 2 * time.Second, Max: 30 * time.Minute}); o.Backoff != want || !strings.Contains(table, "Backoff    2 s to 30 min ") {
		t.Error(o.Backoff)
	}
	units := map[string]int64{"": 1, "s": int64(time.Second), "days": int64(24 * time.Hour)}
	rows := regexp.MustCompile(`//\t([A-Z][a-z]+) +([0-9]+) ?(s|days|)(?: {2}|\n)`).FindAllStringSubmatch(table, -1)
	if len(rows) != 7 {
		t.Errorf("%q", rows)
	}
	for _, row := range rows {
		n, _ := strconv.ParseInt(row[2], 10, 64)
		if is := reflect.ValueOf(o).FieldByName(row[1]).Int(); is != n*units[row[3]] {
			t.Errorf("%s is %d, not %s %s", row[1], is, row[2], row[3])
		}
	}
}
