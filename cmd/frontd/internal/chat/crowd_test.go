package chat_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"wxswitch/cmd/frontd/internal/callback"
	"wxswitch/cmd/frontd/internal/callback/callbacktest"
	"wxswitch/cmd/internal/crowdtest"
	"wxswitch/cmd/internal/world"
	"wxswitch/cmd/internal/world/worldtest"
	"wxswitch/switch/api/client"
)

const (
	crowdTime = 3 * time.Minute // for all of it
	thinking  = 8 * time.Second // at most, before a message
)

// crowd is followers who chat with two instances over HTTP, encrypted.
type crowd struct {
	platform callbacktest.Platform
	http     *http.Client
	doors    [2]string
	c        *client.ClientWithResponses
	answers  crowdtest.Answers
}

func newCrowd(t *testing.T) *crowd {
	t.Helper()
	w := worldtest.Start(t, world.Options{Dir: crowdtest.Dir(t)})
	k := &crowd{http: crowdtest.Client(), platform: callbacktest.Platform{
		Account: "gh_7f083739789a", AppID: "wx2c2769f8efd9abc2", Token: "spamtest", AESKey: "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", Now: time.Now(),
	}}
	for i := range k.doors {
		c, err := client.NewClientWithResponses(w.URL(), client.WithHTTPClient(crowdtest.Client()), client.WithRequestEditorFn(client.Bearer(w.Token)))
		if err != nil {
			t.Fatal(err)
		}
		k.c = c
		h, err := callback.New(callback.Options{
			Account: k.platform.Account, AppID: k.platform.AppID, Token: callback.Secret(k.platform.Token), AESKey: callback.Secret(k.platform.AESKey),
			Answerer: newChat(c),
		})
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		k.doors[i] = s.URL
	}
	return k
}

var errBusy = errors.New("busy")

// say delivers a message at an instance, wants the answer, and takes the time. An
// event that is not taken is busy, too: the platform would deliver it again.
func (k *crowd) say(ctx context.Context, door int, xml string, right func(answer string) bool) error {
	begun := time.Now()
	got, err := k.platform.Post(ctx, k.http, k.doors[door%2], xml)
	isBusy := got == busy || err != nil && strings.HasSuffix(err.Error(), " 503")
	k.answers.Note(time.Since(begun), isBusy)
	switch {
	case isBusy:
		return errBusy
	case err != nil:
		return err
	case !right(got):
		return fmt.Errorf("answered %q", got)
	}
	return nil
}

// twice delivers a message at both instances at once.
func (k *crowd) twice(ctx context.Context, xml string, right func(answer string) bool) error {
	other := make(chan error, 1)
	go func() { other <- k.say(ctx, 0, xml, right) }()
	err, err2 := k.say(ctx, 1, xml, right), <-other
	if err == nil || errors.Is(err, errBusy) && err2 != nil { // what is wrong goes before what is busy
		return err2
	}
	return err
}

func is(want string) func(string) bool { return func(got string) bool { return letters(got) == want } }

// holds wants every part in order.
func holds(parts []string) func(string) bool {
	return func(got string) bool {
		for _, p := range parts {
			var found bool
			if _, got, found = strings.Cut(got, p); !found {
				return false
			}
		}
		return true
	}
}

// near is what an answer must hold for one who stands there, as the switch has it.
func (k *crowd) near(ctx context.Context, kind client.LocationKind, lat string) (parts []string, err error) {
	r, err := k.c.FindNearestWithResponse(ctx, &client.FindNearestParams{Limit: 5}, client.Location{Kind: kind, Latitude: lat, Longitude: "87.617733"})
	if err != nil {
		return nil, err
	}
	if r.JSON200 == nil {
		return nil, fmt.Errorf("nearest: %d", r.StatusCode())
	}
	for _, p := range r.JSON200.Places {
		far := fmt.Sprintf(" %d米", p.Metres)
		if p.Metres >= 1000 {
			far = fmt.Sprintf(" %.1f公里", float64(p.Metres)/1000)
		}
		if p.Branch != nil {
			parts = append(parts, p.Branch.Id+`">`+p.Branch.Name+"</a>"+far+"\n")
		} else {
			parts = append(parts, p.Merchant.Name+far+"\n", p.Merchant.Offer)
		}
	}
	return parts, nil
}

// follower i stands where nobody else does, and says all there is to say, at
// the instances in turn. Who is asked to try later does, and later each time.
func (k *crowd) follower(ctx context.Context, i int) error {
	p, who, lat := k.platform, fmt.Sprintf("openid-%d", i), fmt.Sprintf("%.6f", 43.79+float64(i)*0.0001)
	time.Sleep(rand.N(thinking))
	branches, err := k.near(ctx, client.LocationKindBranches, lat)
	if err != nil {
		return err
	}
	merchants, err := k.near(ctx, client.LocationKindMerchants, lat)
	if err != nil {
		return err
	}
	steps := []func(id string) error{
		func(string) error {
			return k.say(ctx, i, p.Event(who, "subscribe", ""), holds([]string{"欢迎关注"}))
		},
		func(id string) error {
			return k.say(ctx, i+1, p.Text(who, id, "ＺＸ"), is("您好，注销请点击这里"))
		},
		func(id string) error { return k.say(ctx, i, p.Text(who, id, "1"), is(sendPlace)) },
		func(id string) error { return k.say(ctx, i+1, p.Location(who, id, lat, "87.617733"), is(choose)) },
		func(id string) error { return k.twice(ctx, p.Text(who, id, "1"), holds(branches)) },
		func(id string) error { return k.twice(ctx, p.Text(who, id, "【2】"), holds(merchants)) },
		func(string) error {
			return k.say(ctx, i, p.Click(who, "accounts"), is("账户余额、明细请点击这里"))
		},
		func(string) error { return k.say(ctx, i+1, p.Event(who, "unsubscribe", ""), is("")) },
	}
	for n, step := range steps {
		err := errBusy
		for try := 0; errors.Is(err, errBusy) && ctx.Err() == nil; try++ {
			time.Sleep(rand.N(thinking << min(try, 3)))
			err = step(fmt.Sprint(n, "-", try))
		}
		if err != nil {
			return fmt.Errorf("follower %d, step %d: %w", i, n, err)
		}
	}
	return nil
}

// 200 followers at once, each message at one of two instances: each gets its own
// right answers, and both deliveries of a message the same.
func TestACrowdGetsEachItsOwnAnswer(t *testing.T) {
	k := newCrowd(t)
	ctx, stop := context.WithTimeout(t.Context(), crowdTime)
	defer stop()
	errs := make([]error, crowdtest.Size)
	var all sync.WaitGroup
	for i := range crowdtest.Size {
		all.Go(func() { errs[i] = k.follower(ctx, i) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	k.answers.Judge(t)
}
