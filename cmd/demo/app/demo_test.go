package app

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"wxswitch/cmd/internal/parts/partstest"
	"wxswitch/cmd/internal/world"
	switchd "wxswitch/cmd/switchd/app"
	"wxswitch/codec"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// screen is what the demo has printed so far.
type screen struct{ partstest.Text }

// waits waits for a text.
func (s *screen) waits(t *testing.T, text string, ran <-chan error) {
	t.Helper()
	for end := time.After(time.Minute); !strings.Contains(s.String(), text); {
		select {
		case err := <-ran:
			t.Fatalf("ended before %q: %v\n%s", text, err, s)
		case <-end:
			t.Fatalf("no %q within a minute:\n%s", text, s)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func TestOnceEndsWithAStatus(t *testing.T) {
	s := &screen{}
	limit, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := Run(limit, Config{Out: s, Once: true}); err != nil || !strings.HasSuffix(s.String(), "All is up and answers.\n") {
		t.Errorf("%v\n%s", err, s)
	}
}

var address = regexp.MustCompile(`(?:127\.0\.0\.1|localhost):(\d+)`)

// told is what the story shows: a balance on the wire, each way, decoded and masked; and
// what the README's Python wants.
var told = []*regexp.Regexp{
	regexp.MustCompile(`(?m)^ +switch ──▶ urmqccb  0200 balance request\n +F2=621751\*{9}\d{4} F3=300000 .*F37=\d{12} `),
	regexp.MustCompile(`(?m)^ +switch ◀── urmqccb  0210 balance reply approved\n +F2=621751\*{9}\d{4} F3=300000 .*F39=00 F48\.HN=\*+ F54=\d+ `),
	regexp.MustCompile(`(?m)^  export URL=http://\S+ TOKEN=[0-9a-f]{48} ACCOUNT=\d+$`),
}

// Each stays up when it has said where all is, and leaves nothing when it is
// cancelled.
func TestItStaysUpUntilItIsCancelled(t *testing.T) {
	for name, c := range map[string]Config{"phone": {}, "story": {Story: true}} {
		t.Run(name, func(t *testing.T) {
			s := &screen{}
			c.Out = s
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ran := make(chan error, 1)
			go func() { ran <- Run(ctx, c) }()
			s.waits(t, "Ctrl-C ends all.", ran)
			found := address.FindAllStringSubmatch(s.String(), -1)
			if len(found) < 4 {
				t.Errorf("says %d addresses:\n%s", len(found), s)
			}
			for _, text := range told {
				if c.Story && !text.MatchString(s.String()) {
					t.Errorf("no %s:\n%s", text, s)
				}
			}
			for _, a := range found {
				if !open(a[1]) {
					t.Errorf("nobody listens at %s", a[0])
				}
			}
			cancel()
			select {
			case err := <-ran:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(time.Minute):
				t.Fatal("does not end")
			}
			for _, a := range found {
				if open(a[1]) {
					t.Errorf("%s is still open", a[0])
				}
			}
		})
	}
}

func open(port string) bool {
	c, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err == nil {
		c.Close()
	}
	return err == nil
}

func TestLinksAreQuietAfterTheStory(t *testing.T) {
	tell := &teller{}
	if tell.quiet(codec.Echo) {
		t.Error("an echo test is part of the story")
	}
	tell.last()
	if !tell.quiet(codec.Echo) || tell.quiet(codec.Balance) {
		t.Error("after the story")
	}
}

// The step of the late reply is as told only if one more was counted.
func TestALateReplyMustHaveCome(t *testing.T) {
	const line = `wxswitch_late_messages_total{bank="urmqccb",result="journalled"} `
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, line+"1\n") }))
	defer page.Close()
	tell := &teller{out: io.Discard, world: &world.World{Addresses: switchd.Addresses{Ops: page.Listener.Addr().String()}}}
	if err := tell.lateReply(t.Context(), line+"0"); err != nil {
		t.Error(err)
	}
	limit, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := tell.lateReply(limit, line+"1"); err == nil || !strings.Contains(err.Error(), "no late reply") {
		t.Errorf("none came: %v", err)
	}
}
