package main

import (
	"os"
	"os/signal"
	"syscall"
)

// hangups turns each SIGHUP into a value; while one waits to be read, more are
// the same.
func hangups() (values <-chan struct{}, stop func()) {
	signals := make(chan os.Signal, 1)
	out := make(chan struct{}, 1)
	signal.Notify(signals, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-signals:
				select {
				case out <- struct{}{}:
				default:
				}
			case <-done:
				return
			}
		}
	}()
	return out, func() { signal.Stop(signals); close(done) }
}
