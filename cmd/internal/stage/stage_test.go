package stage

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	frontd "wxswitch/cmd/frontd/app"
	"wxswitch/cmd/internal/parts/partstest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// start is what package stagetest does, which imports this one.
func start(t *testing.T, o Options) *Stage {
	t.Helper()
	o.World.Dir = t.TempDir()
	s, err := New(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	partstest.Start(t, s.Run, s.Up)
	return s
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

// heard waits until an operator's page says what somebody has yet to do.
func heard(t *testing.T, url, says string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		_, body := get(t, url)
		if strings.Contains(body, says) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s never said %s:\n%s", url, says, body)
		}
	}
}

// Each door of the front serves what is behind it, and nothing else.
func TestTheDoorsOfTheFront(t *testing.T) {
	s := start(t, Options{})
	ops, public, notices := "http://"+s.Ops[0], s.FrontURL(), "http://"+s.doors.notices.Addr().String()
	heard(t, ops+"/metrics", `frontd_callbacks_total{result="answered",type="check"}`) // the platform comes when it likes
	for _, door := range []struct {
		url, says string
		status    int
	}{
		{ops + "/livez", "alive", 200},
		{ops + "/readyz", "ready: the switch answers", 200},
		{public + "/callback", "", 403},
		{public + "/h5/nothing", "页面不存在", 404},
		{public + "/metrics", "404", 404},
		{public + "/v1/notices", "404", 404},
		{notices + "/v1/notices", "token", 401},
		{notices + "/h5/accounts", "", 401},
	} {
		status, body := get(t, door.url)
		if status != door.status || !strings.Contains(body, door.says) {
			t.Errorf("%s: %d %.200s", door.url, status, body)
		}
	}
}

// A front without its switch says that it is not ready, and serves good pages all
// the same.
func TestAFrontWithoutItsSwitch(t *testing.T) {
	s := start(t, Options{TuneFront: func(c *frontd.Config) { c.Switch.URL = "http://127.0.0.1:1" }})
	if status, body := get(t, "http://"+s.Ops[0]+"/readyz"); status != 503 || !strings.Contains(body, "not ready: the switch does not answer") {
		t.Error(status, body)
	}
	if status, body := get(t, s.FrontURL()+"/h5/terms"); status != 200 || !strings.Contains(body, "服务协议") {
		t.Error(status, body)
	}
}

// The menu that followers see is the one that is configured.
func TestTheMenuIsTheConfigured(t *testing.T) {
	s := start(t, Options{})
	var said []string
	if err := frontd.ShowMenu(t.Context(), s.front, func(text string) { said = append(said, text) }); err != nil {
		t.Fatal(err)
	}
	_, configured, _ := strings.Cut(said[0], "\n")
	_, shown, _ := strings.Cut(said[1], "\n")
	if configured != shown || !strings.Contains(shown, "客户注销: answers deregister") || !strings.Contains(shown, "安全管理: opens /h5/security") {
		t.Errorf("configured:\n%s\nshown:\n%s", configured, shown)
	}
}
