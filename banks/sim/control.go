package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"wxswitch/codec"
)

// listenLoopback listens where only this machine can reach: the control API
// shows clear numbers, if of made-up people, and asks nobody who they are.
func listenLoopback(ctx context.Context, address string) (net.Listener, error) {
	if !IsLoopback(address) {
		return nil, errors.New("control: only a loopback address (127.0.0.1, ::1, localhost)")
	}
	var lc net.ListenConfig
	return lc.Listen(ctx, "tcp", address)
}

// IsLoopback reports whether only this machine can reach the address.
func IsLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && loopback(host)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (b *Bank) serveControl(ctx context.Context) error {
	s := &http.Server{
		Handler: b.handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if s.Shutdown(last) != nil {
			_ = s.Close()
		}
	})
	err := s.Serve(b.control)
	if !stop() {
		<-done
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("control: %w", err)
}

// handler is the control API. A page of another origin cannot use it: its
// requests are refused, and so is a name that was made to point here.
func (b *Bank) handler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /{$}", b.help)
	m.HandleFunc("GET /faults", b.getFaults)
	m.HandleFunc("POST /faults", b.postFault)
	m.HandleFunc("DELETE /faults", b.deleteFault)
	m.HandleFunc("DELETE /faults/{id}", b.deleteFault)
	m.HandleFunc("GET /ledger", b.getLedger)
	m.HandleFunc("GET /effects", func(w http.ResponseWriter, r *http.Request) { show(w, b.Effects, r) })
	m.HandleFunc("GET /registrations", func(w http.ResponseWriter, r *http.Request) { show(w, b.Registrations, r) })
	m.HandleFunc("GET /customers", b.getCustomers)
	m.HandleFunc("GET /sms", b.getSMS)
	m.HandleFunc("POST /movements", b.postMovement)
	m.HandleFunc("POST /events", b.postEvent)
	m.HandleFunc("GET /feed", b.getFeed)
	m.HandleFunc("POST /down", func(w http.ResponseWriter, _ *http.Request) { b.Down(); w.WriteHeader(http.StatusNoContent) })
	m.HandleFunc("POST /up", b.postUp)
	return here(http.NewCrossOriginProtection().Handler(m))
}

