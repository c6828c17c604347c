package config

import (
	"errors"
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

// Door is an address that a program listens on, and its key.
type Door struct{ Key, Address string }

// CheckDoors tells of each door that one before it keeps from being opened.
func CheckDoors(at func(key, reason string) error, doors ...Door) (errs []error) {
	for i, d := range doors {
		for _, before := range doors[:i] {
			if clash(d.Address, before.Address) {
				errs = append(errs, at(d.Key, "the address is that of "+before.Key))
				break
			}
		}
	}
	return errs
}

// clash reports whether one program cannot listen on both addresses: port 0 is
// another one each time, and no host is every host.
func clash(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	n, errC := strconv.ParseUint(portA, 10, 16)
	m, errD := strconv.ParseUint(portB, 10, 16)
	if errors.Join(errA, errB, errC, errD) != nil || n != m || n == 0 {
		return false
	}
	ipA, ipB := ipOf(hostA), ipOf(hostB)
	return hostA == hostB || ipA != nil && ipA.Equal(ipB) || ipA.IsUnspecified() || ipB.IsUnspecified()
}

// ipOf is the address of a host, nil for a name.
func ipOf(host string) net.IP {
	switch host {
	case "":
		return net.IPv6unspecified
	case "localhost":
		return net.IPv4(127, 0, 0, 1)
	}
	return net.ParseIP(host)
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
