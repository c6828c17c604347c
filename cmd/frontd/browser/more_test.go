package browser

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// What tests of what goes wrong need beyond what a user's hand does.

// within evaluates an expression in the screen's document, in a world of its own:
// the page's policy does not hold there, and the page sees none of it.
func within[T any](s screen, expression string) (v T) {
	s.p.Helper()
	ctx, cancel := context.WithTimeout(s.p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, func(ctx context.Context, t *chromedp.Target) (v T, err error) {
		tree, err := cdp.Call(ctx, t, page.GetFrameTree, cdp.Empty{})
		if err != nil {
			return v, err
		}
		frame := tree.FrameTree.Frame
		if s.inPage {
			if len(tree.FrameTree.ChildFrames) != 1 {
				return v, fmt.Errorf("%d pages are open", len(tree.FrameTree.ChildFrames))
			}
			frame = tree.FrameTree.ChildFrames[0].Frame
		}
		world, err := cdp.Call(ctx, t, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: frame.ID, WorldName: "test"})
		if err != nil {
			return v, err
		}
		return chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise, func(p *runtime.EvaluateParams) { p.ContextID = world.ExecutionContextID })(ctx, t)
	})
	must(s.p, err)
	return v
}

// goes opens a page by its address, as a link would.
func (p *phone) goes(path string) {
	p.Helper()
	within[bool](p.page, fmt.Sprintf("location.assign(%q), true", path))
}

// back is the phone's own.
func (p *phone) back() {
	p.Helper()
	within[bool](p.page, "history.back(), true")
}

// twice taps twice, faster than anything could be answered.
func (s screen) twice(css string) {
	s.p.Helper()
	s.waits(css, "")
	at := look[spot](s, "spot", css, "")
	s.p.do(chromedp.MouseClickXY(at.X, at.Y), chromedp.MouseClickXY(at.X, at.Y))
}

// offline cuts the tab off from the network, or connects it again.
func (p *phone) offline(off bool) {
	p.Helper()
	p.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
			MatchedNetworkConditions: []*network.Conditions{{Offline: off, DownloadThroughput: -1, UploadThroughput: -1}},
		})
		return chromedp.Void{}, err
	})
}

// forgets takes the phone's cookies away.
func (p *phone) forgets() {
	p.Helper()
	p.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		got, err := cdp.Call(ctx, t, network.GetCookies, network.GetCookiesParams{URLs: []string{p.Phone(p.number) + "/h5/"}})
		for _, c := range got.Cookies {
			if err == nil {
				_, err = cdp.Call(ctx, t, network.DeleteCookies, network.DeleteCookiesParams{Name: c.Name, Domain: c.Domain, Path: c.Path})
			}
		}
		return chromedp.Void{}, err
	})
}

// keepPicture writes what the window shows into the folder that $SCREENS names.
func (p *phone) keepPicture(name string) {
	p.Helper()
	dir := os.Getenv("SCREENS")
	if dir == "" {
		dir = p.TempDir()
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	must(p, err)
	must(p, os.MkdirAll(dir, 0o750))
	must(p, os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o600))
}
