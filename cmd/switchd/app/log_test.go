package app

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// What went well is written within the delay, what did not at once, all in order,
// and each line in one piece.
func TestLinesWaitAndWarningsDoNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out pieces
		w := &logWriter{to: &out}
		log := zerolog.New(w)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.run(ctx) }()
		say := func(want string) {
			t.Helper()
			synctest.Wait()
			w.mu.Lock()
			defer w.mu.Unlock()
			if got := out.messages(); got != want {
				t.Errorf("written: %s, want %s", got, want)
			}
		}
		log.Info().Msg("a")
		say("")
		<-time.After(logDelay)
		say("a")
		log.Info().Msg("b")
		log.Warn().Msg("c")
		say("abc")
		log.Info().Msg("d")
		cancel()
		<-ended
		say("abc")
		w.close()
		log.Info().Msg("e") // by what outlived the stop
		say("abcde")
		for range 3 {
			log.Info().Msg(strings.Repeat("x", logBytes/2))
		}
		for _, p := range out {
			if !strings.HasSuffix(p, "}\n") {
				t.Errorf("half a line: %.20q", p)
			}
		}
	})
}

// pieces are writes.
type pieces []string

func (p *pieces) Write(b []byte) (int, error) {
	*p = append(*p, string(b))
	return len(b), nil
}

func (p *pieces) messages() string {
	var b strings.Builder
	for _, part := range strings.Split(strings.Join(*p, ""), `"message":"`)[1:] {
		b.WriteString(part[:1])
	}
	return b.String()
}
