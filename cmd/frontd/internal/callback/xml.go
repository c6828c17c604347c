package callback

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"
)

// known are the elements that are read; the others are ignored.
var known = map[string]bool{
	"ToUserName": true, "FromUserName": true, "CreateTime": true, "MsgType": true, "MsgId": true, "Encrypt": true,
	"Content": true, "Event": true, "EventKey": true, "Location_X": true, "Location_Y": true, "Label": true,
	"MsgID": true, "Status": true,
}

// Bounds: the platform's deepest is xml/SendPicsInfo/PicList/item/PicMd5Sum.
const (
	maxDepth    = 8
	maxElements = 128
)

var (
	errXML     = errors.New("XML: malformed")
	errHostile = errors.New("XML: holds what the platform never sends")
)

// fields returns the text of the known elements under the root <xml>. Characters
// that XML has not, which followers can send, are left out.
func fields(body []byte) (map[string]string, error) {
	decoder := xml.NewDecoder(bytes.NewReader(bytes.Map(legal, body))) //nolint:gosec // reader.take checks each token
	r := reader{found: make(map[string]string)}
	for {
		token, err := decoder.RawToken()
		switch {
		case errors.Is(err, io.EOF) && r.ended && len(r.open) == 0:
			return r.found, nil
		case err != nil:
			return nil, errXML // the library's quotes the text
		}
		if err := r.take(token); err != nil {
			return nil, err
		}
	}
}

// reader takes the tokens of one document.
type reader struct {
	found    map[string]string
	open     []string // elements, from the root
	elements int
	begun    bool // something was there, so that no declaration may come
	ended    bool // the root was closed
}

func (r *reader) take(token xml.Token) error {
	first := !r.begun
	r.begun = true
	switch t := token.(type) {
	case xml.StartElement:
		return r.start(t)
	case xml.EndElement:
		return r.end(t)
	case xml.CharData:
		return r.text(t)
	case xml.ProcInst:
		if !first || t.Target != "xml" {
			return errHostile
		}
		return nil
	default: // xml.Directive, xml.Comment
		return errHostile
	}
}

func (r *reader) start(t xml.StartElement) error {
	r.elements++
	name := t.Name.Local
	switch depth := len(r.open) + 1; {
	case r.ended, depth == 1 && name != "xml":
		return errXML
	case depth > maxDepth, r.elements > maxElements, t.Name.Space != "", len(t.Attr) > 0, r.field() != "":
		return errHostile
	case depth == 2 && known[name]:
		if _, twice := r.found[name]; twice {
			return errHostile
		}
		r.found[name] = ""
	}
	r.open = append(r.open, name)
	return nil
}

func (r *reader) end(t xml.EndElement) error {
	if len(r.open) == 0 || r.open[len(r.open)-1] != t.Name.Local || t.Name.Space != "" {
		return errXML
	}
	r.open = r.open[:len(r.open)-1]
	r.ended = len(r.open) == 0
	return nil
}

func (r *reader) text(t xml.CharData) error {
	if name := r.field(); name != "" {
		r.found[name] += string(t)
	} else if len(r.open) < 2 && len(bytes.TrimSpace(t)) > 0 {
		return errXML
	}
	return nil
}

// field is the known element that is open, if one is.
func (r *reader) field() string {
	if len(r.open) == 2 && known[r.open[1]] {
		return r.open[1]
	}
	return ""
}

// legal drops what is no character of XML 1.0; what is no UTF-8 becomes U+FFFD.
func legal(c rune) rune {
	if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0xFFFE || c == 0xFFFF {
		return -1
	}
	return c
}

type cdata struct {
	Value string `xml:",cdata"`
}

// textReply is the XML of a reply.
func textReply(m Message, text string, now int64) (string, error) {
	return marshal(struct {
		XMLName      xml.Name `xml:"xml"`
		ToUserName   cdata
		FromUserName cdata
		CreateTime   int64
		MsgType      cdata
		Content      cdata
	}{
		ToUserName: cdata{m.Follower}, FromUserName: cdata{m.Account}, CreateTime: now, MsgType: cdata{"text"},
		Content: cdata{strings.Map(legal, text)},
	})
}

// envelopeReply is the XML around an encrypted reply.
func envelopeReply(token Secret, sealed string, now int64) (string, error) {
	stamp := strconv.FormatInt(now, 10)
	nonce := newNonce()
	return marshal(struct {
		XMLName      xml.Name `xml:"xml"`
		Encrypt      cdata
		MsgSignature cdata
		TimeStamp    int64
		Nonce        cdata
	}{
		Encrypt: cdata{sealed}, MsgSignature: cdata{signature(token, stamp, nonce, sealed)}, TimeStamp: now, Nonce: cdata{nonce},
	})
}

func marshal(v any) (string, error) {
	b, err := xml.Marshal(v)
	return string(b), err
}
