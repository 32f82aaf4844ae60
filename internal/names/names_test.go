package names

import (
	"context"
	"errors"
	"net/netip"
	"testing"
)

func TestNames(t *testing.T) {
	for _, c := range []struct {
		what    string
		is      func(string) bool
		yes, no []string
	}{
		{"project", IsProject,
			[]string{"65f0000000000000000000aa", "abcdefghijklmnopqrstuvwx"},
			[]string{"", "65f0000000000000000000a", "65f0000000000000000000aab", "65F0000000000000000000AA", "65f0000000000000000000a\n", "65f000000000000000000-aa"}},
		{"field", IsField,
			[]string{"firstname", "_x", "Total_2026", "7"},
			[]string{"", "first name", "first-name", "größe", "a.b", "a\n"}},
		{"loopback", IsLoopback,
			[]string{"localhost", "127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"},
			[]string{"", "api.localhost", "localhost.", "localhost.example.com", "notlocalhost", "10.0.0.1", "0.0.0.0", "::", "127.0.0.1:80", "[::1]", "2130706433"}},
	} {
		for _, s := range c.yes {
			if !c.is(s) {
				t.Errorf("%q is no %s", s, c.what)
			}
		}
		for _, s := range c.no {
			if c.is(s) {
				t.Errorf("%q is a %s", s, c.what)
			}
		}
	}
}

// A name below localhost is what it resolves to.
func TestStaysHere(t *testing.T) {
	here, there := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("192.0.2.1")
	for _, c := range []struct {
		host  string
		leads []netip.Addr
		want  bool
	}{
		{"api.localhost", []netip.Addr{here}, true},
		{"api.localhost", []netip.Addr{here, netip.IPv6Loopback()}, true},
		{"api.localhost", []netip.Addr{there}, false},
		{"api.localhost", []netip.Addr{here, there}, false},
		{"api.localhost", nil, false},
		{"localhost", nil, true},
		{"127.0.0.1", nil, true},
		{"example.com", []netip.Addr{here}, false},
		{"localhost.example.com", []netip.Addr{here}, false},
	} {
		got := staysHere(c.host, func(context.Context, string, string) ([]netip.Addr, error) {
			if c.leads == nil {
				return nil, errors.New("no such host")
			}
			return c.leads, nil
		})
		if got != c.want {
			t.Errorf("%s, which leads to %v, stays here: %v", c.host, c.leads, got)
		}
	}
}
