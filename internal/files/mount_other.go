//go:build !linux

package files

// ReadOnly is false: it is asked of secrets in containers, which are Linux's.
func ReadOnly(string) bool { return false }
