package iso

import "testing"

func TestCutText(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int
		want string
	}{
		{"王五", 4, "王五"},
		{"王五", 3, "王"},
		{"𠮷", 3, ""},
		{"𠮷", 4, "𠮷"},
		{"ab•", 6, "ab•"},
		{"ab•", 5, "ab"},
		{"ئە", 6, "ئ"},
		{"", 0, ""},
	} {
		if got := cutText(c.text, c.n); got != c.want {
			t.Errorf("cutText(%q, %d) = %q, want %q", c.text, c.n, got, c.want)
		}
	}
}
