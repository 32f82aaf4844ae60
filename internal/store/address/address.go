// Package address knows the addresses of stores, and keeps passwords out of what is shown.
package address

import (
	"net/url"
	"regexp"
	"strings"
)

var (
	userinfo    = regexp.MustCompile(`^(postgres(?:ql)?://[^/?#:@]*):[^@]*@`)
	anyUserinfo = regexp.MustCompile(`^(postgres(?:ql)?://).*@`)
	secretKey   = regexp.MustCompile(`(?i)(^|[?&\s])((?:ssl)?password\s*=\s*)('(?:[^'\\]|\\.)*'?|(?:[^\s&\\]|\\.)*)`)
	scheme      = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)
)

// IsURL tells whether the address has the form of a URL of PostgreSQL.
func IsURL(address string) bool {
	return strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://")
}

// HasPassword tells whether a password stands in the address of a store.
func HasPassword(address string) bool {
	address = strings.TrimSpace(address)
	if m := secretKey.FindStringSubmatch(address); m != nil && strings.Trim(m[3], "'") != "" {
		return true
	}
	return userinfo.MatchString(address)
}

// Masked is the address of a store as it may be shown: without a password, whatever else
// is wrong with it.
func Masked(address string) string {
	address = strings.TrimSpace(address)
	address = secretKey.ReplaceAllString(address, "${1}${2}xxxxx")
	if !IsURL(address) {
		if scheme.MatchString(address) { // of something else, which may have one anywhere
			return scheme.FindString(address) + "…"
		}
		return address
	}
	if u, err := url.Parse(address); err == nil && !strings.Contains(u.Path+u.Fragment, "@") {
		if _, has := u.User.Password(); !has {
			return address
		}
		return userinfo.ReplaceAllString(address, "$1:xxxxx@")
	}
	return anyUserinfo.ReplaceAllString(address, "${1}xxxxx@")
}

// IsPostgreSQL tells whether the address may be one of PostgreSQL: a URL of that, or key=value.
func IsPostgreSQL(address string) bool {
	return IsURL(address) || !scheme.MatchString(address) && strings.Contains(address, "=")
}

// WithoutPassword is the address as it can be given in a flag.
func WithoutPassword(address string) string {
	address = strings.TrimRight(secretKey.ReplaceAllString(address, "$1"), "?& ")
	return strings.ReplaceAll(userinfo.ReplaceAllString(address, "$1@"), "?&", "?")
}
