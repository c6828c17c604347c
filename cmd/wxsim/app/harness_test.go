package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stage is a running simulator with a tiny front.
type stage struct {
	t     *testing.T
	front *front
	addr  string
	http  *http.Client // every name leads to the simulator; redirects are not followed
	ahead atomic.Int64 // how far the clock is before the real one
	Config
}

// start runs a simulator for a test.
func start(t *testing.T, tune func(*Config)) *stage {
	t.Helper()
	s := &stage{t: t, front: newFront(t)}
	s.Config = Config{
		Listen: "127.0.0.1:0", Patience: 5 * time.Second,
		Front: Front{Public: s.front.URL, Callback: s.front.URL + "/callback"},
		Account: Account{
			Name: "新疆汇和银行", ID: "gh_0a1b2c3d4e5f", AppID: "wx8a1b2c3d4e5f6071", Secret: "s3cretOfTheAccount", Token: "tokenOfTheAccount",
			AESKey: "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", Encrypt: true,
		},
		Templates: []Template{{ID: "movement", Title: "账户动账通知", Fields: []Field{{"thing1", "开户行"}, {"amount2", "金额"}, {"time3", "时间"}}}},
		Followers: []Follower{{Name: "阿依古丽", Following: true}, {Name: "王伟", Person: 1}},
		Places:    []Place{{"xinhua", "新华北路", 0.5, 0.5, 43.797542, 87.617733}},
		LogTo:     io.Discard,
		Now:       func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) },
	}
	if tune != nil {
		tune(&s.Config)
	}
	s.front.account = s.Account
	s.run()
	return s
}

func (s *stage) run() {
	s.t.Helper()
	ready, ended := make(chan string, 1), make(chan error, 1)
	s.Ready = func(address string) { ready <- address }
	ctx, stop := context.WithCancel(context.Background())
	go func() { ended <- Run(ctx, s.Config) }()
	select {
	case s.addr = <-ready:
	case err := <-ended:
		s.t.Fatal(err)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", s.addr)
	}}
	s.http = &http.Client{Transport: transport, Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	s.t.Cleanup(func() {
		transport.CloseIdleConnections()
		stop()
		if err := <-ended; err != nil {
			s.t.Error(err)
		}
	})
	s.front.heard(s.t, "subscribe") // the account is verified, and the first follower told
}

// host is a name with the simulator's port.
func (s *stage) host(name string) string {
	_, port, _ := net.SplitHostPort(s.addr)
	return "http://" + name + ":" + port
}

// do makes a request, and returns its answer and body.
func (s *stage) do(method, url, body string, headers ...string) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	answer, err := s.http.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer, string(data)
}

// order is a POST to a phone's API that must be obeyed.
func (s *stage) order(phone, name, body string) {
	s.t.Helper()
	if status, text := s.try(phone, name, body); status != http.StatusOK {
		s.t.Fatalf("%s %s: %d %s", name, body, status, text)
	}
}

func (s *stage) try(phone, name, body string) (int, string) {
	s.t.Helper()
	answer, text := s.do(http.MethodPost, s.host(phone+".localhost")+"/sim/"+name, body)
	return answer.StatusCode, text
}

func (s *stage) state(phone string) (state State) {
	s.t.Helper()
	_, text := s.do(http.MethodGet, s.host(phone+".localhost")+"/sim/state", "")
	if err := json.Unmarshal([]byte(text), &state); err != nil {
		s.t.Fatal(err, text)
	}
	return state
}

// openID is a phone's follower's.
func (s *stage) openID(phone string) string {
	state := s.state(phone)
	for _, f := range state.Followers {
		if f.ID == phone {
			return f.OpenID
		}
	}
	s.t.Fatal("no phone", phone)
	return ""
}

