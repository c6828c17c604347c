package callback

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Message is what the platform delivers about one follower.
type Message struct {
	Account  string // ToUserName
	Follower string // FromUserName, an openid: visible ASCII
	At       time.Time
	Type     string // text, location, event, image, …
	ID       string // of messages; events have none
	Text     string // of a text
	// Event is subscribe, unsubscribe, CLICK, VIEW, LOCATION,
	// TEMPLATESENDJOBFINISH, …, and Key its EventKey.
	Event, Key string
	// Of a location message: decimal text. The LOCATION event's are not read.
	Latitude, Longitude, Label string
	SendID, Status             string // of TEMPLATESENDJOBFINISH
}

// Name is the same for every delivery of one message, and another for any other:
// the account, the follower, MsgId, CreateTime and what an event has, since
// neither MsgId alone (followers share some) nor CreateTime alone tells. It is 43
// characters a-zA-Z0-9-_, and shows nothing of them.
func (m Message) Name() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", []string{
		m.Account, m.Follower, m.ID, strconv.FormatInt(m.At.Unix(), 10), m.Event, m.Key, m.SendID,
	}))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// String shows no content, so that no log has words or locations.
func (m Message) String() string { return m.kind() + " " + m.Name() }

// GoString is String.
func (m Message) GoString() string { return m.String() }

const maxFollower = 128

var errMessage = errors.New("not a message: sender, time or type is missing or malformed")

// parse reads the XML of one message.
func parse(body []byte) (Message, error) {
	f, err := fields(body)
	if err != nil {
		return Message{}, err
	}
	seconds, err := strconv.ParseInt(f["CreateTime"], 10, 64)
	m := Message{
		Account: f["ToUserName"], Follower: f["FromUserName"], At: time.Unix(seconds, 0), Type: f["MsgType"], ID: f["MsgId"],
		Text: f["Content"], Event: f["Event"], Key: f["EventKey"],
		Latitude: f["Location_X"], Longitude: f["Location_Y"], Label: f["Label"],
		SendID: f["MsgID"], Status: f["Status"],
	}
	if err != nil || seconds <= 0 || m.Type == "" || m.Type == "event" && m.Event == "" || !isVisible(m.Follower, maxFollower) {
		return Message{}, errMessage
	}
	return m, nil
}

func isVisible(s string, most int) bool {
	for i := range len(s) {
		if s[i] < '!' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= most
}
