package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// disk measures what every durable write costs on the journal's file system: 4 KB
// and fdatasync, alone, and what that leaves of the relay when each request waits
// for it twice.
func (b *bench) disk(ctx context.Context) error {
	f, err := os.Create(b.stage.file("sync"))
	if err != nil {
		return err
	}
	took, err := b.sync(ctx, f)
	if err := errors.Join(err, f.Close(), os.Remove(f.Name())); err != nil {
		return err
	}
	slices.Sort(took)
	b.say("fdatasync after 4 KB, %d times: p50 %s, p99 %s", len(took), quantile(took, 0.5), quantile(took, 0.99))
	return b.floor(ctx)
}

// sync writes over what is there, as SQLite does in a log that it began anew: where
// a file grows, fdatasync writes its length too, and takes twice as long.
func (b *bench) sync(ctx context.Context, f *os.File) (took []time.Duration, err error) {
	page := make([]byte, 4096)
	if _, err := f.Write(make([]byte, b.syncs*len(page))); err != nil {
		return nil, err
	}
	if err := f.Sync(); err != nil {
		return nil, err
	}
	for n := range b.syncs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		begun := time.Now()
		if _, err := f.WriteAt(page, int64(n*len(page))); err != nil {
			return nil, err
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return nil, err
		}
		took = append(took, time.Since(begun))
	}
	return took, nil
}

// floor compares a relay that syncs with the one that does not.
func (b *bench) floor(ctx context.Context) (err error) {
	synced, err := startChild(role{Name: "relay", Bank: b.stage.bank.at[0], Log: b.stage.file("relay.log")}, os.Stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, synced.stop()) }()
	for _, n := range []int{1, 64} {
		var with, without []sample
		for range b.rounds {
			for c, into := range map[*child]*[]sample{synced: &with, b.stage.relay: &without} {
				s, err := b.sample(ctx, c, "deregister", n)
				if err != nil {
					return fmt.Errorf("%s: %w", c.name, err)
				}
				*into = append(*into, s)
			}
		}
		rate, of := middle(with, sample.rate), middle(without, sample.rate)
		b.say("a relay whose requests wait for two fdatasyncs, %d in flight: %.0f/s, %.3f of the relay", n, rate, rate/of)
	}
	return b.floorLatency(ctx, synced)
}

// floorLatency compares them at the rate at which the switch's latency is measured.
func (b *bench) floorLatency(ctx context.Context, synced *child) error {
	rate, err := b.halfRate(ctx, "deregister")
	if err != nil {
		return err
	}
	var with, without []float64
	for range b.rounds {
		for c, into := range map[*child]*[]float64{synced: &with, b.stage.relay: &without} {
			l, err := b.attackAt(ctx, c, []int{firstBank}, "deregister", rate)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			*into = append(*into, quantile(l, 0.99).Seconds()*1e3)
		}
	}
	b.say("its p99 at %d/s: %.2f ms, %.2f of the relay's", rate, median(with), median(with)/median(without))
	return nil
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

// add returns once an entry is on disk.
func (l *syncLog) add() {
	synced := make(chan struct{}, 1)
	l.waits <- synced
	<-synced
}

func (l *syncLog) run() error {
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
