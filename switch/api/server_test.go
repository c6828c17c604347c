package api

import (
	"encoding/json"
	"math/rand"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"wxswitch/codec"
	"wxswitch/switch/customer"
)

// What is written by hand is what encoding/json writes, whatever is in it: also
// in a field that the generated type gets tomorrow.
func TestAnswersAreWrittenAsEncodingJSONDoes(t *testing.T) {
	ledger, none := int64(-7), int64(0)
	answers := []Answer{
		{},
		{Replayed: true, Balance: &BalanceAmounts{}},
		{Balance: &BalanceAmounts{Ledger: &ledger}},
		{Balance: &BalanceAmounts{Available: &none, Currency: "156"}, Holder: "古丽•<&>\"\\\u2028\x00\xff"},
		{Opened: time.Date(2026, 3, 7, 14, 15, 2, 120_000_000, codec.Shanghai)},
	}
	random := rand.New(rand.NewSource(1))
	for range 200 {
		var a Answer
		fill(t, reflect.ValueOf(&a).Elem(), random)
		answers = append(answers, a)
	}
	for _, a := range answers {
		want, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if got := appendAnswer(nil, &a); string(got) != string(want)+"\n" {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	}
}

// Who has nothing under way takes no room: followers are millions.
func TestFollowersThatLeftAreForgotten(t *testing.T) {
	b := newBusyFollowers(1)
	for _, f := range []customer.Follower{{Channel: "wechat", Subject: "o1"}, {Channel: "wechat", Subject: "o2"}} {
		if !b.enter(f) || b.enter(f) {
			t.Error("not one place")
		}
		b.leave(f)
	}
	if len(b.under) != 0 {
		t.Errorf("%v", b.under)
	}
}

// fill puts something, or the zero value, into each field.
func fill(t *testing.T, v reflect.Value, random *rand.Rand) {
	t.Helper()
	for _, f := range v.Fields() {
		switch {
		case random.Intn(3) == 0:
		case f.Type() == reflect.TypeFor[time.Time]():
			f.Set(reflect.ValueOf(time.Unix(random.Int63n(1<<32), random.Int63n(1e9)).In(codec.Shanghai)))
		case f.Kind() == reflect.Pointer && f.Type().Elem().Kind() == reflect.Struct:
			f.Set(reflect.New(f.Type().Elem()))
			fill(t, f.Elem(), random)
		default:
			some, ok := quick.Value(f.Type(), random)
			if !ok {
				t.Fatal(f.Type())
			}
			f.Set(some)
		}
	}
}

// The defaults of Limits are those of the package's documentation.
func TestDefaultsAreAsDocumented(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(doc), "# Defaults of Limits")
	table, _, _ = strings.Cut(table, "# What is seen")
	limits := reflect.ValueOf(Limits{}.withDefaults())
	units := map[string]int64{"": 1, "KiB": 1 << 10, "s": int64(time.Second), "min": int64(time.Minute)}
	rows := regexp.MustCompile(`//\t([A-Za-z]+) +([0-9]+) ?(KiB|s|min|)`).FindAllStringSubmatch(table, -1)
	if len(rows) != limits.NumField() {
		t.Errorf("%d rows", len(rows))
	}
	for _, row := range rows {
		n, _ := strconv.ParseInt(row[2], 10, 64)
		if is := limits.FieldByName(row[1]).Int(); is != n*units[row[3]] {
			t.Errorf("%s is %d, not %s %s", row[1], is, row[2], row[3])
		}
	}
}
