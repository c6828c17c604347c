package parts

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
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
		l := NewLines(&out)
		go l.Run()
		log := zerolog.New(l)
		say := func(want string) {
			t.Helper()
			synctest.Wait()
			if got := out.messages(); got != want {
				t.Errorf("written: %s, want %s", got, want)
			}
		}
		log.Info().Msg("a")
		say("")
		time.Sleep(linesDelay)
		say("a")
		log.Info().Msg("b")
		log.Warn().Msg("c")
		say("abc")
		for range 3 {
			log.Info().Msg(strings.Repeat("x", linesBytes/2))
		}
		log.Info().Msg("d")
		l.Close()
		say("abcxxxd")
		log.Info().Msg("e") // by what outlived the stop
		l.Close()
		say("abcxxxde")
		for _, p := range out.all {
			if !strings.HasSuffix(p, "}\n") {
				t.Errorf("half a line: %.20q", p)
			}
		}
	})
}

// A pipe that nobody reads holds up neither those who log nor the end; what found no
// room is told when it is read again.
func TestALogThatNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out pieces
		blocked := make(chan struct{})
		l := NewLines(slow{&out, blocked})
		go l.Run()
		log := zerolog.New(l)
		log.Warn().Msg("a")
		synctest.Wait()
		const lines, size = 40, linesMost / 20
		for range lines {
			log.Error().Msg(strings.Repeat("b", size))
		}
		if lost := l.Lost(); lost < lines/2 || lost > lines/2+2 {
			t.Errorf("%v of %d lines are lost", lost, lines)
		}
		begun := time.Now()
		if l.Close(); time.Since(begun) != linesPatience {
			t.Errorf("the end took %s", time.Since(begun))
		}
		close(blocked)
		synctest.Wait()
		if text := out.text(); !strings.Contains(text, fmt.Sprintf(`"lines":%.0f,"message":"lines of the log were lost"`, l.Lost())) {
			t.Errorf("what is lost is not told: %q", text[max(0, len(text)-200):])
		}
	})
}

// slow writes nothing until blocked is closed.
type slow struct {
	to      *pieces
	blocked <-chan struct{}
}

func (s slow) Write(b []byte) (int, error) {
	<-s.blocked
	return s.to.Write(b)
}

// Lines that cannot be written are counted, and told with the next that can.
func TestALogWithoutRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out pieces
		var room atomic.Bool
		l := NewLines(full{&out, &room})
		go l.Run()
		log := zerolog.New(l)
		log.Warn().Msg("a")
		log.Warn().Msg("b")
		synctest.Wait()
		room.Store(true)
		log.Warn().Msg("c")
		l.Close()
		if all := out.text(); l.Lost() != 2 || !strings.Contains(all, `"c"`) || !strings.Contains(all, `"lines":2`) {
			t.Errorf("%v lost; written: %s", l.Lost(), all)
		}
	})
}

// full writes where there is room.
type full struct {
	to   *pieces
	room *atomic.Bool
}

func (f full) Write(b []byte) (int, error) {
	if !f.room.Load() {
		return 0, errors.New("no room")
	}
	return f.to.Write(b)
}

// pieces are writes.
type pieces struct {
	mu  sync.Mutex // guards all
	all []string
}

func (p *pieces) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, string(b))
	return len(b), nil
}

func (p *pieces) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.all, "")
}

func (p *pieces) messages() string {
	var b strings.Builder
	for _, part := range strings.Split(p.text(), `"message":"`)[1:] {
		b.WriteString(part[:1])
	}
	return b.String()
}
