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

// words: the menu opens the form itself, a word is answered with a link to it.
func words(b bed) {
	p := b.phone()
	p.pick("客户认证")
	p.page.at("/h5/authenticate")
	p.page.sees("客户认证", "证件类型")
	p.shot("authenticate")
	for _, word := range []string{"rz", "ＲＺ", " 认证　"} {
		p.say(word)
		p.hears("您好，客户认证请点击这里")
	}
	p.shot("chat")
	p.open("点击这里")
	p.page.at("/h5/authenticate")
}
