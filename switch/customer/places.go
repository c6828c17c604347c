package customer

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"sync/atomic"

	switching "wxswitch/switch"
)

// Branch is a 网点 of a member bank.
type Branch struct {
	ID       string // ours: it stands in URLs
	Bank     string // id
	Number   string // the bank's own
	Name     string
	Address  string
	Phone    string
	Hours    string
	Services []string
	Lat, Lng float64 // degrees, GCJ-02
}

// Merchant is a 特惠商户.
type Merchant struct {
	ID       string // ours
	Name     string
	Address  string
	Phone    string
	Offer    string
	Lat, Lng float64 // degrees, GCJ-02
}

// PlaceKind says what is looked for near a location.
type PlaceKind string

// The kinds of places, as the chat numbers them (D1).
const (
	Branches  PlaceKind = "branches"
	Merchants PlaceKind = "merchants"
)

// Near is a place with its distance. One of Branch and Merchant is set.
type Near struct {
	Metres   int
	Branch   *Branch
	Merchant *Merchant
}

// PlaceTable are the branches and merchants of one file (places_file.go). It never
// changes.
type PlaceTable struct {
	branches  []Branch
	merchants []Merchant
	byID      map[string]*Branch
}

// Places holds the table in use. It is safe for concurrent use; the zero value
// has no places.
type Places struct{ table atomic.Pointer[PlaceTable] }

// NewPlaces returns Places with the table in use.
func NewPlaces(t *PlaceTable) *Places {
	p := new(Places)
	p.Swap(t)
	return p
}

// Swap lets another table take the place of the one in use.
func (p *Places) Swap(t *PlaceTable) { p.table.Store(t) }

// Load returns the table in use.
func (p *Places) Load() *PlaceTable {
	if t := p.table.Load(); t != nil {
		return t
	}
	return &PlaceTable{}
}

// Branch returns the branch with the id.
func (p *Places) Branch(id string) (Branch, bool) {
	b := p.Load().byID[id]
	if b == nil {
		return Branch{}, false
	}
	return *b, true
}

// Location is where a customer is, GCJ-02 as WeChat sends it. No verb prints it,
// since it is never logged or stored.
type Location struct{ lat, lng float64 }

// NewLocation returns the location at these degrees, or the reason why it is none.
func NewLocation(lat, lng float64) (Location, switching.Reason) {
	if !(math.Abs(lat) <= 90 && math.Abs(lng) <= 180) { // also what is no number
		return Location{}, ReasonLocation
	}
	return Location{lat, lng}, ""
}

const hiddenLocation = "(location)"

// String does not tell the location.
func (Location) String() string { return hiddenLocation }

// Format does not print the location, whatever the verb.
func (Location) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hiddenLocation) }

// MarshalText does not write the location.
func (Location) MarshalText() ([]byte, error) { return []byte(hiddenLocation), nil }

// MarshalJSON does not write the location.
func (Location) MarshalJSON() ([]byte, error) { return json.Marshal(hiddenLocation) }

// maxNear is how many places are told at once.
const maxNear = 50

// Nearest returns up to n places of the kind (at most 50), nearest first,
// beginning with the offset-th, and how many there are in all. Those that are
// equally far, to the metre, come in the order of their ids.
func (p *Places) Nearest(at Location, kind PlaceKind, n, offset int) (near []Near, total int) {
	near = p.Load().from(at, kind)
	total = len(near)
	slices.SortFunc(near, func(a, b Near) int {
		return cmp.Or(cmp.Compare(a.Metres, b.Metres), cmp.Compare(a.id(), b.id()))
	})
	offset = min(max(offset, 0), total)
	return near[offset:min(offset+min(max(n, 0), maxNear), total)], total
}

func (n Near) id() string {
	if n.Branch != nil {
		return n.Branch.ID
	}
	return n.Merchant.ID
}

// from measures all places of the kind.
func (t *PlaceTable) from(at Location, kind PlaceKind) []Near {
	var near []Near
	switch kind {
	case Branches:
		for i := range t.branches {
			b := &t.branches[i]
			near = append(near, Near{Metres: at.metres(b.Lat, b.Lng), Branch: b})
		}
	case Merchants:
		for i := range t.merchants {
			m := &t.merchants[i]
			near = append(near, Near{Metres: at.metres(m.Lat, m.Lng), Merchant: m})
		}
	}
	return near
}

// earth is its mean radius (IUGG), in metres.
const earth = 6_371_008.8

// metres is the distance on a sphere (haversine), to the metre: within half a
// percent of the truth, and within what GCJ-02 bends over a town.
func (l Location) metres(lat, lng float64) int {
	const radian = math.Pi / 180
	north, east := math.Sin((lat-l.lat)*radian/2), math.Sin((lng-l.lng)*radian/2)
	h := north*north + math.Cos(lat*radian)*math.Cos(l.lat*radian)*east*east
	return int(math.Round(2 * earth * math.Asin(math.Sqrt(min(h, 1)))))
}
