package main

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"wxswitch/codec"
)

var errUnheard = errors.New("movements are not heard")

const (
	movementReply = "0230" // MTI
	// sayAtOnce bounds the movements that wait for their reply: what a bank with a
	// few of the kit's adapters tells at once.
	sayAtOnce = 256
	sayLimit  = time.Minute
)

// speaker is the side of a bank that says something by itself: SMS codes to
// phones, movements to the switch.
type speaker struct {
	// places has an element for each movement that waits for its reply.
	places chan struct{}

	mu    sync.Mutex // guards conn, codes and wrong
	conn  net.Conn   // of the last link
	codes map[string]string
	wrong error // replies that are not "heard"

	// The goroutine's that takes orders.
	number int64 // of the last message
	frames [][]byte
}

func (s *speaker) speakOver(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn = conn
}

// keepCode keeps the SMS code that a message brings, as the phone would.
func (s *speaker) keepCode(message []byte) error {
	places, err := layout(message)
	if err != nil {
		return err
	}
	account, code := places[2], places[110]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes[string(message[account.at:][:account.size])] = string(message[code.at:][:code.size])
	return nil
}

func (s *speaker) codeOf(account string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.codes[account]
}

// prepare writes movements, in turn over the accounts, so that saying them costs
// next to nothing.
func (b *isoBank) prepare(accounts []string, times int) error {
	b.frames = b.frames[:0]
	for range times {
		for _, account := range accounts {
			framed, err := b.movement(account)
			if err != nil {
				return err
			}
			b.frames = append(b.frames, framed)
		}
	}
	return nil
}

// movement is the framed message of one, under a number of its own.
func (b *isoBank) movement(account string) ([]byte, error) {
	b.number++
	now := time.Now()
	m := codec.NewRequest(codec.Movement)
	m.SetAccount(codec.NewAccount(account), true)
	for f, v := range map[codec.Field]string{
		codec.FieldSTAN: string(codec.NewSTAN(b.number)), codec.FieldSent: string(codec.NewStamp(now)), codec.FieldRRN: string(codec.NewRRN(b.number)),
		codec.FieldAcquirer: "48980000", codec.FieldForwarder: "48980000",
		codec.FieldAmount: "3250", codec.FieldDirection: codec.Out, codec.FieldBalance: "123456", codec.FieldCurrency: "156",
		codec.FieldSummary: "消费 友好超市", codec.FieldMoved: string(codec.NewMoment(now)),
	} {
		m.Set(f, v)
	}
	raw, err := b.dialect.Pack(m)
	if err != nil {
		return nil, fmt.Errorf("write a movement: %w", err)
	}
	return b.dialect.Frame().Append(nil, raw)
}

// say tells what is prepared, and returns when each is heard.
func (b *isoBank) say() error {
	b.mu.Lock()
	conn := b.conn
	b.mu.Unlock()
	late := time.NewTimer(sayLimit)
	defer late.Stop()
	for len(b.frames) > 0 {
		n, err := b.enter(late.C)
		if err != nil {
			return err
		}
		var out []byte
		for _, f := range b.frames[:n] {
			out = append(out, f...)
		}
		b.frames = b.frames[n:]
		if _, err := conn.Write(out); err != nil {
			return err
		}
	}
	return b.untilHeard(late.C)
}

// enter takes the places that are free, and waits for one.
func (b *isoBank) enter(late <-chan time.Time) (n int, err error) {
	select {
	case b.places <- struct{}{}:
	case <-late:
		return 0, errUnheard
	}
	for n = 1; n < len(b.frames); n++ {
		select {
		case b.places <- struct{}{}:
		default:
			return n, nil
		}
	}
	return n, nil
}

// untilHeard waits until nothing waits for its reply.
func (b *isoBank) untilHeard(late <-chan time.Time) error {
	for n := range cap(b.places) {
		select {
		case b.places <- struct{}{}:
		case <-late:
			return fmt.Errorf("%w: %d of the last %d", errUnheard, cap(b.places)-n, cap(b.places))
		}
	}
	for range cap(b.places) {
		<-b.places
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.wrong
}

// heard takes the switch's reply to a movement.
func (b *isoBank) heard(message []byte) {
	places, err := layout(message)
	if code := places[39]; err == nil && string(message[code.at:][:code.size]) != "00" {
		err = fmt.Errorf("a movement is answered with %s", message[code.at:][:code.size])
	}
	if err != nil {
		b.mu.Lock()
		b.wrong = errors.Join(b.wrong, err)
		b.mu.Unlock()
	}
	<-b.places
}
