package browser

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// screen is the phone itself, or the page that is open in its browser.
type screen struct {
	p      *phone
	inPage bool
}

// spot is where to touch, or why not; and what a field there holds.
type spot struct {
	X, Y       float64
	Why, Value string
}

// tap clicks what css names and, if given, holds the text; once it can be
// touched and has come to rest.
func (s screen) tap(css string, text ...string) (before string) {
	s.p.Helper()
	at := watch(s, "rest", nil, func(at spot) string {
		return fmt.Sprintf("cannot tap %s %v: %s", css, text, cmp.Or(at.Why, "it moves"))
	}, "spot", css, strings.Join(text, ""))
	s.p.do(chromedp.MouseClickXY(at.X, at.Y))
	return at.Value
}

// enter taps a field and types into it, in place of what it holds.
func (s screen) enter(css, value string) {
	s.p.Helper()
	if s.tap(css) != "" {
		s.p.do(chromedp.KeyEvent("a", chromedp.KeyModifiers(chromedp.ModifierCtrl)), chromedp.KeyEvent(kb.Backspace))
	}
	if value != "" {
		s.p.insert(value)
	}
	s.holds(css, value)
}

// insert types letters where the focus is, as an input method does.
func (p *phone) insert(text string) {
	p.Helper()
	p.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, input.InsertText, input.InsertTextParams{Text: text})
		return chromedp.Void{}, err
	})
}

// holds waits until a field has the value.
func (s screen) holds(css, value string) {
	s.p.Helper()
	watch(s, "is", value, func(got string) string { return fmt.Sprintf("%s holds %q, not %q", css, got, value) }, "value", css)
}

// choose takes an option by its value, by the arrow keys.
func (s screen) choose(css, value string) {
	s.p.Helper()
	s.waits(css, "")
	look[bool](s, "focus", css)
	s.p.do(chromedp.KeyEvent(kb.Home))
	for range 50 {
		if look[string](s, "value", css) == value {
			return
		}
		s.p.do(chromedp.KeyEvent(kb.ArrowDown))
	}
	s.p.Fatalf("%s has no option %q", css, value)
}

// tick ticks a box.
func (s screen) tick(css string) {
	s.p.Helper()
	s.tap(css)
	s.holds(css, "true")
}

// date fills a date in. It is not typed: how its parts are ordered is the browser's
// business.
func (s screen) date(css, day string) {
	s.p.Helper()
	s.waits(css, "")
	if !look[bool](s, "dated", css, day) {
		s.p.Fatalf("%s takes no %s", css, day)
	}
}

// waits waits until what css names, and holds the text, is seen.
func (s screen) waits(css, text string) {
	s.p.Helper()
	watch(s, "is", true, func(bool) string { return fmt.Sprintf("no %s %q", css, text) }, "has", css, text)
}

// lacks waits until nothing of the kind is seen.
func (s screen) lacks(css, text string) {
	s.p.Helper()
	watch(s, "is", false, func(bool) string { return fmt.Sprintf("%s %q is still there", css, text) }, "has", css, text)
}

// sees waits until all texts can be read.
func (s screen) sees(texts ...string) {
	s.p.Helper()
	for _, text := range texts {
		watch(s, "includes", text, func(got string) string { return fmt.Sprintf("no %q in %q", text, got) }, "seen", "")
	}
}

// says waits until what css names reads so, letter for letter.
func (s screen) says(css, text string) {
	s.p.Helper()
	watch(s, "is", text, func(got string) string { return fmt.Sprintf("%s reads %q, not %q", css, got, text) }, "seen", css)
}

// at waits until the page of that path, with its query if given, is open and at
// rest.
func (s screen) at(path string) {
	s.p.Helper()
	watch(s, "has", path, func([]string) string { return fmt.Sprintf("at %s, not %s", look[string](s, "path"), path) }, "open")
}

// quiet waits until the page is not busy.
func (s screen) quiet() {
	s.p.Helper()
	watch(s, "is", true, func(bool) string { return "the page stays busy" }, "quiet")
}

// ends waits for a result page with the outcome and the text.
func (s screen) ends(outcome, text string) {
	s.p.Helper()
	watch(s, "is", true, func(bool) string {
		return fmt.Sprintf("no end %s, but %q", outcome, look[string](s, "seen", ""))
	}, "has", fmt.Sprintf("[data-result=%q]", outcome), "")
	if text != "" {
		s.says("[data-result] [role=status]", text)
	}
}

