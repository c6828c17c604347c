package browser

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"wxswitch/banks/sim"
	frontd "wxswitch/cmd/frontd/app"
	"wxswitch/cmd/internal/stage"
	"wxswitch/cmd/internal/stage/stagetest"
	"wxswitch/cmd/internal/world"
	switchd "wxswitch/cmd/switchd/app"
	wxsim "wxswitch/cmd/wxsim/app"
)

const (
	bankA, bankB = "urmqccb", "xjrcu"
	// deadline is what banks are given: what is to time out takes as long.
	deadline = 2 * time.Second
	// patience is until a test gives up on what it waits for.
	patience      = 20 * time.Second
	width, height = 360, 740
)

// home is a stage and who has phones there.
type home struct {
	*stage.Stage
	ahead atomic.Int64 // what its clock is ahead of the real one
	taken atomic.Int64 // phones
	pairs atomic.Int64
	log   *tail
}

// ordinary are the indexes of the banks' made-up people who have a resident ID
// and accounts in normal standing that nobody shares.
func ordinary(n int) (people []int) {
	for i := 3; len(people) < n; i++ {
		if i%10 != 9 && i%17 != 16 && i%16 != 7 {
			people = append(people, i)
		}
	}
	return people
}

const (
	phones = 80
	// twins are the phones of one person each with the phone before.
	twins = 8
)

func followers() (list []wxsim.Follower) {
	for i, person := range ordinary(phones + twins/2) {
		f := wxsim.Follower{Name: fmt.Sprintf("客户%d", i+1), Person: person}
		list = append(list, f)
		if i >= phones {
			f.Name += "的新手机"
			list = append(list, f)
		}
	}
	return list
}

// options makes a stage quick and patient: short deadlines, cheap passwords, and
// the home's clock.
func (h *home) options(o stage.Options) stage.Options {
	now := func() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())) }
	if len(o.Followers) == 0 {
		o.Followers = followers()
	}
	o.World.LogTo = h.log
	tune, front, weChat, bank := o.World.Tune, o.TuneFront, o.TuneWeChat, o.World.TuneBank
	o.World.Tune = then(func(c *switchd.Config) {
		c.Now = now
		c.Argon = argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}
		c.Advices.BackoffMin, c.Advices.BackoffMax = 100*time.Millisecond, time.Second
		c.Log.Level = "warn"
		shareBook(c.Routes)
		for i := range c.Banks {
			c.Banks[i].Deadline = deadline
			c.Banks[i].Breaker.ConsecutiveFailures = 1000
			c.Banks[i].Breaker.FailureRatio = 1
		}
	}, tune)
	o.World.TuneBank = then(func(c *sim.Config) { c.Kit.RetryMin, c.People = 100*time.Millisecond, 120 }, bank)
	o.TuneFront = then(func(c *frontd.Config) { c.Now, c.Log.Level = now, "warn" }, front)
	o.TuneWeChat = then(func(c *wxsim.Config) { c.Now = now }, weChat)
	return o
}

// sharedBook begins passbook numbers that both banks have: the customer must say
// whose it is.
const sharedBook = "3008"

func shareBook(routes string) {
	f, err := os.OpenFile(routes, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		panic(err)
	}
	for _, bank := range []string{bankA, bankB} {
		fmt.Fprintf(f, "  - {bank: %s, prefix: %q, length: 17, shared: true}\n", bank, sharedBook)
	}
	if err := f.Close(); err != nil {
		panic(err)
	}
}

func then[T any](first, second func(*T)) func(*T) {
	return func(c *T) {
		first(c)
		if second != nil {
			second(c)
		}
	}
}

// later sets the clock ahead.
func (h *home) later(d time.Duration) { h.ahead.Add(int64(d)) }

// tail is the end of a log.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (l *tail) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, b...)
	if len(l.text) > 1<<20 {
		l.text = l.text[len(l.text)-1<<19:]
	}
	return len(b), nil
}

func (l *tail) last(n int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text[max(0, len(l.text)-n):])
}

// shared is what all tests use: one Chromium, and one stage.
var shared struct {
	chromium context.Context
	home     *home
	end      []func() error
}

func TestMain(m *testing.M) {
	status := m.Run()
	for _, end := range slices.Backward(shared.end) {
		if err := end(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = max(status, 1)
		}
	}
	os.Exit(status)
}

// bed is a test and where it takes place.
type bed struct {
	testing.TB
	*home
}

