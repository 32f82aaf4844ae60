//go:build !linux

package cli

// dropStartPages is for Linux only.
func dropStartPages() {}
