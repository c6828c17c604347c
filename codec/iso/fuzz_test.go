package iso_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"wxswitch/codec"
	"wxswitch/codec/iso"
)

// seeds calls add with every golden message.
func seeds(tb testing.TB, add func(raw []byte, cups bool)) {
	tb.Helper()
	for _, name := range iso.Builtins() {
		files, err := filepath.Glob(goldenPath(name, "*.hex"))
		if err != nil || len(files) == 0 {
			tb.Fatal(len(files), err)
		}
		for _, path := range files {
			add(readHex(tb, path), name == "cups")
		}
	}
}

// both picks the dialect of a fuzzed message.
func both(tb testing.TB) func(cups bool) *iso.Dialect {
	a, b := builtin(tb, "cups"), builtin(tb, "plain")
	return func(cups bool) *iso.Dialect {
		if cups {
			return a
		}
		return b
	}
}

func FuzzUnpack(f *testing.F) {
	seeds(f, func(raw []byte, cups bool) { f.Add(raw, cups) })
	pick := both(f)
	f.Fuzz(func(t *testing.T, raw []byte, cups bool) { tryMessage(t, pick(cups), raw) })
}

// tryMessage reads raw every way, and checks what must hold of any bytes.
func tryMessage(t *testing.T, d *iso.Dialect, raw []byte) {
	before := bytes.Clone(raw)
	m, err := d.Unpack(raw)
	h, peekErr := d.Peek(raw)
	text, jsonErr := json.Marshal(iso.Describe(d, raw))
	if jsonErr != nil || !bytes.Equal(raw, before) {
		t.Fatal("unreadable reading, or the input was changed", jsonErr)
	}
	if err != nil {
		onlyFormat(t, err)
		if peekErr != nil {
			onlyFormat(t, peekErr)
		}
		return
	}
	if peekErr != nil || h.Type != m.Type || h.Reply != m.Reply || string(h.RRN) != m.Get(codec.FieldRRN) {
		t.Fatalf("peeked %+v, %v; unpacked %v", h, peekErr, m)
	}
	if pan := m.Get(codec.FieldPAN); pan != "" && bytes.Contains(text, []byte(pan)) {
		t.Fatal("the reading holds the card number")
	}
	again, err := d.Pack(m)
	if err != nil {
		onlyFormat(t, err)
		return
	}
	back, err := d.Unpack(again)
	if err != nil || !back.Equal(&m.Fields) {
		t.Fatalf("repacked: %v\n%v\n%v", err, back, m)
	}
}

func onlyFormat(t *testing.T, err error) {
	var f *codec.FormatError
	if !errors.As(err, &f) || f.Field == "" || f.Rule == "" {
		t.Fatalf("error %v, want a FormatError", err)
	}
}

