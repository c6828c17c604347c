package frame_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"wxswitch/codec/frame"
	"wxswitch/codec/iso"
)

// The formats that banks are known to use, and each encoding.
var formats = map[string]frame.Format{
	"four digits":   {Prefix: 4, Size: 4, Adjust: 4, Max: 4096, Idle: true},
	"counts itself": {Prefix: 4, Size: 4, Max: 4096},
	"in the header": {Offset: 2, Size: 4, Max: 4096},
	"binary":        {Prefix: 2, Size: 2, Encoding: frame.Binary, Adjust: 2, Max: 4096},
	"BCD":           {Prefix: 2, Size: 2, Encoding: frame.BCD, Adjust: 2, Max: 4096},
	"TPDU between":  {Prefix: 7, Size: 2, Encoding: frame.Binary, Adjust: 2, Max: 4096},
	"eight digits":  {Prefix: 8, Size: 8, Adjust: 8, Max: 1 << 20},
	"four GB":       {Prefix: 4, Size: 4, Encoding: frame.Binary, Adjust: 4, Max: 4096},
}

func TestAppend(t *testing.T) {
	for name, want := range map[string]string{
		"four digits":   "0010123456789A",
		"counts itself": "0014123456789A",
		"in the header": "120010789A",
		"binary":        "\x00\x0a123456789A",
		"BCD":           "\x00\x10123456789A",
		"TPDU between":  "\x00\x0f\x00\x00\x00\x00\x00123456789A",
		"eight digits":  "00000010123456789A",
	} {
		got, err := formats[name].Append([]byte("before"), []byte("123456789A"))
		if err != nil || string(got) != "before"+want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, want)
		}
	}
}

func TestAppendRefuses(t *testing.T) {
	four := formats["four digits"]
	for name, c := range map[string]struct {
		f    frame.Format
		size int
		rule string
	}{
		"too large":      {four, 4093, "more than the largest"},
		"five digits":    {frame.Format{Prefix: 4, Size: 4, Adjust: 4, Max: 1 << 20}, 12345, "more than the header can say"},
		"five BCD":       {frame.Format{Prefix: 2, Size: 2, Encoding: frame.BCD, Max: 1 << 20}, 12345, "more than the header can say"},
		"three bytes":    {frame.Format{Prefix: 2, Size: 2, Encoding: frame.Binary, Max: 1 << 20}, 70000, "more than the header can say"},
		"empty":          {formats["binary"], 0, "empty message"},
		"without header": {formats["in the header"], 5, "less than the header"},
	} {
		dst := []byte("before")
		got, err := c.f.Append(dst, make([]byte, c.size))
		var length *frame.LengthError
		if !errors.As(err, &length) || !strings.Contains(length.Rule, c.rule) || string(got) != "before" {
			t.Errorf("%s: %q, %v", name, got[:min(len(got), 9)], err)
		}
	}
}

// TestRoundTrip: any messages, in any format, however the stream is cut.
func TestRoundTrip(t *testing.T) {
	for name, f := range formats {
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			if err := f.Validate(); err != nil {
				t.Fatal(err)
			}
			messages := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 6, 300), 1, 5).Draw(t, "messages")
			var stream []byte
			for i, m := range messages {
				out, err := f.Append(stream, m)
				if err != nil {
					t.Fatal(err)
				}
				messages[i] = out[len(stream)+f.Prefix:] // with the length in it, where it belongs there
				stream = out
			}
			for _, in := range []io.Reader{
				bytes.NewReader(stream), iotest.OneByteReader(bytes.NewReader(stream)),
				iotest.DataErrReader(iotest.HalfReader(bytes.NewReader(stream))),
			} {
				r := frame.NewReader(in, f)
				for _, want := range messages {
					if got, err := r.Next(); err != nil || !bytes.Equal(got, want) {
						t.Fatalf("got %q, %v, want %q", got, err, want)
					}
				}
				if _, err := r.Next(); !errors.Is(err, io.EOF) {
					t.Fatalf("at the end: %v", err)
				}
			}
		}))
	}
}

