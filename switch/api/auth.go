package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Scope is a set of operations that a client may use.
type Scope string

// The scopes.
const (
	ScopeBank     Scope = "bank"     // raw bank transactions; never a front's
	ScopeCustomer Scope = "customer" // a front: what customers do, and who they are is its word
	ScopeOperate  Scope = "operate"  // advices, notices, customers, routes, banks
)

// Client is a caller of the API.
type Client struct {
	// ID names the client in the journal and in logs.
	ID string
	// TokenSHA256 is the SHA-256 of its bearer token, as it is sent.
	TokenSHA256 [sha256.Size]byte
	// PreviousSHA256 is that of the token before, which is good too while the
	// caller changes to the new one; zero for none.
	PreviousSHA256 [sha256.Size]byte
	Scopes         []Scope
}

// AnonymousID is the client id of callers without a token, where they are
// allowed; no other client may have it.
const AnonymousID = "anonymous"

// CheckClients refuses clients of which one could be taken for another: without
// id, token or a known scope, or with another's id or token.
func CheckClients(clients []Client) error {
	ids := make(map[string]bool)
	tokens := make(map[[sha256.Size]byte]string)
	for _, c := range clients {
		switch other, taken := tokens[c.TokenSHA256]; {
		case c.ID == "":
			return errors.New("client without id")
		case c.ID == AnonymousID:
			return fmt.Errorf("client %q: the id is kept for callers without a token", c.ID)
		case ids[c.ID]:
			return fmt.Errorf("client %q stands twice", c.ID)
		case c.TokenSHA256 == [sha256.Size]byte{}:
			return fmt.Errorf("client %q: no token", c.ID)
		case c.TokenSHA256 == sha256.Sum256(nil):
			return fmt.Errorf("client %q: the token is empty", c.ID)
		case taken:
			return fmt.Errorf("clients %q and %q have the same token", other, c.ID)
		case len(c.Scopes) == 0:
			return fmt.Errorf("client %q: no scope", c.ID)
		}
		ids[c.ID], tokens[c.TokenSHA256] = true, c.ID
		if previous := c.PreviousSHA256; previous != [sha256.Size]byte{} {
			if other, taken := tokens[previous]; taken || previous == sha256.Sum256(nil) {
				return fmt.Errorf("client %q: the previous token is empty, or one of client %q", c.ID, other)
			}
			tokens[previous] = c.ID
		}
		if err := CheckScopes(c.Scopes); err != nil {
			return fmt.Errorf("client %q: %w", c.ID, err)
		}
	}
	return nil
}

// CheckScopes refuses a scope that the API does not know.
func CheckScopes(scopes []Scope) error {
	for _, s := range scopes {
		if s != ScopeBank && s != ScopeCustomer && s != ScopeOperate {
			return fmt.Errorf("unknown scope %q", string(s))
		}
	}
	return nil
}

// authenticate finds the caller. It looks at every client, whichever fits, so
// that the time it takes tells nothing.
func (a *API) authenticate(r *http.Request) (*Client, *refusal) {
	header := r.Header["Authorization"]
	if len(header) == 0 {
		if a.anonymous != nil && isLocal(r) {
			return a.anonymous, nil
		}
		return nil, refuse(codeTokenMissing)
	}
	scheme, token, _ := strings.Cut(header[0], " ")
	if len(header) > 1 || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return nil, refuse(codeTokenInvalid)
	}
	sum := sha256.Sum256([]byte(token))
	var found *Client
	for i := range a.Clients {
		c := &a.Clients[i]
		if subtle.ConstantTimeCompare(sum[:], c.TokenSHA256[:])|subtle.ConstantTimeCompare(sum[:], c.PreviousSHA256[:]) == 1 {
			found = c
		}
	}
	if found == nil {
		return nil, refuse(codeTokenInvalid)
	}
	return found, nil
}

// isLocal reports whether the request comes from this host itself: both ends of
// the connection are loopback, nothing says that a proxy passed it on or that a
// page in this host's browser sends it (Origin, Sec-Fetch-Site), and the Host is
// loopback too, so that no page gets here by a name of its own (DNS rebinding).
func isLocal(r *http.Request) bool {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if local == nil || !isLoopback(local.String()) || !isLoopback(r.RemoteAddr) {
		return false
	}
	for _, h := range []string{"Forwarded", "X-Forwarded-For", "Via", "Origin"} {
		if r.Header.Get(h) != "" {
			return false
		}
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "none" {
		return false
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return host == "localhost" || isLoopback(net.JoinHostPort(strings.Trim(host, "[]"), "0"))
}

func isLoopback(address string) bool {
	at, err := netip.ParseAddrPort(address)
	return err == nil && at.Addr().Unmap().IsLoopback()
}

// allows reports whether the client may use an operation of these scopes.
func (c *Client) allows(scopes []Scope) bool {
	return slices.ContainsFunc(scopes, func(s Scope) bool { return slices.Contains(c.Scopes, s) })
}

type clientKey struct{}

// clientOf returns the authenticated caller; the generated handlers hand on
// nothing but a context.
func clientOf(ctx context.Context) *Client { return ctx.Value(clientKey{}).(*Client) }
