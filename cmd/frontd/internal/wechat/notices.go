package wechat

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"wxswitch/switch/api/client"
	"wxswitch/switch/api/frontapi"
)

// Sender is the platform to Notices: a *WeChat.
type Sender interface {
	SendTemplate(ctx context.Context, t Template) (msgID string, err error)
	SendText(ctx context.Context, openID, text string) error
	Follows(ctx context.Context, openID string) (bool, error)
}

// Deliveries is told which notice a message is of, for the event that says whether
// it arrived.
type Deliveries interface {
	Sent(ctx context.Context, msgID, noticeID string) error
}

// NoticeOptions are what Notices are made of; all are required but Rules, Limit,
// Now and Registerer.
type NoticeOptions struct {
	Sender     Sender
	Deliveries Deliveries
	Switch     *client.ClientWithResponses
	// Channel is the one whose notices are told.
	Channel string
	// Public is the pages' address as phones reach it, without a slash at the end.
	Public string
	// Token is the switch's.
	Token Secret
	Rules Rules
	// Limit is until a notice is answered; default 4.5 s, as the switch waits 5.
	Limit      time.Duration
	Now        func() time.Time
	Log        zerolog.Logger
	Registerer prometheus.Registerer
}

// Notices takes from the switch what followers must be told (frontapi).
type Notices struct {
	NoticeOptions
	token [sha256.Size]byte
	banks *bankNames
	told  *prometheus.CounterVec
}

// NewNotices returns Notices.
func NewNotices(o NoticeOptions) (*Notices, error) {
	if o.Sender == nil || o.Deliveries == nil || o.Switch == nil || o.Channel == "" || o.Public == "" {
		return nil, errors.New("wechat: notices need a sender, deliveries, a switch, a channel and a public address")
	}
	err := errors.Join(o.Rules.Check("notices", func(key, reason string) error { return fmt.Errorf("%s: %s", key, reason) })...)
	if err != nil {
		return nil, err
	}
	if !IsToken(o.Token.Reveal()) {
		return nil, errors.New("wechat: notices need the switch's token, of at least 32 characters")
	}
	o.Limit = cmp.Or(o.Limit, 4500*time.Millisecond)
	if o.Now == nil {
		o.Now = time.Now
	}
	n := &Notices{NoticeOptions: o, token: sha256.Sum256([]byte(o.Token)), banks: newBankNames(o.Switch, o.Now)}
	n.Token = "" // the hash will do
	n.told = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "frontd_notices_total", Help: "Notices by kind and how they ended: template, text, before, or why not.",
	}, []string{"kind", "end"})
	if o.Registerer != nil {
		o.Registerer.MustRegister(n.told)
	}
	return n, nil
}

// end is how a notice ended: its Action, and the way by which it was told.
type end struct {
	action Action
	way    string // template, text, before; empty if it was not told
	tried  string // the way by which it was perhaps told
	err    error
}

// The ways.
const (
	wayTemplate = "template"
	wayText     = "text"
	wayBefore   = "before"
	waiting     = Action("waiting") // another is telling it
)

// SendNotice implements frontapi.StrictServerInterface.
//
// It goes on when the switch hangs up, so that what the platform took is written
// down, and ends within Limit: the first fifth is for the question whether it was
// told, three for the platform, and what is left for what must be remembered.
func (n *Notices) SendNotice(ctx context.Context, request frontapi.SendNoticeRequestObject) (frontapi.SendNoticeResponseObject, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.Limit)
	defer cancel()
	notice := *request.Body
	if rule := n.refuses(notice); rule != "" {
		n.count(notice, "refused")
		return never("notice-invalid", rule), nil
	}
	e := n.tell(ctx, notice)
	n.note(notice, e)
	return n.answer(notice.Id, e), nil
}

func (n *Notices) refuses(notice frontapi.Notice) (rule string) {
	switch {
	case notice.Id == "" || len(notice.Id) > 128 || notice.Round < 1:
		return "id and round"
	case notice.Channel != n.Channel:
		return "not a channel of this front"
	case notice.Subject == "" || len(notice.Subject) > 256:
		return "subject"
	}
	return ""
}