// api calls the platform, and returns its answer and errcode.
func (s *stage) api(method, path, body string) (map[string]any, int) {
	s.t.Helper()
	answer, text := s.do(method, s.host("127.0.0.1")+path, body)
	var all map[string]any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&all); err != nil || answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %d %s", path, answer.StatusCode, text)
	}
	code := 0
	if n, ok := all["errcode"].(json.Number); ok {
		_, _ = fmt.Sscan(n.String(), &code)
	}
	return all, code
}

// token is a stable one.
func (s *stage) token() string {
	s.t.Helper()
	all, _ := s.api(http.MethodPost, "/cgi-bin/stable_token", fmt.Sprintf(
		`{"grant_type":"client_credential","appid":%q,"secret":%q}`, s.Account.AppID, string(s.Account.Secret),
	))
	token, _ := all["access_token"].(string)
	if token == "" {
		s.t.Fatal(all)
	}
	return token
}

// call is api with a token.
func (s *stage) call(method, path, body string) (map[string]any, int) {
	s.t.Helper()
	return s.api(method, path+"?access_token="+s.token(), body)
}

// until waits for a state that fits.
func (s *stage) until(phone, what string, fits func(State) bool) State {
	s.t.Helper()
	for range 500 {
		if state := s.state(phone); fits(state) {
			return state
		}
		<-time.After(10 * time.Millisecond)
	}
	state := s.state(phone)
	s.t.Fatalf("never: %s: %+v", what, state.Chat)
	return State{}
}

// says waits until the newest entry of a chat is this.
func (s *stage) says(phone, who, text string) State {
	s.t.Helper()
	return s.until(phone, who+" says "+text, func(st State) bool {
		return len(st.Chat) > 0 && st.Chat[len(st.Chat)-1].Who == who && strings.Contains(st.Chat[len(st.Chat)-1].Text, text)
	})
}

// watch reads a phone's events into a channel until the test ends.
func (s *stage) watch(phone string) <-chan event {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s.t.Cleanup(cancel)
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.host(phone+".localhost")+"/sim/events", http.NoBody)
	answer, err := s.http.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	events := make(chan event, 1000)
	go func() {
		defer close(events)
		defer answer.Body.Close()
		name := ""
		for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
			if n, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				name = n
			}
			if d, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				events <- event{name, d}
			}
		}
	}()
	return events
}

// await returns the first event that fits.
func await(t *testing.T, events <-chan event, name, part string) string {
	t.Helper()
	limit := time.After(10 * time.Second)
	for {
		select {
		case e, open := <-events:
			if !open {
				t.Fatal("the events ended")
			}
			if text, _ := e.data.(string); e.name == name && strings.Contains(text, part) {
				return text
			}
		case <-limit:
			t.Fatalf("no event %s with %s", name, part)
		}
	}
}

// front is a tiny front: it checks and answers callbacks, and has a few pages.
type front struct {
	*httptest.Server
	account Account
	all     chan delivery
	fail    atomic.Bool // answers 500

	mu     sync.Mutex // guards what follows
	answer func(delivery) string
}

// delivery is a callback that came.
type delivery struct {
	inbound

	Raw       string
	Signature string
}

// inbound is what the simulator writes.
type inbound struct {
	XMLName    xml.Name `xml:"xml"`
	To         string   `xml:"ToUserName"`
	From       string   `xml:"FromUserName"`
	CreateTime int64    `xml:"CreateTime"`
	MsgType    string   `xml:"MsgType"`
	Event      string   `xml:"Event"`
	EventKey   string   `xml:"EventKey"`
	Content    string   `xml:"Content"`
	MsgID      string   `xml:"MsgId"`
	JobID      string   `xml:"MsgID"`
	Status     string   `xml:"Status"`
	X          string   `xml:"Location_X"`
	Y          string   `xml:"Location_Y"`
	Label      string   `xml:"Label"`
	Encrypt    string   `xml:"Encrypt"`
}