// alerts waits for what the page says is wrong.
func (s screen) alerts(text string) {
	s.p.Helper()
	s.says("[role=alert]", text)
	s.quiet()
}

// ---- the chat

// last is the chat's last entry.
func (p *phone) last() (id int64) {
	p.Helper()
	for _, e := range p.entries() {
		id = max(id, e.ID)
	}
	return id
}

// entry is one of a chat.
type entry struct {
	ID   int64
	Kind string // theirs, mine, card, system
	Text string
}

// entries are those that are shown.
func (p *phone) entries() []entry {
	p.Helper()
	return look[[]entry](p.app, "chat")
}

// say types words into the chat and sends them.
func (p *phone) say(words string) {
	p.Helper()
	p.home()
	p.keyboard()
	p.heard = p.last()
	p.app.enter("#words", words)
	p.app.tap("#send")
}

// keyboard shows where words are typed.
func (p *phone) keyboard() {
	p.Helper()
	if look[bool](p.app, "has", "#to-text", "") {
		p.app.tap("#to-text")
	}
	p.app.waits("#words", "")
}

// pick takes an item of the menu.
func (p *phone) pick(item string) {
	p.Helper()
	p.home()
	if look[bool](p.app, "has", "#to-menu", "") {
		p.app.tap("#to-menu")
	}
	p.heard = p.last()
	p.app.tap(fmt.Sprintf(".menu-column:has([data-item=%q]) > [data-column]", item))
	p.app.tap(fmt.Sprintf("[data-item=%q]", item))
}

// locate sends a place of the map.
func (p *phone) locate(place string) {
	p.Helper()
	p.home()
	p.keyboard()
	p.heard = p.last()
	p.app.tap("#plus")
	p.app.tap("#to-map")
	p.app.tap(".map-place", place)
	p.app.tap("#send-place")
}

// hears waits for the account's next text, which must hold all the texts.
func (p *phone) hears(texts ...string) entry {
	p.Helper()
	return p.next("theirs", texts...)
}

// told waits for the next template message, which must hold all the texts.
func (p *phone) told(texts ...string) entry {
	p.Helper()
	return p.next("card", texts...)
}

// next waits for the next entry of a kind.
func (p *phone) next(kind string, texts ...string) (found entry) {
	p.Helper()
	p.until(func() string {
		for _, e := range p.entries() {
			if e.ID > p.heard && e.Kind == kind {
				found = e
				return ""
			}
		}
		return fmt.Sprintf("no %s came with %q", kind, texts)
	})
	p.heard = found.ID
	for _, text := range texts {
		if !strings.Contains(found.Text, text) {
			p.Fatalf("the chat says %q, without %q", found.Text, text)
		}
	}
	return found
}

// open taps a link of the entry that was heard last.
func (p *phone) open(link string) {
	p.Helper()
	p.app.tap(fmt.Sprintf("#talk [data-id=\"%d\"] a", p.heard), link)
}

// home goes back to the chat.
func (p *phone) home() {
	p.Helper()
	if look[bool](p.app, "has", "#sms [data-sms]", "") { // it lies on the way out
		p.app.tap("#sms [data-sms]")
	}
	if look[bool](p.app, "has", "#browser:not([hidden])", "") {
		p.app.tap("#browser .bar-side button")
		p.app.lacks("#browser", "")
	}
}

// code has a code sent for the form that is open, and fills it in by a tap on the
// short message. It returns the code.
func (p *phone) code() string {
	p.Helper()
	before := look[string](p.app, "attribute", "#sms [data-sms]", "data-sms")
	p.page.tap("[data-code]")
	return p.fill(before)
}

// fill waits for another short message than before, taps it, and returns its code.
func (p *phone) fill(before string) string {
	p.Helper()
	watch(p.app, "other", before, func(string) string {
		return fmt.Sprintf("no short message; the page says %q", look[string](p.page, "seen", "[role=alert]"))
	}, "attribute", "#sms [data-sms]", "data-sms")
	p.page.quiet()
	p.app.tap("#sms [data-sms]")
	p.page.waits("#code", "")
	code := look[string](p.page, "value", "#code")
	if len(code) != 6 {
		p.Fatalf("the short message filled in %q", code)
	}
	return code
}
