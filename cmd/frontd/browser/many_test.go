package browser

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"wxswitch/cmd/internal/crowdtest"
	"wxswitch/cmd/internal/stage"
	wxsim "wxswitch/cmd/wxsim/app"
	"wxswitch/codec"
)

// Two instances answer in turn, and one is killed while it waits for a bank: the
// page says so, its second tap learns the end from the other, and the whole story
// goes on.
func TestTwoFrontsOneKilled(t *testing.T) {
	p := own(t, stage.Options{Fronts: 2}).phone()
	p.form(bankA)
	p.page.tick("#notices")
	p.code()
	p.sends()
	p.page.ends("approved", textAuthenticated)
	p.settled(theirLogin, theirPay).loggedIn(theirLogin)
	p.page.waits("[data-shown] [data-balance=approved]", money(p.At(bankA).Accounts[0].Balance))
	p.attachment(bankB)
	p.slow(bankB, codec.Attach)
	p.asks(bankB, codec.Attach, 1, func() {
		p.sends()
		p.until(func() string {
			if p.asked(bankB, codec.Attach) == 0 {
				return "the bank was not asked"
			}
			return ""
		})
		limit, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		dead, err := p.AwaitBusy(limit)
		must(t, err)
		p.Kill(dead)
		p.page.alerts(textOffline)
		p.sends()
		p.page.ends("approved", "加挂成功")
	})
	p.accounts()
	p.page.waits(".line [data-balance=approved]", money(p.At(bankB).Accounts[0].Balance))
	p.home()
	p.heard = p.last()
	p.moves(bankA, true, 3250, "消费")
	p.told("32.50", p.tail(bankA))
	p.asks(bankA, codec.Deregister, 1, func() {
		p.deregister()
		p.page.ends("approved", textDeregistered)
	})
	p.unregisters(bankA)
	p.unregisters(bankB)
}

const (
	crowdTime = 3 * time.Minute  // at most, on a busy machine; a quiet one takes a minute
	crowdCome = 10 * time.Second // in which all follow
	crowdGap  = 8 * time.Second  // between two things that one says
	crowdLook = 5 * time.Second  // before one looks at its chat: what is asked for is large
)

// crowd is followers who chat at once, by the doors that their phones use.
type crowd struct {
	bed
	http *http.Client
	ends [crowdtest.Size]int64 // the chats' last entries that are known

	answers crowdtest.Answers
	mu      sync.Mutex // guards who is to be asked again
}

// did is what each of the crowd does, in order, and what it must be told.
var did = []struct{ path, body, want string }{
	{"say", `{"text":"注销"}`, `^您好，注销请点击<a href="[^"]*/h5/deregister">这里</a>$`},
	{"say", `{"text":"ＲＺ "}`, `^您好，客户认证请点击<a href="[^"]*/h5/authenticate">这里</a>$`},
	{"locate", `{"place":"%s"}`, `^【1】网点预约、【2】特惠商户$`},
	{"say", `{"text":"１"}`, `^[^\n]*\n[^\n]*%s`},
}

// spots are where they say they are, with the branch that each must be told first.
var spots = []struct{ id, nearest string }{
	{"xinhua", "新华北路支行"}, {"youhao", "友好路支行"}, {"bazaar", "人民路网点"}, {"people", "新华北路支行"},
}

// TestCrowd: 200 followers chat at once, by encrypted callbacks to two instances.
// Every one gets its own right answer, in five seconds; what the front is too busy
// for it says, and is asked again.
func TestCrowd(t *testing.T) {
	limit, cancel := context.WithTimeout(t.Context(), crowdTime)
	defer cancel()
	o := stage.Options{Fronts: 2}
	todo := map[int]int{} // of each follower, the step to begin with
	for i := range crowdtest.Size {
		o.Followers = append(o.Followers, wxsim.Follower{Name: fmt.Sprint("众", i+1), Person: i % 100})
		todo[i] = 0
	}
	o.World.Dir = crowdtest.Dir(t)
	k := &crowd{bed: own(t, o), http: crowdtest.Client()}
	k.follows(limit, todo)
	for len(todo) > 0 {
		k.chat(limit, todo)
		todo = k.check(limit, todo)
	}
	k.answers.Judge(t)
}

// follows has all follow the account, and waits until each has heard something.
func (k *crowd) follows(ctx context.Context, todo map[int]int) {
	k.Helper()
	k.each(todo, func(i int) error {
		k.pause(ctx, time.Duration(i)*crowdCome/crowdtest.Size)
		if _, err := k.ask(ctx, i, "POST", "follow", "{}"); err != nil {
			return err
		}
		_, told, err := k.wait(ctx, i, 1)
		if err == nil {
			k.ends[i] = told[0].ID
		}
		return err
	})
}

