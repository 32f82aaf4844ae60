package cognigy

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// CheckProxies says which variable of the environment names a proxy that cannot be used.
// net/http takes most of what it cannot read for no proxy at all, and the key would go
// around it. The address is not repeated: a password may stand in it.
func CheckProxies(getenv func(string) string) error {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"} {
		if why := wrongProxy(getenv(name)); why != "" {
			return fmt.Errorf("$%s cannot be used, because %s, and nothing goes around it: write it as in http://proxy.example.com:3128, or unset it to go without a proxy", name, why)
		}
	}
	return nil
}

// wrongProxy says what is wrong with the address of a proxy; empty: nothing, or there is
// none. One without a scheme is http://, as for net/http.
func wrongProxy(address string) string {
	if address == "" {
		return ""
	}
	u, err := url.Parse(address)
	if bare := !strings.Contains(address, "//"); bare && (err != nil || u.Scheme == "" || u.Host == "") {
		u, err = url.Parse("http://" + address)
	}
	switch {
	case err != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return "it is no address of a proxy"
	case !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, strings.ToLower(u.Scheme)):
		return "it does not begin with http://, https://, socks5:// or socks5h://"
	case u.Hostname() == "":
		return "it names no host"
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return "its port is not one of 1 to 65535"
		}
	}
	return ""
}
