package notice_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/api/frontapi"
	"wxswitch/switch/notice"
	"wxswitch/switch/vault"
)

// childEnv makes the test binary a process that puts notices and tells them: it
// holds the directory and the front's address.
const childEnv = "WXSWITCH_NOTICE_CHILD"

func TestMain(m *testing.M) {
	if at := os.Getenv(childEnv); at != "" {
		child(at, os.Getenv(childEnv+"_FRONT"))
	}
	goleak.VerifyTestMain(m)
}

func killed() (list []switching.Notice) {
	for i := range 10 {
		for f := range 20 {
			list = append(list, of(fmt.Sprint("f", f), "1", i))
		}
	}
	return list
}

// childWorld is the world in the directory.
func childWorld(t testing.TB, dir string) *world {
	v, err := vault.Load(filepath.Join(dir, "key.json"))
	must(t, err)
	w := &world{t: t, path: filepath.Join(dir, "switch.db"), vault: v, front: &front{}}
	w.o.Deadline, w.o.Workers = time.Second, 8
	return w
}

// child runs until it is killed.
func child(dir, front string) {
	t := &testing.B{} // fails by its exit
	w := childWorld(t, dir)
	s, err := notice.NewHTTP(notice.Front{URL: front, Token: codec.NewSecret("t")})
	must(t, err)
	w.o.Sender, w.o.Lease = s, 2*time.Second
	w.open().run()
	for _, n := range killed() { // each time: what is there stays
		w.put(n)
	}
	select {}
}

// A process that is killed at any moment loses nothing, and the next one sends
// nothing under a new ID, nor out of order.
func TestKill9(t *testing.T) {
	dir := t.TempDir()
	must(t, vault.NewKeyFile(filepath.Join(dir, "key.json")))
	var mu sync.Mutex // guards what follows
	told, order, changed := map[string]bool{}, []string(nil), make(chan int, 10000)
	server := stub(t, func(n frontapi.Notice) {
		mu.Lock()
		defer mu.Unlock()
		if !told[n.Id] {
			told[n.Id], order = true, append(order, n.Id)
			changed <- len(order)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for _, until := range []int{15, 60, 61, 130, 200} {
		c := exec.CommandContext(ctx, os.Args[0])
		c.Env = append(os.Environ(), childEnv+"="+dir, childEnv+"_FRONT="+server.URL)
		must(t, c.Start())
		for got := 0; got < until; {
			select {
			case got = <-changed:
			case <-ctx.Done():
				t.Fatalf("told %d, waiting for %d", got, until)
			}
		}
		must(t, c.Process.Kill())
		_ = c.Wait()
	}
	mu.Lock()
	defer mu.Unlock()
	equal(t, "told", len(told), 200)
	next := map[string]int{}
	for _, id := range order {
		equal(t, "order", id, fmt.Sprint(lane(id), ".", next[lane(id)]))
		next[lane(id)]++
	}
	w := childWorld(t, dir).open()
	defer w.stop()
	equal(t, "kept", w.count(""), 200)
	if n := w.count(notice.StatePending); n > 8 { // sent, and the end was not written down
		t.Errorf("%d are pending", n)
	}
}
