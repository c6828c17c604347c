package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/uuid"

	"wxswitch/switch/vault"
)

// The switch's banks. The first is the only one where that is not said
// otherwise; the second is the slow one; the last is the one that falls silent.
const (
	bankCount   = 20
	firstBank   = 0
	slowBank    = 1
	silentBank  = bankCount - 1
	perBank     = 20_000 // accounts of the first
	perOther    = 2_000
	firstPrefix = 621000 // BIN of the first
)

// stage is everything that takes part, and where it lies.
type stage struct {
	dir        string
	fileSystem string
	token      string
	log        *os.File // of the switch
	bank       *child
	relay      *child
	front      *child
	sw         *child
	keys       atomic.Int64
	customers  []customer // of the first bank, once enrolled
}

// setUp starts bank, relay, front and switch.
func setUp(ctx context.Context) (*stage, error) {
	root := filepath.Join(".tools", "bench")
	if err := os.MkdirAll(root, 0o750); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(root, "run-")
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	s := &stage{dir: dir, token: rand.Text()}
	if err := s.build(ctx); err != nil {
		return nil, errors.Join(err, s.takeDown())
	}
	return s, nil
}

func (s *stage) build(ctx context.Context) (err error) {
	if s.fileSystem, err = fileSystem(s.dir); err != nil {
		return err
	}
	if s.log, err = os.Create(s.file("switchd.log")); err != nil {
		return err
	}
	if s.bank, err = startChild(role{Name: "bank", Banks: bankCount}, os.Stderr); err != nil {
		return err
	}
	if s.relay, err = startChild(role{Name: "relay", Bank: s.bank.at[0]}, os.Stderr); err != nil {
		return err
	}
	if s.front, err = startChild(role{Name: "front", Token: s.token}, os.Stderr); err != nil {
		return err
	}
	if err := s.write(); err != nil {
		return err
	}
	if s.sw, err = startChild(role{Name: "switch", Config: s.file("switchd.yaml")}, s.log); err != nil {
		return err
	}
	return s.untilAnswered(ctx, s.allBanks())
}

// takeDown stops the children, last started first, and removes the files.
func (s *stage) takeDown() error {
	var errs []error
	for _, c := range []*child{s.sw, s.front, s.relay, s.bank} {
		if c != nil {
			errs = append(errs, c.stop())
		}
	}
	if s.log != nil {
		errs = append(errs, s.log.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

func (s *stage) file(name string) string { return filepath.Join(s.dir, name) }

// keysFrom is what the keys of one wrk begin with, unlike all others'.
func (s *stage) keysFrom() string {
	return fmt.Sprintf("%d-%03x", time.Now().UnixMilli(), s.keys.Add(1)%0x1000)
}

// key is a fresh idempotency key, as fronts make them.
func key() string { return uuid.Must(uuid.NewV7()).String() }

// write writes the switch's files, wrk's script and the accounts.
func (s *stage) write() error {
	if err := vault.NewKeyFile(s.file("key.json")); err != nil {
		return err
	}
	files := map[string][]byte{
		"switchd.yaml": s.config(), "routes.yaml": routes(), "load.lua": script,
		"first.txt": accounts(firstBank, perBank),
		"slow.txt":  accounts(slowBank, perOther),
		"front.txt": []byte(s.token),
	}
	var errs []error
	for name, content := range files {
		errs = append(errs, os.WriteFile(s.file(name), content, 0o600))
	}
	return errors.Join(errs...)
}

// config is what an operator would write; everything else is the default. The
// first bank has room for what a slow disk makes wait. The one that falls silent
// has a short deadline and is probed soon, so that its failures and its recovery
// fit into the run.
func (s *stage) config() []byte {
	var b bytes.Buffer
	sum := sha256.Sum256([]byte(s.token))
	fmt.Fprintf(&b, "listen: 127.0.0.1:0\nops: 127.0.0.1:0\nkey_file: key.json\ndatabase: switch.db\nroutes: routes.yaml\n")
	fmt.Fprintf(&b, "acquirer: \"48980000\"\nclients:\n  - {id: bench, token_sha256: %q, scopes: [bank, operate, customer]}\n", hex.EncodeToString(sum[:]))
	fmt.Fprintf(&b, "front: {url: %q, token_file: front.txt}\nbanks:\n", "http://"+s.front.at[0])
	for i, address := range s.bank.at[1:] {
		fmt.Fprintf(&b, "  - dialect: plain\n    name: %s\n    sign_on: true\n", bankName(i))
		fmt.Fprintf(&b, "    links: [{name: %s-1, addresses: [%q]}]\n", bankName(i), address)
		switch i {
		case firstBank:
			fmt.Fprintf(&b, "    limit: 1000\n")
		case silentBank:
			fmt.Fprintf(&b, "    deadline: 2s\n    breaker: {open_for: 1s}\n")
		}
	}
	return b.Bytes()
}

func bankName(i int) string { return fmt.Sprintf("bank%02d", i) }

func routes() []byte {
	var b bytes.Buffer
	b.WriteString("cards:\n")
	for i := range bankCount {
		fmt.Fprintf(&b, "  - {bank: %s, prefix: \"%d\", lengths: [19]}\n", bankName(i), firstPrefix+i)
	}
	return b.Bytes()
}

// accounts lists card numbers of the bank.
func accounts(bank, count int) []byte {
	var b bytes.Buffer
	for n := range count {
		b.WriteString(account(bank, n))
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// account is the bank's nth card number: 19 digits, the last by Luhn.
func account(bank, n int) string {
	number := fmt.Sprintf("%d%012d", firstPrefix+bank, n*7919)
	sum := 0
	for i, c := range number {
		d := int(c - '0')
		if (len(number)-i)%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return number + strconv.Itoa((10-sum%10)%10)
}

// fileSystems that hold what a benchmark of durable writes can be run on.
var fileSystems = map[int64]string{
	0xEF53: "ext4", 0x58465342: "xfs", 0x9123683E: "btrfs", 0x794C7630: "overlay", 0x6969: "nfs", 0x2FC12FC1: "zfs",
}

func fileSystem(dir string) (string, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return "", err
	}
	switch fs.Type {
	case 0x01021994, 0x858458F6:
		return "", fmt.Errorf("%s is in memory (tmpfs): run where there is a disk", dir)
	}
	if name, ok := fileSystems[fs.Type]; ok {
		return name, nil
	}
	return fmt.Sprintf("file system %#x", fs.Type), nil
}

func machine() string {
	load, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(load), " ")
	return fmt.Sprintf("%d CPUs, load %s, %s", runtime.NumCPU(), first, runtime.Version())
}
