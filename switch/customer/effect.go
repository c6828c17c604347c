package customer

import (
	"context"
	"errors"
	"fmt"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

// Effects are what the transaction types do to customers.
func (s *Store) Effects() map[codec.Type]switching.Effect {
	return map[codec.Type]switching.Effect{
		codec.SMSCode:      codeEffect{s},
		codec.Authenticate: authEffect{s},
		codec.Deregister:   deregEffect{s},
		codec.Attach:       attachEffect{s},
		codec.Detach:       detachEffect{s},
		codec.Appointment:  visitEffect{s},
	}
}

// errNoProof: a row was to be opened without what its Effect checks. Only a
// fault of ours can do that.
var errNoProof = errors.New("customer: request without proof")

// refusal is an Effect's answer: an error as it is, a reason as a refusal that
// is journalled.
func refusal(r switching.Reason, err error) error {
	if err != nil || r == "" {
		return err
	}
	return &switching.EffectRefusal{Reason: r, Undone: countsNothing(r)}
}

// countsNothing: the same request may fare better, so its key stays free.
func countsNothing(r switching.Reason) bool { return r == ReasonBusy || r == ReasonPageKey }

// ours reports whether an entry is an operation of its own: one that joined
// another leaves the customer to that one.
func ours(e switching.Entry) bool { return e.Joins == 0 }

// late reports whether the end came after the customer had heard another: also one for
// which nobody waits, since a front that gives up tells of a timeout.
func late(e switching.Entry, o switching.Outcome) bool { return e.End.Outcome != o || e.Unheard }

// by is the cause of what a transaction did.
func by(e switching.Entry) cause { return cause{entry: e.ID, who: "bank " + e.Bank} }

// asked is the cause of what the follower asked for.
func asked(e *switching.Entry) cause { return cause{entry: e.ID, who: "follower"} }

// authProof is what authEffect checks.
type authProof struct {
	code    codec.Secret
	terms   string // version accepted
	notices string // version accepted; empty for no consent to 动账
}

// Covers is what the customer typed and ticked.
func (p authProof) Covers() string { return p.code.Reveal() + "\x00" + p.terms + "\x00" + p.notices }

// authEffect is 客户认证 (A5, A12, A13).
type authEffect struct{ *Store }

// Open consumes the code and notes the consents.
func (x authEffect) Open(ctx context.Context, tx switching.Tx, e *switching.Entry) error {
	if !ours(*e) {
		return nil
	}
	proof, ok := e.Proof.(authProof)
	if !ok {
		return errNoProof
	}
	c, err := x.byID(ctx, tx, e.Customer)
	if err != nil {
		return err
	}
	ix := x.certIx(e.Fields.Get(codec.FieldCertType), codec.NewCertNumber(e.Fields.Get(codec.FieldCertNumber)))
	reason := mayAuthenticate(&c)
	if reason == "" {
		reason, err = x.useCode(ctx, tx, &c, ForAuthenticate, e.Bank, x.accountIx(e.Account), proof.code, e.ID)
	}
	if err == nil && reason == "" {
		reason, err = x.mayBecome(ctx, tx, &c, ix)
	}
	if err != nil || reason != "" {
		return refusal(reason, err)
	}
	if _, err := x.move(ctx, tx, &c, AuthAsked, asked(e)); err != nil {
		return err
	}
	return x.consents(ctx, tx, e, proof)
}

// frozenElsewhere refuses a certificate whose customer an operator has frozen, also
// one whose bank has ended it since: by another follower it must not come free. A
// freeze that has followed the certificate to another has left who is superseded.
func (s *Store) frozenElsewhere(ctx context.Context, tx switching.Tx, c *row, certIx []byte) (reason switching.Reason, err error) {
	var frozen bool
	err = tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM customer WHERE cert_ix = $1 AND frozen = 1 AND state <> 'superseded' AND id <> $2)`,
		certIx, c.ID).Scan(&frozen)
	if err != nil {
		return "", fmt.Errorf("look for a freeze: %w", err)
	}
	if frozen {
		reason = ReasonFrozen
	}
	return reason, nil
}

// mayBecome says why the certificate cannot be the customer's, if so. It comes after
// the code, which is used then: certificates, the customer's own and those that are
// frozen, cannot be guessed any oftener than codes are sent.
func (s *Store) mayBecome(ctx context.Context, tx switching.Tx, c *row, certIx []byte) (switching.Reason, error) {
	if c.State == Authenticated && string(c.CertIx) != string(certIx) {
		return ReasonOtherCert, nil
	}
	return s.frozenElsewhere(ctx, tx, c, certIx)
}

// mayAuthenticate says why the customer may not ask now, if so.
func mayAuthenticate(c *row) switching.Reason {
	if c.Frozen {
		return ReasonFrozen
	}
	if _, ok := next(c.State, c.Prior, AuthAsked); ok {
		return ""
	}
	if c.State == Deregistering {
		return ReasonDeregistering
	}
	return ReasonInProgress
}

func (s *Store) consents(ctx context.Context, tx switching.Tx, e *switching.Entry, p authProof) error {
	for kind, version := range map[string]string{"terms": p.terms, "notices": p.notices} {
		if version == "" {
			continue
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO consent (customer, kind, version, at, entry) VALUES ($1, $2, $3, $4, $5)`,
			e.Customer, kind, version, s.Now().UnixMilli(), e.ID)
		if err != nil {
			return fmt.Errorf("note consent: %w", err)
		}
	}
	return nil
}

