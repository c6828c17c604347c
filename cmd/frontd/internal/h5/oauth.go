package h5

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"wxswitch/cmd/frontd/internal/desk"
	"wxswitch/switch/api/client"
)

// errand is what a browser is sent to the platform for, before anybody is known.
// Each has a cookie of its own, so that pages that are asked for at once do not take
// one another's.
type errand struct {
	State string `json:"s"`
	To    string `json:"t"`
	At    int64  `json:"a"` // Unix seconds
}

const (
	stateName   = "oauth-state/"
	stateLife   = 10 * time.Minute
	maxErrands  = 5 // of one browser: tabs that are opened at once
	errandGrace = time.Minute
)

// returns are the pages to which one may be led back.
var returns = regexp.MustCompile(`^/h5/(authenticate(/again)?|settings|login|deregister|security|security/reset/(login|payment)|accounts|accounts/edit|accounts/add|branches|merchants|` +
	`accounts/[A-Za-z0-9_-]{22}/(details|remove)|branches/[A-Za-z0-9._-]{1,64}(/visit)?)$`)

// IsPage reports whether a menu or a message may lead to the path.
func IsPage(path string) bool { return path == "/h5/terms" || returns.MatchString(path) }

func returnPath(path, otherwise string) string {
	if returns.MatchString(path) {
		return path
	}
	return otherwise
}

// onward is the path, and after it where the request's page was to lead on to.
func onward(path string, r *http.Request) string {
	if to := returnPath(r.FormValue("to"), ""); to != "" {
		return path + "?to=" + to
	}
	return path
}

// identify sends a browser that nobody knows to the platform. It keeps nothing but
// in the browser: whoever asks for pages could fill anything else.
func (s *Site) identify(w http.ResponseWriter, r *http.Request) {
	now := s.Now()
	e := errand{fmt.Sprintf("%016x", now.UnixNano()) + random(), onward(returnPath(r.URL.Path, "/h5/accounts"), r), now.Unix()}
	s.forgetErrands(w, r)
	name, path := s.errandCookie(e.State)
	s.put(w, name, path, s.sealer.seal(name, e), stateLife)
	http.Redirect(w, r, s.authorizeURL(e.State), http.StatusFound)
}

// states begin with the time, so that the names of their cookies are in its order.
var states = regexp.MustCompile(`^[0-9a-f]{48}$`)

func (s *Site) errandCookie(state string) (name, path string) {
	return s.hosted(visitCookie + "-" + state[:24])
}

// forgetErrands leaves room for one more: the oldest go.
func (s *Site) forgetErrands(w http.ResponseWriter, r *http.Request) {
	prefix, path := s.hosted(visitCookie + "-")
	var names []string
	for _, c := range r.Cookies() {
		if strings.HasPrefix(c.Name, prefix) {
			names = append(names, c.Name)
		}
	}
	slices.Sort(names)
	for _, name := range names[:max(0, len(names)-maxErrands+1)] {
		s.put(w, name, path, "", -time.Second)
	}
}

// authorizeURL asks for the openid alone, which asks the follower nothing. The
// platform wants the parameters in this order.
func (s *Site) authorizeURL(state string) string {
	return s.Authorize + "?appid=" + url.QueryEscape(s.AppID) + "&redirect_uri=" + url.QueryEscape(s.Public+"/h5/oauth") +
		"&response_type=code&scope=snsapi_base&state=" + state + "#wechat_redirect"
}

// oauth takes the code that the platform sent the browser back with. An openid
// in the address is not looked at.
func (s *Site) oauth(w http.ResponseWriter, r *http.Request) {
	e, ours := s.errandOf(r)
	if !ours {
		s.notice(w, http.StatusBadRequest, notices.stale, "")
		return
	}
	openID, snapshot, err := s.Platform.Identify(r.Context(), r.FormValue("code"))
	x, known := s.read(r)
	switch {
	case err != nil && known: // loaded twice: a code is good once
		http.Redirect(w, r, e.To, http.StatusSeeOther)
		return
	case err != nil || openID == "":
		s.Log.Warn().Err(err).Msg("a code was not exchanged")
		s.notice(w, http.StatusBadGateway, notices.unidentified, e.To)
		return
	case snapshot:
		s.notice(w, http.StatusForbidden, notices.snapshot, "")
		return
	}
	first, err := s.first(r.Context(), e.State)
	followed := false
	if err == nil && first {
		followed, err = s.follows(r.Context(), openID)
	}
	switch {
	case err != nil:
		s.Log.Warn().Err(err).Msg("an identity was not taken up")
		s.notice(w, http.StatusServiceUnavailable, notices.busy, e.To)
	case !first:
		s.notice(w, http.StatusBadRequest, notices.stale, "")
	case !followed:
		s.notice(w, http.StatusForbidden, notices.stranger, "")
	default:
		if !known || x.Subject != openID { // else it is what another page began, whose form is open
			s.begin(w, session{Subject: openID})
		}
		http.Redirect(w, r, e.To, http.StatusSeeOther)
	}
}

// errandOf is what the state stands for; ours is false for a browser that was not
// sent with it, or too long ago.
func (s *Site) errandOf(r *http.Request) (e errand, ours bool) {
	state := r.FormValue("state")
	if !states.MatchString(state) {
		return e, false
	}
	name, _ := s.errandCookie(state)
	ours = s.unseal(r, name, &e) && e.State == state && s.Now().Sub(time.Unix(e.At, 0)).Abs() < stateLife
	return e, ours
}

// first reports whether the state is served for the first time, at any instance.
func (s *Site) first(ctx context.Context, state string) (bool, error) {
	kept, err := desk.Ask[client.KeptFirst](s.Switch.PutKeptOnce(ctx, &client.PutKeptOnceParams{Seconds: int((stateLife + errandGrace) / time.Second)},
		client.KeptValue{Name: stateName + state, Value: "served"}))
	return kept.First, err
}

// follows asks the switch, which is told of those who come and go, and the
// platform about those whom the switch has never seen.
func (s *Site) follows(ctx context.Context, openID string) (bool, error) {
	c, err := s.customer(ctx, openID)
	if err != nil || c.Followed {
		return c.Followed, err
	}
	at := s.Now().Unix() // of the question: who leaves after it is told of by a later word
	followed, err := s.Platform.Follows(ctx, openID)
	if err != nil || !followed {
		return false, err
	}
	_, err = desk.Ask[client.Ended](s.Switch.Follow(ctx,
		&client.FollowParams{FollowerChannel: s.Channel, FollowerSubject: openID, IdempotencyKey: newKey(), At: at}))
	return err == nil, err
}

func (s *Site) customer(ctx context.Context, openID string) (client.CustomerView, error) {
	return desk.Ask[client.CustomerView](s.Switch.GetCustomer(ctx, &client.GetCustomerParams{FollowerChannel: s.Channel, FollowerSubject: openID}))
}

// customer is where the visitor stands. The switch may have missed that one who had
// left came back: until it hears of it, it tells the follower nothing.
func (v *visit) customer(ctx context.Context, openID string) (client.CustomerView, error) {
	c, err := v.Site.customer(ctx, openID)
	if err == nil && !c.Followed {
		c.Followed = v.cameBack()
	}
	return c, err
}
