package browser

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"wxswitch/cmd/internal/stage"
	"wxswitch/cmd/internal/world"
	switchd "wxswitch/cmd/switchd/app"
	wxsim "wxswitch/cmd/wxsim/app"
	"wxswitch/codec"
)

// One tap has the simulator do all six steps before the visitor's eyes, the one in
// which the bank answers after the switch has given up too.
func TestTheSixStepsDoThemselves(t *testing.T) {
	p := own(t, stage.Options{
		World: world.Options{Tune: func(c *switchd.Config) {
			for i := range c.Banks {
				c.Banks[i].Deadlines = map[codec.Type]time.Duration{codec.Deregister: 5 * time.Second}
			}
		}},
		Followers: []wxsim.Follower{{Name: "阿依古丽", Person: 0, Following: true}},
	}).phone()
	p.do(chromedp.EmulateViewport(1280, 800), chromedp.Reload())
	p.app.tap("#all")
	state := func(class string) string {
		return within[string](p.app, `[...document.querySelectorAll("[data-step].`+class+`")].map((s) => s.textContent).join(" / ")`)
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for end := time.Now().Add(4 * time.Minute); within[int](p.app, `document.querySelectorAll("[data-step].done").length`) < 6; <-tick.C {
		if odd := state("odd"); odd != "" || time.Now().After(end) {
			t.Fatalf("odd: %s; done: %s", odd, state("done"))
		}
	}
	p.app.waits("#talk", "您的客户注销已办理成功") // the late approval, after 注销超时
}
