package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	stdlog "log"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"wxswitch/banks"
	"wxswitch/cmd/internal/config"
	"wxswitch/cmd/internal/parts"
	"wxswitch/codec/iso"
	"wxswitch/routing"
	switching "wxswitch/switch"
	"wxswitch/switch/api"
	"wxswitch/switch/customer"
	"wxswitch/switch/db"
	"wxswitch/switch/journal"
	"wxswitch/switch/notice"
	"wxswitch/switch/ops"
	"wxswitch/switch/saf"
	"wxswitch/switch/vault"
)

// app is the switch while it is put together.
type app struct {
	Config
	log      zerolog.Logger
	lines    *parts.Lines
	registry *prometheus.Registry
	key      *vault.Vault
	db       *db.DB
	journal  *journal.Journal
	store    *customer.Store
	notices  *notice.Notices
	places   *customer.Places
	customer *customer.Service
	numbers  *switching.Numbers
	router   *routing.Router
	sw       *switching.Switch
	advices  *saf.Forwarder
	stopping context.Context //nolint:containedctx // done when the stop begins
	stop     context.CancelFunc
	reloads  sync.Mutex  // held while routes are read and put in use: the last read wins
	reloaded func(error) // what is told how each ended
	parts    parts.Stack
}

// The format is the process's: it is set before anything in it logs.
func init() { zerolog.TimeFieldFormat = time.RFC3339Nano }

// Run runs the switch until ctx is done, then drains it. An error that it
// returns at once says what keeps it from starting.
func Run(ctx context.Context, c Config) error {
	a := &app{Config: c}
	a.stopping, a.stop = context.WithCancel(context.WithoutCancel(ctx))
	defer a.stop()
	if err := errors.Join(a.check(func(key, reason string) error { return fmt.Errorf("%s: %s", key, reason) })...); err != nil {
		return err
	}
	a.defaults()
	go a.lines.Run()
	defer a.lines.Close()
	for _, build := range []func(context.Context) error{a.foundation, a.core, a.customers, a.banks, a.doors} {
		if err := build(ctx); err != nil {
			return errors.Join(err, a.closeDB())
		}
	}
	return a.untilStopped(ctx)
}

// A stop takes at most Drain, in which the API ends its requests and advices on
// their way end beside them, and stopMargin for the rest: afterDrain for what
// outlasted Drain, twice, and the sign-offs.
const (
	stopMargin = 20 * time.Second
	afterDrain = 3 * time.Second
)

// untilStopped runs the parts. A stop that takes longer than it may is cut
// short: the process is then to exit, and the next start settles what was open.
func (a *app) untilStopped(ctx context.Context) error {
	ran := make(chan error, 1)
	go func() { ran <- errors.Join(a.parts.Run(ctx), a.closeDB()) }()
	select {
	case err := <-ran:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-ran:
		a.log.Info().Err(err).Msg("switch is down")
		return err
	case <-time.After(a.Drain + stopMargin):
		return fmt.Errorf("not stopped within %s: what is open is settled at the next start", a.Drain+stopMargin)
	}
}

func (a *app) defaults() {
	parts.Tune()
	if a.Drain == 0 {
		a.Drain = 20 * time.Second
	}
	if a.Forwarder == "" {
		a.Forwarder = a.Acquirer
	}
	a.Limits.Erase = cmp.Or(a.Limits.Erase, a.EraseAfter)
	if a.Now == nil {
		a.Now = time.Now
	}
	to := a.LogTo
	if to == nil {
		to = os.Stderr
	}
	a.lines = parts.NewLines(to)
	a.log = a.lines.Logger(config.Level(a.Log.Level), a.Log.Format)
	a.registry = a.lines.Registry("wxswitch")
}