const consentToNotices = `SELECT 1 FROM consent WHERE entry = $1 AND kind = 'notices'`

// consented reports whether who asked for the authentication ticked 动账.
func (s *Store) consented(ctx context.Context, tx switching.Tx, entry int64) (yes bool, err error) {
	err = tx.QueryRowContext(ctx, `SELECT EXISTS (`+consentToNotices+`)`, entry).Scan(&yes)
	if err != nil {
		return false, fmt.Errorf("look for consent: %w", err)
	}
	return yes, nil
}

// Close makes the customer, or leaves none half-made. An approval that finds the
// customer gone is released at the bank.
func (x authEffect) Close(ctx context.Context, tx switching.Tx, e switching.Entry, o switching.Outcome) ([]switching.Notice, []switching.Advice, error) {
	if !ours(e) {
		return nil, nil, nil
	}
	c, err := x.byID(ctx, tx, e.Customer)
	if err != nil {
		return nil, nil, err
	}
	gone, err := x.endedSince(ctx, tx, e)
	if err != nil {
		return nil, nil, err
	}
	if o != switching.Approved {
		if gone { // its codes ended, too
			return nil, nil, nil
		}
		if o == switching.Refused {
			err = x.giveBackCode(ctx, tx, e.ID)
		}
		if err == nil {
			_, err = x.move(ctx, tx, &c, AuthEnded, by(e))
		}
		return nil, nil, err
	}
	if _, ok := next(c.State, c.Prior, AuthApproved); !ok || gone {
		return nil, []switching.Advice{releaseOf(e.ID)}, nil
	}
	return x.approved(ctx, tx, &c, e)
}

