package customer

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	switching "wxswitch/switch"
)

func TestPageKey(t *testing.T) {
	d := newTeller(t)
	k := d.page()
	der, err := base64.StdEncoding.DecodeString(k.SPKI)
	d.must(err)
	public, err := x509.ParsePKIXPublicKey(der)
	d.must(err)
	if p, ok := public.(*rsa.PublicKey); !ok || !p.Equal(&testKey().PublicKey) || p.N.BitLen() != 2048 {
		t.Error("spki is another key")
	}
	d.equal("jwk", k.JWK.KTY+" "+k.JWK.Alg+" "+k.JWK.Use+" "+k.JWK.E+" "+k.JWK.KID, "RSA RSA-OAEP-256 enc AQAB "+k.KID)
	d.equal("expires", k.Expires.Equal(d.Now().Add(10*time.Minute)), true)
	again := d.page()
	d.equal("same key", again.KID, k.KID)
	d.equal("same nonce", again.Nonce == k.Nonce, false)
	d.equal("nothing kept", d.one(`SELECT COUNT(*) FROM page_nonce`), int64(0))

	longest := strings.Repeat("😀", 20) // what JSON escapes is longer
	value, nonce, reason, err := d.another().openSealed(context.Background(), d.box(k, longest))
	d.must(err)
	d.equal("reason", reason, switching.Reason(""))
	d.equal("value", value.Reveal(), longest)
	d.equal("nonce", nonce, k.Nonce)
}

func TestPageKeyRotates(t *testing.T) {
	d := newTeller(t)
	first := d.page()
	d.wait(24*time.Hour - time.Millisecond)
	d.equal("its last moment", d.page().KID, first.KID)
	d.wait(time.Millisecond)
	// Two instances, many pages: each instance makes one key at most.
	other := d.another()
	var g sync.WaitGroup
	pages := make(chan PageKey, 20)
	for i := range cap(pages) {
		g.Go(func() { pages <- []*teller{d, other}[i%2].page() })
	}
	g.Wait()
	close(pages)
	if n := d.one(`SELECT COUNT(*) FROM page_key`); n < 2 || n > 3 {
		t.Error("keys:", n)
	}
	for k := range pages {
		for _, at := range []*teller{d, other} {
			_, _, reason, err := at.openSealed(context.Background(), d.box(k, "x"))
			d.must(err)
			d.equal("opens", reason, switching.Reason(""))
		}
	}
	second := d.page()
	d.equal("rotated", second.KID == first.KID, false)

	opens := func(at *teller, k PageKey) switching.Reason {
		_, _, reason, err := at.openSealed(context.Background(), d.box(k, "x"))
		d.must(err)
		return reason
	}
	d.wait(time.Hour - time.Millisecond)
	d.must(d.Clean(context.Background()))
	d.equal("the one before still opens", opens(d, first), switching.Reason(""))
	d.wait(time.Millisecond)
	d.equal("and no more", opens(d, first), ReasonPageKey)
	d.equal("nor at another", opens(other, first), ReasonPageKey)
	d.must(d.Clean(context.Background()))
	d.equal("deleted", d.one(`SELECT COUNT(*) FROM page_key WHERE kid = $1`, first.KID), int64(0))
	d.equal("the new one stands", opens(d.another(), second), switching.Reason(""))
}

// While a key is made, pages get the one before, if it opens for long enough.
func TestPageKeyWhileMade(t *testing.T) {
	d := newTeller(t)
	first := d.page()
	d.wait(24 * time.Hour)
	d.keys.making <- struct{}{}
	d.equal("the one before", d.page().KID, first.KID)
	d.wait(50 * time.Minute)
	ended, stop := context.WithCancel(context.Background())
	stop()
	if _, err := d.PageKey(ended); err == nil {
		t.Error("gave a key that ends before its nonce")
	}
	<-d.keys.making
	d.equal("rotated", d.page().KID == first.KID, false)
}

