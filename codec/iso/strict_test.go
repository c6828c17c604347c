package iso_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"wxswitch/codec"
	"wxswitch/codec/iso"
)

// pack packs m, which must be valid.
func pack(t testing.TB, d *iso.Dialect, m *codec.Message) []byte {
	t.Helper()
	raw, err := d.Pack(m)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// swap replaces the only place where old stands.
func swap(t testing.TB, raw []byte, old, replacement string) []byte {
	t.Helper()
	if bytes.Count(raw, []byte(old)) != 1 {
		t.Fatalf("%q stands %d times in the message", old, bytes.Count(raw, []byte(old)))
	}
	return bytes.Replace(raw, []byte(old), []byte(replacement), 1)
}

// relength writes the length anew into a header that holds it.
func relength(d *iso.Dialect, raw []byte) []byte {
	if f := d.Frame(); f.Prefix == 0 {
		_ = f.WriteLength(raw)
	}
	return raw
}

func wantFormat(t *testing.T, err error, field, rule string) {
	t.Helper()
	var f *codec.FormatError
	if !errors.As(err, &f) {
		t.Fatalf("error %v, want a FormatError of %s", err, field)
	}
	if f.Field != field || !strings.Contains(f.Rule, rule) {
		t.Errorf("error %q of %q, want %q of %q", f.Rule, f.Field, rule, field)
	}
	for _, secret := range []string{card16, card19, cert, passbook, "阿卜杜拉"} {
		if strings.Contains(err.Error(), secret) {
			t.Error("the error holds a secret")
		}
	}
}

// TestUnpackRefuses breaks one rule at a time.
func TestUnpackRefuses(t *testing.T) {
	const rt = "RT0044500"
	for name, c := range map[string]struct{ old, replacement, field, rule string }{
		"sign in a length":        {"16" + card16, "+5" + card16, "F2 card number", "a length in digits"},
		"letters in a number":     {card16, "6210O81234567892", "F2 card number", "digits only"},
		"too short":               {"16" + card16, "02" + card16[:2], "F2 card number", "12 to 19 bytes"},
		"too long":                {"16" + card16, "20" + card16 + "0000", "F2 card number", "12 to 19 bytes"},
		"unknown code":            {card16 + "300000", card16 + "770000", "F3 processing code", "names for this MTI"},
		"no such month":           {"1124101010", "1324101010", "F7 transmission date and time", "a month"},
		"no such hour":            {"1124101010", "1124241010", "F7 transmission date and time", "a month"},
		"letters in the RRN":      {"000000000077", "00000000007\t", "F37 retrieval reference number", "letters and digits only"},
		"another currency":        {"156", "840", "F49 currency", "own value"},
		"empty field":             {"08489800001100048980000", "001100048980000", "F32 acquirer", "1 to 11 bytes"},
		"length past the end":     {"011AS" + rt, "511AS" + rt, "F48 additional data", "cut short"},
		"over the limit":          {"011AS" + rt, "513AS" + rt, "F48 additional data", "1 to 512 bytes"},
		"another usage":           {"011AS" + rt, "011NK" + rt, "F48 additional data", "usage"},
		"half a usage":            {"011AS" + rt, "001A", "F48 additional data", "usage"},
		"tag cut short":           {"011AS" + rt, "013AS" + rt + "TX", "F48 additional data", "tags with their lengths"},
		"tag longer than its TLV": {"RT0044500", "RT0054500", "F48 additional data", "tags with their lengths"},
		"sign in a tag's length":  {"RT0044500", "RT+044500", "F48 additional data", "tags with their lengths"},
		"doubled tag":             {"011AS" + rt, "020AS" + rt + rt, "F48.RT milliseconds left", "each tag once"},
		"unknown tag":             {"RT004", "QQ004", "F48 additional data", "tags that the dialect names"},
		"letters in a tag":        {"RT0044500", "RT0044x00", "F48.RT milliseconds left", "digits only"},
		"character cut in two":    {"011AS" + rt, "008ASHN001\xb0", "F48.HN holder name", "readable text only"},
		"character lost before":   {"011AS" + rt, "011ASHN004\x84\x31\xa4\x37", "F48.HN holder name", "readable text only"},
		"control character":       {"011AS" + rt, "009ASHN002A\n", "F48.HN holder name", "readable text only"},
		"another spelling":        {"011AS" + rt, "008ASHN001\x80", "F48.HN holder name", "readable text only"},
		"bytes at the end":        {"156", "1560", "message", "no bytes after the last field"},
		"MTI of nobody":           {"0200b", "0300b", "MTI", "names"},
		"MTI with letters":        {"0200b", "02A0b", "MTI", "names"},
		"another version":         {"\x2e\x02", "\x2e\x03", "header version", "own value"},
		"another header":          {"\x2e\x02", "\x08", "header header length", "own value"},
		"rejected":                {"000000200b", "000010200b", "header reject code", "own value"},
	} {
		t.Run(name, func(t *testing.T) {
			d := builtin(t, "cups")
			raw := swap(t, pack(t, d, request(d, codec.Balance)), c.old, c.replacement)
			_, err := d.Unpack(relength(d, raw))
			wantFormat(t, err, c.field, c.rule)
		})
	}
}

// A tag that the dialect does not name may be ignored, and stand once at most: which
// of two counts, the next dialect would have to guess.
func TestIgnoredTagsStandOnce(t *testing.T) {
	d, err := iso.Load(write(t, "name: b\nbase: cups\nfields:\n  48: {tlv: {unknown: ignore}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	raw := pack(t, d, request(d, codec.Balance))
	rt := "RT0044500"
	for tags, rule := range map[string]string{"QQ0011XX0011": "", "QQ0011XX0011QQ0012": "each tag once"} {
		body := "AS" + rt + tags
		_, err := d.Unpack(relength(d, swap(t, raw, "011AS"+rt, fmt.Sprintf("%03d%s", len(body), body))))
		if rule == "" && err != nil {
			t.Errorf("%s: %v", tags, err)
		}
		if rule != "" {
			wantFormat(t, err, "F48 additional data", rule)
		}
	}
}

func TestUnpackRefusesStructure(t *testing.T) {
	d := builtin(t, "plain")
	raw := pack(t, d, request(d, codec.Balance))
	bitmap := string(raw[4:20])
	for name, c := range map[string]struct{ old, replacement, field string }{
		"unknown field":      {bitmap, "6A" + bitmap[2:], "F5"},
		"missing field":      {bitmap + "16" + card16, "2" + bitmap[1:], "F2|102"},
		"lower-case bitmap":  {bitmap, strings.ToLower(bitmap[:15]) + "a", "bitmap"},
		"bitmap not hex":     {bitmap, "G" + bitmap[1:], "bitmap"},
		"third bitmap":       {bitmap, "E" + bitmap[1:] + "8000000000000000", "bitmap"},
		"nothing":            {string(raw), "", "message"},
		"an MTI alone":       {string(raw), "0200", "message"},
		"half a bitmap":      {string(raw), "02007238", "message"},
		"no second bitmap":   {string(raw), "0200F238000188810000", "message"},
		"ends in the length": {string(raw), "020040000000000000001", "F2 card number"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := d.Unpack(swap(t, raw, c.old, c.replacement))
			wantFormat(t, err, c.field, "")
		})
	}
}

func TestUnpackChecksTheLengthInTheHeader(t *testing.T) {
	d := builtin(t, "cups")
	raw := pack(t, d, request(d, codec.Balance))
	for _, length := range []string{"0001", "9999", "+190", "    "} {
		broken := bytes.Clone(raw)
		copy(broken[2:], length)
		_, err := d.Unpack(broken)
		wantFormat(t, err, "header", "length")
	}
}

func TestPartsAndBalancesRefuse(t *testing.T) {
	d := builtin(t, "cups")
	auth, back := pack(t, d, authenticate(d)), pack(t, d, reversal(d))
	paid := pack(t, d, balances(codec.NewReply(request(d, codec.Balance), "00")))
	const row = "1001156C000000123456"
	for name, c := range map[string]struct {
		raw                           []byte
		old, replacement, field, rule string
	}{
		"kind of certificate": {auth, "02201" + cert, "02288" + cert, "F61 certificate type", "a kind that the dialect names"},
		"blank certificate":   {auth, cert, strings.Repeat(" ", 18), "F61 certificate number", "missing"},
		"part cut short":      {auth, "02201" + cert + "  ", "02001" + cert, "F61 certificate number", "missing"},
		"part too many":       {auth, "02201" + cert + "  ", "02301" + cert + "   ", "F61 identity", "after the last part"},
		"letters in F90":      {back, "0100000122", "01O0000122", "F90 original data", "digits only"},
		"original's month":    {back, "1124100955", "0024100955", "F90 original date and time", "a month"},
		"sign":                {paid, row, "1001156+000000123456", "F54 balances", "rows of"},
		"amount":              {paid, row, "1001156C00000012345x", "F54 balances", "rows of"},
		"letters in currency": {paid, row, "100115xC000000123456", "F54 balances", "rows of"},
		"row cut":             {paid, "040" + row, "039" + row[:19], "F54 balances", "rows of"},
		"another currency":    {paid, row + "1002156D", "1001840C0000001234561002840D", "F54 balances", "missing"},
		"balances of others":  {paid, row + "1002156D", "1003156C0000001234561004156D", "F54 balances", "missing"},
		"balance twice":       {paid, row, "1002156C000000123456", "F54 balances", "each balance once"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := d.Unpack(relength(d, swap(t, c.raw, c.old, c.replacement)))
			wantFormat(t, err, c.field, c.rule)
		})
	}
}

// TestBalancesOfAnotherKind: of another account, or of an account that is kept in
// another currency beside ours, whose amounts are no fen.
func TestBalancesOfAnotherKind(t *testing.T) {
	d := builtin(t, "cups")
	m := balances(codec.NewReply(request(d, codec.Balance), "00"))
	const row = "1001156C000000123456"
	for name, other := range map[string]string{"account": "3001156C000000999999", "currency": "1001840C000000999999"} {
		raw := swap(t, pack(t, d, m), "040"+row, "060"+other+row)
		if got, err := d.Unpack(relength(d, raw)); err != nil || !got.Equal(&m.Fields) {
			t.Errorf("another %s: %v %v", name, got, err)
		}
	}
}

// TestBalancesOfNoNamedCurrency: the bank's word is taken for it, but both balances
// are of one.
func TestBalancesOfNoNamedCurrency(t *testing.T) {
	d, err := iso.Open(write(t, "name: any\nbase: cups\nfields: {54: {balances: {currency: null}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	raw := pack(t, d, balances(codec.NewReply(request(d, codec.Balance), "00")))
	const row = "1001156C000000123456"
	got, err := d.Unpack(swap(t, raw, row+"1002156", "1001840C0000001234561002840"))
	if err != nil || got.Get(codec.FieldCurrency) != "840" {
		t.Errorf("%v %v", got, err)
	}
	_, err = d.Unpack(swap(t, raw, row, "1001840C000000123456"))
	wantFormat(t, err, "F54 balances", "one currency")
}

// TestOriginalAcquirerWithZeros: F90 fills it with zeros, which F32 tells apart
// from its own.
func TestOriginalAcquirerWithZeros(t *testing.T) {
	d := builtin(t, "cups")
	m := with(reversal(d), codec.FieldAcquirer, "00010344", codec.FieldOriginalAcquirer, "00010344")
	if got, err := d.Unpack(pack(t, d, m)); err != nil || !got.Equal(&m.Fields) {
		t.Errorf("%v %v", got, err)
	}
}

// TestPackRefuses gives one value at a time that cannot be written.
func TestPackRefuses(t *testing.T) {
	d := builtin(t, "cups")
	balance := func(f codec.Field, v string) *codec.Message {
		return with(balances(codec.NewReply(request(d, codec.Balance), "00")), f, v)
	}
	auth := func(f codec.Field, v string) *codec.Message { return with(authenticate(d), f, v) }
	for name, c := range map[string]struct {
		m           *codec.Message
		field, rule string
	}{
		"no such type":        {codec.NewRequest("loan"), "type", "names"},
		"no account":          {auth(codec.FieldPAN, ""), "F2|102", "missing"},
		"letters in the card": {auth(codec.FieldPAN, "6210A81234567892"), "F2 card number", "digits only"},
		"short card":          {auth(codec.FieldPAN, "621008"), "F2 card number", "12 to 19 bytes"},
		"no trace number":     {auth(codec.FieldSTAN, ""), "F11 system trace audit number", "missing"},
		"short trace number":  {auth(codec.FieldSTAN, "123"), "F11 system trace audit number", "exactly 6 bytes"},
		"no such hour":        {auth(codec.FieldSent, "1124991010"), "F7 transmission date and time", "time of day"},
		"half a stamp":        {auth(codec.FieldSent, "11"), "F7 transmission date and time", "exactly 10"},
		"another's code":      {auth(codec.FieldProcessingCode, "300000"), "F3 processing code", "own"},
		"long name":           {auth(codec.FieldHolder, strings.Repeat("长", 46)), "F48.HN holder name", "1 to 90 bytes"},
		"name not UTF-8":      {auth(codec.FieldHolder, "\xff"), "F48.HN holder name", "readable"},
		"name lost before":    {auth(codec.FieldHolder, "王\ufffd"), "F48.HN holder name", "readable"},
		"name in two lines":   {auth(codec.FieldHolder, "王\n五"), "F48.HN holder name", "readable"},
		"kind of certificate": {auth(codec.FieldCertType, "55"), "F61 certificate type", "names"},
		"half a certificate":  {auth(codec.FieldCertNumber, ""), "F61 certificate number", "missing"},
		"space at the end":    {auth(codec.FieldCertNumber, "123 "), "F61 certificate number", "no space at the end"},
		"long certificate":    {auth(codec.FieldCertNumber, strings.Repeat("1", 21)), "F61 certificate number", "exactly 20"},
		"leading zeros":       {auth(codec.FieldAmount, "007"), "F4 amount", "no leading zeros"},
		"negative amount":     {auth(codec.FieldAmount, "-7"), "F4 amount", "digits only"},
		"large amount":        {auth(codec.FieldAmount, "1000000000000"), "F4 amount", "exactly 12"},
		"time left":           {auth(codec.FieldRemaining, "123456789"), "F48.RT milliseconds left", "1 to 8"},
		"balance":             {balance(codec.FieldBalance, "1e3"), "F54 balances", "an integer"},
		"balance with zeros":  {balance(codec.FieldBalance, "01"), "F54 balances", "an integer"},
		"large balance":       {balance(codec.FieldBalance, "1000000000000"), "F54 balances", "an integer"},
		"large debit":         {balance(codec.FieldBalance, "-1000000000000"), "F54 balances", "an integer"},
		"letters in currency": {balance(codec.FieldCurrency, "15x"), "F54 balances", "a currency"},
		"another currency":    {balance(codec.FieldCurrency, "840"), "F54 balances", "156"},
		"no currency":         {balance(codec.FieldCurrency, ""), "F54 balances", "a currency"},
		"currency alone":      {with(request(d, codec.Balance), codec.FieldCurrency, "156"), "F54 balances", "needs a balance"},
		"approved, but blank": {codec.NewReply(request(d, codec.Balance), "00"), "F54 balances", "missing"},
		"reply without code":  {codec.NewReply(request(d, codec.Balance), ""), "F39 response code", "missing"},
		"no account to undo":  {with(reversal(d), codec.FieldPAN, ""), "F2|102", "missing"},
		"no original":         {with(request(d, codec.Reversal)), "F90 original data", "missing"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := d.Pack(c.m)
			wantFormat(t, err, c.field, c.rule)
		})
	}
}

// TestPeekPairs: what is broken behind the pairing fields does not hide whose
// reply it is.
func TestPeekPairs(t *testing.T) {
	for _, name := range iso.Builtins() {
		d := builtin(t, name)
		m := request(d, codec.Deregister)
		ask, err := d.Peek(pack(t, d, m))
		if err != nil || ask.Reply || ask.Type != codec.Deregister || ask.RRN != "000000000077" {
			t.Fatal(ask, err)
		}
		raw := pack(t, d, codec.NewReply(m, "00"))
		for cut := bytes.Index(raw, []byte("0000000000")) + 30; cut < len(raw); cut++ {
			broken := append(bytes.Clone(raw[:cut]), "\xff\xff\xff"...)
			if _, err := d.Unpack(broken); err == nil {
				t.Fatal("unpacked a broken message")
			}
		}
		at := bytes.Index(raw, []byte("000123")) + 6 // behind F11
		for _, rest := range []string{"", "\xff", "+1garbage", strings.Repeat("9", 500)} {
			answer, err := d.Peek(append(bytes.Clone(raw[:at]), rest...))
			if err != nil || answer.Pair != ask.Pair || !answer.Reply || answer.Type != codec.Deregister || answer.RRN != "" {
				t.Errorf("%s, behind F11 %q: %+v, %v", name, rest, answer, err)
			}
		}
		if _, err := d.Peek(raw[:at-1]); err == nil {
			t.Error("paired without a trace number")
		}
		_, err = d.Peek(swap(t, raw, "000123", "00O123"))
		wantFormat(t, err, "F11 system trace audit number", "digits only")
	}
}

// TestPeekWantsATraceNumber: without one all such would be one exchange.
func TestPeekWantsATraceNumber(t *testing.T) {
	d := builtin(t, "plain")
	raw := swap(t, pack(t, d, request(d, codec.Balance)), "000123", "")
	_, err := d.Peek(swap(t, raw, "02006238", "02006218"))
	wantFormat(t, err, "F11 system trace audit number", "missing")
}

// TestPeekKeepsApart: what may be in flight together has different pairs.
func TestPeekKeepsApart(t *testing.T) {
	d := builtin(t, "cups")
	seen := map[codec.Pair]string{}
	for name, m := range map[string]*codec.Message{
		"deregister":    request(d, codec.Deregister),
		"authenticate":  authenticate(d),
		"balance":       request(d, codec.Balance),
		"completion":    request(d, codec.Completion),
		"reversal":      reversal(d),
		"echo":          request(d, codec.Echo),
		"another STAN":  with(request(d, codec.Balance), codec.FieldSTAN, "000124"),
		"another stamp": with(request(d, codec.Balance), codec.FieldSent, "1124101011"),
	} {
		h, err := d.Peek(pack(t, d, m))
		if err != nil {
			t.Fatal(name, err)
		}
		if other := seen[h.Pair]; other != "" {
			t.Errorf("%s pairs like %s", name, other)
		}
		seen[h.Pair] = name
		again, err := d.Peek(pack(t, d, repeated(m)))
		if err != nil || again.Pair != h.Pair {
			t.Errorf("%s: a repeat pairs differently, %v", name, err)
		}
	}
}

func TestMeanings(t *testing.T) {
	d := builtin(t, "cups")
	for _, c := range []struct {
		t    codec.Type
		code string
		want codec.Meaning
	}{
		{codec.Balance, "00", codec.Approved},
		{codec.Balance, "A2", codec.Approved},
		{codec.Balance, "A5", codec.Approved},
		{codec.Balance, "A3", codec.Unmapped},
		{codec.Balance, "51", codec.Declined},
		{codec.Balance, "68", codec.InDoubt},
		{codec.Authenticate, "98", codec.InDoubt},
		{codec.Authenticate, "25", codec.Declined},
		{codec.Deregister, "25", codec.Approved},
		{codec.Completion, "25", codec.Approved},
		{codec.Completion, "05", codec.Declined},
		{codec.Completion, "91", codec.InDoubt},
		{codec.Deregister, "91", codec.Declined},
		{codec.Deregister, "ZZ", codec.Unmapped},
		{codec.Deregister, "", codec.Unmapped},
	} {
		if got := d.Meaning(c.t, c.code); got != c.want {
			t.Errorf("%s %q: %v, want %v", c.t, c.code, got, c.want)
		}
	}
	for code, want := range map[string]codec.AdviceClass{
		"00": codec.Done, "25": codec.NotFound, "96": codec.Retry, "68": codec.Retry, "12": codec.Park, "": codec.Park,
	} {
		if got := d.AdviceClass(codec.Reversal, code); got != want {
			t.Errorf("reversal %q: %v, want %v", code, got, want)
		}
	}
	if mti, code, ok := d.Wire(codec.Completion); mti != "0120" || code != "" || !ok {
		t.Error(mti, code, ok)
	}
	if mti, code, ok := d.Wire(codec.Authenticate); mti != "0100" || code != "890000" || !ok {
		t.Error(mti, code, ok)
	}
	if _, _, ok := d.Wire("loan"); ok {
		t.Error("wires a type of nobody")
	}
}

// TestNoDeclineOfWhoCannotAnswer: who says of a reversal that it must be sent
// again has decided nothing about a completion, nor has who cannot read it.
func TestNoDeclineOfWhoCannotAnswer(t *testing.T) {
	for _, name := range iso.Builtins() {
		d := builtin(t, name)
		for i := range 36 * 36 {
			const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			code := string([]byte{letters[i/36], letters[i%36]})
			got := d.Meaning(codec.Completion, code)
			if d.AdviceClass(codec.Reversal, code) == codec.Retry && got != codec.InDoubt {
				t.Errorf("%s: a completion answered %s is %v, a reversal is sent again", name, code, got)
			}
			if got == codec.Approved && d.Meaning(codec.Deregister, code) != codec.Approved {
				t.Errorf("%s: %s approves a completion and no deregistration", name, code)
			}
		}
		for _, code := range []string{"03", "12", "13", "15", "30", "40", "58", "63", "97", "99"} {
			if got := d.Meaning(codec.Completion, code); got != codec.Unmapped {
				t.Errorf("%s: a completion answered %s is %v, want an operator", name, code, got)
			}
		}
		for _, code := range []string{"05", "14", "62"} {
			if got := d.Meaning(codec.Completion, code); got != codec.Declined {
				t.Errorf("%s: a completion answered %s is %v, want declined", name, code, got)
			}
		}
	}
}

func TestTextIsCutAtCharacters(t *testing.T) {
	d := builtin(t, "cups")
	m := with(codec.NewReply(request(d, codec.Deregister), "05"), codec.FieldText, strings.Repeat("余", 60))
	got, err := d.Unpack(pack(t, d, m))
	if err != nil || got.Get(codec.FieldText) != strings.Repeat("余", 45) {
		t.Error(got, err)
	}
}

// Of a text that is cut no blank is left at the end, where a fixed field's
// padding stands; one of which nothing fits is refused.
func TestTextIsCutInAFixedField(t *testing.T) {
	d, err := iso.Load(write(t, "name: x\nbase: plain\nfields: {44: {name: text, format: gb3, is: text}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{"余 𠮷": "余", "余余": "余", "𠮷": ""} {
		raw, err := d.Pack(with(codec.NewReply(request(d, codec.Deregister), "05"), codec.FieldText, text))
		if (err != nil) != (want == "") {
			t.Errorf("%q: %v", text, err)
		}
		if err != nil {
			continue
		}
		if got, err := d.Unpack(raw); err != nil || got.Get(codec.FieldText) != want {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
}

// TestPaddingIsNoValue: a field of spaces is as good as absent.
func TestPaddingIsNoValue(t *testing.T) {
	d := builtin(t, "cups")
	m := with(codec.NewReply(request(d, codec.Deregister), "00"), codec.FieldAuthCode, "ABCDEF")
	raw := pack(t, d, m)
	got, err := d.Unpack(swap(t, bytes.Clone(raw), "ABCDEF", "      "))
	if err != nil || got.Has(codec.FieldAuthCode) {
		t.Error(got, err)
	}
	_, err = d.Unpack(swap(t, raw, "000000000077", strings.Repeat(" ", 12)))
	wantFormat(t, err, "F37 retrieval reference number", "missing")
}

// A constant that approved replies alone list stands in no other.
func TestConstantOfAnApproval(t *testing.T) {
	d, err := iso.Parse("b.yaml", []byte(`name: b
base: cups
types: {balance: {approved: [120]}}
fields: {120: {name: mark, format: n2, value: "77"}}
`))
	if err != nil {
		t.Fatal(err)
	}
	for code, want := range map[string]bool{"00": true, "14": false} {
		has := false
		for _, f := range iso.Describe(d, pack(t, d, codec.NewReply(request(d, codec.Balance), code))).Fields {
			has = has || f.Field == "120"
		}
		if has != want {
			t.Errorf("answered %s: the mark is there %v, want %v", code, has, want)
		}
	}
}
