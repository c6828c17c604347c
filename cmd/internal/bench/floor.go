package main

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"wxswitch/switch/db"
)

// keeper is a relay's journal, as bare as the relay: each call returns once it is
// on disk.
type keeper interface {
	// open comes before the request is sent, close before it is answered.
	open(number uint64) error
	close(number uint64) error
	run(ctx context.Context) error
}

// What a relay keeps, as its role says it.
const (
	keepsNothing = "nothing"
	keepsSyncs   = "two fdatasyncs"
	keepsRows    = "an INSERT and an UPDATE"
)

func newKeeper(ctx context.Context, keeps, dir string) (keeper, error) {
	switch keeps {
	case keepsSyncs:
		return newSyncLog(dir + "/relay.log")
	case keepsRows:
		return newRowLog(ctx, dir+"/relay.db")
	}
	return nil, nil
}

// floor is a relay and what was measured of it.
type floor struct {
	keeps  string
	relay  *child
	values []float64
}

// floors compares relays that keep something with the one that does not. No switch
// can do more whose journal is a file of its own, or SQLite by package db.
func (b *bench) floors(ctx context.Context) (err error) {
	all := []*floor{{keeps: keepsNothing, relay: b.stage.relay}}
	for _, keeps := range []string{keepsSyncs, keepsRows} {
		f := &floor{keeps: keeps}
		if f.relay, err = startChild(role{Name: "relay", Bank: b.stage.bank.at[0], Keeps: keeps, Dir: b.stage.dir}, os.Stderr); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.relay.stop()) }()
		all = append(all, f)
	}
	for _, n := range []int{1, 64} {
		err := b.measure(all, fmt.Sprintf("answers/s, %d in flight", n), func(c *child) (float64, error) {
			s, err := b.sample(ctx, c, "deregister", n)
			return s.perSecond, err
		})
		if err != nil {
			return err
		}
	}
	rate, err := b.halfRate(ctx, "deregister")
	if err != nil {
		return err
	}
	return b.measure(all, fmt.Sprintf("p99 in µs, %d/s", rate), func(c *child) (float64, error) {
		l, err := b.attackAt(ctx, c, []int{firstBank}, "deregister", rate)
		if err != nil {
			return 0, err
		}
		return float64(quantile(l, 0.99).Microseconds()), nil
	})
}

// measure prints the medians of rounds that alternate.
func (b *bench) measure(all []*floor, what string, of func(*child) (float64, error)) error {
	for range b.rounds {
		for _, f := range all {
			v, err := of(f.relay)
			if err != nil {
				return fmt.Errorf("relay that keeps %s: %w", f.keeps, err)
			}
			f.values = append(f.values, v)
		}
	}
	bare := median(all[0].values)
	for _, f := range all {
		v := median(f.values)
		b.say("%s: a relay that keeps %s %.0f, ratio %.3f", what, f.keeps, v, v/bare)
		f.values = nil
	}
	return nil
}

// rowLog keeps a row as the switch's journal does, but for its seals and all indexes
// but the one that finds a repeat of the key.
type rowLog struct{ *db.DB }

const (
	rowTable = `CREATE TABLE kept (id INTEGER PRIMARY KEY, key_hash BLOB UNIQUE, body_hash BLOB, type TEXT, bank TEXT, account_ix BLOB,
		asked BLOB, sending TEXT, opened INTEGER, deadline INTEGER, open INTEGER, outcome TEXT, reply BLOB, ended INTEGER)`
	rowInsert = `INSERT INTO kept (id, key_hash, body_hash, type, bank, account_ix, asked, sending, opened, deadline, open)
		VALUES ($1, $2, $2, 'deregister', 'bank00', $2, $3, $4, $1, $1, 1)`
	rowUpdate = `UPDATE kept SET open = 0, outcome = 'approved', reply = $2, ended = $1 WHERE id = $1 AND open = 1`
	sending   = "0200 310000 1124115959 bench raw bench"
)

func newRowLog(ctx context.Context, path string) (*rowLog, error) {
	file, err := sql.Open("sqlite", path)
	if err != nil {
		return nil, err
	}
	_, err = file.ExecContext(ctx, rowTable)
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	d, err := db.Open(ctx, db.Options{Path: path})
	return &rowLog{d}, err
}

func (l *rowLog) run(ctx context.Context) error { return errors.Join(l.Run(ctx), l.Close()) }

func (l *rowLog) open(number uint64) error {
	hash, asked := make([]byte, 32), make([]byte, 96)
	binary.BigEndian.PutUint64(hash, number)
	return l.write(rowInsert, int64(number), hash, asked, sending)
}

func (l *rowLog) close(number uint64) error {
	return l.write(rowUpdate, int64(number), make([]byte, 64))
}

func (l *rowLog) write(statement string, args ...any) error {
	return l.Write(context.Background(), func(ctx context.Context, tx db.Tx) error {
		_, err := db.ExecSole(ctx, tx, statement, args...)
		return err
	})
}

const (
	logEntry = 256      // bytes
	logSize  = 16 << 20 // after which it begins anew
)

// syncLog does the least that a durable journal must: entries of all who wait are
// written together, and one fdatasync serves them.
type syncLog struct {
	file  *os.File
	waits chan chan struct{} // never closed
}

func newSyncLog(path string) (*syncLog, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(make([]byte, logSize)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &syncLog{f, make(chan chan struct{}, 1024)}, f.Sync()
}

func (l *syncLog) open(uint64) error  { return l.add() }
func (l *syncLog) close(uint64) error { return l.add() }

func (l *syncLog) add() error {
	synced := make(chan struct{}, 1)
	l.waits <- synced
	<-synced
	return nil
}

func (l *syncLog) run(context.Context) error {
	entries := make([]byte, (1+cap(l.waits))*logEntry)
	var at int64
	var waiting []chan struct{}
	for first := range l.waits {
		runtime.Gosched() // lets others that are ready join
		waiting = append(waiting[:0], first)
		for range len(l.waits) {
			waiting = append(waiting, <-l.waits)
		}
		batch := entries[:len(waiting)*logEntry]
		if at+int64(len(batch)) > logSize {
			at = 0
		}
		if _, err := l.file.WriteAt(batch, at); err != nil {
			return err
		}
		at += int64(len(batch))
		if err := syscall.Fdatasync(int(l.file.Fd())); err != nil {
			return err
		}
		for _, c := range waiting {
			c <- struct{}{}
		}
	}
	return nil
}
