package main

import (
	"errors"
	"fmt"

	"wxswitch/codec"
	"wxswitch/codec/iso"
)

// prefixSize is the frame's: four digits that do not count themselves.
const prefixSize = 4

// wholeFrame returns the size of the frame that b begins with, 0 if it is not
// whole yet.
func wholeFrame(b []byte) (int, error) {
	if len(b) < prefixSize {
		return 0, nil
	}
	size := prefixSize + number(b[:prefixSize])
	if size < prefixSize {
		return 0, errors.New("length: not digits")
	}
	if len(b) < size {
		return 0, nil
	}
	return size, nil
}

// number reads digits; a large negative number for anything else.
func number(digits []byte) (n int) {
	for _, d := range digits {
		if d < '0' || d > '9' {
			return -1 << 30
		}
		n = n*10 + int(d-'0')
	}
	return n
}

// template is the fixed answer to all messages of one layout, with the places
// where a message's numbers go.
type template struct {
	framed []byte
	echoes []echo
	isCode bool // they are of SMS codes
}

// echo copies size bytes from a message to the answer's frame.
type echo struct{ from, to, size int }

func (t *template) appendTo(out, message []byte) []byte {
	at := len(out)
	out = append(out, t.framed...)
	for _, e := range t.echoes {
		copy(out[at+e.to:][:e.size], message[e.from:])
	}
	return out
}

// layoutKey is what tells layouts apart: MTI, bitmaps, and the two bytes after
// them, which are the length of the card's number where there is one.
func layoutKey(message []byte) []byte {
	end := 4 + 16 + 2
	if len(message) >= end && message[4] >= '8' { // a second bitmap
		end += 16
	}
	return message[:min(end, len(message))]
}

// newTemplate reads the message once, by the dialect, and finds the places of
// the fields that its answer echoes.
func newTemplate(d *iso.Dialect, message []byte) (*template, error) {
	request, err := d.Unpack(append([]byte(nil), message...))
	if err != nil {
		return nil, err
	}
	answer, err := d.Pack(fixedAnswer(request))
	if err != nil {
		return nil, err
	}
	asked, err := layout(message)
	if err != nil {
		return nil, err
	}
	answered, err := layout(answer)
	if err != nil {
		return nil, err
	}
	t := &template{isCode: request.Type == codec.SMSCode}
	if t.framed, err = d.Frame().Append(nil, answer); err != nil {
		return nil, err
	}
	for field, to := range answered {
		if from, ok := asked[field]; ok && from.size == to.size {
			t.echoes = append(t.echoes, echo{from.at, prefixSize + to.at, to.size})
		}
	}
	return t, nil
}

// place is where a field's content stands in a message.
type place struct{ at, size int }

// sizes of the plain dialect's fields; negative: that many digits of length.
var sizes = map[int]int{
	2: -2, 3: 6, 4: 12, 7: 10, 11: 6, 12: 6, 13: 4, 32: -2, 33: -2, 37: 12, 38: 6, 39: 2, 41: 8, 43: 90, 44: -2,
	48: -3, 54: -3, 61: 21, 64: 8, 70: 3, 90: 42, 102: -2, 110: 6, 111: -2, 112: 2, 128: 8,
}

// layout finds the fields of a message in the plain dialect.
func layout(message []byte) (map[int]place, error) {
	key := layoutKey(message)
	bitmap, at := key[4:len(key)-2], len(key)-2
	places := make(map[int]place)
	for n := 2; n <= len(bitmap)*4; n++ {
		digit := int(bitmap[(n-1)/4])
		if digit >= 'A' {
			digit -= 'A' - 10
		}
		if digit>>(3-(n-1)%4)&1 == 0 {
			continue
		}
		size, known := sizes[n]
		if !known {
			return nil, fmt.Errorf("field %d is not known here", n)
		}
		if size < 0 {
			digits := -size
			size = number(message[at : at+digits])
			at += digits
		}
		places[n] = place{at, size}
		at += size
	}
	return places, nil
}