// foundation opens key and database, brings the tables up to date, and sees that
// the key is that of the database.
func (a *app) foundation(ctx context.Context) (err error) {
	if a.key = a.Key; a.key == nil {
		if a.key, err = vault.Load(a.KeyFile); err != nil {
			return err
		}
	}
	if _, err := os.Stat(a.Database); errors.Is(err, fs.ErrNotExist) { // at the first start, or its disk is not mounted
		a.log.Warn().Str("database", a.Database).Msg("there was no database: a new one is made")
	}
	a.db, err = db.Open(ctx, db.Options{Path: a.Database, Observe: ops.Commits(a.registry), Fail: a.FailCommit})
	if err != nil {
		return err
	}
	ops.Writer(a.registry, a.db.Waiting, a.db.Busy)
	a.reloaded = ops.Reloads(a.registry)
	if err = a.tellers(ctx); err != nil {
		return err
	}
	a.journal, err = journal.New(ctx, journal.Options{
		DB: a.db, Vault: a.key, Now: a.Now, Effects: a.store.Effects(), Listeners: a.store.Listeners(), Outbox: a.notices,
		Backoff: switching.Backoff{Min: a.Advices.BackoffMin, Max: a.Advices.BackoffMax},
	})
	if err != nil {
		return err
	}
	for _, check := range []func(context.Context) error{a.journal.CheckKey, a.store.CheckKey, a.notices.CheckKey} {
		if err := check(ctx); err != nil {
			return fmt.Errorf("database %s, key file %s: %w: put back the key file that the database was written with", a.Database, a.KeyFile, err)
		}
	}
	a.parts.Add("database", a.db.Run)
	a.parts.Add("forget", a.forget)
	a.numbers = switching.NewNumbers(a.journal, a.Now)
	return nil
}

// core puts the switch together, without banks.
func (a *app) core(context.Context) error {
	table, err := a.loadRoutes()
	if err != nil {
		return err
	}
	instance := make([]byte, 6)
	_, _ = rand.Read(instance)
	a.router = routing.NewRouter(table)
	a.sw = switching.New(switching.Options{
		Router: a.router, Journal: a.journal, Numbers: a.numbers, Hasher: a.key,
		Instance: hex.EncodeToString(instance), Acquirer: a.Acquirer, Forwarder: a.Forwarder,
		Grace: a.Grace, Drain: min(a.Drain, afterDrain), Now: a.Now, Log: a.log, Registerer: a.registry, Failpoint: a.Failpoint,
		Wake: func(bank string, entry int64) { a.advices.Wake(bank, entry) },
		Told: a.notices.Kick,
	})
	return nil
}

// banks connects the banks, and forwards their advices.
func (a *app) banks(ctx context.Context) error {
	var banksUp parts.Group
	for _, b := range a.Banks {
		d, err := iso.Open(b.Dialect) // check has opened it before
		if err != nil {
			return err
		}
		b.DrainLimit = min(cmp.Or(b.DrainLimit, afterDrain), afterDrain) // the API has drained by then
		bank, err := banks.New(b.Config, d, a.sw, banks.Options{Log: a.log, Registerer: a.registry, Numbers: a.numbers, Tap: a.Tap, Dial: a.Dial})
		if err != nil {
			return fmt.Errorf("bank %s: %w", b.Name, err)
		}
		a.sw.AddBank(bank)
		banksUp = append(banksUp, bank.Run)
	}
	a.advices = saf.New(saf.Options{
		Store: a.journal, Switch: a.sw, Numbers: a.numbers, Grace: a.Grace, Now: a.Now, Log: a.log, Registerer: a.registry, Failpoint: a.Failpoint,
	})
	a.registry.MustRegister(ops.Advices{Stat: a.journal.AdviceStats, Banks: a.sw.Banks(), Now: a.Now})
	a.parts.Add("banks", banksUp.Run)
	a.parts.Add("advices", func(ctx context.Context) error {
		early, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(a.stopping, cancel)() // those on their way end while the API drains
		err := a.advices.Run(early)
		<-ctx.Done()
		return err
	})
	a.parts.Add("switch", a.sw.Run)
	return a.orphans(ctx)
}

// orphans warns of advices that nothing forwards, since their bank is not
// configured.
func (a *app) orphans(ctx context.Context) error {
	stats, err := a.journal.AdviceStats(ctx)
	for _, s := range stats {
		if a.sw.Banks()[s.Bank] == nil {
			a.log.Warn().Str("bank", s.Bank).Str("state", string(s.State)).Int("advices", s.Count).Time("oldest", s.Oldest).
				Msg("advices of a bank that is not configured: they wait until it is back or they are closed")
		}
	}
	return err
}

