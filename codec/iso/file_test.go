package iso_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wxswitch/codec"
	"wxswitch/codec/iso"
)

func write(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bank.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func text(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("dialects", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// wantFault loads a file and wants it refused at the place of marker in it.
func wantFault(t *testing.T, text, marker, reason string) {
	t.Helper()
	_, err := iso.Load(write(t, text))
	var f *iso.FileError
	if !errors.As(err, &f) {
		t.Fatalf("error %v, want a FileError", err)
	}
	if !strings.Contains(f.Reason, reason) {
		t.Errorf("%v, want %q", err, reason)
	}
	if !strings.HasSuffix(f.File, ".yaml") || f.Line < 1 || f.Column < 1 {
		t.Errorf("%v: no place", err)
	}
	if i := strings.Index(text, marker); marker != "" && f.Line != 1+strings.Count(text[:i], "\n") {
		t.Errorf("%v: wrong line, want that of %q", err, marker)
	}
}

// TestFileRefuses breaks the shipped file in one place at a time.
func TestFileRefuses(t *testing.T) {
	cups := text(t, "cups")
	var tags strings.Builder // as many as may be
	for i := range 64 {
		fmt.Fprintf(&tags, "        %c%d: {name: more, format: n1}\n", 'a'+i/8, i%8)
	}
	for name, c := range map[string]struct{ old, replacement, reason string }{
		"no name":                 {"name: cups", "name: ''", "name: missing"},
		"unknown key":             {"bitmap: binary", "bitmaps: binary", `unknown field "bitmaps"`},
		"unknown key of a field":  {"is: pan}", "iss: pan}", `unknown field "iss"`},
		"key twice":               {"bitmap: binary", "name: again", "already defined"},
		"field twice":             {"  4: {name: amount", "  3: {name: amount", "already defined"},
		"not a number":            {"size: 4, encoding", "size: four, encoding", "cannot unmarshal"},
		"broken YAML":             {"bitmap: binary", "bitmap: [binary", ""},
		"anchor":                  {"bitmap: binary", "bitmap: &b binary", "only mappings"},
		"tag":                     {"bitmap: binary", "bitmap: !!str binary", "only mappings"},
		"merge key":               {"bitmap: binary", "<<: {bitmap: binary}", "merge keys"},
		"bitmap":                  {"bitmap: binary", "bitmap: octal", "one of binary, hex"},
		"encoding":                {"encoding: ascii", "encoding: roman", "one of ascii, binary, bcd"},
		"frame":                   {"max: 4096", "max: 4", "max: more than the header"},
		"frame elsewhere":         {"offset: 2", "offset: 3", "where the frame's length stands"},
		"pairing":                 {"[processing-code, stan, sent]", "[processing-code, rrn]", "one of processing-code, stan, sent"},
		"pairing without STAN":    {"[processing-code, stan, sent]", "[processing-code]", "stan must be one"},
		"field 1":                 {"  4: {name: amount", "  1: {name: amount", "2 to 128"},
		"field 129":               {"  128: {", "  129: {", "2 to 128"},
		"field 65":                {"  128: {", "  65: {", "not 65"},
		"field null":              {"  15: {name: settlement date, format: n4}", "  15:", "missing"},
		"format":                  {"format: n..19", "format: x..19", "one of n, a,"},
		"format without length":   {"format: n..19", "format: n", "written like"},
		"format of length 0":      {"format: n..19", "format: n0", "1 to 9999"},
		"dots too few":            {"format: n..19", "format: n.19", "as many dots"},
		"dots too many":           {"format: n..19", "format: n.....19", "as many dots"},
		"format of many digits":   {"format: n..19", "format: n.....10000", "1 to 9999"},
		"min too large":           {"min: 12", "min: 20", "min: 1 to 19"},
		"min of fixed":            {"format: n12, is", "format: n12, min: 3, is", "not for the fixed"},
		"no field of that name":   {"is: pan", "is: pam", `no field "pam"`},
		"field in two places":     {"is: rrn", "is: stan", "stan stands in F11"},
		"two meanings":            {`fill: "6012"`, `fill: "6012", is: holder`, "one of is, value, fill, copy"},
		"two insides":             {"  15: {name: settlement date, format: n4", "  15: {name: settlement date, format: n4, parts: [], fill: 1234", "one of"},
		"constant of wrong class": {`fill: "6012"`, `fill: "60x2"`, "digits only"},
		"constant of wrong size":  {`fill: "6012"`, `fill: "601"`, "exactly 4"},
		"bytes not hex":           {`value: "2E"`, `value: "2X"`, "hexadecimal"},
		"copy of nothing":         {"copy: sent}", "copy: sand}", `no field "sand"`},
		"from without copy":       {`fill: "6012"`, `fill: "6012", from: 3`, "with copy only"},
		"reply outside header":    {`value: "156"`, `value: "156", reply: "840"`, "header"},
		"words without is":        {"is: purpose, words", `fill: "1", words`, "with is only"},
		"no length in the header": {"total length, format: n4", `total length, format: n4, value: "0000"`, "needs a part for the length"},
		"pad of text":             {"is: holder}", "is: holder, pad: zeros}", "format n only"},
		"amount as text":          {"format: n12, is: amount", "format: an12, is: amount", "format n only"},
		"variable part":           {"format: an2, is: cert-type", "format: an..2, is: cert-type", "fixed format"},
		"parts too long":          {"format: ans20, is: cert-number", "format: ans220, is: cert-number", "the parts take"},
		"variable header":         {"format: n5, value", "format: n..5, value", "fixed format"},
		"certificate kinds":       {"  02: 02 #", "  02: 01 #", "two kinds"},
		"certificate kind size":   {"  02: 02 #", "  02: 022 #", "F61 certificate type"},
		"balance rows":            {`ledger: "01"`, `ledger: "1"`, "two letters or digits"},
		"balance kinds":           {`ledger: "01"`, `ledger: "02"`, "must differ"},
		"balances' currency":      {`currency: "156"`, `currency: CNY`, "three digits"},
		"balances too short":      {"format: ans...120, balances", "format: ans..39, balances", "two rows"},
		"directions alike":        {"rows: {in: C, out: D", "rows: {in: C, out: C", "which differ"},
		"long direction":          {"rows: {in: C, out: D", "rows: {in: C, out: DD", "a letter or digit each"},
		"short summary":           {"summary: 20", "summary: 3", "4 to 60"},
		"long summary":            {"summary: 20", "summary: 61", "4 to 60"},
		"row too short":           {"format: gb...600, rows", "format: gb..59, rows", "a row must fit"},
		"many tags":               {"        HN:", tags.String() + "        HN:", "at most 64 tags"},
		"long usage":              {"usage: AS", "usage: ASASASASA", "at most 8"},
		"usage of no letters":     {"usage: AS", `usage: "A "`, "letters and digits"},
		"tag of many characters":  {"      tag: 2", "      tag: 9", "1 to 8 characters"},
		"tag size":                {"        HN:", "        HNX:", "a tag is 2"},
		"tag length":              {"      length: 3", "      length: 1", "too long for 1 digits"},
		"tag digits":              {"      length: 3", "      length: 9", "1 to 4 digits"},
		"unknown":                 {"      tag: 2", "      tag: 2\n      unknown: keep", "one of"},
		"no such type":            {"  deregister:\n    mti", "  unregister:\n    mti", `no type "unregister"`},
		"type null":               {"\ntypes:\n", "\ntypes:\n  echo2:\n", "no type"},
		"MTI":                     {`repeat: "0401"`, `repeat: "401"`, "four digits"},
		"MTI of no request":       {`mti: {request: "0100", reply: "0110"}`, `mti: {reply: "0110"}`, "four digits"},
		"MTI of no reply":         {`mti: {request: "0100", reply: "0110"}`, `mti: {request: "0100"}`, "four digits"},
		"MTI with letters":        {`repeat: "0401"`, `repeat: "04O1"`, "four digits"},
		"MTI of two meanings":     {`repeat: "0401"`, `repeat: "0410"`, "two meanings"},
		"repeat like the first":   {`repeat: "0401"`, `repeat: "0400"`, "two meanings"},
		"two types alike":         {`code: "890100"`, `code: "890000"`, "cannot be told from"},
		"original before others":  {`code: "890300"`, "code: original", "cannot be told from"},
		"original beside others":  {`code: "890100"`, "code: original", "cannot be told from"},
		"neither code":            {`    code: "300000"`, `    code: ""`, "one of code and network"},
		"code of wrong size":      {`code: "300000"`, `code: "30000"`, "original, or a value"},
		"network code":            {`network: "301"`, `network: "31"`, "field 70"},
		"constant in field 70":    {"network code, format: n3", `network code, format: n3, fill: "301"`, "field 70"},
		"needs nothing known":     {"approved: [54]", "approved: [55]", "a field of the table"},
		"needs half":              {"approved: [54]", "approved: [54|]", "a field of the table"},
		"no default":              {"  default:\n    approved", "  echo:\n    approved", "no default block"},
		"codes of no type":        {"codes:\n", "codes:\n  loan: {declined: [\"05\"]}\n", `no type "loan"`},
		"code twice":              {`in-doubt: ["09"`, `in-doubt: ["00"`, "two meanings"},
		"code of wrong length":    {`in-doubt: ["09"`, `in-doubt: ["9"`, "a value of F39"},
		"meaning":                 {"    in-doubt: [", "    doubtful: [", "one of approved, declined, in-doubt"},
		"class":                   {"    not-found: [", "    lost: [", "one of done, not-found, park, retry"},
		"advice by codes":         {"advices:\n", "advices:\n  completion: {done: [\"00\"]}\n", `an answer to a completion is read by codes`},
		"advice of no advice":     {"advices:\n  reversal:", "advices:\n  balance:", `no advice "balance"`},
		"no such base":            {"name: cups", "name: cups\nbase: swift", `no dialect "swift"`},
		"neither frame nor base":  {"frame: {offset: 2, size: 4, encoding: ascii, max: 4096}\n", "", "no frame, and no base that has one"},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.Count(cups, c.old) < 1 {
				t.Fatalf("%q is not in the file", c.old)
			}
			wantFault(t, strings.Replace(cups, c.old, c.replacement, 1), "", c.reason)
		})
	}
}

func TestFileErrorsNameTheLine(t *testing.T) {
	cups := text(t, "cups")
	for _, c := range []struct{ old, replacement, marker string }{
		{"is: pan}", "iss: pan}", "iss: pan}"},
		{"format: n..19", "format: x..19", "x..19"},
		{"        HN:", "        HNX:", "HNX"},
		{"is: cert-number", "is: cert-nr", "cert-nr"},
		{"approved: [54]", "approved: [55]", "[55]"},
		{`"03", "04"`, `"03", "4"`, `"03", "4"`},
	} {
		wantFault(t, strings.Replace(cups, c.old, c.replacement, 1), c.marker, "")
	}
	for _, whole := range []string{
		"", "# nothing\n", "- a\n", "just text", "a: 1\n---\nb: 2\n", "\x00", strings.Repeat("[", 60000), strings.Repeat("{a: ", 15000),
		strings.Repeat("a", 300<<10),
	} {
		wantFault(t, whole, "", "")
	}
	if _, err := iso.Load(filepath.Join(t.TempDir(), "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := iso.Open("swift"); err == nil || !strings.Contains(err.Error(), "cups, plain") {
		t.Error(err)
	}
}

func TestFileFromWindows(t *testing.T) {
	windows := "\ufeff# ours\r\nname: wlmq\r\n\r\n# as theirs\r\nbase: plain\r\n"
	if _, err := iso.Load(write(t, windows)); err != nil {
		t.Error(err)
	}
	if _, err := iso.Load(write(t, windows+"foo: 1\r\n")); err == nil || !strings.Contains(err.Error(), ":6:1: unknown field") {
		t.Error(err)
	}
}

// TestFileOnABase: a bank's oddities are lines in a small file.
func TestFileOnABase(t *testing.T) {
	path := write(t, `name: wlmq
base: cups
bitmap: hex
cert-types: {01: 11}
types:
  balance: {code: 301000}
  echo: null
fields:
  48: {tlv: {tags: {RT: null}, unknown: ignore}}
  57: {name: time left, format: n..8, is: remaining}
codes:
  balance: {declined: [Z1]}
`)
	d, err := iso.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, ok := d.Wire(codec.Echo); ok || iso.Describe(d, nil).Dialect != "wlmq" {
		t.Error("the base shows through")
	}
	m := with(authenticate(d), codec.FieldHolder, "")
	raw := pack(t, d, m)
	if !strings.Contains(string(raw), "044500156") && !strings.Contains(string(raw), "044500") || !strings.Contains(string(raw), "02211"+cert) {
		t.Errorf("%q", raw)
	}
	if got, err := d.Unpack(raw); err != nil || !got.Equal(&m.Fields) {
		t.Error(got, err)
	}
	m.Set(codec.FieldHolder, "A")
	raw = relength(d, swap(t, pack(t, d, m), "008ASHN001A", "014ASQQ001xHN001A"))
	if got, err := d.Unpack(raw); err != nil || !got.Equal(&m.Fields) {
		t.Error("a tag of the bank's own is not passed over", got, err)
	}
	if d.Meaning(codec.Balance, "Z1") != codec.Declined || d.Meaning(codec.Balance, "00") != codec.Approved {
		t.Error("codes are not merged")
	}
	if _, code, _ := d.Wire(codec.Balance); code != "301000" {
		t.Error(code)
	}
}

// TestTimeLeftNeedsNoPlace: a bank that does not want to know it is asked all the
// same.
func TestTimeLeftNeedsNoPlace(t *testing.T) {
	d, err := iso.Load(write(t, "name: b\nbase: cups\nfields: {48: {tlv: {tags: {RT: null}}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	m := request(d, codec.Balance)
	got, err := d.Unpack(pack(t, d, m))
	if err != nil || !got.Equal(&with(m, codec.FieldRemaining, "").Fields) {
		t.Error(got, err)
	}
}

// TestWhatSaysNothingToUs: of a fill in the header any value is read, of one in a
// text field any text.
func TestWhatSaysNothingToUs(t *testing.T) {
	cups := strings.Replace(text(t, "cups"), `user information, format: b1, value: "00"`, `user information, format: b1, fill: "00"`, 1)
	d, err := iso.Load(write(t, strings.Replace(cups, "terminal, format: ans8", "terminal, format: gb8", 1)))
	if err != nil {
		t.Fatal(err)
	}
	raw := pack(t, d, request(d, codec.Balance))
	for old, other := range map[string]string{"\x00000000200": "\x07000000200", "WX000001": "\xd6\xd5\xb6\xcb    "} {
		if _, err := d.Unpack(swap(t, raw, old, other)); err != nil {
			t.Errorf("%q: %v", other, err)
		}
	}
	_, err = d.Unpack(swap(t, raw, "WX000001", "WX00000\x80"))
	wantFormat(t, err, "F41 terminal", "readable text only")
}

// TestNoMessageIsLongerThanItsFrame: what could not be sent is not packed.
func TestNoMessageIsLongerThanItsFrame(t *testing.T) {
	for _, dialect := range iso.Builtins() {
		all := text(t, dialect)
		at := strings.Index(all, "max: ")
		end := at + strings.IndexAny(all[at:], ",}")
		d, err := iso.Load(write(t, all[:at]+"max: 99"+all[end:]))
		if err != nil {
			t.Fatal(err)
		}
		_, err = d.Pack(request(d, codec.Balance))
		wantFormat(t, err, "message", "at most the frame's largest")
	}
}

// TestCompletionOfTypesThatDisagree: a code that approves one of the types that a
// completion may complete, and declines another, says nothing of it.
func TestCompletionOfTypesThatDisagree(t *testing.T) {
	d, err := iso.Load(write(t, "name: b\nbase: cups\ncodes:\n  deregister: {approved: [\"25\", Z1]}\n  detach: {approved: [\"25\"], declined: [Z1]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if m := d.Meaning(codec.Completion, "Z1"); m != codec.Unmapped {
		t.Errorf("Z1 is %s", m)
	}
	if m := d.Meaning(codec.Completion, "25"); m != codec.Approved {
		t.Errorf("25 is %s", m)
	}
}

// TestLongPartOfZeros: zeros stand for a part that a message has not got, however
// long it is.
func TestLongPartOfZeros(t *testing.T) {
	for _, format := range []string{"n18", "n19", "n28"} {
		d, err := iso.Load(write(t, "name: b\nbase: cups\nfields:\n  61:\n    parts:\n"+
			"      - {name: type, format: an2, is: cert-type}\n      - {name: number, format: ans20, is: cert-number}\n"+
			"      - {name: passbook, format: "+format+", copy: account, pad: zeros}\n"))
		if err != nil {
			t.Fatal(err)
		}
		m := authenticate(d) // by card
		if got, err := d.Unpack(pack(t, d, m)); err != nil || !got.Equal(&m.Fields) {
			t.Errorf("%s: %v %v", format, got, err)
		}
	}
}

// TestChangesNeedTheirAdvice: a change that timed out could never be settled
// without it.
func TestChangesNeedTheirAdvice(t *testing.T) {
	wantFault(t, "name: b\nbase: cups\ntypes:\n  completion: null\n", "completion", "settles d")
	wantFault(t, "name: b\nbase: plain\ntypes:\n  reversal: null\n", "reversal", "settles a")
	wantFault(t, strings.Replace(small, "  completion:", "  reversal:", 1), "types:\n  deregister", "no completion")
	for _, list := range []string{"[3, 11, 37, 39]", "[3, 7, 11, 39]"} {
		wantFault(t, "name: b\nbase: cups\ntypes:\n  attach:\n    reply: "+list+"\n", "reply", "one that comes late is known by it")
	}
	wantFault(t, "name: b\nbase: cups\ntypes:\n  release: null\nadvices: {release: null}\n", "release", "ends what attach began")
	wantFault(t, "name: b\nbase: cups\nadvices: {release: null}\n", "advices", "no block for release")
	d, err := iso.Open(write(t, "name: b\nbase: cups\ntypes: {deregister: null, detach: null, completion: null}\ncodes: {deregister: null, detach: null, completion: null}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, ok := d.Wire(codec.Authenticate); !ok {
		t.Error("authenticate needs no completion")
	}
}

// TestFaultsOnABase: the fault's place is in the file where it was made.
func TestFaultsOnABase(t *testing.T) {
	wantFault(t, "name: b\nbase: cups\nfields:\n  3: {is: rrn}\n", "base", "on the base, cups.yaml:")
	wantFault(t, "name: b\nbase: cups\ntypes:\n  balance:\n    cod: 1\n", "cod", "unknown field")
	wantFault(t, "name: b\nbase: cups\nfields: {11: null}\n", "base", "stan stands in no field")
}

// Dashes nest as brackets do: a file of them only took seconds.
func TestFileOfDashes(t *testing.T) {
	wantFault(t, strings.Repeat("- ", 32_000), "", "nested too deep")
}

// Without F70 nobody could tell a sign-on from an echo.
func TestNetworkTypesNameTheirCode(t *testing.T) {
	wantFault(t, "name: b\nbase: cups\ntypes: {echo: {request: [7, 11, 33]}}\n", "", "70: a network message must list it")
	wantFault(t, "name: b\nbase: cups\ntypes: {sign-on: {reply: [7, 11, 33, 39]}}\n", "", "70: a network message must list it")
}
