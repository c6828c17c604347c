package app

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestOfficialVector is the sample of the platform's own library
// (WXBizMsgCrypt, Sample.py, in "消息加解密" of developers.weixin.qq.com).
func TestOfficialVector(t *testing.T) {
	const (
		key    = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
		appID  = "wx2c2769f8efd9abc2"
		sealed = "hyzAe4OzmOMbd6TvGdIOO6uBmdJoD0Fk53REIHvxYtJlE2B655HuD0m8KUePWB3+LrPXo87wzQ1QLvbeUgmBM4x6F8PGHQHFVAFmOD2LdJF9FrXpbUAh0B5GIItb52sn896wVsMSHGuPE328HnRGBcrS7C41IzDWyWNlZkyyXwon8T332jisa+h6tEDYsVticbSnyU8dKOIbgU6ux5VTjg3yt+WGzjlpKn6NPhRjpA912xMezR4kw6KWwMrCVKSVCZciVGCgavjIQ6X8tCOp3yZbGpy0VxpAe+77TszTfRd5RJSVO/HTnifJpXgCSUdUue1v6h0EIBYYI1BD1DlD+C0CR8e6OewpusjZ4uBl9FyJvnhvQl+q5rv1ixrcpCumEPo5MJSgM9ehVsNPfUM669WuMyVWQLCzpu9GhglF2PE="
	)
	if got := signature("spamtest", "1409735669", "1320562132", sealed); got != "5d197aaffba7e9b25a30732f161a50dee96bd5fa" {
		t.Error("signature", got)
	}
	plain, err := unseal(key, sealed, appID)
	if err != nil || !strings.Contains(string(plain), "<Content><![CDATA[abcdteT]]></Content>") {
		t.Fatalf("%s, %v", plain, err)
	}
	if _, err := unseal(key, sealed, "wx_of_another"); err == nil {
		t.Error("another's app id was taken")
	}
	again, err := seal(key, plain, appID)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := unseal(key, again, appID); err != nil || string(back) != string(plain) {
		t.Errorf("%s, %v", back, err)
	}
}

func TestAMessageAndItsAnswer(t *testing.T) {
	for _, encrypt := range []bool{true, false} {
		t.Run(fmt.Sprintf("encrypted %v", encrypt), func(t *testing.T) {
			s := start(t, func(c *Config) { c.Account.Encrypt = encrypt })
			s.front.replies(func(d delivery) string {
				return s.front.text(d, `您好，注销请点击<a href="http://127.0.0.1:1/h5/deregister">这里</a><b>`)
			})
			s.order("f1", "say", `{"text":"zx ]]> <&"}`)
			d := s.front.heard(t, "zx ]]> <&")
			if d.From != s.openID("f1") || d.To != s.Account.ID || d.MsgType != "text" || len(d.MsgID) < 17 || d.CreateTime < time.Now().Unix()-60 {
				t.Errorf("%+v", d)
			}
			if strings.Contains(d.Raw, "<Content>") == encrypt {
				t.Errorf("encrypted %v, and the body is %s", encrypt, d.Raw)
			}
			state := s.says("f1", "account", "这里")
			me, answer := state.Chat[len(state.Chat)-2], state.Chat[len(state.Chat)-1]
			if me.Who != "me" || me.Text != "zx ]]&gt; &lt;&amp;" {
				t.Errorf("%+v", me)
			}
			if answer.Text != `您好，注销请点击<a href="http://127.0.0.1:1/h5/deregister">这里</a>&lt;b&gt;` {
				t.Errorf("%+v", answer)
			}
		})
	}
}

func TestClicksViewsAndLocations(t *testing.T) {
	s := start(t, nil)
	s.call(http.MethodPost, "/cgi-bin/menu/create", `{"button":[{"name":"客户服务","sub_button":[
		{"type":"view","name":"客户认证","url":"http://127.0.0.1:1/h5/authenticate"},{"type":"click","name":"客户注销","key":"deregister"}]}]}`)
	s.order("f1", "click", `{"key":"deregister"}`)
	if d := s.front.heard(t, "CLICK"); d.EventKey != "deregister" || d.MsgType != "event" || d.MsgID != "" {
		t.Errorf("%+v", d)
	}
	s.order("f1", "view", `{"url":"http://127.0.0.1:1/h5/authenticate"}`)
	if d := s.front.heard(t, "VIEW"); d.EventKey != "http://127.0.0.1:1/h5/authenticate" {
		t.Errorf("%+v", d)
	}
	s.order("f1", "locate", `{"place":"xinhua"}`)
	if d := s.front.heard(t, "location"); d.X != "43.797542" || d.Y != "87.617733" || d.Label != "新华北路" || d.MsgID == "" {
		t.Errorf("%+v", d)
	}
	for order, body := range map[string]string{"click": `{"key":"other"}`, "view": `{"url":"http://evil.example"}`, "locate": `{"place":"moon"}`, "say": `{"text":""}`} {
		if status, _ := s.try("f1", order, body); status != http.StatusBadRequest {
			t.Errorf("%s %s: %d", order, body, status)
		}
	}
	for _, order := range []string{"say", "unfollow"} {
		if status, text := s.try("f2", order, `{}`); order != "say" && status != http.StatusConflict {
			t.Errorf("%s by who does not follow: %d %s", order, status, text)
		}
	}
	if status, text := s.try("f2", "say", `{"text":"rz"}`); status != http.StatusConflict || !strings.Contains(text, "请先关注公众号") {
		t.Errorf("%d %s", status, text)
	}
}

