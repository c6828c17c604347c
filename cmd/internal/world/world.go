package world

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"wxswitch/banks"
	"wxswitch/banks/sim"
	"wxswitch/cmd/internal/parts"
	"wxswitch/cmd/switchd/app"
	"wxswitch/codec"
	"wxswitch/codec/iso"
	"wxswitch/switch/api"
	"wxswitch/switch/api/client"
	"wxswitch/switch/vault"
)

// Spec is one simulated bank.
type Spec struct {
	ID, Title string
	Dialect   string
	Card      sim.Range
	Passbook  sim.Range
	Links     int
}

// Banks are the banks of the world: one for each dialect that ships. Their ids
// and BINs are of real banks in Xinjiang, their customers are made up.
var Banks = []Spec{
	{
		ID: "urmqccb", Title: "乌鲁木齐银行", Dialect: "cups", Links: 2,
		Card: sim.Range{Prefix: "621751", Length: 19}, Passbook: sim.Range{Prefix: "1008", Length: 17},
	},
	{
		ID: "xjrcu", Title: "新疆农村信用社", Dialect: "plain", Links: 2,
		Card: sim.Range{Prefix: "621008", Length: 16}, Passbook: sim.Range{Prefix: "2008", Length: 19},
	},
}

// Options are what a world is made of. Dir is required.
type Options struct {
	Dir     string // for keys, database, and the banks' ledgers
	LogTo   io.Writer
	Control bool // the banks' control APIs are open
	// Told is the front that tells followers; a stub of the world's own if it has no
	// URL.
	Told app.Front
	// Tune changes the switch's configuration before it starts; may be nil.
	Tune func(*app.Config)
	// TuneBank changes a bank's before it is made; may be nil.
	TuneBank func(*sim.Config)
}

// World is a running switch with its banks.
type World struct {
	Options
	Sims  map[string]*sim.Bank
	Front *Front // the stub; nil if there is none
	Token string // of a client that may all
	// Up is closed when the doors are open and every bank has a link.
	Up        chan struct{}
	Addresses app.Addresses // once Up
	config    app.Config
}

// New makes the banks and the configuration; Run starts them.
func New(ctx context.Context, o Options) (*World, error) {
	if o.LogTo == nil {
		o.LogTo = io.Discard
	}
	token := make([]byte, 24)
	_, _ = rand.Read(token)
	w := &World{Options: o, Sims: make(map[string]*sim.Bank), Token: hex.EncodeToString(token), Up: make(chan struct{})}
	if o.Told.URL == "" {
		var err error
		if w.Front, err = NewFront(ctx, w.Token); err != nil {
			return nil, err
		}
		w.Told = app.Front{URL: w.Front.URL(), Token: codec.NewSecret(w.Token)}
	}
	for _, s := range Banks {
		b, err := w.newSim(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("bank %s: %w", s.ID, err)
		}
		w.Sims[s.ID] = b
	}
	return w, w.configure()
}

func (w *World) newSim(ctx context.Context, s Spec) (*sim.Bank, error) {
	d, err := iso.Builtin(s.Dialect)
	if err != nil {
		return nil, err
	}
	c := sim.Config{
		Name: s.ID, Title: s.Title, Dialect: d, Path: filepath.Join(w.Dir, "bank-"+s.ID+".db"), Listen: []string{"127.0.0.1:0"},
		Seed: 1, People: 60, Cards: []sim.Range{s.Card}, Passbooks: s.Passbook, Log: w.log().With().Str("program", "banksim").Logger(),
	}
	if w.Control {
		c.Control = "127.0.0.1:0"
	}
	if w.TuneBank != nil {
		w.TuneBank(&c)
	}
	return sim.New(ctx, c)
}

func (w *World) log() zerolog.Logger { return zerolog.New(w.LogTo).Level(zerolog.WarnLevel) }

func (w *World) configure() error {
	key, err := vault.New()
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(w.Token))
	routes := filepath.Join(w.Dir, "routes.yaml")
	places := filepath.Join(w.Dir, "places.yaml")
	for path, text := range map[string]string{routes: Routes(), places: Places} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	w.config = app.Config{
		Listen: "127.0.0.1:0", Ops: "127.0.0.1:0", Database: filepath.Join(w.Dir, "switch.db"), Routes: routes, Places: places, Acquirer: "48980000",
		Clients: []app.Client{{ID: "demo", TokenSHA256: hex.EncodeToString(sum[:]), Scopes: []api.Scope{api.ScopeBank, api.ScopeOperate, api.ScopeCustomer}}},
		Front:   w.Told,
	}
	w.config.Key, w.config.LogTo = key, w.LogTo
	for _, s := range Banks {
		w.config.Banks = append(w.config.Banks, w.bank(s))
	}
	if w.Tune != nil {
		w.Tune(&w.config)
	}
	return nil
}

