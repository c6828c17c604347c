package callbacktest

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1" //nolint:gosec // the platform's choice
	"encoding/base64"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"time"
)

// Platform is what the platform knows of an account.
type Platform struct {
	Account, AppID, Token string
	AESKey                string // "": plain
	Now                   time.Time
}

// Sign is the signature of the parts.
func Sign(parts ...string) string {
	sort.Strings(parts)
	return fmt.Sprintf("%x", sha1.Sum([]byte(strings.Join(parts, "")))) //nolint:gosec // the platform's choice
}

func (p Platform) key() []byte {
	k, err := base64.StdEncoding.DecodeString(p.AESKey + "=")
	if err != nil {
		panic(err)
	}
	return k
}

// Encrypt is the content of Encrypt for a message.
func (p Platform) Encrypt(message string) string {
	text := append([]byte("0123456789abcdef\x00\x00\x00\x00"), message+p.AppID...)
	binary.BigEndian.PutUint32(text[16:], uint32(len(message)))
	n := 32 - len(text)%32
	text = append(text, bytes.Repeat([]byte{byte(n)}, n)...)
	return base64.StdEncoding.EncodeToString(crypt(text, p.key(), true))
}

func crypt(text, key []byte, encrypt bool) []byte {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	mode := cipher.NewCBCDecrypter(block, key[:16])
	if encrypt {
		mode = cipher.NewCBCEncrypter(block, key[:16])
	}
	mode.CryptBlocks(text, text)
	return text
}

// Query is what the platform adds to the callback's address; body is what it
// posts.
func (p Platform) Query(message string) (q url.Values, body string) {
	stamp, nonce := fmt.Sprint(p.Now.Unix()), "1320562132"
	q = url.Values{"timestamp": {stamp}, "nonce": {nonce}, "signature": {Sign(p.Token, stamp, nonce)}}
	if p.AESKey == "" {
		return q, message
	}
	sealed := p.Encrypt(message)
	q.Set("encrypt_type", "aes")
	q.Set("msg_signature", Sign(p.Token, stamp, nonce, sealed))
	return q, fmt.Sprintf("<xml><ToUserName><![CDATA[%s]]></ToUserName><Encrypt><![CDATA[%s]]></Encrypt></xml>", p.Account, sealed)
}

// Post delivers a message and returns what the follower reads: "" where the
// account says nothing.
func (p Platform) Post(ctx context.Context, c *http.Client, address, message string) (string, error) {
	q, body := p.Query(message)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"?"+q.Encode(), strings.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "text/xml")
	a, err := c.Do(r)
	if err != nil {
		return "", err
	}
	defer a.Body.Close() //nolint:errcheck // only read
	got, err := io.ReadAll(a.Body)
	switch {
	case err != nil:
		return "", err
	case a.StatusCode != http.StatusOK:
		return "", fmt.Errorf("the callback answers %d", a.StatusCode)
	case string(got) == "success":
		return "", nil
	}
	reply, err := p.Read(got)
	return reply.Content, err
}

// Reply is a passive reply.
type Reply struct {
	ToUserName, FromUserName, MsgType, Content string
	CreateTime                                 int64
}

// Read opens what the callback answered.
func (p Platform) Read(body []byte) (r Reply, err error) {
	if p.AESKey != "" {
		if body, err = p.decrypt(body); err != nil {
			return r, err
		}
	}
	return r, xml.Unmarshal(body, &r) //nolint:gosec // a test's
}

func (p Platform) decrypt(body []byte) ([]byte, error) {
	var e struct{ Encrypt, MsgSignature, TimeStamp, Nonce string }
	if err := xml.Unmarshal(body, &e); err != nil { //nolint:gosec // a test's
		return nil, err
	}
	if Sign(p.Token, e.TimeStamp, e.Nonce, e.Encrypt) != e.MsgSignature {
		return nil, errors.New("the reply's signature is wrong")
	}
	text, err := base64.StdEncoding.DecodeString(e.Encrypt)
	if err != nil || len(text) == 0 || len(text)%32 != 0 {
		return nil, errors.New("the reply is not in blocks of 32")
	}
	text = crypt(text, p.key(), false)
	text = text[16 : len(text)-int(text[len(text)-1])]
	n := int(binary.BigEndian.Uint32(text))
	if text = text[4:]; n > len(text) || string(text[n:]) != p.AppID {
		return nil, errors.New("the reply is not for this app id")
	}
	return text[:n], nil
}

// Message is the XML of a message or event; rest are its other elements.
func (p Platform) Message(follower, kind, rest string) string {
	return fmt.Sprintf(`<xml><ToUserName><![CDATA[%s]]></ToUserName>
<FromUserName><![CDATA[%s]]></FromUserName>
<CreateTime>%d</CreateTime>
<MsgType><![CDATA[%s]]></MsgType>
%s
</xml>`, p.Account, follower, p.Now.Unix(), kind, rest)
}

// Text is the XML of a text.
func (p Platform) Text(follower, id, text string) string {
	return p.Message(follower, "text", fmt.Sprintf("<Content><![CDATA[%s]]></Content><MsgId>%s</MsgId>", text, id))
}

// Location is the XML of a location message.
func (p Platform) Location(follower, id, latitude, longitude string) string {
	return p.Message(follower, "location", fmt.Sprintf(
		"<Location_X>%s</Location_X><Location_Y>%s</Location_Y><Scale>15</Scale><Label><![CDATA[新华北路]]></Label><MsgId>%s</MsgId>", latitude, longitude, id,
	))
}

// Event is the XML of an event; rest are its other elements.
func (p Platform) Event(follower, event, rest string) string {
	return p.Message(follower, "event", "<Event><![CDATA["+event+"]]></Event>"+rest)
}

// Click is the XML of a click in the menu.
func (p Platform) Click(follower, key string) string {
	return p.Event(follower, "CLICK", "<EventKey><![CDATA["+key+"]]></EventKey>")
}
