package iso

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

const badText = "readable text only: no control characters, nothing that GB 18030 cannot hold"

// encodeText writes s in GB 18030; ok is false for text that is not UTF-8,
// holds control characters or U+FFFD, which stands for text lost before.
func encodeText(s string) (wire string, ok bool) {
	if !legible(s) {
		return "", false
	}
	if ascii(s) {
		return s, true
	}
	wire, err := simplifiedchinese.GB18030.NewEncoder().String(s)
	return wire, err == nil
}

// decodeText reads GB 18030. The library decodes a character cut in two to
// U+FFFD without an error, and several byte sequences to one character: both
// are refused.
func decodeText(wire string) (s string, ok bool) {
	if ascii(wire) {
		return wire, legible(wire)
	}
	s, err := simplifiedchinese.GB18030.NewDecoder().String(wire)
	if err != nil {
		return "", false
	}
	again, ok := encodeText(s)
	return s, ok && again == wire
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func legible(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return r == utf8.RuneError || unicode.IsControl(r)
	})
}

// cutText returns the longest beginning of s, whole characters only, that
// takes at most n bytes in GB 18030. It is for what may be shortened, such as
// a bank's words to a customer; names and numbers never are.
func cutText(s string, n int) string {
	for i, r := range s {
		if n -= gbSize(r); n < 0 {
			return s[:i]
		}
	}
	return s
}

// gbSize is how many bytes a character takes, 4 where it cannot be written.
func gbSize(r rune) int {
	if r < utf8.RuneSelf {
		return 1
	}
	wire, err := simplifiedchinese.GB18030.NewEncoder().String(string(r))
	if err != nil {
		return 4
	}
	return len(wire)
}