// TestMutations reads mutated and random messages: no panic, and memory in
// proportion to the message.
func TestMutations(t *testing.T) {
	pick := both(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	var raws [2][][]byte
	seeds(t, func(raw []byte, cups bool) {
		i := 0
		if cups {
			i = 1
		}
		raws[i] = append(raws[i], raw)
	})
	var stats runtime.MemStats
	for i := range 6_000 {
		cups := i % 2
		raw := mutate(rnd, raws[cups][rnd.IntN(len(raws[cups]))])
		tryMessage(t, pick(cups == 1), raw)
	}
	d, raw := pick(true), bytes.Repeat([]byte("9"), 1<<20)
	runtime.ReadMemStats(&stats)
	before := stats.TotalAlloc
	for range 100 {
		_, _ = d.Unpack(raw)
		_, _ = d.Peek(raw)
	}
	runtime.ReadMemStats(&stats)
	if used := (stats.TotalAlloc - before) / 100; used > 64<<10 {
		t.Errorf("%d bytes allocated for a message that is refused", used)
	}
}

func mutate(rnd *rand.Rand, raw []byte) []byte {
	out := bytes.Clone(raw)
	for range 1 + rnd.IntN(4) {
		at := rnd.IntN(len(out))
		switch rnd.IntN(5) {
		case 0:
			out[at] = byte(rnd.Uint32())
		case 1:
			out[at] = byte('0' + rnd.IntN(10))
		case 2:
			out = append(out[:at], out[at+min(len(out)-at-1, rnd.IntN(4)):]...)
		case 3:
			out = append(out[:at], append([]byte("0+\xff1"), out[at:]...)...)
		default:
			out = out[:max(1, at)]
		}
	}
	return out
}

// TestReadingOfBrokenMessages: a broken message's secrets are not shown where
// they have slipped to.
func TestReadingOfBrokenMessages(t *testing.T) {
	d := builtin(t, "cups")
	raw := swap(t, pack(t, d, authenticate(d)), "19"+card19, "12"+card19)
	text, err := json.Marshal(iso.Describe(d, relength(d, raw)))
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(card19) - 4 {
		if strings.Contains(string(text), card19[i:i+5]) {
			t.Errorf("the reading holds %d digits of the card: %s", 5, text)
		}
	}
	if r := iso.Describe(d, raw); r.Error == "" || r.MTI != "0100" || len(r.Fields) == 0 {
		t.Errorf("%+v", r)
	}
	p := builtin(t, "plain")
	framed, err := p.Frame().Append(nil, pack(t, p, request(p, codec.Echo)))
	if r := iso.Describe(p, framed); err != nil || r.Error != "" || r.Type != codec.Echo {
		t.Errorf("%+v, %v", r, err)
	}
}

// small is a dialect that has one of each: small, so that the fuzzer is quick
// to find out what matters in it.
const small = `name: s
frame: {offset: 1, size: 2, encoding: binary, max: 999}
header: [{name: h, format: b1, value: 2E}, {name: l, format: b2}]
bitmap: binary
pairing: [stan]
cert-types: {01: 1}
fields:
  2: {name: c, format: n..19, min: 2, is: pan}
  3: {name: p, format: n6, is: processing-code}
  7: {name: s, format: n10, is: sent}
  11: {name: t, format: n6, is: stan}
  12: {name: d, format: n4, copy: sent, from: 2}
  39: {name: r, format: an2, is: code}
  48: {name: a, format: gb..99, tlv: {usage: AS, tag: 1, length: 2, tags: {H: {name: h, format: gb.9, is: holder}}}}
  54: {name: b, format: ans..40, balances: {account: 10, ledger: 01, available: 02}}
  61: {name: i, format: an9, parts: [{name: t, format: n1, is: cert-type}, {name: n, format: an8, is: cert-number}]}
  70: {name: n, format: n3}
types:
  deregister: {mti: {request: 0100, repeat: 0101, reply: 0110}, code: 890100, request: [2|3, 12], reply: [39], approved: [7]}
  completion: {mti: {request: 0120, reply: 0130}, code: original, request: [2|3, 12], reply: [39]}
  echo: {mti: {request: 0800, reply: 0810}, network: 301, request: [70], reply: [70]}
codes: {default: {approved: [00], declined: [05]}, deregister: {in-doubt: [68]}}
`

func FuzzDialectFile(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte("name: b\nbase: cups\ntypes: {balance: {code: 301000}, echo: null}\n"))
	f.Add([]byte("name: b\nbase: plain\nfields: {2: {format: n..16}, 48: {tlv: {tag: 1, length: 2, tags: {A: {is: remaining}}}}}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := iso.Parse("fuzz.yaml", text)
		if err != nil {
			var file *iso.FileError
			if !errors.As(err, &file) || file.Line < 1 {
				t.Fatalf("error %v, want a FileError with a line", err)
			}
			return
		}
		for _, m := range goldens(d) {
			if raw, err := d.Pack(m); err == nil {
				tryMessage(t, d, raw)
			}
		}
	})
}
