package app

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"wxswitch/cmd/internal/config"
	"wxswitch/codec"
	"wxswitch/switch/api"
	"wxswitch/switch/vault"
)

// readSecrets reads the files that hold secrets, for the start.
func (c *Config) readSecrets(at func(key, reason string) error) (errs []error) {
	var err error
	if c.KeyFile != "" {
		if c.Key, err = vault.Load(c.KeyFile); err != nil {
			errs = append(errs, at("key_file", err.Error()))
		}
	}
	if c.Front.URL != "" && c.Front.TokenFile != "" {
		if c.Front.Token, err = c.Front.token(); err != nil {
			errs = append(errs, at("front.token_file", err.Error()))
		}
	}
	return errs
}

// token is that of the file, unless it is set.
func (f Front) token() (codec.Secret, error) {
	if !f.Token.IsZero() {
		return f.Token, nil
	}
	token, err := config.Token(f.TokenFile)
	return codec.NewSecret(token), err
}

func (c *Config) checkAccess(at func(key, reason string) error) (errs []error) {
	var good []Client // each is compared with these
	for i, one := range c.Clients {
		if _, err := clients(append(good, one)); err != nil {
			errs = append(errs, at(fmt.Sprintf("clients[%d]", i), err.Error()))
			continue
		}
		good = append(good, one)
	}
	if err := api.CheckScopes(c.Anonymous); err != nil {
		errs = append(errs, at("anonymous", err.Error()))
	}
	if len(c.Clients) == 0 && len(c.Anonymous) == 0 {
		errs = append(errs, at("clients", "at least one, or nobody could call"))
	}
	return errs
}

func clients(all []Client) ([]api.Client, error) {
	clients := make([]api.Client, 0, len(all))
	for _, configured := range all {
		c := api.Client{ID: configured.ID, Scopes: configured.Scopes}
		if !readHash(configured.TokenSHA256, &c.TokenSHA256) {
			return nil, fmt.Errorf("client %q: token_sha256 must be 64 hexadecimal digits", c.ID)
		}
		if previous := configured.PreviousTokenSHA256; previous != "" && !readHash(previous, &c.PreviousSHA256) {
			return nil, fmt.Errorf("client %q: previous_token_sha256 must be 64 hexadecimal digits", c.ID)
		}
		clients = append(clients, c)
	}
	return clients, api.CheckClients(clients)
}

func readHash(text string, into *[sha256.Size]byte) bool {
	sum, err := hex.DecodeString(text)
	if err != nil || len(sum) != sha256.Size {
		return false
	}
	*into = [sha256.Size]byte(sum)
	return true
}
