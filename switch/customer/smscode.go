package customer

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"time"

	"wxswitch/codec"
	"wxswitch/routing"
	switching "wxswitch/switch"
)

// Purpose is what an SMS code is for. A code is good for its purpose, follower
// and account only.
type Purpose string

// The purposes.
const (
	ForAuthenticate Purpose = "authenticate" // A5
	ForAttach       Purpose = "attach"       // C3
	ForReset        Purpose = "reset"        // A11, D3
)

// CodeRequest asks for a code to the phone on the bank's file of the account.
type CodeRequest struct {
	Purpose Purpose
	Account codec.Account
	Bank    string // the 开户行, where the number does not decide
}

// CodeClocks are what a page counts down.
type CodeClocks struct {
	Again time.Duration // until another may be asked for; 0 is now
	Valid time.Duration // how long the last one is good; 0 for none
}

// SendCode makes a code and has the account's bank send it (A3). What a bank
// declines reads like a success, so that nobody learns which accounts exist.
func (s *Service) SendCode(ctx context.Context, call Call, r CodeRequest) (Answer, error) {
	account, missing := typedAccount(r.Account.Reveal())
	if missing != "" {
		return refuse(missing), nil
	}
	c, err := s.meet(ctx, call.Follower)
	if err != nil {
		return Answer{}, err
	}
	q := switching.Request{
		Type: codec.SMSCode, Client: call.Client, Operation: "sms-code", Key: call.Key, Customer: c.ID,
		Account: account, Bank: r.Bank, Timeout: call.Timeout,
	}
	code := newCode()
	q.Fields.Set(codec.FieldSMSCode, code.Reveal())
	q.Fields.Set(codec.FieldPurpose, string(r.Purpose))
	q.Fields.Set(codec.FieldSeconds, strconv.Itoa(int(s.Limits.CodeLife/time.Second)))
	q.Proof = codeProof{code}
	return s.do(ctx, q)
}

// newCode returns six digits, each code as likely as any other.
func newCode() codec.Secret {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		panic(err) // crypto/rand never fails
	}
	return codec.NewSecret(fmt.Sprintf("%06d", n))
}

// codeProof carries a fresh code to the Effect. A repeat makes another, and is
// the same request.
type codeProof struct{ code codec.Secret }

// Covers nothing: see above.
func (codeProof) Covers() string { return "" }

// Codes returns the clocks of the follower's last code for the purpose.
func (s *Service) Codes(ctx context.Context, f Follower, p Purpose) (clocks CodeClocks, err error) {
	err = s.reading(ctx, func(ctx context.Context, tx switching.Tx) error {
		c, found, err := s.byFollower(ctx, tx, f)
		if err != nil || !found {
			return err
		}
		list, err := s.codes(ctx, tx, c.ID, p)
		if err != nil || len(list) == 0 {
			return err
		}
		since := s.Now().Sub(list[0].sent)
		if since >= 0 {
			clocks.Again = max(0, s.Limits.CodePause-since)
		}
		if s.unusable(list[0]) == "" {
			clocks.Valid = min(s.Limits.CodeLife-since, s.Limits.CodeLife)
		}
		return nil
	})
	return clocks, err
}

// codeEffect is what sending a code does: it counts, and voids the one before.
type codeEffect struct{ *Store }

// Open refuses a code that comes too soon or too often, and stores it.
func (x codeEffect) Open(ctx context.Context, tx switching.Tx, e *switching.Entry) error {
	c, err := x.byID(ctx, tx, e.Customer)
	if err != nil {
		return err
	}
	purpose := Purpose(e.Fields.Get(codec.FieldPurpose))
	reason, err := x.mayAsk(ctx, tx, &c, purpose, e)
	if err == nil && reason == ReasonNoLink {
		err = x.keepCode(ctx, tx, e, purpose, "unsent", []byte{}) // which counts for the day: see mayAsk
	}
	if err != nil || reason != "" {
		return refusal(reason, err)
	}
	proof, ok := e.Proof.(codeProof)
	if !ok {
		return errNoProof
	}
	_, err = tx.ExecContext(ctx, `UPDATE sms_code SET state = 'void', used_by = $1 WHERE customer = $2 AND purpose = $3 AND state = 'sent'`,
		e.ID, c.ID, string(purpose))
	if err != nil {
		return fmt.Errorf("void earlier code: %w", err)
	}
	return x.keepCode(ctx, tx, e, purpose, "sent", x.codeHash(c.ID, purpose, e.Bank, x.accountIx(e.Account), proof.code))
}

