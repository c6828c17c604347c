package app

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	switchd "wxswitch/cmd/switchd/app"
	"wxswitch/switch/vault"
)

func configCommand() *cobra.Command {
	check := &cobra.Command{
		Use: "check FILE", Short: "Check a configuration file of switchd", Args: cobra.ExactArgs(1),
		Long: `Reads the file and those that it names (keys, dialects, routes, places) as
switchd would at its start, and prints each rule that is broken as
file:line:column.`,
		Example: `  switchctl config check /etc/wxswitch/switchd.yaml`,
		RunE: run(func(cmd *cobra.Command, args []string) error {
			c, err := switchd.Load(args[0])
			if err != nil {
				return &mistakes{err}
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: ok (%d banks, %d clients)\n", args[0], len(c.Banks), len(c.Clients))
			return nil
		}),
	}
	return group("config", "switchd's configuration", nil, check)
}

func keyCommand() *cobra.Command {
	create := &cobra.Command{
		Use: "new FILE", Short: "Make a key file", Args: cobra.ExactArgs(1),
		Long: `Makes the file that switchd needs to start: the keys with which account and
certificate numbers are encrypted in the database. It never overwrites a file.`,
		Example: `  switchctl key new /etc/wxswitch/key.json`,
		RunE: run(func(cmd *cobra.Command, args []string) error {
			if err := vault.NewKeyFile(args[0]); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s made. Keep a copy apart from the database: without it nothing in there can be read.\n", args[0])
			return nil
		}),
	}
	rotate := &cobra.Command{
		Use: "rotate FILE", Short: "Encrypt with a new key from now on", Args: cobra.ExactArgs(1),
		Long: `Adds a key to the file, which encrypts from the next start; those before still
decrypt what they encrypted. Run it as the user who owns the file, restart every
switchd that uses the file, and make the copy anew.`,
		Example: `  switchctl key rotate /etc/wxswitch/key.json`,
		RunE: run(func(cmd *cobra.Command, args []string) error {
			if err := vault.Rotate(args[0]); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s has a new key. Restart switchd now, and make the copy of the file anew.\n", args[0])
			return nil
		}),
	}
	return group("key", "The key file that switchd needs", nil, create, rotate)
}

func tokenCommand() *cobra.Command {
	create := &cobra.Command{
		Use: "new [FILE]", Short: "Make a client's token", Args: cobra.MaximumNArgs(1),
		Long: `Makes a random token and prints it with the SHA-256 that belongs into switchd's
configuration. With FILE the token is written there, readable by its owner only,
and not printed.`,
		Example: `  switchctl token new
  switchctl token new ~/.config/wxswitch.token`,
		RunE: run(newToken),
	}
	return group("token", "Tokens of the API's clients", nil, create)
}

// newToken makes a token of 256 random bits.
func newToken(cmd *cobra.Command, args []string) error {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	token := base64.RawURLEncoding.EncodeToString(random[:])
	sum := sha256.Sum256([]byte(token))
	if len(args) == 1 {
		if err := writeSecret(args[0], token+"\n"); err != nil {
			return fmt.Errorf("token: %w", err)
		}
	} else {
		fmt.Fprintf(cmd.OutOrStdout(), "token:        %s\n", token)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "token_sha256: %s\n", hex.EncodeToString(sum[:]))
	return nil
}

// writeSecret makes a file for its owner only; it never overwrites one.
func writeSecret(path, text string) error {
	f, err := os.OpenFile(filepath.Clean(path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