func TestReaderRefuses(t *testing.T) {
	for name, c := range map[string]struct{ format, in, rule string }{
		"plus":           {"four digits", "+010..........", "not digits"},
		"minus":          {"four digits", "-010..........", "not digits"},
		"space":          {"four digits", "  10..........", "not digits"},
		"letters":        {"BCD", "\x0a\x00", "not digits"},
		"too large":      {"four digits", "4093", "more than the largest"},
		"4 GB":           {"four GB", "\xff\xff\xff\xff", "more than the largest"},
		"less than head": {"counts itself", "0003", "less than the header"},
		"nothing":        {"counts itself", "0000", "less than the header"},
		"empty":          {"counts itself", "0004", "empty message"},
		"in the header":  {"in the header", "xx0005", "less than the header"},
	} {
		_, err := frame.NewReader(strings.NewReader(c.in), formats[c.format]).Next()
		var length *frame.LengthError
		if !errors.As(err, &length) || !strings.Contains(length.Rule, c.rule) {
			t.Errorf("%s: %v, want %q", name, err, c.rule)
		}
	}
}

// TestEnds: a stream that ends between two frames is done, inside one it is cut.
func TestEnds(t *testing.T) {
	f := formats["four digits"]
	for in, want := range map[string]error{
		"": io.EOF, "0000": io.EOF, "0": io.ErrUnexpectedEOF, "0001": io.ErrUnexpectedEOF,
		"0002a": io.ErrUnexpectedEOF, "0000000": io.ErrUnexpectedEOF,
	} {
		if _, err := frame.NewReader(strings.NewReader(in), f).Next(); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", in, err, want)
		}
	}
}

// late gives one byte, then a read deadline, and so on.
type late struct {
	in   []byte
	turn bool
}

func (l *late) Read(p []byte) (int, error) {
	if l.turn = !l.turn; !l.turn {
		return 0, os.ErrDeadlineExceeded
	}
	if len(l.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:1], l.in)
	l.in = l.in[n:]
	return n, nil
}

// TestGoesOnAfterADeadline: a read deadline inside a frame loses nothing.
func TestGoesOnAfterADeadline(t *testing.T) {
	r := frame.NewReader(&late{in: []byte("0000" + "0005hello" + "0001x")}, formats["four digits"])
	var got []string
	for {
		m, err := r.Next()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			break
		}
		got = append(got, string(m))
	}
	if strings.Join(got, " ") != "hello x" {
		t.Error(got)
	}
}

// TestMessagesAreTheirOwn: a message stays as it is when the next is read.
func TestMessagesAreTheirOwn(t *testing.T) {
	r := frame.NewReader(strings.NewReader("0001a0001b"), formats["four digits"])
	a, err := r.Next()
	if b, err2 := r.Next(); err != nil || err2 != nil || string(a) != "a" || string(b) != "b" {
		t.Error(a, b, err, err2)
	}
}