func TestSealedGarbage(t *testing.T) {
	d := newTeller(t).customer()
	k := d.page()
	stranger := newTeller(t).page()
	good := string(d.box(k, goodLogin))
	flipped := []byte(good)
	flipped[len(flipped)-9] ^= 1
	changed := []byte(k.Nonce)
	changed[0] = map[bool]byte{true: 'B', false: 'A'}[changed[0] == 'A']
	for name, x := range map[string]Sealed{
		"empty":             "",
		"no kid":            Sealed(good[strings.Index(good, "."):]),
		"no text":           Sealed(k.KID + "."),
		"kid alone":         Sealed(k.KID),
		"unknown kid":       Sealed(stranger.KID + good[strings.Index(good, "."):]),
		"another's key":     d.box(PageKey{KID: k.KID, JWK: another(t).JWK, Nonce: k.Nonce}, goodLogin),
		"flipped":           Sealed(flipped),
		"cut":               Sealed(good[:len(good)-4]),
		"longer":            Sealed(good + "AAAA"),
		"very long":         Sealed(good + strings.Repeat("A", 1<<20)),
		"not base64url":     Sealed(good[:len(good)-1] + "+"),
		"SQL":               "' OR 1=1 --.AAAA",
		"not JSON":          d.boxed(k, []byte(goodLogin)),
		"nothing":           d.boxed(k, nil),
		"null":              d.boxed(k, []byte(`null`)),
		"no nonce":          d.boxed(k, []byte(`{"value":"x"}`)),
		"no value":          d.boxed(k, []byte(`{"nonce":"x"}`)),
		"more":              d.boxed(k, []byte(`{"nonce":"x","value":"y","z":1}`)),
		"a number":          d.boxed(k, []byte(`{"nonce":"x","value":123456}`)),
		"two objects":       d.boxed(k, []byte(`{"nonce":"x","value":"y"} {}`)),
		"a nonce of no one": d.box(PageKey{KID: k.KID, JWK: k.JWK, Nonce: "x"}, goodLogin),
		"empty nonce":       d.box(PageKey{KID: k.KID, JWK: k.JWK}, goodLogin),
		"another's nonce":   d.box(PageKey{KID: k.KID, JWK: k.JWK, Nonce: stranger.Nonce}, goodLogin),
		"changed nonce":     d.box(PageKey{KID: k.KID, JWK: k.JWK, Nonce: string(changed)}, goodLogin),
	} {
		a, err := d.Login(context.Background(), d.call(), x)
		d.must(err)
		d.equal(name, a.Reason, ReasonPageKey)
	}
	d.equal("nothing counted", d.row(tellerFollower).Login.Wrong, 0)
	d.equal("nothing spent", d.one(`SELECT COUNT(*) FROM page_nonce`), int64(0))
	a, err := d.Login(context.Background(), d.call(), Sealed(good))
	d.must(err)
	d.equal("good", a.Reason, switching.Reason(""))
}

// another is a page key of some other switch.
func another(t *testing.T) PageKey {
	d := newTeller(t)
	d.wait(24 * time.Hour)
	return d.page()
}

func TestNonce(t *testing.T) {
	d := newTeller(t).customer()
	ctx := context.Background()
	k := d.page()
	box, call := d.box(k, goodLogin), d.call()
	first, err := d.Login(ctx, call, box)
	d.must(err)
	d.equal("first", first.Reason, switching.Reason(""))
	for name, x := range map[string]Sealed{"the same text": box, "the same nonce": d.box(k, goodLogin), "with a wrong password": d.box(k, "wrong")} {
		for _, at := range []*teller{d, d.another()} {
			a, err := at.Login(ctx, d.call(), x)
			d.must(err)
			d.equal(name+" under another key", a.Reason, ReasonPageKey)
		}
	}
	d.equal("nothing counted", d.row(tellerFollower).Login.Wrong, 0)

	late, key := d.box(d.page(), goodLogin), d.call()
	d.wait(10*time.Minute - time.Millisecond)
	again, err := d.Login(ctx, call, box)
	d.must(err)
	d.equal("a repeat needs no nonce", again.Token.Reveal(), first.Token.Reveal())
	d.must(d.Clean(ctx))
	a, err := d.Login(ctx, d.call(), box)
	d.must(err)
	d.equal("remembered until it ends", a.Reason, ReasonPageKey)
	d.wait(time.Millisecond)
	a, err = d.Login(ctx, key, late)
	d.must(err)
	d.equal("ended", a.Reason, ReasonPageKey)
	a, err = d.Login(ctx, key, d.typed(goodLogin))
	d.must(err)
	d.equal("the key was left free", a.Reason, switching.Reason(""))

	d.wait(20 * time.Minute)
	d.must(d.Clean(ctx))
	d.equal("cleaned", d.one(`SELECT COUNT(*) FROM page_nonce`), int64(0))
}

// One nonce at once under many keys: one of them gets in.
func TestNonceAtOnce(t *testing.T) {
	d := newTeller(t).customer()
	tellers := []*teller{d, d.another()}
	box := d.typed(goodLogin)
	var g sync.WaitGroup
	reasons := make(chan switching.Reason, 20)
	for i := range cap(reasons) {
		call := d.call()
		g.Go(func() {
			a, err := tellers[i%2].Login(context.Background(), call, box)
			if err != nil {
				t.Error(err)
			}
			reasons <- a.Reason
		})
	}
	g.Wait()
	close(reasons)
	in := 0
	for r := range reasons {
		if r == "" {
			in++
		} else {
			d.equal("the others", r, ReasonPageKey)
		}
	}
	d.equal("in", in, 1)
	d.equal("sessions", d.one(`SELECT COUNT(*) FROM session`), int64(1))
}

func FuzzParseSealed(f *testing.F) {
	f.Add([]byte(`{"nonce":"a","value":"b"}`))
	f.Add([]byte(`{"value":"\ud83d\ude00","nonce":""} `))
	f.Fuzz(func(t *testing.T, b []byte) {
		value, nonce, ok := parseSealed(b)
		if ok && !json.Valid(b) || !ok && (value.Reveal() != "" || nonce != "") {
			t.Error(ok, nonce, value.Reveal())
		}
	})
}
