package h5

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"wxswitch/switch/api/client"
)

// visitor is a browser before anybody is known.
type visitor struct {
	ID string `json:"i"`
}

// errand is what a state stands for; it is kept at the switch.
type errand struct {
	Visitor string `json:"v"`
	To      string `json:"t"`
}

const (
	stateName = "oauth-state/"
	stateLife = 10 * time.Minute
)

// returns are the pages to which one may be led back.
var returns = regexp.MustCompile(`^/h5/(authenticate|settings|login|deregister|security|security/reset|accounts|accounts/edit|accounts/add|branches|merchants|` +
	`accounts/[A-Za-z0-9_-]{22}/(details|remove)|branches/[A-Za-z0-9._-]{1,64}(/visit)?)$`)

func returnPath(path, otherwise string) string {
	if returns.MatchString(path) {
		return path
	}
	return otherwise
}

// identify sends a browser that nobody knows to the platform.
func (s *Site) identify(w http.ResponseWriter, r *http.Request) {
	var v visitor
	if !s.unseal(r, visitCookie, &v) {
		v.ID = random()
	}
	state := random()
	value, _ := json.Marshal(errand{v.ID, returnPath(r.URL.Path, "/h5/accounts")})
	err := s.keep(r.Context(), stateName+state, string(value), stateLife)
	if err != nil {
		s.broken(w, r, err)
		return
	}
	s.put(w, visitCookie, root, s.sealer.seal(visitCookie, v), visitLife)
	http.Redirect(w, r, s.authorizeURL(state), http.StatusFound)
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
	to, ok, err := s.errandOf(r)
	switch {
	case err != nil:
		s.broken(w, r, err)
		return
	case !ok:
		s.notice(w, r, http.StatusBadRequest, notices.stale, "")
		return
	}
	openID, snapshot, err := s.Platform.Identify(r.Context(), r.FormValue("code"))
	switch {
	case err != nil || openID == "":
		s.Log.Warn().Err(err).Msg("a code was not exchanged")
		s.notice(w, r, http.StatusBadGateway, notices.unidentified, to)
		return
	case snapshot:
		s.notice(w, r, http.StatusForbidden, notices.snapshot, "")
		return
	}
	followed, err := s.follows(r.Context(), openID)
	switch {
	case err != nil:
		s.broken(w, r, err)
		return
	case !followed:
		s.notice(w, r, http.StatusForbidden, notices.stranger, "")
		return
	}
	s.begin(w, session{Subject: openID})
	http.Redirect(w, r, to, http.StatusSeeOther)
}

var stateShape = regexp.MustCompile(`^[0-9a-f]{32}$`)

// errandOf takes the state; of two that show the same one is served, and a
// browser that was not sent with it is not.
func (s *Site) errandOf(r *http.Request) (to string, ok bool, err error) {
	state := r.FormValue("state")
	var v visitor
	if !s.unseal(r, visitCookie, &v) || !stateShape.MatchString(state) {
		return "", false, nil
	}
	a, err := s.Switch.TakeKeptWithResponse(r.Context(), client.KeptName{Name: stateName + state})
	if err != nil {
		return "", false, err
	}
	kept, err := heard(a.JSON200, a.ApplicationproblemJSONDefault)
	if err != nil {
		return "", false, err
	}
	var e errand
	ours := kept.Found && json.Unmarshal([]byte(kept.Value), &e) == nil && e.Visitor == v.ID
	return e.To, ours, nil
}

// follows asks the switch, which is told of those who come and go, and the
// platform about those whom the switch has never seen.
func (s *Site) follows(ctx context.Context, openID string) (bool, error) {
	c, err := s.customer(ctx, openID)
	if err != nil || c.Followed {
		return c.Followed, err
	}
	followed, err := s.Platform.Follows(ctx, openID)
	if err != nil || !followed {
		return false, err
	}
	a, err := s.Switch.FollowWithResponse(ctx, &client.FollowParams{FollowerChannel: s.Channel, FollowerSubject: openID, IdempotencyKey: newKey()})
	if err != nil {
		return false, err
	}
	_, err = heard(a.JSON200, a.ApplicationproblemJSONDefault)
	return err == nil, err
}

func (s *Site) customer(ctx context.Context, openID string) (client.CustomerView, error) {
	a, err := s.Switch.GetCustomerWithResponse(ctx, &client.GetCustomerParams{FollowerChannel: s.Channel, FollowerSubject: openID})
	if err != nil {
		return client.CustomerView{}, err
	}
	return heard(a.JSON200, a.ApplicationproblemJSONDefault)
}

func (s *Site) keep(ctx context.Context, name, value string, life time.Duration) error {
	a, err := s.Switch.PutKeptWithResponse(ctx, &client.PutKeptParams{Seconds: int(life / time.Second)}, client.KeptValue{Name: name, Value: value})
	if err != nil {
		return err
	}
	_, err = heard(a.JSON200, a.ApplicationproblemJSONDefault)
	return err
}
