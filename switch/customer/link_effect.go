package customer

import (
	"context"
	"fmt"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

// attachProof is what attachEffect checks.
type attachProof struct {
	session string // its id
	payment verdict
	nonce   string
	code    codec.Secret
}

// Covers is what the customer typed.
func (p attachProof) Covers() string { return p.code.Reveal() + "\x00" + p.payment.covers() }

// attachEffect is 账户加挂 (C3).
type attachEffect struct{ *Store }

// Open checks payment password and code, and stores the link as pending.
func (x attachEffect) Open(ctx context.Context, tx switching.Tx, e *switching.Entry) error {
	if !ours(*e) {
		return nil
	}
	proof, ok := e.Proof.(attachProof)
	if !ok {
		return errNoProof
	}
	c, err := x.byID(ctx, tx, e.Customer)
	if err != nil {
		return err
	}
	ix := x.accountIx(e.Account)
	for _, check := range []func() (switching.Reason, error){
		func() (switching.Reason, error) { return x.mayLink(ctx, tx, &c, proof.session) },
		func() (switching.Reason, error) { return x.mayAdd(ctx, tx, &c, e.Bank, ix) },
		func() (switching.Reason, error) { return x.spend(ctx, tx, proof.nonce) },
		func() (switching.Reason, error) { return x.judge(ctx, tx, &c, proof.payment) },
		func() (switching.Reason, error) {
			return x.useCode(ctx, tx, &c, ForAttach, e.Bank, ix, proof.code, e.ID)
		},
	} {
		if reason, err := check(); err != nil || reason != "" {
			return refusal(reason, err)
		}
	}
	return x.addLink(ctx, tx, link{
		ID: randomID(), Customer: c.ID, Bank: e.Bank, Account: e.Account, Role: Attached, State: linkPending, Entry: e.ID,
	})
}

// mayLink says why the customer may not change its links now, if so.
func (s *Store) mayLink(ctx context.Context, tx switching.Tx, c *row, session string) (switching.Reason, error) {
	switch {
	case c.Frozen:
		return ReasonFrozen, nil
	case c.State == Deregistering:
		return ReasonDeregistering, nil
	case c.State != Authenticated:
		return ReasonNotAuthenticated, nil
	}
	open, err := s.sessionOpen(ctx, tx, session, c.ID)
	if err != nil || !open {
		return ReasonNoSession, err
	}
	return "", nil
}

// mayAdd says why the account cannot be linked, if so.
func (s *Store) mayAdd(ctx context.Context, tx switching.Tx, c *row, bank string, ix []byte) (switching.Reason, error) {
	list, err := s.linksNow(ctx, tx, c.ID)
	if err != nil {
		return "", err
	}
	for _, l := range list {
		if l.Bank == bank && string(l.Ix) == string(ix) {
			return ReasonLinked, nil
		}
	}
	if len(list) >= s.Limits.Links {
		return ReasonLinks, nil
	}
	return "", nil
}

// Close makes the link, or ends it as never made. An approval that finds the
// customer gone is released at the bank.
func (x attachEffect) Close(ctx context.Context, tx switching.Tx, e switching.Entry, o switching.Outcome) ([]switching.Notice, []switching.Advice, error) {
	if !ours(e) {
		return nil, nil, nil
	}
	l, err := x.oneLink(ctx, tx, `entry = $1`, e.ID)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case o == switching.Approved && l.State == linkPending:
		l.State, l.Holder = linkActive, codec.NewSecret(e.End.Reply.Get(codec.FieldHolder))
	case o == switching.Approved:
		return nil, []switching.Advice{releaseOf(e.ID)}, nil
	case l.State != linkPending:
		return nil, nil, nil
	default:
		l.State = linkEnded
	}
	if o == switching.Refused {
		if err := x.giveBackCode(ctx, tx, e.ID); err != nil {
			return nil, nil, err
		}
	}
	if err := x.setLink(ctx, tx, l); err != nil {
		return nil, nil, err
	}
	return nil, nil, x.remember(ctx, tx, l.Customer, attachEvent+string(o), Authenticated, Authenticated, by(e))
}

// attachEvent and the outcome are what the history has of an attach.
const (
	attachEvent    = "attach-"
	attachApproved = attachEvent + string(switching.Approved)
)

// detachProof is what detachEffect checks.
type detachProof struct {
	session string
	link    string
}

// Covers nothing: Request.Asked names the link.
func (detachProof) Covers() string { return "" }

// detachEffect is 账户解挂 (C4).
type detachEffect struct{ *Store }

// Open marks the link as on its way out. Who joins an earlier try finds it so.
func (x detachEffect) Open(ctx context.Context, tx switching.Tx, e *switching.Entry) error {
	if !ours(*e) {
		return nil
	}
	proof, ok := e.Proof.(detachProof)
	if !ok {
		return errNoProof
	}
	c, err := x.byID(ctx, tx, e.Customer)
	if err != nil {
		return err
	}
	if reason, err := x.mayLink(ctx, tx, &c, proof.session); err != nil || reason != "" {
		return refusal(reason, err)
	}
	l, err := x.oneLink(ctx, tx, `id = $1 AND customer = $2`, proof.link, c.ID)
	switch {
	case err != nil:
		return err
	case l.Role == Primary:
		return refusal(ReasonPrimary, nil)
	case !l.active():
		return refusal(ReasonNoLink, nil)
	}
	l.State = linkDetaching
	return x.setLink(ctx, tx, l)
}

// Close ends the link, or lets it stand again; an approval that comes after all ends
// that, too. An end that comes late is told.
func (x detachEffect) Close(ctx context.Context, tx switching.Tx, e switching.Entry, o switching.Outcome) (notices []switching.Notice, _ []switching.Advice, err error) {
	if !ours(e) || o == switching.TimedOut {
		return nil, nil, nil
	}
	l, err := x.linkOf(ctx, tx, e.Customer, e.Bank, x.accountIx(e.Account))
	if err != nil {
		return nil, nil, err
	}
	c, err := x.byID(ctx, tx, e.Customer)
	afterAll := l.State == linkActive && o == switching.Approved
	switch {
	case err != nil:
		return nil, nil, err
	case l.ID == "" && o != switching.Approved:
		releases, err := x.releaseEnded(ctx, tx, &c, e)
		return nil, releases, err
	case l.State != linkDetaching && !afterAll:
		return nil, nil, nil
	}
	state, kind := linkActive, switching.NoticeAttached
	if o == switching.Approved {
		state, kind = linkEnded, switching.NoticeDetached
	}
	if late(e, o) {
		notices = x.tellAccount(&c, l, kind, fmt.Sprintf("%s-%d", kind, e.ID))
	}
	l.State = state
	if err := x.setLink(ctx, tx, l); err != nil {
		return nil, nil, err
	}
	return notices, nil, x.remember(ctx, tx, c.ID, "detach-"+string(o), c.State, c.State, by(e))
}

// releaseEnded releases a link that ended with its customer while its detach was on
// its way, which was to end it at the bank and did not. Of who was superseded none
// is: the registration is the person's.
func (s *Store) releaseEnded(ctx context.Context, tx switching.Tx, c *row, e switching.Entry) ([]switching.Advice, error) {
	l, err := s.oneLink(ctx, tx, `customer = $1 AND bank = $2 AND account_ix = $3 AND state = 'ended' ORDER BY entry DESC`,
		c.ID, e.Bank, s.accountIx(e.Account))
	if err != nil || l.ID == "" || c.State == Superseded {
		return nil, err
	}
	return []switching.Advice{releaseOf(l.Entry)}, nil
}