// house is the stage that all tests share.
func house(t testing.TB) bed {
	t.Helper()
	if shared.home == nil {
		h := &home{log: &tail{}}
		dir, err := os.MkdirTemp("", "browser")
		must(t, err)
		shared.end = append(shared.end, func() error { return os.RemoveAll(dir) })
		o := h.options(stage.Options{})
		o.World.Dir = dir
		ctx, stop := context.WithCancel(context.Background())
		h.Stage, err = stage.New(ctx, o)
		must(t, err)
		ran := make(chan error, 2) // once for WaitUp, once for the end
		go func() { err := h.Run(ctx); ran <- err; ran <- err }()
		shared.end = append(shared.end, func() error { stop(); return <-ran })
		limit, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		must(t, h.WaitUp(limit, ran))
		shared.home = h
	}
	return bed{t, shared.home}
}

// own is a stage of the test's own.
func own(t testing.TB, o stage.Options) bed {
	t.Helper()
	h := &home{log: &tail{}}
	h.Stage = stagetest.Start(t, h.options(o))
	return bed{t, h}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// chromium is the browser that all tests share, started when first needed.
func chromium(t testing.TB) context.Context {
	t.Helper()
	if shared.chromium != nil {
		return shared.chromium
	}
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Fatal("these tests need Chromium: apt-get install chromium fonts-noto-cjk")
	}
	dir, err := os.MkdirTemp("", "chromium")
	must(t, err)
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.UserDataDir(dir), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.WindowSize(width, height), chromedp.CombinedOutput(io.Discard),
	}
	for _, flag := range []string{
		"disable-quic", "disable-background-networking", "disable-component-update", "disable-sync", "disable-default-apps", "disable-extensions",
		"disable-background-timer-throttling", "disable-renderer-backgrounding", "disable-backgrounding-occluded-windows", "hide-scrollbars",
		"disable-dev-shm-usage", "metrics-recording-only", "no-pings",
	} {
		options = append(options, chromedp.Flag(flag, true))
	}
	options = append(options, chromedp.Flag("lang", "zh-CN"), chromedp.Flag("force-color-profile", "srgb"))
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	shared.end = append(shared.end, func() error { cancel(); end(); return os.RemoveAll(dir) })
	must(t, chromedp.Do(ctx)) // starts it
	shared.chromium = ctx
	return ctx
}

// phone is a follower's.
type phone struct {
	bed
	*world.Follower // the person, as the banks know it
	app, page       screen
	ctx             context.Context // the tab's
	number          int             // f1 is 0
	heard           int64           // the chat's last entry that the test knows
	console         *console
}

// phone opens the phone of a follower whom no other test has.
func (b bed) phone() *phone {
	b.Helper()
	return b.phoneOf(b.next())
}

// next is a follower whom no other test has.
func (b bed) next() int {
	b.Helper()
	n := int(b.taken.Add(1)) - 1
	if n >= len(b.Followers) || n >= phones && len(b.Followers) > phones {
		b.Fatal("no followers are left: raise phones")
	}
	return n
}

// pair opens two phones of one person.
func (b bed) pair() (one, two *phone) {
	b.Helper()
	n := phones + 2*int(b.pairs.Add(1)-1)
	if n+1 >= len(b.Followers) {
		b.Fatal("no pairs are left: raise twins")
	}
	return b.phoneOf(n), b.phoneOf(n + 1)
}

// phoneOf opens the phone of the n-th follower, who follows from then on.
func (b bed) phoneOf(n int) *phone {
	b.Helper()
	p := b.closed(n)
	p.start()
	return p
}

// closed is the phone of the n-th follower, before it is opened.
func (b bed) closed(n int) *phone {
	b.Helper()
	p := &phone{bed: b, Follower: b.World.Follower(fmt.Sprint("f", n+1), b.Followers[n].Person), number: n}
	p.app, p.page = screen{p, false}, screen{p, true}
	return p
}

// start opens a phone in a tab of its own.
func (p *phone) start() {
	p.Helper()
	ctx, cancel := chromedp.NewContext(chromium(p))
	p.Cleanup(cancel)
	p.ctx = ctx
	p.console = listen(ctx)
	p.Cleanup(p.examine)
	p.do(chromedp.EmulateViewport(width, height, chromedp.EmulateMobile, chromedp.EmulatePortrait))
	p.looks("light")
	p.do(chromedp.Navigate(p.Phone(p.number) + "/"))
	p.app.waits("#follow, #to-text, #words", "")
	p.follow()
	p.app.waits("#talk .theirs", "") // the welcome
	p.heard = p.last()
}

// follow taps the button of who does not follow yet; again, where the button was
// drawn anew under the finger.
func (p *phone) follow() {
	p.Helper()
	again := time.Now()
	p.until(func() string {
		if !look[bool](p.app, "has", "#follow", "") {
			return ""
		}
		if time.Now().After(again) {
			p.app.tap("#follow")
			again = time.Now().Add(time.Second)
		}
		return "does not follow"
	})
}

// looks chooses light or dark.
func (p *phone) looks(scheme string) {
	p.Helper()
	p.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
		}})
		return chromedp.Void{}, err
	})
}

