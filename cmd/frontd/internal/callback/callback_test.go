package callback

import (
	"bytes"
	"context"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"wxswitch/cmd/frontd/internal/callback/callbacktest"
	"wxswitch/cmd/internal/parts/partstest"
)

const (
	otherKey = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
	follower = "oyORnuP8q7ou2gfYjqLzSIWZf0rs"
)

var platform = callbacktest.Platform{
	Account: "gh_7f083739789a", AppID: "wx2c2769f8efd9abc2", Token: "spamtest", AESKey: sampleKey, Now: time.Unix(1409735669, 0),
}

func plainly(p callbacktest.Platform) callbacktest.Platform { p.AESKey = ""; return p }

// said is an Answerer that says the text, and keeps what it was asked.
type said struct {
	text   string
	failed bool
	mu     sync.Mutex // guards asked
	asked  []Message
}

func (s *said) Answer(_ context.Context, m Message) Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, m)
	return Answer{Text: s.text, Failed: s.failed}
}

func options(p callbacktest.Platform, a Answerer) Options {
	return Options{
		Account: p.Account, AppID: p.AppID, Token: Secret(p.Token), AESKey: Secret(p.AESKey),
		Answerer: a, Now: func() time.Time { return platform.Now },
	}
}

func start(t testing.TB, o Options) *httptest.Server {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(c)
	t.Cleanup(s.Close)
	return s
}

