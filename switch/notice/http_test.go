package notice_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"wxswitch/codec"
	"wxswitch/switch/api/frontapi"
	"wxswitch/switch/notice"
)

const token = "t0ken-of-the-switch"

var noon = time.Date(2026, 3, 7, 12, 0, 0, 0, time.UTC)

func sender(t *testing.T, url string) *notice.HTTP {
	t.Helper()
	s, err := notice.NewHTTP(notice.Front{URL: url, Token: codec.NewSecret(token), Now: func() time.Time { return noon }})
	must(t, err)
	t.Cleanup(s.Close)
	return s
}

func message() notice.Message {
	n := of("anna", "7892", 1)
	n.At = noon
	return notice.Message{Notice: n, Round: 2, Text: "您尾号7892的账户有变动"}
}

// What the front is sent, as its own generated server reads it.
func TestSend(t *testing.T) {
	var got frontapi.Notice
	server := httptest.NewServer(frontapi.Handler(frontapi.NewStrictHandler(taker(func(n frontapi.Notice) { got = n }), nil)))
	defer server.Close()
	a := sender(t, server.URL).Send(t.Context(), message())
	equal(t, "answer", a, notice.Answer{Verdict: notice.Accepted, Detail: "200"})
	m := message()
	equal(t, "id", got.Id, m.ID)
	equal(t, "round", got.Round, 2)
	equal(t, "follower", got.Channel+"/"+got.Subject, "wechat/anna")
	equal(t, "kind", got.Kind, "movement")
	equal(t, "text", got.Text, m.Text)
	equal(t, "data", got.Data["amount"], "12800")
	equal(t, "at", got.At.Equal(noon), true)
}

type taker func(frontapi.Notice)

func (f taker) SendNotice(_ context.Context, r frontapi.SendNoticeRequestObject) (frontapi.SendNoticeResponseObject, error) {
	f(*r.Body)
	return frontapi.SendNotice200JSONResponse{Id: r.Body.Id}, nil
}

