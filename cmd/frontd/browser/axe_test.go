package browser

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"

	"wxswitch/cmd/internal/stage"
	wxsim "wxswitch/cmd/wxsim/app"
)

// axeVersion is the one that the pages are held to; a later one finds more.
const axeVersion = "4.14.1"

// axeSource fetches axe-core by npm, once, into the user's cache.
var axeSource = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "wxswitch-test", "axe-core-"+axeVersion)
	file := filepath.Join(dir, "node_modules", "axe-core", "axe.min.js")
	if source, err := os.ReadFile(file); err == nil {
		return string(source), nil
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", fmt.Errorf("these tests fetch axe-core by npm: apt-get install npm (%w)", err)
	}
	out, err := exec.Command(npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", dir, "axe-core@"+axeVersion).CombinedOutput() //nolint:noctx // npm ends by itself
	if err != nil {
		return "", fmt.Errorf("npm install axe-core@%s: %w\n%s", axeVersion, err, out)
	}
	source, err := os.ReadFile(file)
	return string(source), err
})

// violation is a rule of axe-core that a page breaks, and where.
type violation struct {
	ID, Help string
	Nodes    []struct {
		HTML, FailureSummary string
		Target               []any
	}
}

// axe fails the test for what axe-core finds wrong with the screen. Of dark, what
// its colours decide.
func (s screen) axe(name, scheme string) {
	s.p.Helper()
	if !within[bool](s, "Boolean(globalThis.axe)") {
		source, err := axeSource()
		must(s.p, err)
		within[bool](s, "(() => {"+source+"})(), true")
	}
	options := `{iframes: false, resultTypes: ["violations"], rules: {"target-size": {enabled: true}}}`
	if scheme == "dark" {
		options = `{iframes: false, resultTypes: ["violations"], runOnly: {type: "rule", values: ["color-contrast", "link-in-text-block"]}}`
	}
	found := within[string](s, "axe.run(document, "+options+").then((r) => JSON.stringify({v: r.violations, n: r.passes.length}))")
	var result struct {
		V []violation
		N int
	}
	must(s.p, json.Unmarshal([]byte(found), &result))
	if result.N == 0 {
		s.p.Errorf("%s, %s: axe-core looked at nothing", name, scheme)
	}
	for _, v := range result.V {
		for _, n := range v.Nodes {
			s.p.Errorf("%s, %s: %s (%s)\n%v %s\n%s", name, scheme, v.ID, v.Help, n.Target, n.HTML, strings.ReplaceAll(n.FailureSummary, "\n", " "))
		}
	}
}

// The simulator's own page: narrow, and on a desk with a chat, a card, and a page
// open. The picture of it stands in the README.
func TestAxeOfTheSimulator(t *testing.T) {
	p := own(t, stage.Options{Followers: []wxsim.Follower{
		{Name: "阿依古丽", Person: 0, Following: true}, {Name: "王建国", Person: 4, Following: true}, {Name: "李娜", Person: 5},
	}}).phone()
	judge := func(name string) {
		t.Helper()
		for _, scheme := range []string{"light", "dark"} {
			p.looks(scheme)
			p.keepPicture("simulator-" + name + "-" + scheme)
			p.app.axe("simulator, "+name, scheme)
			if over := within[int](p.app, "document.documentElement.scrollWidth - document.documentElement.clientWidth"); over > 0 {
				t.Errorf("simulator, %s: %d px wider than the window", name, over)
			}
		}
		p.looks("light")
	}
	judge("narrow")
	p.authenticated(bankA)
	p.home()
	p.say("rz")
	p.hears("您好，客户认证请点击这里")
	p.moves(bankA, true, 3250, "消费")
	p.told("32.50")
	p.do(chromedp.EmulateViewport(1280, 800))
	p.app.waits("#hops", "动账通知")
	judge("chat")
	p.pick("客户认证")
	p.page.at("/h5/authenticate")
	judge("page")
	p.do(chromedp.EmulateViewport(width, height))
	judge("narrow, a page")
}