// post sends what the platform would not, too.
func post(t testing.TB, address string, q url.Values, body string) (status int, answer string) {
	t.Helper()
	r, err := http.Post(address+"?"+q.Encode(), "text/xml", strings.NewReader(body))
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

func TestAMessageIsAnsweredInBothModes(t *testing.T) {
	for name, p := range map[string]callbacktest.Platform{"encrypted": platform, "plain": plainly(platform)} {
		t.Run(name, func(t *testing.T) {
			a := &said{text: `您好，注销请点击<a href="https://x/h5">这里</a> ]]> & <` + "\n第二行\t"}
			s := start(t, options(p, a))
			q, body := p.Query(p.Text(follower, "6054768590064713728", "ＺＸ"))
			status, answer := post(t, s.URL, q, body)
			if status != 200 {
				t.Fatal(status, answer)
			}
			got, err := p.Read([]byte(answer))
			if err != nil {
				t.Fatal(err)
			}
			want := callbacktest.Reply{ToUserName: follower, FromUserName: p.Account, MsgType: "text", Content: a.text, CreateTime: p.Now.Unix()}
			if got != want {
				t.Errorf("got %+v", got)
			}
			m := Message{Account: p.Account, Follower: follower, At: p.Now, Type: "text", ID: "6054768590064713728", Text: "ＺＸ"}
			if len(a.asked) != 1 || a.asked[0] != m {
				t.Errorf("asked %d, %+v", len(a.asked), a.asked)
			}
		})
	}
}

func TestNothingToSayIsSuccess(t *testing.T) {
	for _, p := range []callbacktest.Platform{platform, plainly(platform)} {
		s := start(t, options(p, &said{}))
		q, body := p.Query(p.Event(follower, "VIEW", "<EventKey>https://x/</EventKey>"))
		if status, answer := post(t, s.URL, q, body); status != 200 || answer != "success" {
			t.Errorf("%d %q", status, answer)
		}
	}
}

// What was not done is delivered again, unless the follower is told so.
func TestNothingDoneIsNoSuccess(t *testing.T) {
	for _, p := range []callbacktest.Platform{platform, plainly(platform)} {
		s := start(t, options(p, &said{failed: true}))
		q, body := p.Query(p.Event(follower, "unsubscribe", ""))
		if status, answer := post(t, s.URL, q, body); status != 503 || answer != "try again\n" {
			t.Errorf("%d %q", status, answer)
		}
		s = start(t, options(p, &said{text: "系统繁忙", failed: true}))
		if got, err := p.Post(t.Context(), s.Client(), s.URL, p.Text(follower, "1", "1")); err != nil || got != "系统繁忙" {
			t.Errorf("%q, %v", got, err)
		}
	}
}

func TestWhatEachKindHolds(t *testing.T) {
	p := platform
	base := Message{Account: p.Account, Follower: follower, At: p.Now, Type: "event"}
	event := func(change func(*Message)) Message { m := base; change(&m); return m }
	tests := map[string]struct {
		xml  string
		want Message
	}{
		"location": {
			p.Location(follower, "7", "43.797542", "87.617733"),
			Message{Account: p.Account, Follower: follower, At: p.Now, Type: "location", ID: "7", Latitude: "43.797542", Longitude: "87.617733", Label: "新华北路"},
		},
		"LOCATION is not read": {
			p.Event(follower, "LOCATION", "<Latitude>43.7</Latitude><Longitude>87.6</Longitude><Precision>65</Precision>"),
			event(func(m *Message) { m.Event = "LOCATION" }),
		},
		"click": {p.Click(follower, "deregister"), event(func(m *Message) { m.Event, m.Key = "CLICK", "deregister" })},
		"subscribe by a scan": {
			p.Event(follower, "subscribe", "<EventKey><![CDATA[qrscene_1]]></EventKey><Ticket><![CDATA[T]]></Ticket>"),
			event(func(m *Message) { m.Event, m.Key = "subscribe", "qrscene_1" }),
		},
		"delivery": {
			p.Event(follower, "TEMPLATESENDJOBFINISH", "<MsgID>200163836</MsgID><Status><![CDATA[failed:user block]]></Status>"),
			event(func(m *Message) {
				m.Event, m.SendID, m.Status = "TEMPLATESENDJOBFINISH", "200163836", "failed:user block"
			}),
		},
		"nested elements are ignored": {
			p.Event(follower, "pic_weixin", "<EventKey>k</EventKey><SendPicsInfo><Count>1</Count><PicList><item><PicMd5Sum>Content</PicMd5Sum><Content>x</Content><EventKey>x</EventKey></item></PicList></SendPicsInfo>"),
			event(func(m *Message) { m.Event, m.Key = "pic_weixin", "k" }),
		},
		"declaration, references, a character that XML has not": {
			`<?xml version="1.0" encoding="UTF-8"?>` + p.Message(follower, "text", "<Content>a&lt;b&#x4e2d;\b\xff\ufffe\uffff</Content><MsgId>1</MsgId>"),
			Message{Account: p.Account, Follower: follower, At: p.Now, Type: "text", ID: "1", Text: "a<b中\uFFFD"},
		},
		"after 2038": {
			strings.ReplaceAll(p.Text(follower, "1", "rz"), fmt.Sprint(p.Now.Unix()), "4102444800"),
			Message{Account: p.Account, Follower: follower, At: time.Unix(4102444800, 0), Type: "text", ID: "1", Text: "rz"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got, err := parse([]byte(test.xml)); err != nil || got != test.want {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// Whatever is not the platform's is refused with 403, and nobody is asked.
func TestForgeriesAreRefused(t *testing.T) {
	p := platform
	message := p.Text(follower, "1", "zx")
	_, sealed := p.Query(message)
	tests := map[string]func(q url.Values) (url.Values, string){
		"plain body, as the query says": func(q url.Values) (url.Values, string) {
			q.Del("encrypt_type")
			q.Del("msg_signature")
			return q, message
		},
		"plain body, encrypted by the query": func(q url.Values) (url.Values, string) { return q, message },
		"plain body beside an empty Encrypt": func(q url.Values) (url.Values, string) {
			return q, strings.Replace(message, "<xml>", "<xml><Encrypt></Encrypt>", 1)
		},
		"encrypted, signed for plain only": func(q url.Values) (url.Values, string) { q.Del("msg_signature"); return q, sealed },
		"plain signature as msg_signature": func(q url.Values) (url.Values, string) { q.Set("msg_signature", q.Get("signature")); return q, sealed },
		"another body under the signature": func(q url.Values) (url.Values, string) {
			_, other := p.Query(p.Text(follower, "1", "rz"))
			return q, other
		},
		"no signature": func(url.Values) (url.Values, string) { return url.Values{}, sealed },
		"no nonce":     func(q url.Values) (url.Values, string) { q.Del("nonce"); return q, sealed },
		"timestamp moved": func(q url.Values) (url.Values, string) {
			q.Set("timestamp", fmt.Sprint(p.Now.Unix()+1))
			return q, sealed
		},
		"another token":   func(url.Values) (url.Values, string) { o := p; o.Token = "other"; return o.Query(message) },
		"another key":     func(url.Values) (url.Values, string) { o := p; o.AESKey = otherKey; return o.Query(message) },
		"another app id":  func(url.Values) (url.Values, string) { o := p; o.AppID = "wx134c8103faa5a59e"; return o.Query(message) },
		"app id's prefix": func(url.Values) (url.Values, string) { o := p; o.AppID = p.AppID[:17]; return o.Query(message) },
		"another account": func(url.Values) (url.Values, string) {
			o := p
			o.Account = "gh_other"
			return o.Query(o.Text(follower, "1", "zx"))
		},
		"five minutes and a second old": func(url.Values) (url.Values, string) {
			o := p
			o.Now = p.Now.Add(-301 * time.Second)
			return o.Query(message)
		},
		"five minutes and a second ahead": func(url.Values) (url.Values, string) {
			o := p
			o.Now = p.Now.Add(301 * time.Second)
			return o.Query(message)
		},
		"timestamp of no clock": func(url.Values) (url.Values, string) {
			q := url.Values{"timestamp": {"99999999999999999999"}, "nonce": {"1"}}
			s := p.Encrypt(message)
			q.Set("msg_signature", callbacktest.Sign(p.Token, "99999999999999999999", "1", s))
			return q, "<xml><Encrypt>" + s + "</Encrypt></xml>"
		},
	}
	for name, forge := range tests {
		t.Run(name, func(t *testing.T) {
			a := &said{text: "x"}
			s := start(t, options(p, a))
			q, _ := p.Query(message)
			q, body := forge(q)
			if status, answer := post(t, s.URL, q, body); status != 403 || len(a.asked) != 0 {
				t.Errorf("%d %q, asked %v", status, answer, a.asked)
			}
		})
	}
}

func TestThePlainModeTakesNoEncryptedBody(t *testing.T) {
	a := &said{text: "x"}
	s := start(t, options(plainly(platform), a))
	q, body := platform.Query(platform.Text(follower, "1", "zx"))
	if status, _ := post(t, s.URL, q, body); status != 400 || len(a.asked) != 0 {
		t.Error(status, a.asked)
	}
	q, _ = platform.Query("")
	q.Set("signature", q.Get("signature")[1:])
	if status, _ := post(t, s.URL, q, platform.Text(follower, "1", "zx")); status != 403 || len(a.asked) != 0 {
		t.Error(status, a.asked)
	}
}

func TestTheWindowHoldsThePlatformsRetries(t *testing.T) {
	for _, ago := range []time.Duration{-300 * time.Second, 15 * time.Second, 300 * time.Second} {
		p := platform
		p.Now = platform.Now.Add(-ago)
		a := &said{}
		s := start(t, options(p, a))
		q, body := p.Query(p.Text(follower, "1", "zx"))
		for range 2 { // a replay passes: it is the Answerer's to say the same
			if status, _ := post(t, s.URL, q, body); status != 200 {
				t.Errorf("%s ago: %d", ago, status)
			}
		}
		if len(a.asked) != 2 || a.asked[0].Name() != a.asked[1].Name() {
			t.Errorf("asked %v", a.asked)
		}
	}
}

// What came with the earlier token and key is answered with them.
func TestTokenAndKeyAreChangedWhileMessagesCome(t *testing.T) {
	earlier := platform
	now := platform
	now.Token, now.AESKey = "next", otherKey
	mixed := earlier
	mixed.AESKey = now.AESKey
	o := options(now, &said{text: "好"})
	o.PreviousToken, o.PreviousAESKey = Secret(earlier.Token), Secret(earlier.AESKey)
	s := start(t, o)
	for name, p := range map[string]callbacktest.Platform{"now": now, "earlier": earlier, "mixed": mixed} {
		if got, err := p.Post(t.Context(), s.Client(), s.URL, p.Text(follower, "1", "rz")); err != nil || got != "好" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestHostileXMLIsRefused(t *testing.T) {
	p := platform
	text := p.Text(follower, "1", "zx")
	bomb := `<!DOCTYPE xml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>`
	tests := map[string]string{
		"entities that grow":        bomb + p.Message(follower, "text", "<Content>&b;</Content>"),
		"an external entity":        `<!DOCTYPE xml [<!ENTITY e SYSTEM "file:///etc/passwd">]>` + p.Message(follower, "text", "<Content>&e;</Content>"),
		"an entity of nowhere":      p.Message(follower, "text", "<Content>&nbsp;</Content>"),
		"a DTD alone":               `<!DOCTYPE xml>` + text,
		"a DTD after the element":   text + `<!DOCTYPE xml>`,
		"an instruction":            `<?php echo 1 ?>` + text,
		"a late declaration":        strings.Replace(text, "<xml>", `<xml><?xml version="1.0"?>`, 1),
		"a second declaration":      `<?xml version="1.0"?><?xml version="1.0"?>` + text,
		"another encoding":          `<?xml version="1.0" encoding="UTF-7"?>` + text,
		"a comment in an element":   strings.Replace(text, "zx", "]]><!-- --><![CDATA[zx", 1),
		"a known element twice":     strings.Replace(text, "</xml>", "<FromUserName>other</FromUserName></xml>", 1),
		"twice, once empty":         strings.Replace(text, "<xml>", "<xml><FromUserName/>", 1),
		"an element in a known one": p.Message(follower, "text", "<Content><b>zx</b></Content>"),
		"an attribute":              strings.Replace(text, "<Content>", `<Content a="1">`, 1),
		"a name space":              strings.Replace(text, "</xml>", "<x:Event>subscribe</x:Event></xml>", 1),
		"deep":                      p.Message(follower, "text", strings.Repeat("<a>", maxDepth)+strings.Repeat("</a>", maxDepth)),
		"many elements":             p.Message(follower, "text", strings.Repeat("<a/>", 5000)),
		"another root":              strings.NewReplacer("<xml>", "<html>", "</xml>", "</html>").Replace(text),
		"two roots":                 text + text,
		"an empty second root":      text + "<xml></xml>",
		"text around the root":      text + "x",
		"text between elements":     p.Message(follower, "text", "x"),
		"closed by another":         strings.Replace(text, "</Content>", "</MsgId>", 1),
		"cut off":                   text[:len(text)-3],
		"no end":                    strings.TrimSuffix(text, "</xml>"),
		"nothing":                   "",
		"JSON":                      `{"ToUserName":"gh_7f083739789a"}`,
		"no sender":                 strings.Replace(text, follower, "", 1),
		"a sender with a line":      strings.Replace(text, follower, "a\r\nb", 1),
		"a sender in Chinese":       strings.Replace(text, follower, "乌鲁木齐", 1),
		"a long sender":             strings.Replace(text, follower, strings.Repeat("a", 129), 1),
		"no time":                   strings.Replace(text, "CreateTime", "T", 2),
		"time that is none":         strings.Replace(text, fmt.Sprint(p.Now.Unix()), "1e9", 1),
		"time before the platform":  strings.Replace(text, fmt.Sprint(p.Now.Unix()), "-1", 1),
		"no type":                   strings.Replace(text, "MsgType", "T", 2),
		"an event of no name":       p.Message(follower, "event", "<EventKey>k</EventKey>"),
	}
	for name, hostile := range tests {
		t.Run(name, func(t *testing.T) {
			a := &said{text: "x"}
			s := start(t, options(p, a))
			q, body := p.Query(hostile) // rightly encrypted and signed
			if status, answer := post(t, s.URL, q, body); status != 400 || len(a.asked) != 0 {
				t.Errorf("%d %q, asked %v", status, answer, a.asked)
			}
		})
	}
}

func TestAHostileEnvelopeIsRefused(t *testing.T) {
	p := platform
	q, body := p.Query(p.Text(follower, "1", "zx"))
	for name, envelope := range map[string]string{
		"DTD":         `<!DOCTYPE xml [<!ENTITY a "a">]>` + body,
		"two Encrypt": strings.Replace(body, "</xml>", "<Encrypt>AAAA</Encrypt></xml>", 1),
		"deep":        strings.Repeat("<xml>", 9),
	} {
		a := &said{text: "x"}
		s := start(t, options(p, a))
		if status, _ := post(t, s.URL, q, envelope); status != 400 || len(a.asked) != 0 {
			t.Errorf("%s: %d, asked %v", name, status, a.asked)
		}
	}
}

// What the key's holder could have sealed, and did not seal as agreed.
func TestBrokenPaddingIsNotOpened(t *testing.T) {
	k, err := newKey(sampleKey, platform.AppID)
	if err != nil {
		t.Fatal(err)
	}
	long := make([]byte, headLength)
	binary.BigEndian.PutUint32(long[randomLength:], 1<<31)
	tests := map[string][]byte{
		"no padding":            make([]byte, 32),
		"padding of 33":         bytes.Repeat([]byte{33}, 64),
		"nothing but padding":   bytes.Repeat([]byte{32}, 32),
		"padding into the head": append(make([]byte, 31), 13),
		"a length beyond":       append(long, bytes.Repeat([]byte{12}, 12)...),
		"padding of 42":         slices.Concat(make([]byte, headLength), []byte(k.appID), bytes.Repeat([]byte{42}, 42)),
	}
	for name, plain := range tests {
		b := bytes.Clone(plain)
		cipher.NewCBCEncrypter(k.block, k.iv).CryptBlocks(b, b)
		if got, err := k.open(base64.StdEncoding.EncodeToString(b)); err == nil {
			t.Errorf("%s: opened %q", name, got)
		}
	}
	for name, sealed := range map[string]string{
		"nothing": "", "no base64": "!!!!", "half a block": "AAAAAAAAAAA=", "more than base64": k.seal(nil) + "!",
	} {
		if got, err := k.open(sealed); err == nil {
			t.Errorf("%s: opened %q", name, got)
		}
	}
}

// Compatible mode sends the plain elements beside Encrypt: only what was
// encrypted counts.
func TestWhatStandsBesideEncryptIsNotBelieved(t *testing.T) {
	a := &said{}
	s := start(t, options(platform, a))
	q, body := platform.Query(platform.Text(follower, "1", "zx"))
	body = strings.Replace(body, "</xml>", "<FromUserName>another</FromUserName><Content>rz</Content><MsgType>text</MsgType></xml>", 1)
	if status, _ := post(t, s.URL, q, body); status != 200 || a.asked[0].Follower != follower || a.asked[0].Text != "zx" {
		t.Error(status, a.asked)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	a := &said{}
	s := start(t, options(platform, a))
	q, _ := platform.Query("")
	for _, size := range []int{maxBody + 1, 2 << 20} {
		if status, _ := post(t, s.URL, q, strings.Repeat("x", size)); status != 413 {
			t.Errorf("%d bytes: %d", size, status)
		}
	}
	q, body := platform.Query(platform.Text(follower, "1", strings.Repeat("长", 4000))) // 12 KB, and a third more by base64
	if status, _ := post(t, s.URL, q, body); status != 200 || len(a.asked) != 1 {
		t.Error(status, len(a.asked))
	}
}

// A sender that stops in the middle holds nobody longer than bodyTime, and what it
// sent by then is no message.
func TestASlowBodyEnds(t *testing.T) {
	a := &said{}
	s := start(t, options(platform, a))
	q, body := platform.Query(platform.Text(follower, "1", "zx"))
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(bodyTime + 3*time.Second))
	begun := time.Now()
	fmt.Fprintf(c, "POST /?%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", q.Encode(), len(body)+1, body)
	answer, err := io.ReadAll(c)
	if err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 400 ")) || len(a.asked) != 0 || time.Since(begun) > bodyTime+2*time.Second {
		t.Errorf("after %s: %q, %v, asked %v", time.Since(begun), answer, err, a.asked)
	}
}

// late waits for its context.
type late struct{}

func (late) Answer(ctx context.Context, _ Message) Answer {
	<-ctx.Done()
	return Answer{Text: "系统繁忙"}
}

func TestAnAnswererHasItsTime(t *testing.T) {
	s := start(t, options(platform, late{}))
	begun := time.Now()
	got, err := platform.Post(t.Context(), s.Client(), s.URL, platform.Text(follower, "1", "rz"))
	if took := time.Since(begun); err != nil || got != "系统繁忙" || took < replyTime || took > replyTime+time.Second/2 {
		t.Errorf("%q, %v after %s", got, err, took)
	}
}

func TestTheAddressIsChecked(t *testing.T) {
	s := start(t, options(platform, &said{}))
	good, _ := platform.Query("")
	tests := map[string]struct {
		echo   string
		change func(url.Values)
		status int
	}{
		"right":           {"4075181314397890557", func(url.Values) {}, 200},
		"wrong signature": {"1", func(q url.Values) { q.Set("nonce", "2") }, 403},
		"msg_signature is not signature": {"1", func(q url.Values) {
			q.Del("signature")
		}, 403},
		"no echostr":      {"", func(url.Values) {}, 403},
		"a page":          {"<script>alert(1) </script>", func(url.Values) {}, 403},
		"a long echostr":  {strings.Repeat("1", 129), func(url.Values) {}, 403},
		"an old check":    {"1", func(q url.Values) { old(q, -301) }, 403},
		"of five minutes": {"1", func(q url.Values) { old(q, -300) }, 200},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			q := url.Values{"echostr": {test.echo}}
			for k, v := range good {
				q[k] = slices.Clone(v)
			}
			test.change(q)
			r, err := http.Get(s.URL + "?" + q.Encode())
			if err != nil {
				t.Fatal(err)
			}
			defer r.Body.Close()
			body, _ := io.ReadAll(r.Body)
			want := map[bool]string{true: test.echo, false: "Forbidden\n"}[test.status == 200]
			if r.StatusCode != test.status || string(body) != want {
				t.Errorf("%d %q", r.StatusCode, body)
			}
			if kind := r.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/plain") || r.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Error(r.Header)
			}
		})
	}
	r, err := http.Head(s.URL)
	if err != nil || r.StatusCode != 405 || r.Header.Get("Allow") != "GET, POST" {
		t.Error(r, err)
	}
}

func old(q url.Values, seconds int64) {
	stamp := fmt.Sprint(platform.Now.Unix() + seconds)
	q.Set("timestamp", stamp)
	q.Set("signature", callbacktest.Sign(platform.Token, stamp, q.Get("nonce")))
}

func TestOptionsAreChecked(t *testing.T) {
	tests := map[string]func(*Options){
		"no token":          func(o *Options) { o.Token = "" },
		"no account":        func(o *Options) { o.Account = "" },
		"no app id":         func(o *Options) { o.AppID = "" },
		"no answerer":       func(o *Options) { o.Answerer = nil },
		"a short key":       func(o *Options) { o.AESKey = Secret(sampleKey[1:]) },
		"a key in hex":      func(o *Options) { o.AESKey = Secret(strings.Repeat("-", 43)) },
		"a wrong previous":  func(o *Options) { o.PreviousAESKey = "x" },
		"only the previous": func(o *Options) { o.AESKey, o.PreviousAESKey = "", otherKey },
	}
	for name, change := range tests {
		o := options(platform, &said{})
		change(&o)
		if _, err := New(o); err == nil || strings.Contains(err.Error(), sampleKey[1:]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNamesTellMessagesApart(t *testing.T) {
	m := Message{Account: "a", Follower: "f", ID: "1", At: platform.Now, Type: "text", Text: "zx"}
	again := m
	again.At = again.At.UTC()
	if m.Name() != again.Name() || len(m.Name()) != 43 || !isVisible(m.Name(), 128) {
		t.Error(m.Name(), again.Name())
	}
	seen := map[string]string{m.Name(): "the first"}
	for name, change := range map[string]func(*Message){
		"account": func(m *Message) { m.Account = "b" }, "follower": func(m *Message) { m.Follower = "g" },
		"id": func(m *Message) { m.ID = "2" }, "time": func(m *Message) { m.At = m.At.Add(time.Second) },
		"event": func(m *Message) { m.Event = "CLICK" }, "key": func(m *Message) { m.Key = "k" }, "send id": func(m *Message) { m.SendID = "1" },
		"moved": func(m *Message) { m.Follower, m.ID = "f1", "" },
	} {
		other := m
		change(&other)
		if before := seen[other.Name()]; before != "" {
			t.Errorf("%s is named as %s", name, before)
		}
		seen[other.Name()] = name
	}
}

func TestNothingPrivateIsPrinted(t *testing.T) {
	var log bytes.Buffer
	p := platform
	o := options(p, &said{})
	o.Log = zerolog.New(&log)
	s := start(t, o)
	for _, message := range []string{p.Location(follower, "7", "43.797542", "87.617733"), p.Message(follower, "text", "<Content>secret <b/></Content>")} {
		q, body := p.Query(message)
		post(t, s.URL, q, body)
	}
	post(t, s.URL, url.Values{"msg_signature": {"secret"}}, "<xml><Encrypt>secret</Encrypt></xml>")
	m, _ := parse([]byte(p.Location(follower, "7", "43.797542", "87.617733")))
	all := log.String() + fmt.Sprintf("%v %+v %#v %s %v %+v %#v", m, m, m, m, o.Token, o.AESKey, o.Token)
	for _, private := range []string{"43.79", "87.61", "新华北路", "secret", follower, p.Token, sampleKey} {
		if strings.Contains(all, private) {
			t.Errorf("%s is in %s", private, all)
		}
	}
	if !strings.Contains(log.String(), "no timestamp or nonce") {
		t.Error("the log does not say why: ", log.String())
	}
}

func TestStrangersDoNotFillTheLog(t *testing.T) {
	var log bytes.Buffer
	o := options(platform, &said{})
	o.Log = zerolog.New(&log)
	s := start(t, o)
	for range 50 {
		post(t, s.URL, nil, "x")
	}
	if lines := strings.Count(log.String(), "\n"); lines < 1 || lines > 20 {
		t.Errorf("%d lines", lines)
	}
}

func TestCallbacksAreCounted(t *testing.T) {
	reg := prometheus.NewRegistry()
	answerer := &said{text: "x"}
	o := options(platform, answerer)
	o.Registerer = reg
	s := start(t, o)
	for _, message := range []string{
		platform.Text(follower, "1", "rz"), platform.Click(follower, "hotline"),
		platform.Event(follower, "made up by a stranger", ""), "<xml/>",
	} {
		q, body := platform.Query(message)
		post(t, s.URL, q, body)
	}
	post(t, s.URL, nil, "<xml></xml>")
	q, body := platform.Query(platform.Event(follower, "VIEW", ""))
	for _, a := range []Answer{{}, {Failed: true}} {
		answerer.text, answerer.failed = a.Text, a.Failed
		post(t, s.URL, q, body)
	}
	q.Set("echostr", "1")
	for range 2 {
		r, err := http.Get(s.URL + "?" + q.Encode())
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		q.Del("echostr")
	}
	got := partstest.Counted(t, reg)
	want := map[string]uint64{
		"frontd_callbacks_total answered CLICK": 1, "frontd_callbacks_total answered other": 1, "frontd_callbacks_total answered text": 1,
		"frontd_callbacks_total refused none": 1, "frontd_callbacks_total unreadable none": 1,
		"frontd_callbacks_total nothing VIEW": 1, "frontd_callbacks_total failed VIEW": 1,
		"frontd_callbacks_total answered check": 1, "frontd_callbacks_total refused check": 1,
		"frontd_callback_seconds CLICK": 1, "frontd_callback_seconds other": 1, "frontd_callback_seconds text": 1, "frontd_callback_seconds VIEW": 2,
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// FuzzMessage: no body makes parse fail in another way than by an error, and
// what it takes keeps its bounds.
func FuzzMessage(f *testing.F) {
	for _, s := range []string{
		sampleText, platform.Location(follower, "7", "43.797542", "87.617733"), platform.Click(follower, "hotline"),
		platform.Event(follower, "TEMPLATESENDJOBFINISH", "<MsgID>1</MsgID><Status>success</Status>"),
		`<?xml version="1.0"?><!DOCTYPE xml [<!ENTITY a "b">]><xml>&a;</xml>`, "<xml><a><b></xml>", "<xml></xml></xml>",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := parse(body)
		if err != nil {
			if m != (Message{}) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("%+v beside %v", m, err)
			}
			return
		}
		if !isVisible(m.Follower, maxFollower) || m.At.Unix() <= 0 || m.Type == "" || m.Type == "event" && m.Event == "" {
			t.Fatalf("took %q: %q %v %q %q", body, m.Follower, m.At, m.Type, m.Event)
		}
		reply, err := textReply(m, m.Text, 1)
		if err != nil {
			t.Fatal(err)
		}
		got, err := plainly(platform).Read([]byte(reply))
		if same := got.Content == m.Text || strings.Contains(m.Text, "\r"); err != nil || got.ToUserName != m.Follower || !same { // XML reads \r as \n
			t.Fatalf("replied %q as %q: %v", m.Text, got.Content, err)
		}
	})
}

// FuzzEnvelope: no ciphertext makes open fail in another way than by an error,
// and what it opens it could have sealed.
func FuzzEnvelope(f *testing.F) {
	k, err := newKey(sampleKey, platform.AppID)
	if err != nil {
		f.Fatal(err)
	}
	for _, v := range signedVectors {
		f.Add(v.sealed)
	}
	f.Add(platform.Encrypt("<xml/>"))
	f.Add(strings.Repeat("AAAA", 16))
	f.Fuzz(func(t *testing.T, sealed string) {
		if plain, err := k.open(sealed); err == nil {
			if again, err := k.open(k.seal(plain)); err != nil || !bytes.Equal(again, plain) {
				t.Fatalf("%q, %v", again, err)
			}
		}
	})
}

// BenchmarkCallback is one text through the callback in AES mode: check, decrypt,
// read, encrypt. No network, and an Answerer that answers at once.
func BenchmarkCallback(b *testing.B) {
	c, err := New(options(platform, ready{}))
	if err != nil {
		b.Fatal(err)
	}
	q, body := platform.Query(platform.Text(follower, "6054768590064713728", "zx"))
	target := "/?" + q.Encode()
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		c.ServeHTTP(w, httptest.NewRequest(http.MethodPost, target, strings.NewReader(body)))
		if w.Code != 200 {
			b.Fatal(w.Code)
		}
	}
}

// ready answers at once.
type ready struct{}

func (ready) Answer(context.Context, Message) Answer {
	return Answer{Text: "您好，注销请点击这里"}
}

// Alike replies are not sealed alike: each begins with random bytes of its own.
func TestNoTwoRepliesAreSealedAlike(t *testing.T) {
	k, err := newKey(sampleKey, platform.AppID)
	if err != nil {
		t.Fatal(err)
	}
	sealed, nonces := map[string]bool{}, map[string]bool{}
	for range 2 {
		sealed[k.seal([]byte("<xml/>"))], nonces[newNonce()] = true, true
	}
	if len(sealed) != 2 || len(nonces) != 2 {
		t.Error("twice the same")
	}
}
