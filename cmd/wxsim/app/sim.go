package app

import (
	"context"
	"crypto/rand"
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Sim is the platform and its phones.
type Sim struct {
	cfg  Config
	now  func() time.Time
	log  zerolog.Logger
	http *http.Client // to the front and the banks
	hub  hub
	tape tape
	crew *crew

	banks []*bank

	mu        sync.Mutex // guards what follows, and never waits for the network
	ids       int64      // of chat events, short messages and messages to the front
	followers []*follower
	openIDs   map[string]*follower // of now
	gone      map[string]bool      // openids that were given up: they follow no more
	menu      []Column
	faults    Faults
	round     int // how often everything was reset
	platform
}

// follower is a person with a phone.
type follower struct {
	id, name  string
	openID    string
	person    int // an index at every bank
	following bool
	blocked   bool // takes no template messages
	snapshot  bool // its web authorisation gives a virtual user
	since     time.Time
	texts     int       // of customer service that it may be sent,
	until     time.Time // until then
	chat      []ChatEvent
	sms       []SMS
	unread    int
}

const (
	keptChat = 200
	keptSMS  = 20
	keptGone = 5000 // openids
)

// newOpenID makes an openid up: 28 characters, as WeChat's.
func newOpenID() string { return "oSim" + rand.Text()[:24] }

// phone returns the follower whose phone it is; nil for none.
func (s *Sim) phone(id string) *follower {
	for _, f := range s.followers {
		if f.id == id {
			return f
		}
	}
	return nil
}

// nextID returns a new number. s.mu is held.
func (s *Sim) nextID() int64 {
	s.ids++
	return s.ids
}

// show puts an entry into a chat. s.mu is held.
func (s *Sim) show(f *follower, e ChatEvent) {
	e.ID, e.At = s.nextID(), s.now()
	if len(f.chat) == keptChat {
		f.chat = append(f.chat[:0], f.chat[1:]...)
	}
	f.chat = append(f.chat, e)
	if !s.hub.publish(f.id, event{"chat", e}) && e.Who == "account" {
		f.unread++
		s.hub.publish("", refetch)
	}
}

// system shows a line of WeChat's own in a chat. s.mu is held.
func (s *Sim) system(f *follower, text string) {
	s.show(f, ChatEvent{Who: "system", Kind: "text", Text: sanitised(text)})
}

// crew does what must not hold a request up. It is bounded: when it has too
// much to do, it takes no more.
type crew struct {
	jobs  chan func(context.Context)
	slots chan struct{}
}

const maxJobs = 2048

func newCrew() *crew {
	return &crew{jobs: make(chan func(context.Context), maxJobs), slots: make(chan struct{}, maxJobs)}
}

// do takes a job, or says that there are too many.
func (c *crew) do(job func(context.Context)) bool {
	select {
	case c.slots <- struct{}{}:
		c.jobs <- job // has room: a job has a slot
		return true
	default:
		return false
	}
}

// run does the jobs until ctx is done, and waits for those under way.
func (c *crew) run(ctx context.Context) error {
	var jobs sync.WaitGroup
	defer jobs.Wait()
	for {
		select {
		case job := <-c.jobs:
			jobs.Go(func() {
				defer func() { <-c.slots }()
				job(ctx)
			})
		case <-ctx.Done():
			return nil
		}
	}
}
