package callback

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"wxswitch/cmd/frontd/internal/secret"
)

// Answerer says what the account replies to a message. It returns before ctx is
// done, and may be called again for the same message, at any instance.
type Answerer interface {
	Answer(ctx context.Context, m Message) Answer
}

// Answer is a reply, and whether what it stands on was done.
type Answer struct {
	Text string // "" is nothing
	// Failed says that the message was not worked off. With a text the follower is
	// told so; without one the platform is, and delivers the message again.
	Failed bool
}

func (a Answer) result() string {
	switch {
	case a.Failed:
		return "failed"
	case a.Text == "":
		return "nothing"
	}
	return "answered"
}

// Secret is a token or a key.
type Secret = secret.Text

// Options are what a Callback is made of. Account, AppID, Token and Answerer
// are required.
type Options struct {
	Account string // the official account's original id, gh_…: ToUserName
	AppID   string // wx…, inside encrypted bodies
	// Token signs. PreviousToken passes too, while it is being changed.
	Token, PreviousToken Secret
	// AESKey is the platform's EncodingAESKey, 43 characters. With it only
	// encrypted bodies pass, without it only plain ones.
	AESKey, PreviousAESKey Secret

	Answerer   Answerer
	Now        func() time.Time // default time.Now
	Log        zerolog.Logger
	Registerer prometheus.Registerer // may be nil
}

// Bounds.
const (
	maxBody   = 64 << 10
	maxEcho   = 128
	window    = 5 * time.Minute // of timestamps; holds the platform's retries
	bodyTime  = 2 * time.Second // to read a body
	replyTime = 4 * time.Second // for the body and an Answerer; the platform waits for 5
)

// Callback is the address that the platform is told. It implements http.Handler.
type Callback struct {
	o       Options
	tokens  []Secret // this one first
	keys    []key    // this one first; none: plain bodies
	metrics metrics
}

// New checks the options.
func New(o Options) (*Callback, error) {
	if o.Account == "" || o.AppID == "" || o.Token == "" || o.Answerer == nil {
		return nil, errors.New("callback: account, app id, token and answerer are required")
	}
	if o.AESKey == "" && o.PreviousAESKey != "" {
		return nil, errors.New("callback: a previous AES key, and none now")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Log = o.Log.Sample(&zerolog.BurstSampler{Burst: 10, Period: time.Minute}) // anybody may knock
	c := &Callback{o: o, metrics: newMetrics(o.Registerer)}
	for _, t := range []Secret{o.Token, o.PreviousToken} {
		if t != "" {
			c.tokens = append(c.tokens, t)
		}
	}
	for _, s := range []Secret{o.AESKey, o.PreviousAESKey} {
		if s == "" {
			continue
		}
		k, err := newKey(s, o.AppID)
		if err != nil {
			return nil, err
		}
		c.keys = append(c.keys, k)
	}
	return c, nil
}

// refusal is an HTTP status, and why, for the log.
type refusal struct {
	status int
	reason string
}

func (r refusal) Error() string { return r.reason }

// ServeHTTP answers the platform's check (GET) and its messages (POST).
func (c *Callback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	switch r.Method {
	case http.MethodGet:
		c.check(w, r)
	case http.MethodPost:
		c.deliver(w, r)
	default:
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	}
}

// check answers the platform when the address is set: echostr, which is not
// encrypted in any mode. The signature does not cover it, so it is bounded, and
// plain text.
func (c *Callback) check(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	echo := q.Get("echostr")
	_, err := c.signed(q, "signature")
	if err == nil && !isVisible(echo, maxEcho) {
		err = refusal{http.StatusForbidden, "echostr"}
	}
	if err != nil {
		c.refuse(w, "check", err)
		return
	}
	c.metrics.count("check", "answered")
	write(w, "text/plain; charset=utf-8", echo)
}

// deliver takes one message.
func (c *Callback) deliver(w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	m, with, err := c.read(w, r)
	if err != nil {
		c.refuse(w, m.kind(), err)
		return
	}
	ctx, stop := context.WithDeadline(r.Context(), begun.Add(replyTime))
	defer stop()
	a := c.o.Answerer.Answer(ctx, m)
	c.metrics.took(m.kind(), a.result(), time.Since(begun))
	switch {
	case a.Text == "" && a.Failed:
		http.Error(w, "try again", http.StatusServiceUnavailable)
		return
	case a.Text == "":
		write(w, "text/plain; charset=utf-8", "success")
		return
	}
	reply, err := c.reply(m, a.Text, with)
	if err != nil {
		c.o.Log.Error().Err(err).Msg("callback: reply")
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	write(w, "text/xml; charset=utf-8", reply)
}

// seals are what a request came with, and its reply must leave with.
type seals struct {
	token Secret
	key   *key // nil: plain
}

// read takes a message off a request, or says why it is none.
func (c *Callback) read(w http.ResponseWriter, r *http.Request) (m Message, with seals, err error) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime)) // tests' recorders have none
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return m, with, refusal{http.StatusRequestEntityTooLarge, "body too large"}
	case err != nil:
		return m, with, refusal{http.StatusBadRequest, "body not read"}
	}
	if body, with, err = c.open(r.URL.Query(), body); err != nil {
		return m, with, err
	}
	if m, err = parse(body); err != nil {
		return m, with, refusal{http.StatusBadRequest, err.Error()}
	}
	if !equal(m.Account, c.o.Account) {
		return m, with, refusal{http.StatusForbidden, "another account's"}
	}
	return m, with, nil
}

