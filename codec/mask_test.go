package codec_test

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"wxswitch/codec"
)

const (
	pan     = "6210081234567892"
	account = "0301000012345678"
	cert    = "11010519491231002X"
	holder  = "阿卜杜拉•艾买提"
)

var (
	// verbs lacks %p and %w: of a value that is no pointer and no error fmt
	// reports a misuse without asking the value. go vet, which go test runs,
	// refuses both.
	verbs   = []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%o", "%c", "%U", "%T %v", "%10.3v", "%y"}
	secrets = []string{pan, account, cert, holder}
)

// leaks reports a secret in s, in clear or in another spelling of it.
func leaks(s string) bool {
	for _, secret := range secrets {
		for _, form := range []string{
			secret, hex.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte(secret)),
			fmt.Sprintf("% x", secret), fmt.Sprintf("%d", []byte(secret)), fmt.Sprintf("%#v", []byte(secret)),
		} {
			if strings.Contains(strings.ToLower(s), strings.ToLower(form)) {
				return true
			}
		}
	}
	return false
}

// Exported fields, as a package would nest them; unexported ones fmt cannot
// mask, which the package's manual says.
type inner struct {
	Card codec.PAN
	Cert *codec.CertNumber
}

type outer struct {
	inner
	Inner   inner
	Account codec.Account
	List    []codec.Account
	ByName  map[string]codec.PAN
	Any     any
	Message codec.Message
	Fields  *codec.Fields
}

func message() *codec.Message {
	m := codec.NewRequest(codec.Authenticate)
	m.Set(codec.FieldPAN, pan)
	m.Set(codec.FieldAccount, account)
	m.Set(codec.FieldCertNumber, cert)
	m.Set(codec.FieldHolder, holder)
	m.Set(codec.FieldSTAN, "000123")
	m.Raw = []byte(pan + account + cert + holder)
	return m
}

// secretsOf are values of every kind that hold secrets.
func secretsOf() map[string]any {
	p, a, c, m := codec.NewPAN(pan), codec.NewAccount(account), codec.NewCertNumber(cert), message()
	nested := outer{
		inner{p, &c},
		inner{p, &c},
		a,
		[]codec.Account{a},
		map[string]codec.PAN{"card": p},
		p, *m, &m.Fields,
	}
	return map[string]any{
		"PAN": p, "*PAN": &p, "Account": a, "*Account": &a, "CertNumber": c, "*CertNumber": &c,
		"Message": *m, "*Message": m, "Fields": m.Fields, "*Fields": &m.Fields,
		"struct": nested, "*struct": &nested, "slice": []any{p, a, c, m, *m}, "map": map[string]any{"m": m, "p": &p},
	}
}

func TestNoVerbPrintsASecret(t *testing.T) {
	for name, v := range secretsOf() {
		for _, verb := range verbs {
			if s := fmt.Sprintf(verb, v, v); leaks(s) {
				t.Errorf("%s of %s prints a secret: %s", verb, name, s)
			}
		}
		if s := fmt.Sprint(v) + fmt.Sprintln(v); leaks(s) {
			t.Errorf("%s is printed in clear", name)
		}
		if err := fmt.Errorf("context %v: %w", v, errors.New("cause")); leaks(err.Error()) {
			t.Errorf("%s stands in an error in clear", name)
		}
	}
}

func TestNoEncodingHoldsASecret(t *testing.T) {
	for name, v := range secretsOf() {
		text, err := json.Marshal(v)
		if err != nil || leaks(string(text)) {
			t.Errorf("JSON of %s: %s, %v", name, text, err)
		}
		if m, ok := v.(encoding.TextMarshaler); ok {
			if text, err := m.MarshalText(); err != nil || leaks(string(text)) {
				t.Errorf("text of %s: %s, %v", name, text, err)
			}
		}
	}
	keys, err := json.Marshal(map[codec.PAN]int{codec.NewPAN(pan): 1})
	if err != nil || leaks(string(keys)) {
		t.Errorf("JSON of a map's key: %s, %v", keys, err)
	}
}

func TestNoLogHoldsASecret(t *testing.T) {
	var b bytes.Buffer
	log := zerolog.New(&b)
	m := message()
	p := codec.NewPAN(pan)
	for name, v := range secretsOf() {
		log.Info().Interface(name, v).Any(name, v).Msgf("%v %+v", v, v)
	}
	log.Info().Stringer("s", p).Object("o", m).EmbedObject(m.Fields).Object("f", m.Fields).Msg(m.String())
	log.Info().Fields(map[string]any{"p": p, "m": m}).Err(fmt.Errorf("%v", *m)).Send()
	if b.Len() == 0 || leaks(b.String()) {
		t.Errorf("logged: %s", b.String())
	}
	if !strings.Contains(b.String(), `"stan":"000123"`) || !strings.Contains(b.String(), "621008******7892") {
		t.Errorf("logged too little: %s", b.String())
	}
}

func TestMasks(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{codec.NewPAN(pan).String(), "621008******7892"},
		{codec.NewPAN("6217511234567890125").String(), "621751*********0125"},
		{codec.NewPAN("123456789012").String(), "************"},
		{codec.NewAccount(account).String(), "************5678"},
		{codec.NewAccount("5678").String(), "****"},
		{codec.NewCertNumber(cert).String(), "1****************X"},
		{codec.NewCertNumber("王五").String(), "**"},
		{codec.NewPAN("").String(), ""},
		{codec.FieldHolder.Mask("王五"), "**"},
		{codec.FieldSTAN.Mask("000123"), "000123"},
		{codec.NewAccount(account).Suffix(), "5678"},
		{codec.NewAccount("12").Suffix(), "12"},
		{codec.NewAccount(account).Reveal(), account},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
