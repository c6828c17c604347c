package customer

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"

	"wxswitch/routing/strict"
)

// A file of places is YAML (package strict), at most 2 MiB and 5,000 places. A
// file is taken whole or refused whole; the error is strict.Problems.
//
//	branches:
//	  - id: huihe-1          # small letters, digits and dashes; once in the list
//	    bank: huihe          # id of a configured bank
//	    number: "0101"       # the bank's own: up to 12 letters and digits
//	    name: 新疆汇和银行营业部
//	    address: 奎屯市北京路1号
//	    phone: 0992-3260001  # digits, dashes, blanks, brackets, +
//	    hours: 周一至周日 10:00–19:00
//	    services: [个人业务, 公司业务, VIP业务] # may be missing
//	    lat: 44.426529       # degrees, GCJ-02, within China
//	    lng: 84.903185
//	merchants:
//	  - {id: cake-1, name: …, address: …, phone: "…", offer: 满100减20, lat: …, lng: …}
const (
	maxPlacesSize = 2 << 20
	maxPlaces     = 5_000
	maxServices   = 20
)

// The box around China, Nansha apart.
const (
	minLat, maxLat = 15, 54
	minLng, maxLng = 73, 136
)

var (
	placeID      = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)
	branchNumber = regexp.MustCompile(`^[0-9A-Za-z]{1,12}$`)
	placePhone   = regexp.MustCompile(`^\+?[0-9][0-9 ()-]{2,29}$`)
)

// LoadPlaces reads a table from a file; banks are the ids that it may name. The
// error is [strict.Problems], or that of package os.
func LoadPlaces(path string, banks []string) (*PlaceTable, error) {
	data, err := strict.ReadFile(path, maxPlacesSize)
	if err != nil {
		return nil, fmt.Errorf("places: %w", err)
	}
	return ParsePlaces(path, data, banks)
}

// ParsePlaces reads a table from a file's contents; name stands for the file in
// problems.
func ParsePlaces(name string, data []byte, banks []string) (*PlaceTable, error) {
	p := &placeReader{strict.New(name, maxPlacesSize, "no places"), banks}
	t := p.table(p.Root(data))
	if err := p.Err(); err != nil {
		return nil, err
	}
	t.byID = make(map[string]*Branch, len(t.branches))
	for i := range t.branches {
		t.byID[t.branches[i].ID] = &t.branches[i]
	}
	return t, nil
}

type placeReader struct {
	*strict.Reader
	banks []string
}

func (p *placeReader) table(root ast.Node) *PlaceTable {
	t := new(PlaceTable)
	if root == nil {
		return t
	}
	file := p.Mapping(root, "the file", "branches", "merchants")
	branches, merchants := p.List(file, "branches"), p.List(file, "merchants")
	if len(branches)+len(merchants) > maxPlaces {
		p.Report(p.Place(root), "more than %d places", maxPlaces)
		return t
	}
	ids, numbers := make(taken), make(taken)
	for _, n := range branches {
		t.branches = append(t.branches, p.branch(n, ids, numbers))
	}
	ids = make(taken)
	for _, n := range merchants {
		t.merchants = append(t.merchants, p.merchant(n, ids))
	}
	if len(branches)+len(merchants) == 0 && p.Told() == 0 {
		p.Report(p.Place(root), "no places")
	}
	return t
}

func (p *placeReader) branch(n ast.Node, ids, numbers taken) Branch {
	m := p.Mapping(n, "a branch", "id", "bank", "number", "name", "address", "phone", "hours", "services", "lat", "lng")
	b := Branch{
		ID: p.matching(m, "id", placeID, "1 to 40 small letters, digits and dashes"), Bank: p.bank(m),
		Number: p.matching(m, "number", branchNumber, "1 to 12 letters and digits"),
		Name:   p.line(m, "name", 40), Address: p.line(m, "address", 100), Phone: p.phone(m), Hours: p.line(m, "hours", 100),
		Services: p.services(m), Lat: p.degrees(m, "lat", minLat, maxLat), Lng: p.degrees(m, "lng", minLng, maxLng),
	}
	p.once(m, "id", b.ID, ids)
	if b.Bank != "" && b.Number != "" {
		p.once(m, "number", b.Bank+" "+b.Number, numbers)
	}
	return b
}

