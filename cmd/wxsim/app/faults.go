package app

import (
	"errors"
	"maps"
	"net/http"
)

// Faults is what goes wrong, as a phone's switches show it. Blocked and Snapshot
// are of the phone that looks, the others of all. Limited is no switch, but what is
// left behind by 45009: only a message that is taken ends it, or the next day.
type Faults struct {
	Front       string            `json:"front"`         // ok, slow, silent
	Code        int               `json:"errcode"`       // that the platform's API answers,
	Count       int               `json:"errcode_count"` // so many times more
	Quota       bool              `json:"quota"`         // no template message is left today
	Undelivered bool              `json:"undelivered"`   // template messages end with failed: system failed
	Blocked     bool              `json:"blocked"`       // the follower takes no template messages
	Snapshot    bool              `json:"snapshot"`      // web authorisation gives a virtual user
	Bank        map[string]string `json:"bank"`          // ok, decline, delay, silence, late, down, by bank
	Limited     bool              `json:"limited"`       // who sends messages has been told 45009 today
}

// The front's faults, played where its answers come in.
const (
	frontOK     = "ok"
	frontSlow   = "slow"   // the answer to the first delivery comes too late
	frontSilent = "silent" // no answer comes
)

// faultsBody changes the faults that it names.
type faultsBody struct {
	Front       *string           `json:"front"`
	Code        *int              `json:"errcode"`
	Count       *int              `json:"errcode_count"`
	Quota       *bool             `json:"quota"`
	Undelivered *bool             `json:"undelivered"`
	Blocked     *bool             `json:"blocked"`
	Snapshot    *bool             `json:"snapshot"`
	Bank        map[string]string `json:"bank"`
	// ExpireTokens ends every access token at once.
	ExpireTokens bool `json:"expire_tokens"`
}

func (b *faultsBody) check(s *Sim) error {
	if b.Front != nil && *b.Front != frontOK && *b.Front != frontSlow && *b.Front != frontSilent {
		return errors.New("front: ok, slow, silent")
	}
	if b.Count != nil && (*b.Count < 0 || *b.Count > 1000) {
		return errors.New("errcode_count: 0 to 1000")
	}
	for id, kind := range b.Bank {
		if _, known := lasting[kind]; s.bank(id) == nil || !known {
			return errors.New("bank: its id, and ok, decline, delay, silence, late or down")
		}
	}
	return nil
}

func (s *Sim) setFaults(r *http.Request, me string, b faultsBody) error {
	if err := b.check(s); err != nil {
		return err
	}
	var errs []error
	for id, kind := range b.Bank {
		errs = append(errs, s.setBankFault(r.Context(), s.bank(id), kind, lasting[kind]))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b.apply(s, s.phone(me))
	s.hub.publish("", refetch)
	return errors.Join(errs...)
}

// apply sets what is named. s.mu is held.
func (b *faultsBody) apply(s *Sim, f *follower) {
	set(&s.faults.Front, b.Front)
	set(&s.faults.Quota, b.Quota)
	set(&s.faults.Undelivered, b.Undelivered)
	set(&f.blocked, b.Blocked)
	set(&f.snapshot, b.Snapshot)
	if b.Code != nil {
		s.faults.Code, s.faults.Count = *b.Code, 1
	}
	set(&s.faults.Count, b.Count)
	if s.faults.Code == 0 || s.faults.Count == 0 {
		s.faults.Code, s.faults.Count = 0, 0
	}
	if b.ExpireTokens {
		for token := range maps.Keys(s.tokens) {
			s.tokens[token] = s.now().Add(-1)
		}
	}
}

func set[T any](v *T, to *T) {
	if to != nil {
		*v = *to
	}
}