// tell tells a notice once.
func (n *Notices) tell(ctx context.Context, notice frontapi.Notice) end {
	name := fmt.Sprintf("notice/%s/%d", notice.Id, notice.Round)
	claim, before, tried, err := n.claim(ctx, name)
	msgID, told := toldAs(before)
	switch {
	case err != nil:
		return end{action: Again, err: fmt.Errorf("memory: %w", err)}
	case told:
		n.report(ctx, msgID, notice.Id)
		return end{way: wayBefore}
	case before != "":
		return end{action: waiting}
	}
	e, msgID := n.send(ctx, notice, tried)
	switch {
	case e.way != "":
		n.remember(ctx, name, msgID, notice.Id)
	case e.tried != "":
		n.keepTried(ctx, name, e.tried)
		if claim != name {
			n.release(ctx, claim)
		}
	default:
		n.release(ctx, claim)
	}
	return e
}

// send tries one way after the other, while the platform says that another may do;
// first the one that was tried before and not answered.
func (n *Notices) send(ctx context.Context, notice frontapi.Notice, tried string) (e end, msgID string) {
	ctx, cancel := context.WithTimeout(ctx, n.Limit/5*3)
	defer cancel()
	rule := n.Rules[notice.Kind] // where there is none, its text
	e = end{action: Never, tried: tried, err: errNoWay}
	for _, way := range first(rule.ways(notice.Kind), tried) {
		msgID, err := n.by(ctx, way, rule, notice)
		r := remedyOf(err)
		if r.action == None {
			return end{way: way}, msgID
		}
		// What may be mended is more than what may not, and a day that must end more than
		// a kind of message that the account has not.
		if e.action == Never || r.action != Never && (e.action != Tomorrow || !r.elsewhere) {
			e.action, e.err = r.action, err
		}
		if perhapsTold(err) {
			e.tried = way
		}
		if !r.elsewhere {
			break
		}
	}
	if n.left(ctx, notice.Subject, e.err) {
		e.action = Gone
	}
	return e, ""
}

// left asks whether the follower still follows, where the platform has one code for
// who left and who was silent for long.
func (n *Notices) left(ctx context.Context, openID string, err error) bool {
	var e *Error
	if !errors.As(err, &e) || e.Code != codeWindow {
		return false
	}
	follows, err := n.Sender.Follows(ctx, openID)
	return err == nil && !follows
}

// first puts the way first, if it is one of them.
func first(ways []string, way string) []string {
	if i := slices.Index(ways, way); i > 0 {
		return slices.Insert(slices.Delete(ways, i, i+1), 0, way)
	}
	return ways
}

var errNoWay = errors.New("the notice has no text, and its kind no template")

// ways are in the order in which they are tried. A movement is told by template,
// whoever wrote when: of all else the text, whole and free of the template's
// quota, is better, where it may be sent.
func (r Rule) ways(kind string) []string {
	switch {
	case r.Template == "":
		return []string{wayText}
	case !r.Text:
		return []string{wayTemplate}
	case kind == kindMovement:
		return []string{wayTemplate, wayText}
	}
	return []string{wayText, wayTemplate}
}

func (n *Notices) by(ctx context.Context, way string, rule Rule, notice frontapi.Notice) (msgID string, err error) {
	if way == wayText {
		if notice.Text == "" {
			return "", &FieldError{"text", "there is none"}
		}
		return "", n.Sender.SendText(ctx, notice.Subject, harmless(notice.Text))
	}
	f := facts{notice, n.banks.of(ctx, notice.Data["bank"])}
	return n.Sender.SendTemplate(ctx, Template{
		To: notice.Subject, ID: rule.Template, URL: rule.link(n.Public),
		ClientMsgID: clientMsgID(notice), Fields: f.fields(rule),
	})
}

// clientMsgID is the same for every sending of a round.
func clientMsgID(notice frontapi.Notice) string {
	sum := sha256.Sum256([]byte(notice.Id + "/" + strconv.Itoa(notice.Round)))
	return hex.EncodeToString(sum[:16])
}

func (n *Notices) note(notice frontapi.Notice, e end) {
	what := e.way
	if what == "" {
		what = string(e.action)
	}
	n.count(notice, what)
	level := zerolog.InfoLevel
	if e.err != nil {
		level = zerolog.WarnLevel
	}
	n.Log.WithLevel(level).Err(e.err).Str("notice", notice.Id).Int("round", notice.Round).Str("kind", notice.Kind).Str("end", what).Msg("notice")
}

func (n *Notices) count(notice frontapi.Notice, end string) {
	kind := notice.Kind
	if _, known := kinds[kind]; !known {
		kind = "other"
	}
	n.told.WithLabelValues(kind, end).Inc()
}