func here(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if !loopback(host) {
			http.Error(w, "ask by a loopback address", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (b *Bank) help(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintf(w, `simulated bank %s

GET    /customers      made-up people and their accounts, in clear
GET    /ledger         every message that came, its answer and effect; ?after=ID&limit=N
GET    /effects        every change of the bank's state
GET    /registrations  every approved authentication
GET    /sms            what was sent to phones, in clear; ?after=ID
POST   /movements      {"account": …, "amount": FEN, "out": true, "summary": …}: books and tells it
POST   /events         {"account": …, "event": deregistered, closed, card-lost or card-replaced}
GET    /feed           the wire, masked, as server-sent events
GET    /faults         faults in force
POST   /faults         {"kind": …, "account": …, "type": …, "count": N, "code": …, "delay_ms": N}
DELETE /faults[/ID]    clear one or all
POST   /down, /up      stop and start listening

kinds of fault: %v
`, b.cfg.Name, kinds)
}

// faultBody is a Fault as the control API writes it.
type faultBody struct {
	ID      int        `json:"id"`
	Kind    Kind       `json:"kind"`
	Account string     `json:"account,omitempty"` // in clear; listed masked
	Type    codec.Type `json:"type,omitempty"`
	Count   int        `json:"count,omitempty"`
	Code    string     `json:"code,omitempty"`
	DelayMS int64      `json:"delay_ms,omitempty"`
}

func (b *Bank) getFaults(w http.ResponseWriter, _ *http.Request) {
	all := []faultBody{}
	for _, f := range b.Faults() {
		all = append(all, faultBody{f.ID, f.Kind, f.Account.String(), f.Type, f.Count, f.Code, f.Delay.Milliseconds()})
	}
	write(w, http.StatusOK, all)
}

func (b *Bank) postFault(w http.ResponseWriter, r *http.Request) {
	var f faultBody
	if decode(w, r, &f) != nil {
		refuse(w, http.StatusBadRequest, errors.New("not a fault: see GET /"))
		return
	}
	delay := time.Duration(min(f.DelayMS, int64(time.Hour/time.Millisecond))) * time.Millisecond
	id, err := b.SetFault(Fault{
		Kind: f.Kind, Account: codec.NewAccount(f.Account), Type: f.Type, Count: f.Count, Code: f.Code, Delay: delay,
	})
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	write(w, http.StatusCreated, map[string]int{"id": id})
}

func (b *Bank) deleteFault(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if r.PathValue("id") != "" && (err != nil || id < 1) {
		refuse(w, http.StatusBadRequest, errors.New("id: a number"))
		return
	}
	b.ClearFault(id)
	w.WriteHeader(http.StatusNoContent)
}

func (b *Bank) getLedger(w http.ResponseWriter, r *http.Request) {
	after, err1 := count(r.FormValue("after"), 0)
	limit, err2 := count(r.FormValue("limit"), 1000)
	if err := errors.Join(err1, err2); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	show(w, func(ctx context.Context) ([]Row, error) { return b.ledger(ctx, after, int(limit)) }, r)
}

func count(s string, otherwise int64) (int64, error) {
	if s == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0, errors.New("after, limit: numbers")
	}
	return int64(n), nil //nolint:gosec // 31 bits
}

// customer is a Person in clear, for demonstrations.
type customer struct {
	Holder   string            `json:"holder"`
	CertType string            `json:"cert_type"`
	Cert     string            `json:"cert_number"`
	Phone    string            `json:"phone"`
	Accounts []customerAccount `json:"accounts"`
}

type customerAccount struct {
	Number    string       `json:"number"`
	Card      bool         `json:"card"`
	Status    Status       `json:"status"`
	Balance   codec.Amount `json:"balance"` // fen
	Available codec.Amount `json:"available"`
}

func (b *Bank) getCustomers(w http.ResponseWriter, _ *http.Request) {
	all := make([]customer, len(b.people))
	for i, p := range b.people {
		all[i] = customer{p.Holder, p.CertType, p.Cert.Reveal(), p.Phone.Reveal(), nil}
		for _, a := range p.Accounts {
			all[i].Accounts = append(all[i].Accounts, customerAccount{a.Number.Reveal(), a.Card, a.Status, a.Balance, a.Available})
		}
	}
	write(w, http.StatusOK, all)
}

// smsBody is an SMS in clear, for demonstrations.
type smsBody struct {
	ID      int64     `json:"id"`
	At      time.Time `json:"at"`
	Account string    `json:"account,omitempty"`
	Phone   string    `json:"phone"`
	Code    string    `json:"code,omitempty"`
	Text    string    `json:"text"`
}

func (b *Bank) getSMS(w http.ResponseWriter, r *http.Request) {
	after, err := count(r.FormValue("after"), 0)
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	show(w, func(ctx context.Context) (all []smsBody, err error) {
		list, err := b.Messages(ctx, after)
		for _, s := range list {
			all = append(all, smsBody{s.ID, s.At, s.Account.Reveal(), s.Phone.Reveal(), s.Code.Reveal(), s.Text.Reveal()})
		}
		return all, err
	}, r)
}

func (b *Bank) postMovement(w http.ResponseWriter, r *http.Request) {
	var m struct {
		Account string       `json:"account"`
		Amount  codec.Amount `json:"amount"`
		Out     bool         `json:"out"`
		Summary string       `json:"summary"`
	}
	b.order(w, r, &m, func(ctx context.Context) error {
		if m.Amount <= 0 {
			return errors.New("amount: more than 0, in fen")
		}
		return b.Move(ctx, codec.NewAccount(m.Account), m.Out, m.Amount, m.Summary)
	})
}

func (b *Bank) postEvent(w http.ResponseWriter, r *http.Request) {
	var e struct {
		Account string `json:"account"`
		Event   string `json:"event"`
	}
	b.order(w, r, &e, func(ctx context.Context) error { return b.Event(ctx, codec.NewAccount(e.Account), e.Event) })
}

// order reads a body and carries it out.
func (b *Bank) order(w http.ResponseWriter, r *http.Request, body any, do func(context.Context) error) {
	err := decode(w, r, body)
	if err == nil {
		err = do(r.Context())
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func decode(w http.ResponseWriter, r *http.Request, body any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10))
	d.DisallowUnknownFields()
	return d.Decode(body)
}

// getFeed sends events until the watcher goes, or the bank.
func (b *Bank) getFeed(w http.ResponseWriter, r *http.Request) {
	c := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	_ = c.SetReadDeadline(time.Time{}) // the server's would end the feed
	events, end := b.Watch()
	defer end()
	for {
		if c.Flush() != nil {
			return
		}
		select {
		case e := <-events:
			data, err := json.Marshal(e)
			if err != nil {
				return
			}
			_ = c.SetWriteDeadline(time.Now().Add(10 * time.Second))
			if _, err := fmt.Fprintf(w, "id: %d\ndata: %s\n\n", e.At.UnixNano(), data); err != nil {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

func (b *Bank) postUp(w http.ResponseWriter, r *http.Request) {
	if err := b.Up(r.Context()); err != nil {
		refuse(w, http.StatusConflict, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func show[T any](w http.ResponseWriter, read func(context.Context) ([]T, error), r *http.Request) {
	all, err := read(r.Context())
	if err != nil {
		refuse(w, http.StatusInternalServerError, err)
		return
	}
	if all == nil {
		all = []T{}
	}
	write(w, http.StatusOK, all)
}

func refuse(w http.ResponseWriter, status int, err error) {
	write(w, status, map[string]string{"error": err.Error()})
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