// chat has all take the steps that are left to them, one a little after the other.
func (k *crowd) chat(ctx context.Context, todo map[int]int) {
	k.Helper()
	for s := range did {
		k.each(todo, func(i int) error {
			if s < todo[i] {
				return nil
			}
			k.pause(ctx, time.Duration(i)*crowdGap*3/4/crowdtest.Size)
			body := strings.Replace(did[s].body, "%s", spots[i%4].id, 1)
			_, err := k.ask(ctx, i, "POST", did[s].path, body)
			return err
		})
		k.pause(ctx, crowdGap/4)
	}
}

func (k *crowd) pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// check looks at what all were told; it returns who was asked to try later, and the
// step to begin again with.
func (k *crowd) check(ctx context.Context, todo map[int]int) (again map[int]int) {
	k.Helper()
	again = map[int]int{}
	k.each(todo, func(i int) error {
		asked, told, err := k.wait(ctx, i, len(did)-todo[i])
		if err != nil {
			return err
		}
		return k.judge(i, todo[i], asked, told, again)
	})
	return again
}

// wait waits until a follower was told n things.
func (k *crowd) wait(ctx context.Context, i, n int) (asked, told []said, err error) {
	for {
		if k.pause(ctx, crowdLook); ctx.Err() != nil {
			return asked, told, fmt.Errorf("f%d: %d answers to %d", i+1, len(told), len(asked))
		}
		asked, told, err = k.talk(ctx, i)
		if err != nil || len(told) >= n {
			return asked, told, err
		}
	}
}

// judge looks for the right answer to each step; those that ask to try later belong
// to steps without one, in order. The first such step is the one to begin again with.
func (k *crowd) judge(i, step int, asked, told []said, again map[int]int) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ends[i] = told[len(told)-1].ID
	var busy []said
	right := map[int]bool{}
	for _, answer := range told {
		if answer.Text == crowdtest.Busy {
			busy = append(busy, answer)
		}
		for s := step; s < len(did); s++ {
			want := strings.Replace(did[s].want, "%s", spots[i%4].nearest, 1)
			if !right[s] && regexp.MustCompile(want).MatchString(answer.Text) {
				right[s] = true
				k.answers.Note(answer.At.Sub(asked[s-step].At), false)
			}
		}
	}
	for s := step; s < len(did); s++ {
		switch {
		case right[s]:
			continue
		case len(busy) == 0:
			return fmt.Errorf("f%d: after %s %s: %v", i+1, did[s].path, did[s].body, told)
		}
		k.answers.Note(busy[0].At.Sub(asked[s-step].At), true)
		busy = busy[1:]
		if _, known := again[i]; !known {
			again[i] = s
		}
	}
	return nil
}

// said is an entry of a chat.
type said struct {
	ID        int64
	Who, Text string
	At        time.Time
}

// talk returns what a follower did and was told since the last look.
func (k *crowd) talk(ctx context.Context, i int) (asked, told []said, err error) {
	state, err := k.ask(ctx, i, "GET", "state", "")
	if err != nil {
		return nil, nil, err
	}
	_, chat, _ := bytes.Cut(state, []byte(`"chat":`)) // the rest is large, and no concern of ours
	var all []said
	err = json.NewDecoder(bytes.NewReader(chat)).Decode(&all)
	for _, s := range all {
		switch {
		case s.ID <= k.ends[i]:
		case s.Who == "me" || strings.HasPrefix(s.Text, "已关注"):
			asked = append(asked, s)
		default:
			told = append(told, s)
		}
	}
	return asked, told, err
}

// each runs do for all at once.
func (k *crowd) each(todo map[int]int, do func(i int) error) {
	k.Helper()
	errs := make(chan error, len(todo))
	for i := range todo {
		go func() { errs <- do(i) }()
	}
	failed := 0
	for range len(todo) {
		if err := <-errs; err != nil {
			if failed++; failed < 5 {
				k.Error(err)
			}
		}
	}
	if failed > 0 {
		k.Fatalf("%d of %d failed", failed, len(todo))
	}
}

// ask asks a follower's phone.
func (k *crowd) ask(ctx context.Context, i int, method, path, body string) ([]byte, error) {
	_, port, _ := strings.Cut(strings.TrimPrefix(k.URL(), "http://"), ":")
	r, err := http.NewRequestWithContext(ctx, method, "http://127.0.0.1:"+port+"/sim/"+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Host = strings.TrimPrefix(k.Phone(i), "http://")
	r.Header.Set("Content-Type", "application/json")
	a, err := k.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	answer, err := io.ReadAll(a.Body)
	if a.StatusCode != http.StatusOK {
		err = fmt.Errorf("f%d: %s %s: %s", i+1, method, path, a.Status)
	}
	return answer, err
}
