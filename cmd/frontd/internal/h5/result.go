package h5

import (
	"net/http"
	"regexp"
)

// The outcomes of a result page.
const (
	outcomeApproved = "approved"
	outcomeDeclined = "declined"
	outcomeTimedOut = "timed-out"
	outcomeRefused  = "refused"
)

// result is what a result page shows.
type result struct {
	Kind    string `json:"k"`
	Outcome string `json:"o"`
	Text    string `json:"t"`
	// More is what a bank's core returned beside it.
	More []string `json:"m,omitempty"`
	To   string   `json:"to,omitempty"` // where one came from
}

// ended leads to the page of the result, which may be loaded again and gone back
// to. Its cookie is good for that page only.
func (v *visit) ended(x result) {
	id := random()
	name, path := resultCookie+id, "/h5/result/"+id
	v.put(v.w, name, path, v.sealer.seal(name, x), resultLife)
	v.to(path)
}

var resultID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// result shows how something ended.
func (s *Site) result(w http.ResponseWriter, r *http.Request) {
	name := resultCookie + r.PathValue("id")
	var x result
	if !resultID.MatchString(r.PathValue("id")) || !s.unseal(r, name, &x) {
		s.notice(w, http.StatusNotFound, notices.stale, "")
		return
	}
	s.render(w, http.StatusOK, "result", layout{Title: kinds[x.Kind].Title, Data: x})
}

// Heading stands above the switch's words.
func (x result) Heading() string { return titles[x.Outcome] }

// Icon is the result's.
func (x result) Icon() string {
	switch x.Outcome {
	case outcomeApproved:
		return iconDone
	case outcomeTimedOut:
		return iconWait
	default:
		return iconWarn
	}
}

// Actions are where the page leads, the first one before all.
func (x result) Actions() []action {
	if x.Outcome != outcomeApproved {
		return kinds[x.Kind].Again
	}
	if x.To != "" {
		return []action{{"继续", x.To}}
	}
	return kinds[x.Kind].Then
}