func TestValidateRefuses(t *testing.T) {
	good := formats["four digits"]
	good.Idle = false // which wants a prefix itself
	for name, change := range map[string]func(*frame.Format){
		"zero value":         func(f *frame.Format) { *f = frame.Format{} },
		"encoding":           func(f *frame.Format) { f.Encoding = 9 },
		"no size":            func(f *frame.Format) { f.Size = 0 },
		"large size":         func(f *frame.Format) { f.Prefix, f.Size = 11, 11 },
		"binary of 5 bytes":  func(f *frame.Format) { f.Encoding, f.Prefix, f.Size = frame.Binary, 5, 5 },
		"negative offset":    func(f *frame.Format) { f.Offset = -1 },
		"far offset":         func(f *frame.Format) { f.Prefix, f.Offset = 0, 1000 },
		"huge offset":        func(f *frame.Format) { f.Prefix, f.Offset = 0, int(^uint(0)>>1)-2 },
		"outside the prefix": func(f *frame.Format) { f.Offset = 1 },
		"adjust":             func(f *frame.Format) { f.Adjust = 1 << 40 },
		"idle without":       func(f *frame.Format) { f.Prefix, f.Idle = 0, true },
		"negative prefix":    func(f *frame.Format) { f.Prefix = -1 },
		"long prefix":        func(f *frame.Format) { f.Prefix = 257 },
		"negative adjust":    func(f *frame.Format) { f.Adjust = -257 },
		"no room":            func(f *frame.Format) { f.Max = 4 },
		"no bound":           func(f *frame.Format) { f.Max = 1 << 30 },
	} {
		f := good
		change(&f)
		if f.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestHeaderIsCheckedBeforeMemory: what a peer announces is not allocated.
func TestHeaderIsCheckedBeforeMemory(t *testing.T) {
	f := formats["four GB"]
	header := binary.BigEndian.AppendUint32(nil, 1<<32-1)
	in := bytes.NewReader(header)
	r := frame.NewReader(in, f)
	if n := testing.AllocsPerRun(100, func() { _, _ = r.Next() }); n > 1 {
		t.Errorf("%v allocations for a refused header", n)
	}
}

// goldens calls add with every message of testdata/wire as its dialect frames it.
func goldens(tb testing.TB, add func(format frame.Format, framed []byte)) {
	tb.Helper()
	for _, name := range iso.Builtins() {
		d, err := iso.Builtin(name)
		if err != nil {
			tb.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "wire", name, "*.hex"))
		if err != nil || len(files) == 0 {
			tb.Fatal(len(files), err)
		}
		for _, path := range files {
			text, err := os.ReadFile(path)
			if err != nil {
				tb.Fatal(err)
			}
			raw, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
			if err != nil {
				tb.Fatal(path, err)
			}
			framed, err := d.Frame().Append(nil, raw)
			if err != nil {
				tb.Fatal(path, err)
			}
			add(d.Frame(), framed)
		}
	}
}

// TestGoldensAreFramed: each is read back alone and behind another, also a byte at
// a time.
func TestGoldensAreFramed(t *testing.T) {
	goldens(t, func(format frame.Format, framed []byte) {
		r := frame.NewReader(iotest.OneByteReader(bytes.NewReader(append(bytes.Clone(framed), framed...))), format)
		for range 2 {
			if m, err := r.Next(); err != nil || !bytes.Equal(m, framed[format.Prefix:]) {
				t.Fatalf("%q, %v, want %q", m, err, framed[format.Prefix:])
			}
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	})
}

func FuzzReader(f *testing.F) {
	goldens(f, func(format frame.Format, framed []byte) {
		f.Add(framed, uint8(format.Prefix), uint8(format.Offset), uint8(format.Size), uint8(format.Encoding), int8(format.Adjust), format.Idle)
	})
	f.Add([]byte("0010123456789A0000"), uint8(4), uint8(0), uint8(4), uint8(0), int8(4), true)
	f.Add([]byte("120010789A"), uint8(0), uint8(2), uint8(4), uint8(0), int8(0), false)
	f.Add([]byte("\xff\xff\xff\xff"), uint8(4), uint8(0), uint8(4), uint8(1), int8(4), false)
	f.Add([]byte("\x00\x10123456789A"), uint8(2), uint8(0), uint8(2), uint8(2), int8(2), false)
	f.Fuzz(func(t *testing.T, in []byte, prefix, offset, size, encoding uint8, adjust int8, idle bool) {
		format := frame.Format{
			Prefix: int(prefix), Offset: int(offset), Size: int(size), Encoding: frame.Encoding(encoding),
			Adjust: int(adjust), Max: 4096, Idle: idle,
		}
		if format.Validate() != nil {
			return
		}
		r := frame.NewReader(bytes.NewReader(in), format)
		for at := 0; ; {
			m, err := r.Next()
			if err != nil {
				return
			}
			again, err := format.Append(nil, m)
			if err != nil || len(m) == 0 || len(again) > 4096 {
				t.Fatalf("read %q, cannot write it: %v", m, err)
			}
			if at += len(again); at > len(in) {
				t.Fatal("read more than there was")
			}
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	f, message := formats["four digits"], make([]byte, 300)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = f.Append(buf[:0], message)
	}
}

// endless repeats one frame for ever.
type endless struct {
	frame []byte
	at    int
}

func (e *endless) Read(p []byte) (n int, err error) {
	for n < len(p) {
		c := copy(p[n:], e.frame[e.at:])
		n += c
		e.at = (e.at + c) % len(e.frame)
	}
	return n, nil
}

func BenchmarkNext(b *testing.B) {
	f := formats["four digits"]
	one, err := f.Append(nil, make([]byte, 300))
	if err != nil {
		b.Fatal(err)
	}
	r := frame.NewReader(&endless{frame: one}, f)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

// TestAllocations: one a message read, none a message written.
func TestAllocations(t *testing.T) {
	f := formats["four digits"]
	one, err := f.Append(nil, make([]byte, 300))
	if err != nil {
		t.Fatal(err)
	}
	r, buf := frame.NewReader(&endless{frame: one}, f), make([]byte, 0, 512)
	if n := testing.AllocsPerRun(1000, func() { _, _ = r.Next() }); n != 1 {
		t.Errorf("%v allocations a message read", n)
	}
	if n := testing.AllocsPerRun(1000, func() { buf, _ = f.Append(buf[:0], one[4:]) }); n != 0 {
		t.Errorf("%v allocations a message written", n)
	}
}
