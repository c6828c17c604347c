package customer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"wxswitch/routing/strict"
)

var placeBanks = []string{"urmqccb", "xjrcu", "klb", "korla"}

const samplePlaces = "../../testdata/places/xinjiang.yaml"

func sample(t testing.TB) *Places {
	t.Helper()
	table, err := LoadPlaces(samplePlaces, placeBanks)
	if err != nil {
		t.Fatal(err)
	}
	return NewPlaces(table)
}

func location(t testing.TB, lat, lng float64) Location {
	t.Helper()
	at, reason := NewLocation(lat, lng)
	if reason != "" {
		t.Fatal(reason)
	}
	return at
}

func TestSamplesAreGood(t *testing.T) {
	p := sample(t)
	b, found := p.Branch("klb-2")
	if !found || b.Number != "KL002" || b.Bank != "klb" || len(b.Services) != 2 {
		t.Errorf("%+v, %v", b, found)
	}
	if _, found := p.Branch("nang-1"); found {
		t.Error("a merchant is taken for a branch")
	}
	if table, err := LoadPlaces("../../testdata/places/huihe.yaml", []string{"huihe"}); err != nil || len(table.branches) != 4 {
		t.Error(err)
	}
}

// A file is written from what is good with one thing changed.
const goodBranch = `branches:
  - id: a-1
    bank: klb
    number: "1"
    name: 支行
    address: 路1号
    phone: 0991-1234567
    hours: 周一
    services: [个人业务]
    lat: 43.8
    lng: 87.6
`

const goodMerchant = `merchants:
  - {id: m, name: 店, address: 路, phone: "12345", offer: 九折, lat: 43.8, lng: 87.6}
`

