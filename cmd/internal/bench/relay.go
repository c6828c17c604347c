package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"wxswitch/cmd/internal/parts"
)

// The relay's frames are of a fixed size: a number that pairs them, and what
// little else there is.
const (
	askSize   = 64 // number 8, type 1, account 32, rest zero
	replySize = 32 // number 8, code 2, amount 12, rest zero
)

type (
	askFrame   [askSize]byte
	replyFrame [replySize]byte
)

// relay passes requests on to one bank over one link, and answers back.
type relay struct {
	out  chan askFrame // to the writer; never closed
	next atomic.Uint64
	log  keeper // nil for a relay that keeps nothing

	mu      sync.Mutex // guards waiting
	waiting map[uint64]chan replyFrame
}

// places are channels for one reply each, used again and again.
var places = sync.Pool{New: func() any { return make(chan replyFrame, 1) }}

type relayAsk struct {
	Type    string `json:"type"`
	Account string `json:"account"`
}

// relayAnswer is the switch's Answer, so that both tell their callers as much.
type relayAnswer struct {
	ID       string       `json:"id"`
	Type     string       `json:"type"`
	Outcome  string       `json:"outcome"`
	Code     string       `json:"code"`
	Bank     string       `json:"bank"`
	Suffix   string       `json:"account_suffix"`
	RRN      string       `json:"rrn"`
	STAN     string       `json:"stan"`
	Sent     string       `json:"sent"`
	Opened   time.Time    `json:"opened"`
	Replayed bool         `json:"replayed"`
	Balance  relayBalance `json:"balance,omitzero"`
}

type relayBalance struct {
	Ledger    int64  `json:"ledger"`
	Available int64  `json:"available"`
	Currency  string `json:"currency"`
}

func runRelay(ctx context.Context, as role, ready func(...string)) error {
	parts.Tune() // as the switch does
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", as.Bank)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	r := &relay{out: make(chan askFrame, 1024), waiting: make(map[uint64]chan replyFrame)}
	failed := make(chan error, 4)
	if r.log, err = newKeeper(ctx, as.Keeps, as.Dir); err != nil {
		return err
	}
	if r.log != nil {
		go func() { failed <- r.log.run(ctx) }()
	}
	go func() { failed <- r.write(conn) }()
	go func() { failed <- r.read(conn) }()
	server := &http.Server{Handler: http.HandlerFunc(r.serve), ReadHeaderTimeout: 5 * time.Second}
	go func() { failed <- server.Serve(listener) }()
	ready(listener.Addr().String())
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	return errors.Join(err, server.Close(), conn.Close())
}

func (r *relay) serve(w http.ResponseWriter, request *http.Request) {
	var ask relayAsk
	if err := json.NewDecoder(request.Body).Decode(&ask); err != nil || ask.Type == "" || len(ask.Account) < 4 {
		http.Error(w, "not a request", http.StatusBadRequest)
		return
	}
	number, reply, err := r.exchange(ask)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answerTo(ask, number, reply))
}

func answerTo(ask relayAsk, number uint64, reply replyFrame) relayAnswer {
	id := strconv.FormatUint(1_000_000_000_000+number, 10)
	a := relayAnswer{
		ID: id, Type: ask.Type, Outcome: "declined", Code: string(reply[8:10]), Bank: "bank00", Suffix: ask.Account[len(ask.Account)-4:],
		RRN: id[1:], STAN: id[len(id)-6:], Sent: "1124115959", Opened: time.Now(),
	}
	if a.Code == "00" {
		a.Outcome = "approved"
	}
	if ask.Type == "balance" {
		a.Balance = relayBalance{Ledger: 123456, Available: 100000, Currency: "156"}
	}
	return a
}

func (r *relay) exchange(ask relayAsk) (uint64, replyFrame, error) {
	number := r.next.Add(1)
	if r.log == nil {
		return number, r.send(number, ask), nil
	}
	if err := r.log.open(number); err != nil {
		return 0, replyFrame{}, err
	}
	reply := r.send(number, ask)
	return number, reply, r.log.close(number)
}

func (r *relay) send(number uint64, ask relayAsk) replyFrame {
	var f askFrame
	binary.BigEndian.PutUint64(f[:], number)
	f[8] = ask.Type[0]
	copy(f[9:41], ask.Account)
	place := places.Get().(chan replyFrame) //nolint:forcetypeassert,errcheck // the pool holds nothing else
	r.mu.Lock()
	r.waiting[number] = place
	r.mu.Unlock()
	r.out <- f
	reply := <-place
	places.Put(place)
	return reply
}

// write sends what waits in one write.
func (r *relay) write(conn net.Conn) error {
	buffer := make([]byte, 0, 1024*askSize)
	for f := range r.out {
		buffer = append(buffer[:0], f[:]...)
		runtime.Gosched() // lets others that are ready join this write
		for more := true; more && len(buffer) < cap(buffer); {
			select {
			case f := <-r.out:
				buffer = append(buffer, f[:]...)
			default:
				more = false
			}
		}
		if _, err := conn.Write(buffer); err != nil {
			return err
		}
	}
	return nil
}

func (r *relay) read(conn net.Conn) error {
	in := bufio.NewReaderSize(conn, 64<<10)
	var f replyFrame
	for {
		if _, err := io.ReadFull(in, f[:]); err != nil {
			return err
		}
		number := binary.BigEndian.Uint64(f[:])
		r.mu.Lock()
		place := r.waiting[number]
		delete(r.waiting, number)
		r.mu.Unlock()
		if place == nil {
			return fmt.Errorf("relay: reply to nothing: %d", number)
		}
		place <- f
	}
}
