package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/rs/zerolog"

	"wxswitch/banks/adapter"
	"wxswitch/banks/sim"
	"wxswitch/cmd/internal/config"
	"wxswitch/cmd/internal/parts"
	"wxswitch/codec/iso"
	"wxswitch/switch/vault"
)

// Run runs the banks until ctx is done, then drains them. Their addresses are
// written to c.Out once they are listened on.
func Run(ctx context.Context, c Config) error {
	if c.Out == nil {
		c.Out = io.Discard
	}
	if c.LogTo == nil {
		c.LogTo = os.Stderr
	}
	keys, err := openKeys(c.KeyFile, c.Out)
	if err != nil {
		return err
	}
	log := zerolog.New(c.LogTo).Level(config.Level(c.Log.Level)).With().Timestamp().Logger()
	var banks []*sim.Bank
	for _, b := range c.Banks {
		one, err := b.open(ctx, keys, log)
		if err != nil {
			return errors.Join(fmt.Errorf("bank %s: %w", b.Name, err), closeAll(banks))
		}
		banks = append(banks, one)
	}
	return serve(ctx, c, banks)
}

func serve(ctx context.Context, c Config, banks []*sim.Bank) error {
	var all parts.Group
	for i, b := range banks {
		_, _ = fmt.Fprintf(c.Out, "%s: links at %s", c.Banks[i].Name, strings.Join(b.Addrs(), ", "))
		if control := b.ControlAddr(); control != "" {
			_, _ = fmt.Fprintf(c.Out, ", control at http://%s", control)
		}
		_, _ = fmt.Fprintln(c.Out)
		all = append(all, b.Run)
	}
	return all.Run(ctx)
}

// closeAll closes banks that will not run.
func closeAll(banks []*sim.Bank) error {
	var errs []error
	for _, b := range banks {
		errs = append(errs, b.Close())
	}
	return errors.Join(errs...)
}

func openKeys(path string, out io.Writer) (*vault.Vault, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := vault.NewKeyFile(path); err != nil {
			return nil, err
		}
		_, _ = fmt.Fprintf(out, "made key file %s\n", path)
	}
	return vault.Load(path)
}

func (b Bank) open(ctx context.Context, keys *vault.Vault, log zerolog.Logger) (*sim.Bank, error) {
	d, err := iso.Open(b.Dialect)
	if err != nil {
		return nil, err
	}
	return sim.New(ctx, sim.Config{
		Name: b.Name, Title: b.Title, Dialect: d, Path: b.Database, Vault: keys, Listen: b.Listen, Control: b.Control,
		Seed: b.Seed, People: b.People, Cards: b.Cards, Passbooks: b.Passbooks, NotRegistered: b.NotRegistered,
		Kit: adapter.Config{Workers: b.Workers, Queue: b.Queue, Idle: b.Idle, Drain: b.Drain},
		Log: log.With().Str("bank", b.Name).Logger(),
	})
}
