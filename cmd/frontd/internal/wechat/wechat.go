package wechat

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/silenceper/wechat/v2/officialaccount/config"
	wxcontext "github.com/silenceper/wechat/v2/officialaccount/context"
	"github.com/silenceper/wechat/v2/officialaccount/message"
	"github.com/silenceper/wechat/v2/officialaccount/oauth"
	"github.com/silenceper/wechat/v2/util"

	"wxswitch/cmd/frontd/internal/secret"
)

// Secret is the account's, or a token.
type Secret = secret.Text

// Options are what a WeChat is made of; API, AppID, AppSecret and Public are
// required.
type Options struct {
	// API is the platform's root, https://api.weixin.qq.com but for a simulator or
	// an operator's own relay.
	API       string
	AppID     string
	AppSecret Secret
	// Public is the pages' address as phones reach it, without a slash at the end:
	// what the menu's pages stand under.
	Public string
	// CallLimit bounds each call; default 3 s.
	CallLimit  time.Duration
	Now        func() time.Time // default time.Now
	Registerer prometheus.Registerer
}

// WeChat calls the platform for one official account. Many may use it at once.
type WeChat struct {
	api       *url.URL
	public    string
	transport *http.Transport
	limit     time.Duration
	oauth     *oauth.Oauth
	token     *token
	metrics   metrics
}

var credentialShape = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// IsAppSecret takes what may be an AppSecret.
func IsAppSecret(s string) bool { return credentialShape.MatchString(s) }

