package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// push is a message or an event that the platform delivers to the front.
type push struct {
	phone  string // whose; the answer is shown there
	openID string
	at     time.Time
	kind   string // MsgType
	fields []field
	asks   bool // a follower waits for an answer, and is told when there is none
}

// field is an element of the XML. Numbers stand bare, texts in CDATA.
type field struct {
	name, value string
	number      bool
	mask        func(string) string // how people see it; nil shows it whole
}

const (
	retries    = 3 // after the first delivery
	maxAnswer  = 64 << 10
	maxContent = 2048 // bytes of a text
	sorry      = "该公众号暂时无法提供服务，请稍后再试"
)

func (p push) all(account string) []field {
	return append([]field{
		{name: "ToUserName", value: account},
		{name: "FromUserName", value: p.openID, mask: short},
		{name: "CreateTime", value: strconv.FormatInt(p.at.Unix(), 10), number: true},
		{name: "MsgType", value: p.kind},
	}, p.fields...)
}

// xml writes the message as the platform does.
func (p push) xml(account string) []byte {
	var b bytes.Buffer
	b.WriteString("<xml>")
	for _, f := range p.all(account) {
		value := f.value
		if !f.number {
			value = "<![CDATA[" + strings.ReplaceAll(value, "]]>", "]]]]><![CDATA[>") + "]]>"
		}
		fmt.Fprintf(&b, "<%s>%s</%s>", f.name, value, f.name)
	}
	b.WriteString("</xml>")
	return b.Bytes()
}

// lines is the XML for people, masked.
func (p push) lines(account string) []string {
	lines := []string{"<xml>"}
	for _, f := range p.all(account) {
		if f.mask != nil {
			f.value = f.mask(f.value)
		}
		lines = append(lines, fmt.Sprintf("  <%s>%s</%s>", f.name, f.value, f.name))
	}
	return append(lines, "</xml>")
}

func (p push) title() string {
	for _, f := range p.fields {
		if f.name == "Event" {
			return "事件 " + f.value
		}
	}
	return "消息 " + p.kind
}

// deliver posts a message to the front, up to three times again when there is
// no answer, and shows what is answered.
func (s *Sim) deliver(ctx context.Context, p push) {
	for n := range 1 + retries {
		begun := time.Now()
		answer, err := s.attempt(ctx, p, n)
		if err == nil {
			s.answered(p, answer)
			return
		}
		if ctx.Err() != nil {
			return
		}
		s.hop(Hop{Leg: WeChatFront, Dir: "left", Title: fmt.Sprintf("%s · 第%d次", unanswered(err), n+1), OK: new(false)})
		if n < retries && !pause(ctx, s.cfg.Patience/5-time.Since(begun)) {
			return
		}
	}
	s.apologise(p)
}

// unanswered says what there was in place of an answer. An error of HTTP names
// the whole URL, signature and all.
func unanswered(err error) string {
	if status, ok := errors.AsType[statusError](err); ok {
		return status.Error()
	}
	return "无应答"
}

// pause waits, and says whether to go on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// apologise shows what WeChat tells who waits for an account that is silent.
func (s *Sim) apologise(p push) {
	s.log.Info().Str("kind", p.kind).Msg("a callback was not answered")
	if !p.asks {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.phone(p.phone); f != nil && f.openID == p.openID {
		s.system(f, sorry)
	}
}

// statusError is an answer's status that is not 2xx.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("HTTP %d", int(e)) }

// attempt delivers once, and returns the answer if it comes in time. A fault of
// the front is played here: what it answers does not come back.
func (s *Sim) attempt(ctx context.Context, p push, n int) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Patience)
	defer cancel()
	body, query, err := s.envelope(p)
	if err != nil {
		return nil, err
	}
	s.hop(s.outward(p, n, body, query))
	answer, err := s.post(ctx, s.cfg.Front.Callback+"?"+query.Encode(), body)
	s.mu.Lock()
	mode := s.faults.Front
	s.mu.Unlock()
	if mode == frontSilent || mode == frontSlow && n == 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return answer, err
}