func TestWrongPlacesAreToldByPlace(t *testing.T) {
	change := func(from, to string) string {
		if !strings.Contains(goodBranch+goodMerchant, from) {
			t.Fatalf("%s is not in the file", from)
		}
		return strings.Replace(goodBranch+goodMerchant, from, to, 1)
	}
	second := strings.TrimPrefix(goodBranch, "branches:\n")
	for name, c := range map[string]struct{ file, want string }{
		"empty":              {"", "1:1: no places"},
		"empty lists":        {"branches: []\n", "1:1: no places"},
		"no map":             {"- a\n", "1:1: the file must be a map with the keys branches, merchants"},
		"unknown list":       {"banks: []\n" + goodBranch, `1:1: unknown key "banks"; the file has branches, merchants`},
		"unknown key":        {change("    hours:", "    hour: 1\n    hours:"), `8:5: unknown key "hour"; a branch has`},
		"key twice":          {change("    hours:", "    phone: 0991-1\n    hours:"), "8:5: phone stands twice, first at p.yaml:7:5"},
		"key missing":        {change("    hours: 周一\n", ""), "2:5: a branch needs hours"},
		"bank":               {change("klb", "icbc"), `3:11: bank "icbc" is not configured; there are ["urmqccb" "xjrcu" "klb" "korla"]`},
		"id":                 {change("a-1", "A1/../"), `2:9: id "A1/../": 1 to 40 small letters, digits and dashes`},
		"id twice":           {goodBranch + strings.Replace(second, `"1"`, `"2"`, 1), `12:9: id "a-1" stands twice, first at p.yaml:2:9`},
		"number twice":       {goodBranch + strings.Replace(second, "a-1", "a-2", 1), `14:13: number "klb 1" stands twice, first at p.yaml:4:13`},
		"number of no text":  {change(`"1"`, "1"), "4:13: number must be text, in quotes if it looks like something else"},
		"number":             {change(`"1"`, `"1 2"`), `4:13: number "1 2": 1 to 12 letters and digits`},
		"name empty":         {change("支行", `""`), "5:11: name: empty, or blanks around it"},
		"name long":          {change("支行", strings.Repeat("行", 41)), "5:11: name: at most 40 characters"},
		"name not printable": {change("支行", `"a\nb"`), "5:11: name: has a character that cannot be printed"},
		"phone":              {change("0991-1234567", "ask"), `7:12: phone "ask": 3 to 30 digits, dashes, blanks and brackets`},
		"services":           {change("[个人业务]", "个人业务"), "9:5: services must be a list"},
		"service":            {change("[个人业务]", "[1]"), "9:16: a service must be text"},
		"services many":      {change("[个人业务]", "["+strings.Repeat("a,", 21)+"]"), "9:5: services: at most 20"},
		"latitude":           {change("lat: 43.8", "lat: 143.8"), "10:10: lat: 15 to 54"},
		"swapped":            {change("lng: 87.6", "lng: 43.8"), "11:10: lng: 73 to 136"},
		"degrees as text":    {change("lat: 43.8", `lat: "43.8"`), "10:10: lat must be a number such as 87.616824"},
		"degrees, exponent":  {change("lat: 43.8", "lat: 4.38e1"), "10:10: lat must be a number such as 87.616824"},
		"degrees, no number": {change("lat: 43.8", "lat: .nan"), "10:10: lat must be a number such as 87.616824"},
		"degrees, hex":       {change("lat: 43.8", "lat: 0x20"), "10:10: lat must be a number such as 87.616824"},
		"merchant's offer":   {change("offer: 九折, ", ""), "13:5: a merchant needs offer"},
		"merchant's bank":    {change("offer: 九折, ", "offer: 九折, bank: klb, "), `unknown key "bank"; a merchant has`},
		"anchor":             {change("支行", "&a 支行"), "5:11: anchors, tags, directives and complex keys are not used here"},
		"tab":                {"branches:\n\t- id: a\n", "2:1: control character or tab: indent with spaces"},
		"too large":          {strings.Repeat("#", maxPlacesSize+1), "1:1: larger than 2097152 bytes"},
		"not UTF-8":          {"\xff", "1:1: not UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParsePlaces("p.yaml", []byte(c.file), placeBanks)
			var problems strict.Problems
			if !errors.As(err, &problems) || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "p.yaml:") {
				t.Fatalf("got %v, want %s", err, c.want)
			}
			if len(problems) != 1 {
				t.Errorf("%d problems: %v", len(problems), err)
			}
		})
	}
	if _, err := ParsePlaces("p.yaml", []byte(goodBranch+goodMerchant), placeBanks); err != nil {
		t.Error(err)
	}
	if _, err := LoadPlaces(filepath.Join(t.TempDir(), "none"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func manyPlaces(n int) []byte {
	var b bytes.Buffer
	b.WriteString("branches:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - {id: b-%d, bank: klb, number: \"%d\", name: 支行, address: 路, phone: \"12345\", hours: 周一, services: [个人业务, 公司业务], lat: %.6f, lng: %.6f}\n",
			i, i, 35+float64(i%1000)/100, 75+float64(i/1000))
	}
	return b.Bytes()
}

func TestPlacesAreBounded(t *testing.T) {
	if table, err := ParsePlaces("p.yaml", manyPlaces(maxPlaces), placeBanks); err != nil || len(table.branches) != maxPlaces {
		t.Error(err)
	}
	_, err := ParsePlaces("p.yaml", manyPlaces(maxPlaces+1), placeBanks)
	if err == nil || err.Error() != "p.yaml:1:1: more than 5000 places" {
		t.Error(err)
	}
}

func TestMetres(t *testing.T) {
	for _, c := range []struct {
		lat, lng, lat2, lng2 float64
		want                 int
	}{
		{43.8, 87.6, 43.8, 87.6, 0},
		{0, 0, 0, 1, 111195},          // a degree of the equator: 2πR/360
		{0, 0, 90, 0, 10007557},       // a quarter of a meridian
		{0, 0, 0, 180, 20015115},      // half around
		{0, 179.5, 0, -179.5, 111195}, // over the date line
		{60, 0, 60, 1, 55597},         // half as long there, nearly
	} {
		if got := location(t, c.lat, c.lng).metres(c.lat2, c.lng2); got < c.want-1 || got > c.want+1 {
			t.Errorf("%v: %d m", c, got)
		}
	}
	// 乌鲁木齐 to 库尔勒 is some 260 km as the crow flies.
	if got := location(t, 43.7930, 87.6278).metres(41.7259, 86.1746); got < 255_000 || got > 262_000 {
		t.Errorf("%d m", got)
	}
}

func TestNearest(t *testing.T) {
	p := sample(t)
	at := location(t, 43.800000, 87.610000)
	near, total := p.Nearest(at, Branches, 3, 0)
	var ids []string
	for _, n := range near {
		ids = append(ids, n.Branch.ID)
	}
	if want := []string{"urmqccb-1", "urmqccb-2", "urmqccb-3"}; !slices.Equal(ids, want) || total != 10 || near[0].Metres > 1000 {
		t.Errorf("%v of %d, the first at %d m", ids, total, near[0].Metres)
	}
	if more, _ := p.Nearest(at, Branches, 3, 2); more[0].Branch.ID != "urmqccb-3" || more[0].Metres < near[1].Metres {
		t.Errorf("%+v", more[0])
	}
	shops, total := p.Nearest(at, Merchants, 10, 0)
	if total != 4 || shops[0].Merchant.ID != "books-1" {
		t.Errorf("%+v of %d", shops, total)
	}
	for _, c := range []struct{ n, offset, want int }{{0, 0, 0}, {-1, 0, 0}, {5, 9, 1}, {5, 10, 0}, {5, math.MaxInt, 0}, {5, -7, 5}, {math.MaxInt, 0, 10}} {
		if got, _ := p.Nearest(at, Branches, c.n, c.offset); len(got) != c.want {
			t.Errorf("%d from %d: %d", c.n, c.offset, len(got))
		}
	}
	if got, total := p.Nearest(at, "other", 5, 0); len(got) != 0 || total != 0 {
		t.Error(got)
	}
	if got, total := new(Places).Nearest(at, Branches, 5, 0); len(got) != 0 || total != 0 {
		t.Error(got)
	}
}

func TestNearestIsAtMostFiftyAndStable(t *testing.T) {
	table, err := ParsePlaces("p.yaml", manyPlaces(200), placeBanks)
	if err != nil {
		t.Fatal(err)
	}
	for i := range table.branches { // all in one building
		table.branches[i].Lat, table.branches[i].Lng = 43.8, 87.6
	}
	p, at := NewPlaces(table), location(t, 43.9, 87.6)
	first, total := p.Nearest(at, Branches, 1000, 0)
	if len(first) != 50 || total != 200 {
		t.Fatal(len(first), total)
	}
	if !slices.IsSortedFunc(first, func(a, b Near) int { return strings.Compare(a.Branch.ID, b.Branch.ID) }) {
		t.Error("equal distances are not in the order of ids")
	}
	seen := make(map[string]bool)
	for offset := 0; offset < total; offset += 50 {
		page, _ := p.Nearest(at, Branches, 50, offset)
		for _, n := range page {
			seen[n.Branch.ID] = true
		}
	}
	if len(seen) != 200 {
		t.Errorf("%d of 200 on all pages", len(seen))
	}
}

func TestLocationsOutOfRangeAreRefused(t *testing.T) {
	for _, c := range [][2]float64{{90.1, 0}, {-90.1, 0}, {0, 180.1}, {0, -180.1}, {math.NaN(), 0}, {0, math.NaN()}, {math.Inf(1), 0}, {0, math.Inf(-1)}} {
		if _, reason := NewLocation(c[0], c[1]); reason != ReasonLocation {
			t.Errorf("%v: %q", c, reason)
		}
	}
	location(t, -90, 180)
}

func TestNobodyPrintsALocation(t *testing.T) {
	at := location(t, 43.812345, 87.612345)
	var log bytes.Buffer
	logger := zerolog.New(&log)
	logger.Info().Interface("at", at).Stringer("as", at).Any("too", map[string]any{"at": at}).Msg("")
	data, err := json.Marshal(struct{ At *Location }{&at})
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%v %+v %#v %s %d %f %v %v", at, at, at, at, at, at, &at, []Location{at}) + log.String() + string(data)
	for _, digits := range []string{"43.8", "87.6", "4.38", "12345"} {
		if strings.Contains(all, digits) {
			t.Errorf("%s is in %s", digits, all)
		}
	}
}

func TestSwapUnderTraffic(t *testing.T) {
	p, at := sample(t), location(t, 43.8, 87.6)
	one := p.Load()
	other, err := ParsePlaces("p.yaml", []byte(goodBranch+goodMerchant), placeBanks)
	if err != nil {
		t.Fatal(err)
	}
	var traffic sync.WaitGroup
	for range 4 {
		traffic.Go(func() {
			for range 200 {
				if near, total := p.Nearest(at, Branches, 50, 0); len(near) != total || (total != 10 && total != 1) {
					t.Errorf("%d of %d", len(near), total)
				}
			}
		})
	}
	for range 200 {
		p.Swap(other)
		p.Swap(one)
	}
	traffic.Wait()
}

func FuzzPlaces(f *testing.F) {
	data, err := os.ReadFile(samplePlaces)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(goodBranch + goodMerchant))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := ParsePlaces("p.yaml", data, placeBanks)
		var problems strict.Problems
		if (table == nil) == (err == nil) || err != nil && !errors.As(err, &problems) {
			t.Fatal(table, err)
		}
		for _, p := range problems {
			if p.Line < 1 || p.Column < 1 || p.Text == "" {
				t.Errorf("problem without place or text: %q", p)
			}
		}
		if err == nil {
			NewPlaces(table).Nearest(Location{}, Branches, 10, 0)
		}
	})
}