// New returns a WeChat. It calls when there is something to ask.
func New(o Options) (*WeChat, error) {
	api, err := url.Parse(o.API)
	switch {
	case err != nil || api.Scheme != "http" && api.Scheme != "https" || api.Host == "" || api.User != nil || api.RawQuery != "":
		return nil, errors.New("wechat: the API must be http or https, with a host and no user or query")
	case !credentialShape.MatchString(o.AppID):
		return nil, errors.New("wechat: the app id must be letters and digits")
	case !IsAppSecret(o.AppSecret.Reveal()):
		return nil, errors.New("wechat: the app secret must be letters and digits")
	}
	o.CallLimit = cmp.Or(o.CallLimit, 3*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	install()
	w := &WeChat{
		api: api, public: strings.TrimSuffix(o.Public, "/"), transport: newTransport(), limit: o.CallLimit,
		oauth: oauth.NewOauth(&wxcontext.Context{Config: &config.Config{
			AppID: o.AppID, AppSecret: o.AppSecret.Reveal(),
		}}),
		metrics: newMetrics(o.Registerer),
	}
	w.token = newToken(w, o)
	return w, nil
}

// Close gives up idle connections.
func (w *WeChat) Close() { w.transport.CloseIdleConnections() }

// The calls as metrics, logs and errors name them.
const (
	callToken    = "stable_token"
	callIdentify = "oauth2/access_token"
	callFollows  = "user/info"
	callTemplate = "template/send"
	callText     = "custom/send"
	callSetMenu  = "menu/create"
	callMenu     = "menu/get"
)

// The addresses as the library has them, who keeps them to itself.
const (
	host        = "https://api.weixin.qq.com"
	urlFollows  = host + "/cgi-bin/user/info"
	urlTemplate = host + "/cgi-bin/message/template/send"
	urlText     = host + "/cgi-bin/message/custom/send"
	urlSetMenu  = host + "/cgi-bin/menu/create"
	urlMenu     = host + "/cgi-bin/menu/get"
)

// Identify exchanges the code of an OAuth2 redirect for the openid, once;
// snapshot is a virtual one, of a page that is only looked at. Errors: *Error,
// *Unanswered.
func (w *WeChat) Identify(ctx context.Context, code string) (openID string, snapshot bool, err error) {
	err = w.once(ctx, callIdentify, func(ctx context.Context) error {
		// The library puts the code into the address as it is.
		a, err := w.oauth.GetUserAccessTokenContext(ctx, url.QueryEscape(code))
		switch {
		case a.ErrCode != 0: // its own error says so in words only
			return newError(int(a.ErrCode), a.ErrMsg)
		case err == nil && a.OpenID == "":
			return errGarbled
		}
		openID, snapshot = a.OpenID, a.IsSnapShotUser != 0
		return err
	})
	if err != nil {
		return "", false, err
	}
	return openID, snapshot, nil
}

// Follows reports whether the openid follows the account. Errors: *Error,
// *Unanswered.
func (w *WeChat) Follows(ctx context.Context, openID string) (bool, error) {
	// Not user.Info: its GetUserInfo takes no context, and asks for names that
	// nobody here needs.
	var a struct {
		Subscribe *int   `json:"subscribe"`
		OpenID    string `json:"openid"`
	}
	query := url.Values{"openid": {openID}, "lang": {"zh_CN"}}
	err := w.get(ctx, callFollows, urlFollows, query, func(body []byte) bool {
		return json.Unmarshal(body, &a) == nil && a.OpenID == openID && a.Subscribe != nil
	})
	return err == nil && *a.Subscribe == 1, err
}

// Template is a template message.
type Template struct {
	To string // an openid
	ID string // the template's
	// URL is opened by a tap; none if empty.
	URL string
	// ClientMsgID names the message: within 10 minutes the platform sends one of the
	// same name to a follower once.
	ClientMsgID string
	// Fields are values by the field's name, such as thing1; Shape checks and
	// shortens each.
	Fields map[string]string
}

// SendTemplate hands a template message to the platform, whose id of it comes back
// in the event that tells whether it arrived; empty for one that was handed over
// before. Errors: *FieldError (nothing was asked), *Error, *Unanswered.
func (w *WeChat) SendTemplate(ctx context.Context, t Template) (msgID string, err error) {
	m := message.TemplateMessage{
		ToUser: t.To, TemplateID: t.ID, URL: t.URL, ClientMsgID: t.ClientMsgID,
		Data: make(map[string]*message.TemplateDataItem, len(t.Fields)),
	}
	for name, value := range t.Fields {
		shaped, err := Shape(name, value)
		if err != nil {
			return "", err
		}
		m.Data[name] = &message.TemplateDataItem{Value: shaped}
	}
	var a struct {
		ErrCode *int  `json:"errcode"`
		MsgID   int64 `json:"msgid"`
	}
	// Not Template.Send: it takes no context, and tells errcodes in words only.
	err = w.post(ctx, callTemplate, urlTemplate, m, func(body []byte) bool {
		return json.Unmarshal(body, &a) == nil && a.ErrCode != nil && a.MsgID != 0
	})
	if err != nil {
		return "", err
	}
	return strconv.FormatInt(a.MsgID, 10), nil
}

// SendText hands a text to the platform as customer service does: only a follower
// who wrote, tapped the menu or began to follow within 48 hours may be sent one,
// and few. What is longer than 2048 bytes is cut. Errors: *Error, *Unanswered.
func (w *WeChat) SendText(ctx context.Context, openID, text string) error {
	// Not Manager.Send, as above.
	m := message.NewCustomerTextMessage(openID, cutBytes(text, maxText))
	return w.post(ctx, callText, urlText, m, acknowledged)
}

const maxText = 2048

// acknowledged: nothing but an errcode that is there and 0 says that it was done.
func acknowledged(body []byte) bool {
	var a struct {
		ErrCode *int `json:"errcode"`
	}
	return json.Unmarshal(body, &a) == nil && a.ErrCode != nil
}

func (w *WeChat) get(ctx context.Context, call, address string, query url.Values, read func([]byte) bool) error {
	return w.ask(ctx, call, read, func(ctx context.Context, token string) ([]byte, error) {
		if query == nil {
			query = url.Values{}
		}
		query.Set("access_token", token)
		return util.HTTPGetContext(ctx, address+"?"+query.Encode())
	})
}

func (w *WeChat) post(ctx context.Context, call, address string, body any, read func([]byte) bool) error {
	return w.ask(ctx, call, read, func(ctx context.Context, token string) ([]byte, error) {
		return util.PostJSONContext(ctx, address+"?access_token="+url.QueryEscape(token), body)
	})
}

// ask makes a call that needs an access token. One that the platform does not
// take is given up, and the call made once more with the next.
func (w *WeChat) ask(ctx context.Context, call string, read func([]byte) bool, send func(context.Context, string) ([]byte, error)) error {
	for try := 1; ; try++ {
		token, err := w.token.get(ctx)
		if err != nil {
			return err
		}
		err = w.once(ctx, call, func(ctx context.Context) error {
			body, err := send(ctx, token)
			if err != nil {
				return err
			}
			return parse(body, read)
		})
		if ActionOf(err) != Refresh || try == 2 {
			return err
		}
		w.token.drop(ctx, token)
	}
}

// parse returns the errcode of a body as an error; read must find in it what else
// it is to hold.
func parse(body []byte, read func([]byte) bool) error {
	var head struct {
		ErrCode int    `json:"errcode"`
		ErrMsg  string `json:"errmsg"`
	}
	switch err := json.Unmarshal(body, &head); {
	case err != nil:
		return errGarbled
	case head.ErrCode != 0:
		return newError(head.ErrCode, head.ErrMsg)
	case !read(body):
		return errGarbled
	}
	return nil
}

// once makes a call within its time, counts it, and leaves nothing in its error
// that holds an address: those hold tokens and secrets.
func (w *WeChat) once(ctx context.Context, call string, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, platform{}, w), w.limit)
	defer cancel()
	began := time.Now()
	err := answered(call, do(ctx))
	w.metrics.called(call, err, time.Since(began))
	return err
}

// answered makes of a call's error an *Error or *Unanswered.
func answered(call string, err error) error {
	var e *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		e.Call = call
		return e
	}
	return &Unanswered{call, withoutAddress(err)}
}

func withoutAddress(err error) error {
	var u *url.Error
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &u):
		return withoutAddress(u.Err)
	case errors.As(err, &large): // whose words are of a request
		return errLarge
	}
	return err
}

var (
	errGarbled = errors.New("the answer is not what the platform answers")
	errLarge   = errors.New("the answer is too large")
)

type statusError int

func (s statusError) Error() string { return fmt.Sprintf("status %d", int(s)) }