// endedSince reports whether the customer ended after the authentication was asked
// for. It may by now be authenticating anew, which is another's to end.
func (s *Store) endedSince(ctx context.Context, tx switching.Tx, e switching.Entry) (gone bool, err error) {
	err = tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM customer_history WHERE customer = $1 AND event IN ($2, $3, $4) AND id >
		(SELECT MAX(id) FROM customer_history WHERE customer = $1 AND entry = $5 AND event = $6))`,
		e.Customer, string(Supersede), string(BankEnded), string(DeregDone), e.ID, string(AuthAsked)).Scan(&gone)
	if err != nil {
		return false, fmt.Errorf("read history: %w", err)
	}
	return gone, nil
}

func (x authEffect) approved(ctx context.Context, tx switching.Tx, c *row, e switching.Entry) ([]switching.Notice, []switching.Advice, error) {
	c.CertType = e.Fields.Get(codec.FieldCertType)
	c.Cert = codec.NewCertNumber(e.Fields.Get(codec.FieldCertNumber))
	c.CertIx = x.certIx(c.CertType, c.Cert)
	c.Holder = codec.NewSecret(e.End.Reply.Get(codec.FieldHolder))
	if !c.Frozen {
		c.Setup = e.Opened.Add(x.Limits.Setup) // its code was right then
	}
	var err error
	if c.Told, err = x.consented(ctx, tx, e.ID); err != nil {
		return nil, nil, err
	}
	notices, err := x.supersede(ctx, tx, c, e)
	if err != nil {
		return nil, nil, err
	}
	if _, err := x.move(ctx, tx, c, AuthApproved, by(e)); err != nil {
		return nil, nil, err
	}
	return notices, nil, x.setPrimary(ctx, tx, c, e)
}

// supersede ends whoever was authenticated by the same certificate (A13). Their
// banks are told nothing: the registrations are the person's.
func (s *Store) supersede(ctx context.Context, tx switching.Tx, c *row, e switching.Entry) ([]switching.Notice, error) {
	if err := s.inheritFreeze(ctx, tx, c, e); err != nil {
		return nil, err
	}
	old, found, err := s.read(ctx, tx, `cert_ix = $1 AND state IN ('authenticated', 'deregistering') AND id <> $2`, c.CertIx, c.ID)
	if err != nil || !found {
		return nil, err
	}
	if _, err := s.end(ctx, tx, &old, Supersede, "", by(e)); err != nil {
		return nil, err
	}
	return s.tell(&old, switching.NoticeSuperseded, fmt.Sprintf("superseded-%d", e.ID), nil), nil
}

// inheritFreeze freezes who authenticates by a certificate that was frozen while
// that was under way: no certificate comes free so.
func (s *Store) inheritFreeze(ctx context.Context, tx switching.Tx, c *row, e switching.Entry) error {
	frozen, err := s.frozenElsewhere(ctx, tx, c, c.CertIx)
	if err != nil || frozen == "" || c.Frozen {
		return err
	}
	c.Frozen, c.Setup = true, moment(0)
	return s.remember(ctx, tx, c.ID, "frozen", c.State, c.State, by(e))
}

// setPrimary makes the entry's account the primary. The primary before stays
// linked.
func (s *Store) setPrimary(ctx context.Context, tx switching.Tx, c *row, e switching.Entry) error {
	old, err := s.primaryOf(ctx, tx, c.ID)
	if err != nil {
		return err
	}
	ix := s.accountIx(e.Account)
	if old.ID != "" && (old.Bank != e.Bank || string(old.Ix) != string(ix)) {
		old.Role = Attached
		if err := s.setLink(ctx, tx, old); err != nil {
			return err
		}
	}
	l, err := s.linkOf(ctx, tx, c.ID, e.Bank, ix)
	if err != nil {
		return err
	}
	l.Role, l.State, l.Entry, l.Holder = Primary, linkActive, e.ID, codec.NewSecret(e.End.Reply.Get(codec.FieldHolder))
	if l.ID != "" {
		return s.setLink(ctx, tx, l)
	}
	l.ID, l.Customer, l.Bank, l.Account = randomID(), c.ID, e.Bank, e.Account
	return s.addLink(ctx, tx, l)
}

// end ends a customer: passwords, sessions, links, codes, and the movements that
// wait to be told. It returns the releases of the links that were registered, but
// for the one excepted.
func (s *Store) end(ctx context.Context, tx switching.Tx, c *row, ev Event, except string, why cause) ([]switching.Advice, error) {
	c.Login, c.Payment = credential{}, credential{}
	c.Setup, c.Told = moment(0), false
	if moved, err := s.move(ctx, tx, c, ev, why); err != nil || !moved {
		return nil, err
	}
	if err := s.endSessions(ctx, tx, c.ID, string(ev)); err != nil {
		return nil, err
	}
	if err := s.hush(ctx, tx, c); err != nil {
		return nil, err
	}
	_, err := tx.ExecContext(ctx, `UPDATE sms_code SET state = 'void' WHERE customer = $1 AND state = 'sent'`, c.ID)
	if err != nil {
		return nil, fmt.Errorf("void codes: %w", err)
	}
	return s.endLinks(ctx, tx, c.ID, except)
}

// hush stops the movements that wait to be told to the customer.
func (s *Store) hush(ctx context.Context, tx switching.Tx, c *row) error {
	if err := s.Hush(ctx, tx, c.Channel, c.Subject); err != nil {
		return fmt.Errorf("stop notices: %w", err)
	}
	return nil
}

// tell is the notice of a customer, none if its follower has left.
func (s *Store) tell(c *row, kind switching.NoticeKind, id string, data map[string]string) []switching.Notice {
	if !c.Followed {
		return nil
	}
	return []switching.Notice{{
		ID: id, Channel: c.Channel, Subject: c.Subject, Order: c.ID, Kind: kind, Data: data, At: s.Now(),
	}}
}

// tellAccount is tell about one account.
func (s *Store) tellAccount(c *row, l link, kind switching.NoticeKind, id string) []switching.Notice {
	return s.tell(c, kind, id, map[string]string{"bank": l.Bank, "account": l.Suffix})
}

// deregEffect is 客户注销 (A8 to A10).
type deregEffect struct{ *Store }

// Open lets an authenticated customer go, by its primary only.
func (x deregEffect) Open(ctx context.Context, tx switching.Tx, e *switching.Entry) error {
	if !ours(*e) {
		return nil
	}
	c, err := x.byID(ctx, tx, e.Customer)
	if err != nil {
		return err
	}
	l, err := x.linkOf(ctx, tx, c.ID, e.Bank, x.accountIx(e.Account))
	switch {
	case err != nil:
		return err
	case c.Frozen:
		return refusal(ReasonFrozen, nil)
	case !c.State.Active():
		return refusal(ReasonNotAuthenticated, nil)
	case l.Role != Primary: // another account became the primary since it was read
		return &switching.EffectRefusal{Reason: switching.ReasonSettling, Undone: true}
	}
	_, err = x.move(ctx, tx, &c, DeregAsked, asked(e))
	return err
}

// bankEnded ends an attached account that its bank has ended.
func (s *Store) bankEnded(ctx context.Context, tx switching.Tx, c *row, l link, why cause) error {
	l.State = linkEnded
	if err := s.setLink(ctx, tx, l); err != nil {
		return err
	}
	return s.remember(ctx, tx, c.ID, "account-ended-by-bank", c.State, c.State, why)
}

// Close ends the customer, restores it, or leaves it in doubt. An end that comes
// late is told; it moves only a customer that still is deregistering, or whose bank
// approves after all what it had declined.
func (x deregEffect) Close(ctx context.Context, tx switching.Tx, e switching.Entry, o switching.Outcome) (notices []switching.Notice, _ []switching.Advice, err error) {
	if !ours(e) {
		return nil, nil, nil
	}
	c, err := x.byID(ctx, tx, e.Customer)
	afterAll := c.State == Authenticated && o == switching.Approved
	if err != nil || c.State != Deregistering && !afterAll {
		return nil, nil, err
	}
	switch o {
	case switching.Approved:
		return x.approved(ctx, tx, &c, e)
	case switching.Declined, switching.Refused:
		if late(e, o) {
			notices = x.tell(&c, switching.NoticeRestored, fmt.Sprintf("restored-%d", e.ID), nil)
		}
		_, err = x.move(ctx, tx, &c, DeregBack, by(e))
	case switching.TimedOut:
		_, err = x.move(ctx, tx, &c, DeregDoubt, by(e))
	}
	return notices, nil, err
}

func (x deregEffect) approved(ctx context.Context, tx switching.Tx, c *row, e switching.Entry) ([]switching.Notice, []switching.Advice, error) {
	l, err := x.linkOf(ctx, tx, c.ID, e.Bank, x.accountIx(e.Account))
	switch {
	case err != nil || l.ID == "": // ended since
		return nil, nil, err
	case l.Role != Primary: // another account is the primary since, and may be deregistering itself
		notices := x.tellAccount(c, l, switching.NoticeDetached, fmt.Sprintf("detached-%d", e.ID))
		return notices, nil, x.bankEnded(ctx, tx, c, l, by(e))
	}
	releases, err := x.end(ctx, tx, c, DeregDone, l.ID, by(e))
	if err != nil || !late(e, switching.Approved) {
		return nil, releases, err
	}
	return x.tell(c, switching.NoticeDeregistered, fmt.Sprintf("deregistered-%d", e.ID), nil), releases, nil
}