// examine fails the test for what the console said, and keeps a picture of a
// failure.
func (p *phone) examine() {
	for _, line := range p.console.errors() {
		p.Errorf("f%d: console: %s", p.number+1, line)
	}
	if !p.Failed() {
		return
	}
	name := filepath.Join(os.TempDir(), "failed-"+strings.ReplaceAll(p.Name(), "/", "-")+fmt.Sprintf("-f%d.png", p.number+1))
	if dir := os.Getenv("SCREENS"); dir != "" {
		name = filepath.Join(dir, filepath.Base(name))
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	p.Logf("f%d: %s\nin the page at %s: %s\nin the chat: %s\nlog: %s\npicture: %s (%v)", p.number+1, p.Followers[p.number].Name,
		look[string](p.page, "path"), look[string](p.page, "seen", ""), look[string](p.app, "seen", "#talk"), p.log.last(3000), name,
		errors.Join(err, os.WriteFile(name, picture, 0o600)))
}

// console collects what pages complain of.
type console struct {
	mu      sync.Mutex
	lines   []string
	forgive []string
}

func listen(ctx context.Context) *console {
	c := &console{}
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			c.hear(m)
		}
	}()
	return c
}

func (c *console) hear(m chromedp.ConsoleMessage) {
	answered := m.Source == "network" && strings.Contains(m.Text, "responded with a status") && !strings.Contains(m.URL, "/static/") && !strings.Contains(m.URL, "/sim/")
	if m.Type != chromedp.ConsoleError && m.Type != chromedp.ConsoleException || answered {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, fmt.Sprintf("%s %s (%s:%d)", m.Source, m.Text, m.URL, m.Line))
}

func (c *console) errors() (lines []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, line := range c.lines {
		forgiven := false
		for _, part := range c.forgive {
			forgiven = forgiven || strings.Contains(line, part)
		}
		if !forgiven {
			lines = append(lines, line)
		}
	}
	return lines
}

// forgives lets pass what the test brings about: console lines that contain part.
func (p *phone) forgives(part string) {
	p.console.mu.Lock()
	defer p.console.mu.Unlock()
	p.console.forgive = append(p.console.forgive, part)
}

// do does what a browser must do in time.
func (p *phone) do(steps ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	must(p, chromedp.Do(ctx, steps...))
}

//go:embed eye.js
var eye string

// look asks eye.js. What is not there, as between two pages, is the zero value.
func look[T any](s screen, what string, args ...any) (v T) {
	s.p.Helper()
	ctx, cancel := context.WithTimeout(s.p.ctx, patience)
	defer cancel()
	list, err := json.Marshal(append([]any{}, args...))
	must(s.p, err)
	v, err = chromedp.Run(ctx, chromedp.Evaluate[T](fmt.Sprintf("(%s)(%t).%s(...%s)", eye[strings.Index(eye, "(("):], s.inPage, what, list),
		chromedp.EvalAwaitPromise))
	if err != nil && !errors.Is(err, chromedp.ErrJSNull) && !errors.Is(err, chromedp.ErrJSUndefined) {
		s.p.Fatalf("%s%v: %v", what, args, err)
	}
	return v
}

// watch waits until what eye.js sees passes, as its until says, and returns what was
// seen last; else the test fails with the reason.
func watch[T any](s screen, how string, want any, reason func(got T) string, what string, args ...any) T {
	s.p.Helper()
	type seen struct {
		OK  bool
		Got T
	}
	for end := time.Now().Add(patience); ; {
		x := look[seen](s, "until", append([]any{how, want, what}, args...)...)
		switch {
		case x.OK:
			return x.Got
		case time.Now().After(end):
			s.p.Fatal(reason(x.Got))
		}
	}
}

// until waits for is to say nothing; what it says last is the reason for failing.
func (p *phone) until(is func() (missing string)) {
	p.Helper()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		missing := is()
		switch {
		case missing == "":
			return
		case time.Now().After(end):
			p.Fatal(missing)
		}
	}
}

// shot writes a picture: of the page that is open, whole and as wide as the window,
// else of the phone. A page that is wider fails.
func (p *phone) shot(name string) {
	p.Helper()
	if high := look[int64](p.page, "alone", true); high == 0 {
		look[bool](p.app, "show", "#stand")
	} else {
		p.do(chromedp.EmulateViewport(width, max(high, height), chromedp.EmulateMobile, chromedp.EmulatePortrait))
		defer func() {
			look[int64](p.page, "alone", false)
			p.do(chromedp.EmulateViewport(width, height, chromedp.EmulateMobile, chromedp.EmulatePortrait))
		}()
		if over := look[int](p.page, "wide"); over > 0 {
			p.Errorf("%s is %d px wider than the window", look[string](p.page, "path"), over)
		}
	}
	p.keepPicture(name)
}
