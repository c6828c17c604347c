package api

import (
	"context"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

// operationsOf are the operations behind the door, as generated from
// openapi.yaml. Their errors are refusals, or ours. CreateTransaction is not
// here: see type server.
type operationsOf struct {
	StrictServerInterface
	*API
}

// maxTimeout bounds the Request-Timeout.
const maxTimeout = 600 * time.Second

// transact sends one transaction and waits for its end.
func (a *API) transact(ctx context.Context, client *Client, p CreateTransactionParams, body *TransactionRequest) (Answer, error) {
	request, refused := switchRequest(p, body)
	if refused != nil {
		return Answer{}, refused
	}
	request.Client = client.ID
	result, err := a.Switch.Do(ctx, request)
	if err != nil {
		return Answer{}, err
	}
	if result.End.Outcome == switching.Refused {
		refused := refuse(string(result.End.Reason))
		if result.Journalled {
			refused.id = result.ID
		}
		return Answer{}, refused
	}
	return answerOf(&result), nil
}

func switchRequest(p CreateTransactionParams, body *TransactionRequest) (switching.Request, *refusal) {
	if r := checkTransaction(body); r != nil {
		return switching.Request{}, r
	}
	key := p.IdempotencyKey
	switch {
	case key == "" && body.Type != TypeBalance:
		return switching.Request{}, refuse(codeKeyMissing)
	case key != "" && !isVisible(key, 128):
		return switching.Request{}, refuse(codeKeyInvalid)
	}
	timeout, refused := timeoutOf(p.RequestTimeout)
	if refused != nil {
		return switching.Request{}, refused
	}
	r := switching.Request{
		Type:      codec.Type(body.Type),
		Operation: switching.Raw,
		Key:       key,
		Customer:  body.Customer,
		Account:   codec.NewAccount(body.Account),
		Bank:      body.Bank,
		Timeout:   timeout,
	}
	if c := body.Certificate; c != nil {
		r.Fields.Set(codec.FieldCertType, c.Type)
		r.Fields.Set(codec.FieldCertNumber, c.Number)
	}
	return r, nil
}

// timeoutOf reads a Request-Timeout; 0 or less is a deadline that is past.
func timeoutOf(ms *RequestTimeout) (time.Duration, *refusal) {
	switch {
	case ms == nil:
		return 0, nil
	case *ms <= 0:
		return -1, nil
	case *ms > maxTimeout.Milliseconds():
		return 0, refuseBecause(codeParameterInvalid, "Request-Timeout is at most 600000 ms")
	}
	return time.Duration(*ms) * time.Millisecond, nil
}

// checkTransaction holds the body against openapi.yaml; its types were checked
// at the door.
func checkTransaction(b *TransactionRequest) *refusal {
	switch {
	case b.Type == "":
		return refuseField("/type", "required")
	case !b.Type.Valid():
		return refuseField("/type", "must be authenticate, deregister or balance")
	case b.Certificate == nil && b.Type == TypeAuthenticate:
		return refuseField("/certificate", "required to authenticate")
	case b.Customer != "" && !isVisible(b.Customer, 64):
		return refuseField("/customer", "must be 1 to 64 visible ASCII characters")
	}
	if r := checkAccount(b.Account, b.Bank); r != nil || b.Certificate == nil {
		return r
	}
	return checkCertificate(b.Certificate)
}

func checkAccount(account, bank string) *refusal {
	switch {
	case account == "":
		return refuseField("/account", "required")
	case !isDigits(account) || len(account) > 32:
		return refuseField("/account", "must be 1 to 32 digits")
	case bank != "" && !isVisible(bank, 64):
		return refuseField("/bank", "must be 1 to 64 visible ASCII characters")
	}
	return nil
}

func checkCertificate(c *Certificate) *refusal {
	switch {
	case !isCertType(c.Type):
		return refuseField("/certificate/type", "must be 2 digits or capital letters")
	case c.Number == "":
		return refuseField("/certificate/number", "required")
	case !isText(c.Number, 20):
		return refuseField("/certificate/number", "must be 1 to 20 printable characters")
	}
	return nil
}

func isCertType(s string) bool {
	if len(s) != 2 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

func isDigits(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// isVisible reports whether s is 1 to limit visible ASCII characters.
func isVisible(s string, limit int) bool {
	for _, c := range []byte(s) {
		if c < '!' || c > '~' {
			return false
		}
	}
	return s != "" && len(s) <= limit
}

// isText reports whether s is 1 to limit characters that people can read.
func isText(s string, limit int) bool {
	for _, c := range s {
		if !unicode.IsPrint(c) || c == utf8.RuneError {
			return false
		}
	}
	return s != "" && utf8.RuneCountInString(s) <= limit
}

// GetTransaction says how the client's transaction stands today.
func (o operationsOf) GetTransaction(ctx context.Context, in GetTransactionRequestObject) (GetTransactionResponseObject, error) {
	id, ok := parseID(in.Id)
	if !ok {
		return nil, refuse(codeTransactionUnknown)
	}
	e, found, err := o.Switch.Get(ctx, clientOf(ctx).ID, id)
	switch {
	case err != nil:
		o.Log.Error().Err(err).Int64("id", id).Msg("api: read entry")
		return nil, refuse("journal")
	case !found:
		return nil, refuse(codeTransactionUnknown)
	}
	return GetTransaction200JSONResponse(transactionOf(e)), nil
}

func formatID(id int64) string { return strconv.FormatInt(id, 10) }

// parseID reads what formatID wrote.
func parseID(s string) (int64, bool) {
	id, err := strconv.ParseInt(s, 10, 64)
	return id, err == nil && id > 0 && formatID(id) == s
}

func answerOf(r *switching.Result) Answer {
	return Answer{
		Id: formatID(r.ID), Type: Type(r.Type), Replayed: r.Replayed,
		Outcome: AnswerOutcome(r.End.Outcome), Reason: string(r.End.Reason), Code: r.End.Code,
		Bank: r.Bank, AccountSuffix: r.Account.Suffix(),
		Rrn: string(r.RRN), Stan: string(r.STAN), Sent: string(r.Sent), Opened: r.Opened.In(codec.Shanghai),
		Balance: balanceOf(&r.End.Reply), Holder: r.End.Reply.Get(codec.FieldHolder),
	}
}

// balanceOf is nil for a reply that tells none.
func balanceOf(reply *codec.Fields) *BalanceAmounts {
	b := BalanceAmounts{
		Ledger:    amount(reply.Get(codec.FieldBalance)),
		Available: amount(reply.Get(codec.FieldAvailable)),
		Currency:  reply.Get(codec.FieldCurrency),
	}
	if b.Ledger == nil && b.Available == nil {
		return nil
	}
	return &b
}

func amount(fen string) *int64 {
	if fen == "" { // as in most replies: an error would cost
		return nil
	}
	n, err := strconv.ParseInt(fen, 10, 64)
	if err != nil {
		return nil
	}
	return &n
}

func transactionOf(e switching.Entry) Transaction {
	t := Transaction{
		Id: formatID(e.ID), Type: Type(e.Type), Bank: e.Bank, AccountSuffix: e.Account.Suffix(),
		Rrn: string(e.RRN), Stan: string(e.STAN), Sent: string(e.Sent),
		Opened: e.Opened.In(codec.Shanghai), Deadline: e.Deadline.In(codec.Shanghai),
		Open: e.Open, Settling: e.Holds,
	}
	if !e.Open {
		t.Ended = shanghai(e.Ended)
		t.Outcome, t.Standing = TransactionOutcome(e.End.Outcome), TransactionStanding(e.Standing)
		t.Reason, t.Code = string(e.End.Reason), e.End.Code
	}
	if e.Joins != 0 {
		t.Joins = formatID(e.Joins)
	}
	if e.Late != codec.Unmapped || e.LateCode != "" {
		t.Late = &LateReply{Meaning: LateReplyMeaning(e.Late.String()), Code: e.LateCode}
	}
	return t
}
