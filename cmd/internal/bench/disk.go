package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"syscall"
	"time"
)

// disk measures what every durable write costs on the journal's file system: 4 KB
// and fdatasync, alone, and what keeping a journal leaves of the relay.
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
	return b.floors(ctx)
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