func (w *World) bank(s Spec) app.Bank {
	b := app.Bank{Dialect: s.Dialect, Title: s.Title, Config: banks.Config{Name: s.ID, Deadline: 5 * time.Second, SignOn: true}}
	for i := range s.Links {
		b.Links = append(b.Links, banks.LinkConfig{Name: fmt.Sprintf("%s-%d", s.ID, i+1), Addresses: []string{w.Sims[s.ID].Addr()}})
	}
	return b
}

// Routes is the world's route file.
func Routes() string {
	cards, passbooks := "cards:\n", "passbooks:\n"
	for _, s := range Banks {
		cards += fmt.Sprintf("  - {bank: %s, prefix: %q, lengths: [%d]} # %s\n", s.ID, s.Card.Prefix, s.Card.Length, s.Title)
		passbooks += fmt.Sprintf("  - {bank: %s, prefix: %q, length: %d}\n", s.ID, s.Passbook.Prefix, s.Passbook.Length)
	}
	return cards + passbooks
}

// Run runs the banks and the switch until ctx is done; the switch stops first.
func (w *World) Run(ctx context.Context) error {
	var sims parts.Group
	for _, b := range w.Sims {
		sims = append(sims, b.Run)
	}
	opened := make(chan app.Addresses, 1)
	w.config.Ready = func(a app.Addresses) { opened <- a }
	var s parts.Stack
	if w.Front != nil {
		s.Add("front", w.Front.Run)
	}
	s.Add("banks", sims.Run)
	s.Add("switch", func(ctx context.Context) error { return app.Run(ctx, w.config) })
	s.Add("ready", func(ctx context.Context) error {
		select {
		case w.Addresses = <-opened:
			return w.untilLinked(ctx)
		case <-ctx.Done():
			return nil
		}
	})
	return s.Run(ctx)
}

// untilLinked closes Up when every bank is online, and stays until ctx is done.
func (w *World) untilLinked(ctx context.Context) error {
	for !w.linked(ctx) {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return nil
		}
	}
	close(w.Up)
	<-ctx.Done()
	return nil
}

func (w *World) linked(ctx context.Context) bool {
	c, err := w.Client()
	if err != nil {
		return false
	}
	r, err := c.ListBanksWithResponse(ctx)
	if err != nil || r.JSON200 == nil {
		return false
	}
	for _, b := range r.JSON200.Banks {
		if b.Online == 0 {
			return false
		}
	}
	return true
}

// URL is the API's.
func (w *World) URL() string { return "http://" + w.Addresses.API }

// Client returns the generated client, with the token.
func (w *World) Client() (*client.ClientWithResponses, error) {
	c, err := client.NewClientWithResponses(w.URL(), client.WithHTTPClient(&http.Client{Timeout: time.Minute}),
		client.WithRequestEditorFn(client.Bearer(w.Token)))
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	return c, nil
}

// Ask sends one transaction for the person's first account; key may be empty.
func (w *World) Ask(ctx context.Context, kind client.Type, p sim.Person, key string, timeout time.Duration) (*client.CreateTransactionResponse, error) {
	c, err := w.Client()
	if err != nil {
		return nil, err
	}
	params := client.CreateTransactionParams{IdempotencyKey: key}
	if timeout != 0 {
		ms := timeout.Milliseconds()
		params.RequestTimeout = &ms
	}
	body := client.TransactionRequest{Type: kind, Account: p.Accounts[0].Number.Reveal()}
	if kind == client.TypeAuthenticate {
		body.Certificate = &client.Certificate{Type: p.CertType, Number: p.Cert.Reveal()}
	}
	return c.CreateTransactionWithResponse(ctx, &params, body)
}

// WaitUp waits until the world is up, or has failed to come up.
func (w *World) WaitUp(ctx context.Context, ran <-chan error) error {
	return parts.Up(ctx, w.Up, ran)
}
