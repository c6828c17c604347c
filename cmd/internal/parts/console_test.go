package parts

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

func TestAFileGetsNoColours(t *testing.T) {
	var b bytes.Buffer
	log := zerolog.New(console(&b, &b))
	log.Warn().Str("bank", "xjrcu").Msg("down")
	if s := b.String(); !strings.Contains(s, "down") || strings.Contains(s, "\x1b") {
		t.Errorf("%q", s)
	}
}
