// Package names tells what names may look like that a person gives: those of a
// project, of a profile field, and of a host.
package names

import (
	"context"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

var (
	project = regexp.MustCompile(`^[a-z0-9]{24}$`)
	profile = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)
	field   = regexp.MustCompile(`^[A-Za-z0-9_]+$`)
)

// IsProject tells whether s can be the id of a project: 24 characters, a to z and 0
// to 9.
func IsProject(s string) bool { return project.MatchString(s) }

// IsProfile tells whether s can be the id of a profile in a report, whoever wrote that:
// 1 to 64 letters, digits, underscores and hyphens. It can then stand in a path, and is no
// formula. The API gives ids of 24 characters, a to z and 0 to 9.
func IsProfile(s string) bool { return profile.MatchString(s) }

// IsField tells whether s can be the internal name of a profile field, which is
// what the API allows: letters, digits, underscores.
func IsField(s string) bool { return field.MatchString(s) }

// IsLoopback tells whether a host, without its port, is localhost or an address of this
// machine alone. A name below localhost may be anywhere: see StaysHere.
func IsLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// StaysHere tells whether what is sent to a host, without its port, stays on this
// machine: it IsLoopback, or is a name below localhost that leads nowhere else now, which
// it looks up.
func StaysHere(host string) bool { return staysHere(host, net.DefaultResolver.LookupNetIP) }

func staysHere(host string, lookUp func(ctx context.Context, network, host string) ([]netip.Addr, error)) bool {
	if IsLoopback(host) || !strings.HasSuffix(host, ".localhost") {
		return IsLoopback(host)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	addresses, err := lookUp(ctx, "ip", host)
	elsewhere := func(ip netip.Addr) bool { return !ip.Unmap().IsLoopback() }
	return err == nil && len(addresses) > 0 && !slices.ContainsFunc(addresses, elsewhere)
}
