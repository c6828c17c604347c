package app

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
)

// answered shows the front's answer in the chat. One that breaks the
// platform's rules is not repeated, but apologised for.
func (s *Sim) answered(p push, body []byte) {
	a, err := s.readAnswer(p, body)
	s.hop(s.inward(a, body, err))
	if err != nil {
		s.apologise(p)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.phone(p.phone); a.Content != "" && f != nil && f.openID == p.openID && f.following {
		s.show(f, ChatEvent{Who: "account", Kind: "text", Text: sanitised(a.Content)})
	}
}

// inward is an answer in the picture.
func (s *Sim) inward(a answerXML, body []byte, err error) Hop {
	hop := Hop{Leg: WeChatFront, Dir: "left", Title: "回复 success", OK: new(err == nil)}
	switch {
	case err != nil:
		hop.Title, hop.Lines = "回复不合规范", []string{err.Error()}
	case a.Content != "":
		hop.Title, hop.Lines = "回复 text", s.answerLines(a, body)
	}
	return hop
}

// answerLines is an answer's XML for people, masked.
func (s *Sim) answerLines(a answerXML, body []byte) (lines []string) {
	var outer answerXML
	if s.cfg.Account.Encrypt && xml.Unmarshal(body, &outer) == nil {
		lines = []string{
			"<MsgSignature>" + cut(outer.Signature, 8) + "</MsgSignature>",
			"<Encrypt>" + abbreviated(outer.Encrypt) + "</Encrypt> 解密后：",
		}
	}
	text := masked(strings.ReplaceAll(a.Content, s.cfg.Front.Public, "…"))
	lines = append(lines, "<xml>", "  <ToUserName>"+short(a.To)+"</ToUserName>", "  <FromUserName>"+a.From+"</FromUserName>",
		fmt.Sprintf("  <CreateTime>%d</CreateTime>", a.CreateTime), "  <MsgType>"+a.MsgType+"</MsgType>")
	lines = append(lines, strings.Split("  <Content>"+text+"</Content>", "\n")...)
	return append(lines, "</xml>")
}

// answerXML is an answer to a callback.
type answerXML struct {
	XMLName    xml.Name `xml:"xml"`
	To         string   `xml:"ToUserName"`
	From       string   `xml:"FromUserName"`
	CreateTime int64    `xml:"CreateTime"`
	MsgType    string   `xml:"MsgType"`
	Content    string   `xml:"Content"`
	Encrypt    string   `xml:"Encrypt"`
	Signature  string   `xml:"MsgSignature"`
	TimeStamp  string   `xml:"TimeStamp"`
	Nonce      string   `xml:"Nonce"`
}

// readAnswer returns an answer in clear, an empty one for nothing to say.
func (s *Sim) readAnswer(p push, body []byte) (a answerXML, err error) {
	if b := string(bytes.TrimSpace(body)); b == "" || b == "success" {
		return a, nil
	}
	if err := xml.Unmarshal(body, &a); err != nil {
		return a, errors.New("neither success nor XML")
	}
	if s.cfg.Account.Encrypt {
		inner, err := s.openAnswer(a)
		if err != nil {
			return a, err
		}
		a = answerXML{}
		if err := xml.Unmarshal(inner, &a); err != nil {
			return a, errors.New("no XML inside the encryption")
		}
	}
	return a, s.checkAnswer(p, a)
}

func (s *Sim) openAnswer(a answerXML) ([]byte, error) {
	account := s.cfg.Account
	switch {
	case a.Encrypt == "":
		return nil, errors.New("安全模式, and the answer is not encrypted")
	case a.Signature != signature(account.Token, a.TimeStamp, a.Nonce, a.Encrypt):
		return nil, errors.New("the MsgSignature does not fit")
	}
	return unseal(account.AESKey, a.Encrypt, account.AppID)
}

func (s *Sim) checkAnswer(p push, a answerXML) error {
	switch {
	case a.To != p.openID:
		return errors.New("the ToUserName is not who wrote")
	case a.From != s.cfg.Account.ID:
		return errors.New("the FromUserName is not the account")
	case a.CreateTime <= 0:
		return errors.New("the CreateTime is missing")
	case a.MsgType != "text":
		return errors.New("the MsgType: the simulator shows texts only")
	case a.Content == "" || len(a.Content) > maxContent:
		return errors.New("the Content: 1 to 2048 bytes")
	}
	return nil
}
