package customer

import (
	"cmp"
	"context"
	"crypto/hmac"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"wxswitch/codec"
	switching "wxswitch/switch"
)

// Account is a linked account as its page shows it (C1).
type Account struct {
	Link      string // id
	Bank      string
	BankName  string
	Suffix    string // last four digits
	Holder    string // 户名, as its bank told it
	Primary   bool
	Detaching bool // 解挂 is under way
}

// Accounts lists the customer's accounts, the primary first.
func (s *Service) Accounts(ctx context.Context, call Call) (list []Account, a Answer, err error) {
	links, a, err := s.linksOfSession(ctx, call)
	for _, l := range links {
		list = append(list, s.account(l))
	}
	return list, a, err
}

func (s *Service) account(l link) Account {
	return Account{
		Link: l.ID, Bank: l.Bank, BankName: s.bank(l.Bank).Name, Suffix: l.Suffix, Holder: l.Holder.Reveal(),
		Primary: l.Role == Primary, Detaching: l.State == linkDetaching,
	}
}

func (s *Service) bank(id string) Bank { return bankIn(s.Banks, id) }

// linksOfSession returns the links of who is logged in, the primary first, then in
// the order in which they were attached.
func (s *Service) linksOfSession(ctx context.Context, call Call) (list []link, a Answer, err error) {
	reason, err := s.withSession(ctx, call, func(_ context.Context, _ switching.Tx, v visitor) error {
		list = v.links
		return nil
	})
	if err != nil || reason != "" {
		return nil, refuse(reason), err
	}
	slices.SortFunc(list, func(a, b link) int {
		if a.Role != b.Role {
			return cmp.Compare(rank[a.Role], rank[b.Role])
		}
		return cmp.Or(cmp.Compare(a.Created, b.Created), cmp.Compare(a.ID, b.ID))
	})
	return list, approve(), nil
}

// rank is the order of roles.
var rank = map[string]int{Primary: 0, Attached: 1}

// BalanceLine is the balance of one account, or why there is none. What the bank
// did not tell is nil.
type BalanceLine struct {
	Account
	Answer
	Balance   *codec.Amount
	Available *codec.Amount
}

// Balances asks the banks of the named accounts side by side, of all where none
// is named: each line has its own end, and a slow bank holds no other's back
// (C1). An id that is not the customer's is answered as unknown.
func (s *Service) Balances(ctx context.Context, call Call, ids []string, line func(BalanceLine)) (Answer, error) {
	links, a, err := s.linksOfSession(ctx, call)
	if err != nil || a.Refused() {
		return a, err
	}
	chosen, unknown := choose(links, ids)
	for _, id := range unknown {
		line(BalanceLine{Account: Account{Link: id}, Answer: refuse(ReasonNoLink)})
	}
	var wg sync.WaitGroup
	var mu sync.Mutex // held while a line is handed on
	ask := func(l link) {
		b := s.balance(ctx, call, l)
		mu.Lock()
		defer mu.Unlock()
		line(b)
	}
	for i, l := range chosen {
		if i == len(chosen)-1 { // most ask for one, which needs nobody else
			ask(l)
			break
		}
		wg.Go(func() { ask(l) })
	}
	wg.Wait()
	return approve(), nil
}

// choose returns the links with the ids, and the ids that are nobody's.
func choose(links []link, ids []string) (chosen []link, unknown []string) {
	if len(ids) == 0 {
		return links, nil
	}
	for i, id := range ids {
		at := slices.IndexFunc(links, func(l link) bool { return l.ID == id })
		if at < 0 || slices.Contains(ids[:i], id) {
			unknown = append(unknown, id)
			continue
		}
		chosen = append(chosen, links[at])
	}
	return chosen, unknown
}

func (s *Service) balance(ctx context.Context, call Call, l link) BalanceLine {
	q := switching.Request{
		Type: codec.Balance, Client: call.Client, Operation: "balance", Customer: l.Customer,
		Account: l.Account, Bank: l.Bank, Timeout: call.Timeout,
	}
	r, err := s.Switch.Do(ctx, q)
	line := BalanceLine{Account: s.account(l)}
	if line.Answer, err = s.answer(q, r, err); err != nil {
		s.Log.Error().Err(err).Str("bank", l.Bank).Msg("balance")
		line.Answer = refuse(switching.ReasonJournal)
	}
	if line.Outcome == switching.Approved {
		line.Balance, line.Available = fen(&r.End.Reply, codec.FieldBalance), fen(&r.End.Reply, codec.FieldAvailable)
	}
	return line
}

