package h5

import (
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/google/uuid"

	"wxswitch/cmd/frontd/internal/desk"
	"wxswitch/switch/api/client"
)

// form is what a form's template gets.
type form struct {
	CSRF   string
	Action string
	// Key is the idempotency key of what the form asks.
	Key string
	// Values is what was typed; passwords are in it only under an old key, sealed.
	Values url.Values
	// Alert is what is wrong, Wrong the field that it is about.
	Alert, Wrong string
	// To is where the end leads; may be empty.
	To      string
	Choices client.Choices
	AskBank bool
	Code    codePart
	Data    any // of the one form
}

// codePart is the SMS code's part of a form (A3).
type codePart struct {
	Action string
	Key    string // of asking for a code
	Said   string // what became of asking
	Again  int    // seconds until another may be asked for
	Valid  int    // the last one is good for so long
	Typed  string // is shown again while the last one is good
}

// secret are the fields that come sealed, and the code.
var secret = []string{"login", "payment", "old_login", "old_payment", "password", "code"}

// form returns the form of the page that the request is about, with a new key
// and what was typed before, but for secrets.
func (v *visit) form(action string) form {
	f := form{CSRF: v.CSRF, Action: action, Key: newKey(), Values: url.Values{}, To: returnPath(v.r.FormValue("to"), "")}
	for name, typed := range v.r.PostForm {
		if !slices.Contains(secret, name) {
			f.Values[name] = typed
		}
	}
	f.AskBank = f.Values.Get("bank") != ""
	return f
}

// ownForm is the form of the page at the request's own path.
func (v *visit) ownForm() form { return v.form(formPage(v.r.URL.Path)) }

// newKey is an idempotency key, in the order of time (switch/api/openapi.yaml).
func newKey() string { return uuid.Must(uuid.NewV7()).String() }

// key is that of the form that was sent.
func (v *visit) key() string { return v.r.PostForm.Get("key") }

// field is a field of the form that was sent.
func (v *visit) field(name string) string { return v.r.PostForm.Get(name) }

// withCode adds the code's part, whose clocks are the switch's: so a page that is
// loaded again goes on counting.
func (v *visit) withCode(f *form, p client.Purpose) error {
	f.Code.Action, f.Code.Key = f.Action+"/code", newKey()
	clocks, err := desk.Ask[client.CodeClocks](v.Switch.GetCodes(v.r.Context(),
		&client.GetCodesParams{Purpose: p, FollowerChannel: v.Channel, FollowerSubject: v.Subject}))
	f.Code.Again, f.Code.Valid = clocks.AgainSeconds, clocks.ValidSeconds
	if f.Code.Valid == 0 { // used, void or too old
		f.Code.Typed = ""
	}
	return err
}

func (v *visit) choices() (client.Choices, error) {
	return desk.Ask[client.Choices](v.Switch.ListChoices(v.r.Context()))
}

// wrong writes into the form why it was not carried out. Unheard says that a repeat
// of the key learns the end: then all that was typed stays too. The key stays also
// where it was used for nothing, as far as this try knows: one before may be under way.
func (v *visit) wrong(f *form, err error) (status int, unheard bool) {
	p, ok := desk.Refused(err)
	switch {
	case !ok && unsent(err):
		f.Key, f.Alert = v.key(), textUnsent
		return http.StatusServiceUnavailable, false
	case !ok || p.Retry == client.ProblemRetrySameKey:
		f.Key, f.Values, f.Alert = v.key(), v.r.PostForm, textUnheard
		return http.StatusGatewayTimeout, true
	case p.Code == "not-following" && v.cameBack():
		f.Alert = textUnsent
		return http.StatusServiceUnavailable, false
	case p.Code == "idempotency-key-reused":
		f.Alert = textReused
		return p.Status, false
	}
	if p.Retry == client.ProblemRetryLater && p.Id == "" {
		f.Key = v.key()
	}
	f.Alert, f.Wrong = p.Text, fieldOf[p.Code]
	f.AskBank = f.AskBank || f.Wrong == "bank"
	return p.Status, false
}

// cameBack tells the switch of a follower whose coming it may have missed, and
// reports whether the next try is one of somebody who follows.
func (v *visit) cameBack() bool {
	followed, err := v.follows(v.r.Context(), v.Subject)
	return err == nil && followed
}

// refusedForm answers a form that was not carried out: with the form again, or
// with what must be done first.
func (v *visit) refusedForm(err error, f form, show func(status int, f form)) {
	if v.led(err) {
		return
	}
	v.Log.Info().Err(err).Str("form", name(v.r.Pattern)).Msg("a form was not carried out")
	status, unheard := v.wrong(&f, err)
	if unheard {
		v.show(status, "unheard", titleUnheard, f)
		return
	}
	if f.Wrong != "code" {
		f.Code.Typed = v.field("code")
	}
	show(status, f)
}

// Unheard are the fields that a repeat needs besides its key: the page that has
// them asks the switch for nothing, which may be away.
func (f form) Unheard() url.Values {
	again := maps.Clone(f.Values)
	for _, name := range []string{"csrf", "key", "to"} {
		delete(again, name)
	}
	return again
}

// askCode has a code sent, for the account in the form, and shows the form again.
func (v *visit) askCode(p client.Purpose, f form, show func(status int, f form)) {
	text, err := v.sendCode(p)
	if v.led(err) {
		return
	}
	if err := v.withCode(&f, p); err != nil {
		v.failed(err)
		return
	}
	status := http.StatusOK
	f.Code.Said = text
	if err != nil {
		key := f.Key // of the form, which was not sent
		status, _ = v.wrong(&f, err)
		if f.Key != key { // the same code is to be asked for again
			f.Key, f.Code.Key = key, v.field("code_key")
		}
	}
	show(status, f)
}

func (v *visit) sendCode(p client.Purpose) (text string, err error) {
	end, err := desk.Ask[client.Ended](v.Switch.SendCode(v.r.Context(),
		&client.SendCodeParams{FollowerChannel: v.Channel, FollowerSubject: v.Subject, IdempotencyKey: v.field("code_key")},
		client.CodeRequest{Purpose: p, Account: v.field("account"), Bank: v.field("bank")}))
	return end.Text, err
}