func TestComingAndGoing(t *testing.T) {
	s := start(t, nil)
	s.order("f2", "follow", `{}`)
	if d := s.front.heard(t, "subscribe"); d.From != s.openID("f2") {
		t.Errorf("%+v", d)
	}
	s.order("f2", "unfollow", `{}`)
	if d := s.front.heard(t, "unsubscribe"); d.From != s.openID("f2") {
		t.Errorf("%+v", d)
	}
	if state := s.state("f2"); state.Followers[1].Following || !state.Followers[0].Following {
		t.Errorf("%+v", state.Followers)
	}
}

// TestASilentFront: five seconds four times, the same message each time, then
// WeChat's own words; slow is heard at the second time.
func TestASilentFront(t *testing.T) {
	s := start(t, func(c *Config) { c.Patience = 100 * time.Millisecond })
	s.front.replies(func(d delivery) string { return s.front.text(d, "答复") })
	s.order("f1", "faults", `{"front":"silent"}`)
	begun := time.Now()
	s.order("f1", "say", `{"text":"rz"}`)
	var ids []string
	for range 4 {
		ids = append(ids, s.front.heard(t, "rz").MsgID)
	}
	s.says("f1", "system", sorry)
	if took := time.Since(begun); took < 400*time.Millisecond || len(slices.Compact(ids)) != 1 {
		t.Errorf("after %s, as %v", took, ids)
	}
	s.order("f1", "faults", `{"front":"slow"}`)
	s.order("f1", "say", `{"text":"zx"}`)
	s.says("f1", "account", "答复")
	if first, second := s.front.heard(t, "zx"), s.front.heard(t, "zx"); first.MsgID != second.MsgID {
		t.Error("the second delivery has another number")
	}
	s.order("f1", "faults", `{"front":"ok"}`)
	s.front.replies(func(delivery) string { <-time.After(150 * time.Millisecond); return "success" })
	s.order("f1", "say", `{"text":"really slow"}`)
	for range 4 {
		s.front.heard(t, "really slow")
	}
	s.says("f1", "system", sorry)
}

func TestAnswersThatBreakTheRules(t *testing.T) {
	s := start(t, nil)
	plain := "<xml><ToUserName>%s</ToUserName><FromUserName>%s</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType><Content>x</Content></xml>"
	for name, answer := range map[string]func(delivery) string{
		"not encrypted": func(d delivery) string { return fmt.Sprintf(plain, d.From, d.To) },
		"no XML":        func(delivery) string { return "ok" },
		"too long":      func(d delivery) string { return s.front.text(d, strings.Repeat("长", 700)) },
		"empty":         func(d delivery) string { return s.front.text(d, "") },
		"to another":    func(d delivery) string { d.From = "oAnother"; return s.front.text(d, "x") },
		"from another":  func(d delivery) string { d.To = "gh_another"; return s.front.text(d, "x") },
		"bad signature": func(d delivery) string { return strings.Replace(s.front.text(d, "x"), ">7<", ">8<", 1) },
		"not decryptable": func(delivery) string {
			return "<xml><Encrypt>AAAA</Encrypt><MsgSignature>" + signature(s.Account.Token, "7", "n", "AAAA") + "</MsgSignature><TimeStamp>7</TimeStamp><Nonce>n</Nonce></xml>"
		},
	} {
		t.Run(name, func(t *testing.T) {
			s.front.replies(answer)
			s.order("f1", "say", `{"text":"`+name+`"}`)
			s.front.heard(t, name)
			state := s.says("f1", "system", sorry)
			if said := state.Chat[len(state.Chat)-2]; said.Text != name {
				t.Errorf("before it: %+v", said)
			}
		})
	}
	if n := len(s.front.all); n != 0 {
		t.Errorf("%d were delivered again", n)
	}
}

func TestAFrontThatComesUpLate(t *testing.T) {
	s := start(t, func(c *Config) { c.Patience = 500 * time.Millisecond })
	broken := true
	s.front.replies(func(d delivery) string {
		if broken {
			broken = false
			panic(http.ErrAbortHandler) // the line drops
		}
		return s.front.text(d, "我在")
	})
	s.order("f1", "say", `{"text":"在吗"}`)
	s.says("f1", "account", "我在")
}

func TestAFrontThatFails(t *testing.T) {
	s := start(t, func(c *Config) { c.Patience = 200 * time.Millisecond })
	s.front.fail.Store(true)
	s.order("f1", "say", `{"text":"rz"}`)
	state := s.says("f1", "system", sorry)
	times := 0
	for _, h := range state.Hops {
		if strings.HasPrefix(h.Title, "HTTP 500 · 第") && h.OK != nil && !*h.OK {
			times++
		}
	}
	if times != 4 {
		t.Errorf("%d times", times)
	}
}

// TestManyAtOnce: each of 60 followers gets its own answer, and no other's.
func TestManyAtOnce(t *testing.T) {
	const many = 60
	s := start(t, func(c *Config) {
		c.Followers = nil
		for range many {
			c.Followers = append(c.Followers, Follower{Name: "关注者", Following: true})
		}
	})
	s.front.replies(func(d delivery) string { return s.front.text(d, "给 "+d.From+" "+d.Content) })
	var all sync.WaitGroup
	for i := range many {
		phone := fmt.Sprintf("f%d", i+1)
		all.Go(func() {
			if status, text := s.try(phone, "say", `{"text":"来自 `+phone+`。"}`); status != http.StatusOK {
				t.Error(phone, status, text)
			}
		})
	}
	all.Wait()
	for i := range many {
		phone := fmt.Sprintf("f%d", i+1)
		state := s.says(phone, "account", "来自 "+phone+"。")
		if text := state.Chat[len(state.Chat)-1].Text; text != "给 "+state.Followers[i].OpenID+" 来自 "+phone+"。" || len(state.Chat) != 2 {
			t.Errorf("%s reads %s", phone, text)
		}
	}
}