// fen reads an amount of a reply, nil where it has none; the dialect has checked
// its digits.
func fen(reply *codec.Fields, f codec.Field) *codec.Amount {
	n, err := strconv.ParseInt(reply.Get(f), 10, 64)
	if err != nil {
		return nil
	}
	return new(codec.Amount(n))
}

// DetailsRequest asks for movements (C2): of a period, or the page that a cursor
// names.
type DetailsRequest struct {
	Link   string
	Period string // today, week, month, custom
	From   string // of custom: YYYY-MM-DD, both included
	To     string
	Cursor string // of the page before; then Period is not looked at
}

// DetailsPage is one page of movements, in the bank's order.
type DetailsPage struct {
	Answer
	Account Account
	From    time.Time
	To      time.Time // fixed by the first page
	Rows    []codec.Row
	Next    string // cursor, empty on the last page
}

// Details asks the account's bank for a page.
func (s *Service) Details(ctx context.Context, call Call, r DetailsRequest) (DetailsPage, error) {
	links, a, err := s.linksOfSession(ctx, call)
	if err != nil || a.Refused() {
		return DetailsPage{Answer: a}, err
	}
	chosen, _ := choose(links, []string{r.Link})
	if len(chosen) == 0 {
		return DetailsPage{Answer: refuse(ReasonNoLink)}, nil
	}
	l := chosen[0]
	at, reason := s.place(l.ID, r)
	if reason != "" {
		return DetailsPage{Answer: refuse(reason)}, nil
	}
	return s.page(ctx, call, l, at)
}

// pagePlace is where a page stands.
type pagePlace struct {
	from, to codec.Moment
	first    int // row
}

func (s *Service) place(id string, r DetailsRequest) (p pagePlace, reason switching.Reason) {
	if r.Cursor != "" {
		var ok bool
		if p, ok = s.readCursor(id, r.Cursor); !ok {
			return p, ReasonRangeFormat
		}
		return p, ""
	}
	p.first = 1
	p.from, p.to, reason = period(r.Period, r.From, r.To, s.Now())
	return p, reason
}

func (s *Service) page(ctx context.Context, call Call, l link, at pagePlace) (DetailsPage, error) {
	q := switching.Request{
		Type: codec.Details, Client: call.Client, Operation: "details", Customer: l.Customer,
		Account: l.Account, Bank: l.Bank, Timeout: call.Timeout,
	}
	q.Fields.Set(codec.FieldFrom, string(at.from))
	q.Fields.Set(codec.FieldTo, string(at.to))
	q.Fields.Set(codec.FieldFirst, strconv.Itoa(at.first))
	r, err := s.Switch.Do(ctx, q)
	page := DetailsPage{Account: s.account(l)}
	page.From, _ = at.from.Time()
	page.To, _ = at.to.Time()
	if page.Answer, err = s.answer(q, r, err); err != nil || page.Outcome != switching.Approved {
		return page, err
	}
	if page.Rows, err = codec.ParseRows(r.End.Reply.Get(codec.FieldRows)); err != nil {
		return page, err
	}
	if r.End.Reply.Get(codec.FieldMore) == "1" && len(page.Rows) > 0 {
		at.first += len(page.Rows)
		page.Next = s.writeCursor(l.ID, at)
	}
	return page, nil
}

// A cursor is signed, so that it opens no longer range than a period may have,
// and no other account.
func (s *Service) writeCursor(id string, p pagePlace) string {
	text := string(p.from) + " " + string(p.to) + " " + strconv.Itoa(p.first)
	return base64.RawURLEncoding.EncodeToString(append(s.Vault.Index("cursor", id, text)[:16], text...))
}

func (s *Service) readCursor(id, cursor string) (p pagePlace, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(b) < 16 || !hmac.Equal(s.Vault.Index("cursor", id, string(b[16:]))[:16], b[:16]) {
		return p, false
	}
	part := strings.Fields(string(b[16:]))
	if len(part) != 3 {
		return p, false
	}
	first, err := strconv.Atoi(part[2])
	return pagePlace{codec.Moment(part[0]), codec.Moment(part[1]), first}, err == nil
}