// envelope signs and, in 安全模式, encrypts a message.
func (s *Sim) envelope(p push) (body []byte, query url.Values, err error) {
	a := s.cfg.Account
	timestamp, nonce := strconv.FormatInt(s.now().Unix(), 10), newNonce()
	query = url.Values{
		"signature": {signature(a.Token, timestamp, nonce)}, "timestamp": {timestamp}, "nonce": {nonce}, "openid": {p.openID},
	}
	body = p.xml(a.ID)
	if !a.Encrypt {
		return body, query, nil
	}
	sealed, err := seal(a.AESKey, body, a.AppID)
	if err != nil {
		return nil, nil, err
	}
	query.Set("encrypt_type", "aes")
	query.Set("msg_signature", signature(a.Token, timestamp, nonce, sealed))
	return fmt.Appendf(nil, "<xml><ToUserName><![CDATA[%s]]></ToUserName><Encrypt><![CDATA[%s]]></Encrypt></xml>", a.ID, sealed), query, nil
}

// outward is a delivery in the picture.
func (s *Sim) outward(p push, n int, body []byte, query url.Values) Hop {
	title := p.title()
	if n > 0 {
		title = fmt.Sprintf("%s · 第%d次", title, n+1)
	}
	lines := p.lines(s.cfg.Account.ID)
	if s.cfg.Account.Encrypt {
		_, sealed, _ := bytes.Cut(body, []byte("<Encrypt><![CDATA["))
		lines = append([]string{
			"POST …?encrypt_type=aes&msg_signature=" + query.Get("msg_signature")[:8] + "…",
			"<Encrypt>" + abbreviated(strings.TrimSuffix(string(sealed), "]]></Encrypt></xml>")) + "</Encrypt> 解密后：",
		}, lines...)
	}
	return Hop{Leg: WeChatFront, Dir: "right", Title: title, Lines: lines}
}

func (s *Sim) post(ctx context.Context, to string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "text/xml")
	return s.fetch(r, maxAnswer)
}

// fetch returns the body of an answer that is 2xx and no larger than limit.
func (s *Sim) fetch(r *http.Request, limit int64) ([]byte, error) {
	answer, err := s.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	switch {
	case err != nil:
		return nil, err
	case answer.StatusCode/100 != 2:
		return nil, statusError(answer.StatusCode)
	case int64(len(body)) > limit:
		return nil, errors.New("the answer is too large")
	}
	return body, nil
}

// verify asks the front for the echo by which a callback's URL is accepted.
func (s *Sim) verify(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Patience)
	defer cancel()
	timestamp, nonce, echo := strconv.FormatInt(s.now().Unix(), 10), newNonce(), newNonce()
	query := url.Values{
		"signature": {signature(s.cfg.Account.Token, timestamp, nonce)}, "timestamp": {timestamp}, "nonce": {nonce}, "echostr": {echo},
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.cfg.Front.Callback+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return err
	}
	body, err := s.fetch(r, maxAnswer)
	if err == nil && string(body) != echo {
		err = errors.New("the echo is not what was sent")
	}
	return err
}

// introduce waits until the front can be reached, and tells it who follows.
func (s *Sim) introduce(ctx context.Context) error {
	for s.verify(ctx) != nil {
		if !pause(ctx, s.cfg.Patience/10) {
			return nil
		}
	}
	s.hop(Hop{Leg: WeChatFront, Dir: "right", Title: "服务器配置 echostr", Lines: []string{"回调地址已通过验证"}, OK: new(true)})
	s.mu.Lock()
	followers := slices.Clone(s.followers)
	for _, f := range followers {
		if f.following {
			s.push(s.subscription(f, true))
		}
	}
	s.mu.Unlock()
	<-ctx.Done()
	return nil
}

// push has a message delivered. s.mu is held.
func (s *Sim) push(p push) bool {
	return s.crew.do(func(ctx context.Context) { s.deliver(ctx, p) })
}

// message is what a follower writes. s.mu is held.
func (s *Sim) message(f *follower, kind string, fields ...field) push {
	f.hear(s.now(), afterMessage)
	id := strconv.FormatInt(messageIDs+s.nextID(), 10)
	return push{f.id, f.openID, s.now(), kind, append(fields, field{name: "MsgId", value: id, number: true}), true}
}

// messageIDs is where the numbers of messages begin: they need 64 bits, as
// WeChat's do.
const messageIDs = 24_000_000_000_000_000

// event is what a follower does.
func (s *Sim) event(f *follower, name, key string, asks bool) push {
	return push{f.id, f.openID, s.now(), "event", []field{{name: "Event", value: name}, {name: "EventKey", value: key}}, asks}
}

// subscription is a follower's coming or going. s.mu is held.
func (s *Sim) subscription(f *follower, comes bool) push {
	if !comes {
		return s.event(f, "unsubscribe", "", false)
	}
	f.since = s.now()
	f.hear(f.since, afterEvent)
	return s.event(f, "subscribe", "", false)
}