func (s *Store) keepCode(ctx context.Context, tx switching.Tx, e *switching.Entry, p Purpose, state string, hash []byte) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO sms_code (customer, purpose, bank, account_ix, code_hash, sent, wrong, state, entry, used_by)
		VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, 0)`,
		e.Customer, string(p), e.Bank, s.accountIx(e.Account), hash, s.Now().UnixMilli(), state, e.ID)
	if err != nil {
		return fmt.Errorf("store code: %w", err)
	}
	return nil
}

// mayAsk says why no code may be sent now, if so.
func (s *Store) mayAsk(ctx context.Context, tx switching.Tx, c *row, p Purpose, e *switching.Entry) (switching.Reason, error) {
	switch {
	case c.Frozen:
		return ReasonFrozen, nil
	case p != ForAuthenticate && c.State == Deregistering:
		return ReasonDeregistering, nil
	case p != ForAuthenticate && !c.State.Active():
		return ReasonNotAuthenticated, nil
	}
	ix := s.accountIx(e.Account)
	unfit, err := s.unfit(ctx, tx, c.ID, p, e.Bank, ix)
	if err != nil || unfit == ReasonLinked {
		return unfit, err
	}
	now := s.Now()
	var recent, mine, theirs int
	// A row from the future was written before the clock was set back: it counts
	// for today, and keeps nobody waiting. One without a hash was for no account of the
	// customer's: who has the phone could else try them without end.
	err = tx.QueryRowContext(ctx, `SELECT
		(SELECT COUNT(*) FROM sms_code WHERE customer = $1 AND purpose = $2 AND sent > $3 AND sent <= $4 AND state <> 'unsent') +
		(SELECT COUNT(*) FROM sms_code WHERE account_ix = $5 AND bank = $7 AND sent > $3 AND sent <= $4 AND state <> 'unsent' AND (purpose = $2 OR customer <> $1)),
		(SELECT COUNT(*) FROM sms_code WHERE customer = $1 AND sent >= $6 AND (state <> 'unsent' OR length(code_hash) = 0)),
		(SELECT COUNT(*) FROM sms_code WHERE account_ix = $5 AND bank = $7 AND sent >= $6 AND state <> 'unsent')`,
		c.ID, string(p), now.Add(-s.Limits.CodePause).UnixMilli(), now.UnixMilli(), ix, midnight(now).UnixMilli(), e.Bank).Scan(&recent, &mine, &theirs)
	switch {
	case err != nil:
		return "", fmt.Errorf("count codes: %w", err)
	case unfit != "" && mine < s.Limits.CodesADay:
		return unfit, nil
	case recent > 0:
		return ReasonCodeSoon, nil
	case mine >= s.Limits.CodesADay || theirs >= s.Limits.CodesADay:
		return ReasonCodesADay, nil
	}
	return "", nil
}

// unfit says why a code for the purpose is not for the account, if so.
func (s *Store) unfit(ctx context.Context, tx switching.Tx, customer string, p Purpose, bank string, ix []byte) (switching.Reason, error) {
	if p == ForAuthenticate {
		return "", nil
	}
	l, err := s.linkOf(ctx, tx, customer, bank, ix)
	switch {
	case err != nil:
		return "", err
	case p == ForReset && !l.active():
		return ReasonNoLink, nil
	case p == ForAttach && l.active():
		return ReasonLinked, nil
	}
	return "", nil
}

// Close frees the 60 s of a code that provably never left, and lets the one that
// it voided be good again. One that timed out may arrive, and is good.
func (x codeEffect) Close(ctx context.Context, tx switching.Tx, e switching.Entry, o switching.Outcome) ([]switching.Notice, []switching.Advice, error) {
	if o != switching.Refused {
		return nil, nil, nil
	}
	if _, err := tx.ExecContext(ctx, `UPDATE sms_code SET state = 'unsent' WHERE entry = $1 AND state = 'sent'`, e.ID); err != nil {
		return nil, nil, fmt.Errorf("free the time of a code: %w", err)
	}
	return nil, nil, x.giveBackCode(ctx, tx, e.ID)
}

// codeHash is keyed: six digits can be guessed from a plain one.
func (s *Store) codeHash(customer string, p Purpose, bank string, ix []byte, code codec.Secret) []byte {
	return s.Vault.Hash("sms code", customer, string(p), bank, hex.EncodeToString(ix), code.Reveal())
}

// lastCodes bounds how many earlier codes are told apart in the journal.
const lastCodes = 20

// useCode consumes a code for the transaction by. A wrong one counts against the
// last code, whose fifth voids it. The reasons are told alike (A4) and stand
// apart in the journal; empty is right.
func (s *Store) useCode(ctx context.Context, tx switching.Tx, c *row, p Purpose, bank string, ix []byte, code codec.Secret, by int64) (switching.Reason, error) {
	codes, err := s.codes(ctx, tx, c.ID, p)
	if err != nil {
		return "", err
	}
	hash := s.codeHash(c.ID, p, bank, ix, code)
	for _, k := range codes {
		if !bytes.Equal(k.hash, hash) {
			continue
		}
		if reason := s.unusable(k); reason != "" {
			return reason, nil
		}
		_, err := tx.ExecContext(ctx, `UPDATE sms_code SET state = 'used', used_by = $1 WHERE id = $2`, by, k.id)
		return "", err
	}
	if len(codes) == 0 || s.unusable(codes[0]) != "" {
		return ReasonCodeWrong, nil
	}
	_, err = tx.ExecContext(ctx, `UPDATE sms_code SET wrong = wrong + 1, state = CASE WHEN wrong + 1 >= $1 THEN 'void' ELSE state END WHERE id = $2`,
		s.Limits.CodeTries, codes[0].id)
	return ReasonCodeWrong, err
}

// sentCode is a code as it is kept.
type sentCode struct {
	id    int64
	hash  []byte
	state string
	sent  time.Time
}

// codes returns the last codes of the customer, the newest first.
func (s *Store) codes(ctx context.Context, tx switching.Tx, customer string, p Purpose) (list []sentCode, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT id, code_hash, state, sent FROM sms_code WHERE customer = $1 AND purpose = $2 AND state <> 'unsent'
		ORDER BY id DESC LIMIT $3`, customer, string(p), lastCodes)
	if err != nil {
		return nil, fmt.Errorf("read codes: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	for rows.Next() {
		var k sentCode
		var sent int64
		if err := rows.Scan(&k.id, &k.hash, &k.state, &sent); err != nil {
			return nil, fmt.Errorf("read codes: %w", err)
		}
		k.sent = time.UnixMilli(sent)
		list = append(list, k)
	}
	return list, rows.Err()
}

