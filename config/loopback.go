package config

import "net/netip"

// loopback tells whether a host of a URL is this machine, without asking DNS.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