// open checks the signature and returns the message's XML.
func (c *Callback) open(q url.Values, body []byte) (plain []byte, with seals, err error) {
	if len(c.keys) == 0 {
		with.token, err = c.signed(q, "signature")
		return body, with, err
	}
	envelope, err := fields(body)
	if err != nil {
		return nil, with, refusal{http.StatusBadRequest, err.Error()}
	}
	sealed := envelope["Encrypt"]
	if sealed == "" {
		return nil, with, refusal{http.StatusForbidden, "not encrypted"}
	}
	if with.token, err = c.signed(q, "msg_signature", sealed); err != nil {
		return nil, with, err
	}
	for i := range c.keys {
		with.key = &c.keys[i]
		if plain, err = with.key.open(sealed); err == nil {
			return plain, with, nil
		}
	}
	return nil, with, refusal{http.StatusForbidden, err.Error()}
}

// signed returns the token whose signature of timestamp, nonce and what else is
// the query's.
func (c *Callback) signed(q url.Values, parameter string, what ...string) (Secret, error) {
	stamp, nonce := q.Get("timestamp"), q.Get("nonce")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || nonce == "" {
		return "", refusal{http.StatusForbidden, "no timestamp or nonce"}
	}
	for _, t := range c.tokens {
		if !equal(signature(t, append(what, stamp, nonce)...), q.Get(parameter)) {
			continue
		}
		if now := c.o.Now().Unix(); seconds < now-int64(window/time.Second) || seconds > now+int64(window/time.Second) {
			return "", refusal{http.StatusForbidden, "timestamp out of the window: does the clock run right?"}
		}
		return t, nil
	}
	return "", refusal{http.StatusForbidden, "wrong " + parameter}
}

func (c *Callback) refuse(w http.ResponseWriter, kind string, err error) {
	r := refusal{status: http.StatusBadRequest}
	errors.As(err, &r)
	result := "unreadable"
	if r.status == http.StatusForbidden {
		result = "refused"
	}
	c.metrics.count(kind, result)
	c.o.Log.Warn().Int("status", r.status).Str("reason", r.reason).Msg("callback refused")
	http.Error(w, http.StatusText(r.status), r.status)
}

func (c *Callback) reply(m Message, text string, with seals) (string, error) {
	now := c.o.Now().Unix()
	plain, err := textReply(m, text, now)
	if err != nil || with.key == nil {
		return plain, err
	}
	return envelopeReply(with.token, with.key.seal([]byte(plain)), now)
}

func write(w http.ResponseWriter, kind, body string) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = io.WriteString(w, body) //nolint:gosec // never HTML, and nosniff
}