// unusable says why a right code is none any more, if so.
func (s *Store) unusable(k sentCode) switching.Reason {
	switch {
	case k.state == "used":
		return ReasonCodeUsed
	case k.state == "void":
		return ReasonCodeVoid
	case s.Now().Sub(k.sent).Abs() >= s.Limits.CodeLife: // before it: the clock was set back
		return ReasonCodeExpired
	}
	return ""
}

// giveBackCode makes the code that the transaction used or voided good again,
// unless there is a newer one.
func (s *Store) giveBackCode(ctx context.Context, tx switching.Tx, by int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE sms_code SET used_by = 0, state = CASE WHEN EXISTS (SELECT 1 FROM sms_code n
		WHERE n.customer = sms_code.customer AND n.purpose = sms_code.purpose AND n.id > sms_code.id AND n.state <> 'unsent')
		THEN 'void' ELSE 'sent' END WHERE used_by = $1 AND used_by <> 0 AND state IN ('used', 'void')`, by)
	if err != nil {
		return fmt.Errorf("give code back: %w", err)
	}
	return nil
}

// bankOf returns the bank that an account is routed to.
func (s *Service) bankOf(a codec.Account, chosen string) (string, switching.Reason) {
	t, err := s.Router.Route(a, routing.Bank(chosen))
	var none *routing.Refusal
	if errors.As(err, &none) {
		return "", switching.Reason(none.Reason)
	}
	return string(t.Bank), ""
}