// Each answer of a front, and what it means.
func TestVerdicts(t *testing.T) {
	type answer struct {
		status     int
		retryAfter string
		body       string
	}
	problem := func(code string) string { return fmt.Sprintf(`{"title": "t", "status": 1, "code": %q}`, code) }
	named := fmt.Sprintf(`{"id": %q}`, message().ID)
	in := func(d time.Duration) time.Time { return noon.Add(d) }
	for _, c := range []struct {
		answer answer
		want   notice.Answer
	}{
		{answer{200, "", named}, notice.Answer{Verdict: notice.Accepted, Detail: "200"}},
		{answer{200, "", `{"id": "another"}`}, notice.Answer{Verdict: notice.Failed, Detail: "200, and the body does not name the notice"}},
		{answer{200, "", "<html>please log in</html>"}, notice.Answer{Verdict: notice.Failed, Detail: "200, and the body does not name the notice"}},
		{answer{200, "", ""}, notice.Answer{Verdict: notice.Failed, Detail: "200, and the body does not name the notice"}},
		{answer{200, "", strings.Repeat("x", 5000)}, notice.Answer{Verdict: notice.Failed, Detail: "200, and no readable body"}},
		{answer{202, "", named}, notice.Answer{Verdict: notice.Failed, Detail: "202"}},
		{answer{302, "", ""}, notice.Answer{Verdict: notice.Failed, Detail: "302"}},
		{answer{400, "", problem("body")}, notice.Answer{Verdict: notice.Failed, Detail: "400 body"}},
		{answer{401, "", problem("token")}, notice.Answer{Verdict: notice.Down, Detail: "401 token"}},
		{answer{403, "", ""}, notice.Answer{Verdict: notice.Down, Detail: "403"}},
		{answer{404, "", ""}, notice.Answer{Verdict: notice.Down, Detail: "404"}},
		{answer{410, "", problem("unfollowed")}, notice.Answer{Verdict: notice.Away, Detail: "410 unfollowed"}},
		{answer{422, "", problem("bad-field")}, notice.Answer{Verdict: notice.Never, Detail: "422 bad-field"}},
		{answer{422, "", problem("余额 128.00")}, notice.Answer{Verdict: notice.Never, Detail: "422"}},
		{answer{429, "30", ""}, notice.Answer{Verdict: notice.Later, At: in(30 * time.Second), Detail: "429"}},
		{answer{429, "", ""}, notice.Answer{Verdict: notice.Later, At: in(time.Minute), Detail: "429"}},
		{answer{429, "soon", ""}, notice.Answer{Verdict: notice.Later, At: in(time.Minute), Detail: "429"}},
		{answer{429, "0", ""}, notice.Answer{Verdict: notice.Later, At: in(time.Second), Detail: "429"}},
		{answer{429, "999999999", ""}, notice.Answer{Verdict: notice.Later, At: in(25 * time.Hour), Detail: "429"}},
		{answer{503, "Sun, 08 Mar 2026 00:00:00 GMT", problem("quota")}, notice.Answer{Verdict: notice.Closed, At: in(12 * time.Hour), Detail: "503 quota"}},
		{answer{503, "Sun, 08 Mar 2020 00:00:00 GMT", ""}, notice.Answer{Verdict: notice.Closed, At: in(time.Second), Detail: "503"}},
		{answer{503, "", ""}, notice.Answer{Verdict: notice.Failed, Detail: "503"}},
		{answer{500, "", problem("internal")}, notice.Answer{Verdict: notice.Failed, Detail: "500 internal"}},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			equal(t, "token", r.Header.Get("Authorization"), "Bearer "+token)
			equal(t, "path", r.Method+" "+r.URL.Path, "POST /v1/notices")
			if c.answer.retryAfter != "" {
				w.Header().Set("Retry-After", c.answer.retryAfter)
			}
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(c.answer.status)
			_, _ = io.WriteString(w, c.answer.body)
		}))
		got := sender(t, server.URL).Send(t.Context(), message())
		server.Close()
		if got.Verdict != c.want.Verdict || got.Detail != c.want.Detail || !got.At.Equal(c.want.At) {
			t.Errorf("%v: %v, want %v", c.answer, got, c.want)
		}
	}
}

// No answer: a front that is not there is everybody's, one that hangs up or is
// silent this notice's, as far as one can tell.
func TestUnanswered(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	s := sender(t, server.URL)
	equal(t, "hangs up", s.Send(t.Context(), message()), notice.Answer{Verdict: notice.Failed, Detail: "connection lost"})
	server.Close()
	equal(t, "not there", s.Send(t.Context(), message()), notice.Answer{Verdict: notice.Down, Detail: "no connection"})

	let := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-let }))
	defer silent.Close()
	defer close(let)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	equal(t, "silent", sender(t, silent.URL).Send(ctx, message()), notice.Answer{Verdict: notice.Failed, Detail: "no answer in time"})

	tls := httptest.NewTLSServer(http.NotFoundHandler())
	defer tls.Close()
	equal(t, "unknown certificate", sender(t, tls.URL).Send(t.Context(), message()), notice.Answer{Verdict: notice.Down, Detail: "no connection"})
}

// An answer that does not end is read no further than needed, and no longer than
// the deadline.
func TestEndlessAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write([]byte(strings.Repeat("x", 1000))); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	equal(t, "answer", sender(t, server.URL).Send(t.Context(), message()), notice.Answer{Verdict: notice.Failed, Detail: "200, and no readable body"})
}

// The token is never printed.
func TestTokenIsMasked(t *testing.T) {
	f := notice.Front{URL: "http://x", Token: codec.NewSecret(token)}
	js, err := json.Marshal(f.Token)
	must(t, err)
	if all := fmt.Sprintf("%v %+v %#v %s", f, f, f, js); strings.Contains(all, token) {
		t.Error(all)
	}
	if _, err := notice.NewHTTP(notice.Front{URL: "http://%zz"}); err == nil {
		t.Error("a front without an address")
	}
}
