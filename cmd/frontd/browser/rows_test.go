package browser

import (
	"slices"
	"testing"
)

// rows are the rows of the features that followers meet, each with its test.
var rows = []struct {
	id   string
	test func(bed)
}{
	{"A1", words},
	{"A2", theForm},
	{"A3", code},
	{"A4", wrongCode},
	{"A5", rightCode},
	{"A6", firstVisit},
	{"A7", setup},
	{"A8", deregistration},
	{"A9", itsThreeEnds},
	{"A10", afterIt},
	{"A11", loginOnce},
	{"A12", consent},
	{"A13", manyPhones},
	{"A14", theBankSpeaks},
	{"B1", rates},
	{"B2", branchList},
	{"B3", hotline},
	{"B4", jobs},
	{"C1", balances},
	{"C2", details},
	{"C3", attach},
	{"C4", detach},
	{"D1", appointment},
	{"D2", downloads},
	{"D3", reset},
	{"D4", movement},
}

// TestFeatures: a row whose test does not pass fails it, and so does one that has
// none.
func TestFeatures(t *testing.T) {
	b := house(t)
	var passed []string
	for _, r := range rows {
		if t.Run(r.id, func(t *testing.T) { r.test(bed{t, b.home}) }) {
			passed = append(passed, r.id)
		}
	}
	want := []string{
		"A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "A10", "A11", "A12", "A13", "A14",
		"B1", "B2", "B3", "B4", "C1", "C2", "C3", "C4", "D1", "D2", "D3", "D4",
	}
	if !slices.Equal(passed, want) {
		t.Errorf("passed: %v", passed)
	}
}
