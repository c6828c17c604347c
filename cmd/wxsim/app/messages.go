package app

import (
	"fmt"
	"net/url"
	"time"
	"unicode/utf8"
)

// Messages to followers: by template, and as customer service.

// templateMessage is the body of message/template/send.
type templateMessage struct {
	To          string `json:"touser"`
	Template    string `json:"template_id"`
	URL         string `json:"url"`
	ClientMsgID string `json:"client_msg_id"`
	Data        map[string]struct {
		Value string `json:"value"`
	} `json:"data"`
}

func (s *Sim) sendTemplate(c *call) any {
	var m templateMessage
	if e := c.read(&m); e != nil {
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, e := s.addressee(m.To)
	c.note("touser " + short(m.To))
	if e != nil {
		return e
	}
	card, e := s.card(m)
	if e != nil {
		return e
	}
	for _, row := range card.Rows {
		c.note(row.Label + "：" + masked(row.Value))
	}
	key := m.To + " " + m.ClientMsgID
	if was, ok := s.sent[key]; ok && m.ClientMsgID != "" && s.now().Sub(was.at) < dedupe {
		c.note("client_msg_id 重复，不再发送")
		return sentAs(was.id)
	}
	if !s.spendQuota() {
		return fail(45009, "reach max api daily quota limit")
	}
	s.ids64++
	id := firstID + s.ids64
	if m.ClientMsgID != "" {
		forget(s.sent, keptSent, func(v sending) time.Time { return v.at })
		s.sent[key] = sending{id, s.now()}
	}
	s.finish(f, card, id)
	return sentAs(id)
}

func sentAs(id int64) any { return map[string]any{"errcode": 0, "errmsg": "ok", "msgid": id} }

// card checks a template message, and is what it looks like.
func (s *Sim) card(m templateMessage) (*Card, *failure) {
	t := s.template(m.Template)
	if t == nil {
		return nil, fail(40037, "invalid template_id")
	}
	if u, err := url.Parse(m.URL); m.URL != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		return nil, fail(40039, "invalid url size")
	}
	card := &Card{Title: t.Title, Time: s.now().In(shanghai).Format("1月2日 15:04"), URL: m.URL}
	for _, f := range t.Fields {
		v := m.Data[f.Name].Value
		if !validField(f.Name, v) {
			return nil, fail(47003, "argument invalid! data."+f.Name+".value is invalid")
		}
		card.Rows = append(card.Rows, Row{f.Label, v})
	}
	if len(m.Data) != len(t.Fields) {
		return nil, fail(47003, "argument invalid! data has a field that the template does not have")
	}
	return card, nil
}

func (s *Sim) template(id string) *Template {
	for i := range s.cfg.Templates {
		if s.cfg.Templates[i].ID == id {
			return &s.cfg.Templates[i]
		}
	}
	return nil
}

// spendQuota counts a template message. s.mu is held.
func (s *Sim) spendQuota() bool {
	if day := s.date(); day != s.day {
		s.day, s.today = day, 0
	}
	if s.faults.Quota || s.today >= s.cfg.Quota {
		return false
	}
	s.today++
	return true
}

// finish brings a template message to the phone, and tells the front how that
// went. s.mu is held.
func (s *Sim) finish(f *follower, card *Card, id int64) {
	status := "success"
	switch {
	case f.blocked:
		status = "failed:user block"
	case s.faults.Undelivered:
		status = "failed: system failed"
	default:
		s.show(f, ChatEvent{Who: "account", Kind: "card", Card: card})
	}
	s.push(push{f.id, f.openID, s.now(), "event", []field{
		{name: "Event", value: "TEMPLATESENDJOBFINISH"},
		{name: "MsgID", value: fmt.Sprint(id), number: true},
		{name: "Status", value: status},
	}, false})
}

// allowance is how many texts of customer service an act of a follower allows,
// and for how long.
type allowance struct {
	texts int
	last  time.Duration
}

// Those since 12 June 2023; a click on a view button allows nothing.
var (
	afterMessage = allowance{5, 48 * time.Hour}
	afterEvent   = allowance{3, time.Minute} // a click, a subscription
)

// hear gives what an act allows. Allowances do not add up: of texts and time
// that are left and new, the greater holds. Sim.mu is held.
func (f *follower) hear(now time.Time, a allowance) {
	if now.After(f.until) {
		f.texts = 0
	}
	f.texts = max(f.texts, a.texts)
	if until := now.Add(a.last); until.After(f.until) {
		f.until = until
	}
}

// sendText is customer service, as far as a follower's acts allow it.
func (s *Sim) sendText(c *call) any {
	var m struct {
		To   string `json:"touser"`
		Type string `json:"msgtype"`
		Text struct {
			Content string `json:"content"`
		} `json:"text"`
	}
	if e := c.read(&m); e != nil {
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, e := s.addressee(m.To)
	c.note("touser " + short(m.To))
	switch text := m.Text.Content; {
	case e != nil:
		return e
	case m.Type != "text":
		return fail(40008, "invalid message type: the simulator shows texts only")
	case text == "" || !utf8.ValidString(text):
		return fail(44004, "empty content")
	case len(text) > maxContent:
		return fail(45002, "content size out of limit")
	case s.now().After(f.until):
		return fail(45015, "response out of time limit or subscription is canceled")
	case f.texts == 0:
		return fail(45047, "out of response count limit")
	}
	f.texts--
	c.note(masked(m.Text.Content))
	s.show(f, ChatEvent{Who: "account", Kind: "text", Text: sanitised(m.Text.Content)})
	return done()
}