func (p *placeReader) merchant(n ast.Node, ids taken) Merchant {
	m := p.Mapping(n, "a merchant", "id", "name", "address", "phone", "offer", "lat", "lng")
	s := Merchant{
		ID:   p.matching(m, "id", placeID, "1 to 40 small letters, digits and dashes"),
		Name: p.line(m, "name", 40), Address: p.line(m, "address", 100), Phone: p.phone(m), Offer: p.line(m, "offer", 200),
		Lat: p.degrees(m, "lat", minLat, maxLat), Lng: p.degrees(m, "lng", minLng, maxLng),
	}
	p.once(m, "id", s.ID, ids)
	return s
}

// taken is what may stand once, and where it stands.
type taken map[string]strict.Place

func (p *placeReader) once(m strict.Mapping, key, value string, in taken) {
	if value == "" {
		return
	}
	at := p.Place(m.Pairs[key].Value)
	if first, found := in[value]; found {
		p.Report(at, "%s %q stands twice, first at %s", key, value, first)
		return
	}
	in[value] = at
}

// given reads the text under a key that is needed.
func (p *placeReader) given(m strict.Mapping, key string) (string, ast.Node, bool) {
	n, ok := p.Need(m, key)
	if !ok {
		return "", nil, false
	}
	text, ok := p.Text(n, key)
	return text, n, ok
}

func (p *placeReader) matching(m strict.Mapping, key string, form *regexp.Regexp, says string) string {
	text, n, ok := p.given(m, key)
	if ok && !form.MatchString(text) {
		p.Report(p.Place(n), "%s %.40q: %s", key, text, says)
		return ""
	}
	return text
}

func (p *placeReader) phone(m strict.Mapping) string {
	return p.matching(m, "phone", placePhone, "3 to 30 digits, dashes, blanks and brackets")
}

func (p *placeReader) bank(m strict.Mapping) string {
	text, n, ok := p.given(m, "bank")
	if ok && !slices.Contains(p.banks, text) {
		p.Report(p.Place(n), "bank %.40q is not configured; there are %q", text, p.banks)
	}
	return text
}

// line reads one line that people read.
func (p *placeReader) line(m strict.Mapping, key string, most int) string {
	text, n, ok := p.given(m, key)
	if ok {
		p.legible(n, key, text, most)
	}
	return text
}

func (p *placeReader) legible(n ast.Node, key, text string, most int) {
	switch {
	case strings.TrimSpace(text) != text || text == "":
		p.Report(p.Place(n), "%s: empty, or blanks around it", key)
	case utf8.RuneCountInString(text) > most:
		p.Report(p.Place(n), "%s: at most %d characters", key, most)
	case strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		p.Report(p.Place(n), "%s: has a character that cannot be printed", key)
	}
}

func (p *placeReader) services(m strict.Mapping) []string {
	var services []string
	list := p.List(m, "services")
	if len(list) > maxServices {
		p.Report(p.Place(m.Pairs["services"]), "services: at most %d", maxServices)
		return nil
	}
	for _, n := range list {
		if text, ok := p.Text(n, "a service"); ok {
			p.legible(n, "a service", text, 40)
			services = append(services, text)
		}
	}
	return services
}

func (p *placeReader) degrees(m strict.Mapping, key string, least, most float64) float64 {
	n, ok := p.Need(m, key)
	if !ok {
		return 0
	}
	d, ok := p.Decimal(n, key)
	if ok && (d < least || d > most) {
		p.Report(p.Place(n), "%s: %g to %g", key, least, most)
	}
	return d
}
