package config

import (
	"net"
	"net/url"
	"strconv"
	"strings"
)

// NoPort is the rule that an address with a port above 65535 breaks, or one that is
// no number.
const NoPort = "no such port"

// AddressRule is the rule that an address breaks, which must be host:port; "" is
// none.
func AddressRule(s string) string {
	_, port, err := net.SplitHostPort(s)
	if err != nil || port == "" {
		return "must be host:port"
	}
	if _, err = strconv.ParseUint(port, 10, 16); err != nil {
		return NoPort
	}
	return ""
}

// IsVisible takes what a header can carry, and no blanks.
func IsVisible(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c < '!' || c > '~' })
}

// IsURL takes http:// and https:// with a host, and no user, query or fragment.
func IsURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil &&
		!strings.ContainsAny(s, "?#") && (u.Port() == "" || AddressRule(u.Host) == "")
}