func newFront(t *testing.T) *front {
	f := &front{all: make(chan delivery, 1000)}
	m := http.NewServeMux()
	m.HandleFunc("GET /callback", f.verify)
	m.HandleFunc("POST /callback", f.take)
	m.HandleFunc("/h5/", f.page)
	f.Server = httptest.NewServer(m)
	t.Cleanup(f.Close)
	return f
}

func (f *front) verify(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if signature(f.account.Token, q.Get("timestamp"), q.Get("nonce")) != q.Get("signature") {
		http.Error(w, "", http.StatusForbidden)
		return
	}
	_, _ = io.WriteString(w, q.Get("echostr"))
}

func (f *front) take(w http.ResponseWriter, r *http.Request) {
	if f.fail.Load() {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	d, err := f.open(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	f.all <- d
	f.mu.Lock()
	answer := f.answer
	f.mu.Unlock()
	if answer == nil || d.Event != "" && d.Event != "CLICK" {
		_, _ = io.WriteString(w, "success")
		return
	}
	_, _ = io.WriteString(w, answer(d))
}

func (f *front) open(r *http.Request) (d delivery, err error) {
	q := r.URL.Query()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return d, err
	}
	if signature(f.account.Token, q.Get("timestamp"), q.Get("nonce")) != q.Get("signature") {
		return d, fmt.Errorf("signature")
	}
	d.Raw, d.Signature = string(body), q.Get("msg_signature")
	if f.account.Encrypt {
		var outer inbound
		if err := xml.Unmarshal(body, &outer); err != nil {
			return d, err
		}
		if signature(f.account.Token, q.Get("timestamp"), q.Get("nonce"), outer.Encrypt) != d.Signature || q.Get("encrypt_type") != "aes" {
			return d, fmt.Errorf("msg_signature")
		}
		if body, err = unseal(f.account.AESKey, outer.Encrypt, f.account.AppID); err != nil {
			return d, err
		}
	}
	return d, xml.Unmarshal(body, &d.inbound)
}

// replies sets how messages are answered.
func (f *front) replies(answer func(delivery) string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

// text is an answer to a delivery.
func (f *front) text(d delivery, text string) string {
	var escaped bytes.Buffer
	_ = xml.EscapeText(&escaped, []byte(text))
	inner := fmt.Sprintf("<xml><ToUserName>%s</ToUserName><FromUserName>%s</FromUserName><CreateTime>%d</CreateTime><MsgType>text</MsgType><Content>%s</Content></xml>",
		d.From, d.To, time.Now().Unix(), escaped.String())
	if !f.account.Encrypt {
		return inner
	}
	sealed, err := seal(f.account.AESKey, []byte(inner), f.account.AppID)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("<xml><Encrypt><![CDATA[%s]]></Encrypt><MsgSignature>%s</MsgSignature><TimeStamp>7</TimeStamp><Nonce>n</Nonce></xml>",
		sealed, signature(f.account.Token, "7", "n", sealed))
}

// heard waits for a delivery that is this event or says this text.
func (f *front) heard(t *testing.T, what string) delivery {
	t.Helper()
	limit := time.After(10 * time.Second)
	for {
		select {
		case d := <-f.all:
			if d.Event == what || d.Content == what || d.MsgType == what {
				return d
			}
		case <-limit:
			t.Fatal("the front never heard", what)
		}
	}
}

// page shows what came, and leads where it is told.
func (f *front) page(w http.ResponseWriter, r *http.Request) {
	if to := r.FormValue("to"); to != "" {
		http.SetCookie(w, &http.Cookie{Name: "front", Value: "of-" + r.FormValue("n"), Path: "/h5/", HttpOnly: true})
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	body, _ := io.ReadAll(r.Body)
	_, _ = fmt.Fprintf(w, "%s %s host=%s origin=%s referer=%s cookie=%s body=%s", r.Method, r.URL.Path, r.Host, r.Header.Get("Origin"),
		r.Header.Get("Referer"), r.Header.Get("Cookie"), body)
}
