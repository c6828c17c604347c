package h5

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// KeySize is the size of a sealing key in bytes.
const KeySize = 32

// sealer seals cookies. The first key seals, all open: so a key can be replaced
// while cookies of the earlier one live.
type sealer struct{ keys []cipher.AEAD }

func newSealer(keys [][]byte) (*sealer, error) {
	if len(keys) == 0 {
		return nil, errors.New("h5: no key")
	}
	s := &sealer{}
	for _, key := range keys {
		if len(key) != KeySize {
			return nil, fmt.Errorf("h5: a key has %d bytes", KeySize)
		}
		derived, err := hkdf.Key(sha256.New, key, nil, "wxswitch front cookies", KeySize)
		if err != nil {
			return nil, err
		}
		block, err := aes.NewCipher(derived)
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, err
		}
		s.keys = append(s.keys, aead)
	}
	return s, nil
}

// seal writes v for the cookie of that name; what is sealed for one name opens
// under no other.
func (s *sealer) seal(name string, v any) string {
	clear, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own types
	}
	return base64.RawURLEncoding.EncodeToString(s.keys[0].Seal(nil, nil, clear, []byte(name)))
}

func (s *sealer) open(name, sealed string, v any) bool {
	box, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return false
	}
	for _, key := range s.keys {
		if clear, err := key.Open(nil, nil, box, []byte(name)); err == nil {
			return json.Unmarshal(clear, v) == nil
		}
	}
	return false
}

// The cookies' names and lives. A follower is known for idleLife after its last
// page and fullLife at most; then WeChat is asked again, which nobody sees.
const (
	sessionCookie = "front"
	visitCookie   = "front-visit"
	resultCookie  = "front-r-"

	root       = "/h5/"
	idleLife   = 30 * time.Minute
	fullLife   = 12 * time.Hour
	renewAfter = 5 * time.Minute
	resultLife = 30 * time.Minute
)

// session is who a browser is, and the switch's session token once logged in.
type session struct {
	ID      string `json:"i"`
	Subject string `json:"s"`
	CSRF    string `json:"c"`
	Login   string `json:"l,omitempty"`
	Began   int64  `json:"b"` // Unix seconds
	Seen    int64  `json:"n"`
}

// random is 128 bits for ids, tokens, keys and states, which the platform wants of
// letters and digits.
func random() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// read returns the session of the request, if it has one that is not over.
func (s *Site) read(r *http.Request) (x session, ok bool) {
	if name, _ := s.hosted(sessionCookie); !s.unseal(r, name, &x) {
		return session{}, false
	}
	now := s.Now()
	ago := func(seconds int64) time.Duration { return now.Sub(time.Unix(seconds, 0)).Abs() } // or ahead: the clock was set back
	return x, ago(x.Seen) <= idleLife && ago(x.Began) <= fullLife
}

// unseal reads a cookie of the request into v.
func (s *Site) unseal(r *http.Request, name string, v any) bool {
	c, err := r.Cookie(name)
	return err == nil && s.sealer.open(name, c.Value, v)
}

// hosted is the name and the path of a cookie that counts for all pages. Browsers
// take one that begins so from this host alone, over TLS, and for all its paths.
func (s *Site) hosted(cookie string) (name, path string) {
	if s.secure {
		return "__Host-" + cookie, "/"
	}
	return cookie, root
}

// begin makes a session anew, for the same follower or another: nobody who knew
// the cookie before knows this one. The same follower's ends no later for it: who
// that is, WeChat alone says.
func (s *Site) begin(w http.ResponseWriter, x session) session {
	now := s.Now().Unix()
	x.ID, x.CSRF, x.Began, x.Seen = random(), random(), cmp.Or(x.Began, now), now
	s.write(w, x)
	return x
}

func (s *Site) write(w http.ResponseWriter, x session) {
	name, path := s.hosted(sessionCookie)
	s.put(w, name, path, s.sealer.seal(name, x), fullLife)
}

// renew keeps the session of one who goes on.
func (s *Site) renew(w http.ResponseWriter, x session) {
	if now := s.Now().Unix(); now-x.Seen > int64(renewAfter/time.Second) {
		x.Seen = now
		s.write(w, x)
	}
}

func (s *Site) put(w http.ResponseWriter, name, path, value string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure but on the loopback interface
		Name: name, Value: value, Path: path, MaxAge: int(life / time.Second),
		HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode,
	})
}
