package address

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Reason says why pgx refuses an address. Its own text quotes the address, and an
// error of url.Parse quotes parts of it.
func Reason(err error) string {
	parse, ok := errors.AsType[*pgconn.ParseConfigError](err)
	if !ok {
		return "one of the keys pool_… has no valid value"
	}
	inner := errors.Unwrap(parse)
	text := parse.Error()
	if i := strings.LastIndex(text, "`: "); i >= 0 {
		text = text[i+len("`: "):]
	}
	if inner == nil {
		return text
	}
	if _, isURL := errors.AsType[*url.Error](inner); isURL || strings.Contains(text, "failed to parse as") {
		return "it is not of the form postgres://user@host:5432/database?sslmode=verify-full, nor key=value with a space between the pairs"
	}
	return text
}

// tuning are parameters of libpq that pgx would hand to the server, and that change nothing
// about who is spoken to or who can listen: connections here have bounds of their own.
var tuning = []string{"keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", "sslcompression", "fallback_application_name", "load_balance_hosts"}

// unknown are parameters of libpq that pgx does not know, and that must not be passed over.
var unknown = []string{"sslcrl", "sslcrldir", "requirepeer", "hostaddr", "gsslib", "gssdelegation", "ssl_min_protocol_version", "ssl_max_protocol_version", "replication"}

// OfLibpq takes the parameters out that are for libpq and not for the server.
func OfLibpq(params map[string]string) error {
	for _, key := range tuning {
		delete(params, key)
	}
	for _, key := range unknown {
		if _, has := params[key]; has {
			return fmt.Errorf("this program cannot do what %s asks for; leave it out if the connection is safe without", key)
		}
	}
	switch mode := params["gssencmode"]; mode {
	case "", "disable", "prefer":
		delete(params, "gssencmode")
	default:
		return fmt.Errorf("this program has no encryption by GSSAPI, and gssencmode=%s asks for it: use sslmode", mode)
	}
	return nil
}

// Hosts are those of a configuration, each once.
func Hosts(c *pgx.ConnConfig) []string {
	all := []string{net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))}
	for _, f := range c.Fallbacks {
		all = append(all, net.JoinHostPort(f.Host, strconv.Itoa(int(f.Port))))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// NameOf is where a configuration leads, as it may be shown.
func NameOf(c *pgx.ConnConfig) string {
	u := url.URL{Scheme: "postgres", User: url.User(c.User), Host: strings.Join(Hosts(c), ","), Path: c.Database}
	if strings.HasPrefix(c.Host, "/") || strings.HasPrefix(c.Host, "@") {
		u.Host, u.RawQuery = "", url.Values{"host": {c.Host}, "port": {strconv.Itoa(int(c.Port))}}.Encode()
	}
	return u.String()
}