// doors opens the listeners: what cannot be listened on stops the start.
func (a *app) doors(ctx context.Context) error {
	clients, err := clients(a.Clients)
	if err != nil {
		return err
	}
	door := api.New(api.Options{
		Switch: a.sw, Router: a.router, Banks: a.statuses, Advices: operator{a.journal, a.advices, a.sw},
		Customers: a.customer, Places: a.places, Notices: told{a.notices}, Reload: a.reload, Clients: clients, Anonymous: a.Anonymous,
		Guard: parts.Guard, Limits: api.Limits{Drain: a.Drain}, Log: a.log, Registerer: a.registry,
	})
	page := ops.Handler(ops.Options{Registry: a.registry, Banks: a.sw.Banks(), Checks: []ops.Check{
		{Name: "journal", Ready: a.db.Health},
		{Name: "accepting requests", Ready: a.accepting},
	}})
	listen := net.ListenConfig{}
	apiListener, err := listen.Listen(ctx, "tcp", a.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	opsListener, err := listen.Listen(ctx, "tcp", a.Ops)
	if err != nil {
		return errors.Join(fmt.Errorf("ops: %w", err), apiListener.Close())
	}
	a.parts.AddFirst("operators' pages", parts.Serve(pages(page, a.log), opsListener, 0))
	a.parts.Add("reload", a.reloadOnSignal)
	a.parts.Add("api", func(ctx context.Context) error { return door.Serve(ctx, apiListener) })
	a.parts.Add("announce", func(ctx context.Context) error {
		at := Addresses{API: apiListener.Addr().String(), Ops: opsListener.Addr().String()}
		a.log.Info().Str("api", at.API).Str("ops", at.Ops).Int("banks", len(a.Banks)).Msg("switch is up")
		if a.Ready != nil {
			a.Ready(at)
		}
		<-ctx.Done()
		a.stop()
		a.log.Info().Msg("switch is draining")
		return nil
	})
	return nil
}

// pages serves what operators watch.
func pages(h http.Handler, log zerolog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		ErrorLog: stdlog.New(log, "", 0), // standard error itself may be a pipe that nobody reads
	}
}

func (a *app) accepting(context.Context) error {
	if a.stopping.Err() != nil {
		return errors.New("draining")
	}
	return nil
}

func (a *app) statuses() []banks.Status {
	list := make([]banks.Status, 0, len(a.sw.Banks()))
	for _, b := range a.sw.Banks() {
		list = append(list, b.Status())
	}
	return list
}

// reload puts the files of routes and places in use again, both and whole, or leaves
// the tables in force.
func (a *app) reload(context.Context) (err error) {
	a.reloads.Lock()
	defer a.reloads.Unlock()
	defer func() { a.reloaded(err) }()
	table, err := a.loadRoutes()
	if err != nil {
		a.log.Error().Err(err).Msg("routes not reloaded; the table before stays in force")
		return err
	}
	places, err := a.loadPlaces()
	if err != nil {
		a.log.Error().Err(err).Msg("places not reloaded, nor routes; what was before stays in force")
		return err
	}
	a.router.Swap(table)
	a.places.Swap(places)
	a.log.Info().Str("routes", a.Routes).Msg("routes reloaded")
	return nil
}

func (a *app) reloadOnSignal(ctx context.Context) error {
	for {
		select {
		case <-a.Reload:
			_ = a.reload(ctx) // logged; there is nobody to tell
		case <-ctx.Done():
			return nil
		}
	}
}

// forget frees old idempotency keys, and deletes what else the journal has kept long
// enough, a batch at a time.
func (a *app) forget(ctx context.Context) error {
	const pause = time.Minute
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		more, err := a.journal.Forget(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			a.log.Error().Err(err).Msg("free old idempotency keys")
			timer.Reset(pause)
		case more:
			timer.Reset(time.Second)
		default:
			timer.Reset(pause)
		}
	}
}

func (a *app) closeDB() error {
	if a.db == nil {
		return nil
	}
	return a.db.Close()
}

// operator is the operators' view of the advices: what they change is looked at
// at once.
type operator struct {
	*journal.Journal
	forwarder *saf.Forwarder
	sw        *switching.Switch
}

// RetryAdvice makes the advice due and wakes its bank.
func (o operator) RetryAdvice(ctx context.Context, id int64) (switching.Advice, error) {
	a, err := o.Journal.RetryAdvice(ctx, id)
	if err == nil {
		o.forwarder.Wake(a.Entry.Bank, 0)
	}
	return a, err
}

// CloseAdvice ends the advice and wakes whoever waits for its account, or for what
// its end tells.
func (o operator) CloseAdvice(ctx context.Context, id int64, reason string, outcome switching.Outcome) (switching.Advice, error) {
	a, err := o.Journal.CloseAdvice(ctx, id, reason, outcome)
	if err == nil {
		o.sw.Changed(a.Entry.ID)
		o.sw.Told()
	}
	return a, err
}
