package cognigy

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// NormalizeBaseURL brings a base URL as people paste it into the one form that
// is used: scheme and host, without a slash at the end. What the vendor's
// documentation prints behind it is taken off: /openapi, /new, /new/v2.0, /v2.0
// and the path of the profiles; a path before these is kept, for an API behind a
// gateway. The errors say what to write instead, and repeat no user information
// and no query.
func NormalizeBaseURL(raw string) (string, error) {
	s := strings.TrimSpace(raw)
	if s == "" {
		return "", fmt.Errorf("the base URL is empty: give the API's address, such as https://api-trial.cognigy.ai")
	}
	scheme, _, ok := strings.Cut(s, "://")
	if !ok {
		host, _, _ := strings.Cut(s[strings.LastIndexByte(s, '@')+1:], "?")
		return "", fmt.Errorf("the base URL %q has no scheme: write https://%s", host, strings.TrimPrefix(host, "//"))
	}
	if scheme = strings.ToLower(scheme); scheme != "http" && scheme != "https" {
		return "", fmt.Errorf("the base URL begins with %q: it must begin with https://", scheme+"://")
	}
	u, err := url.Parse(s)
	if err != nil {
		// The error of url.Parse repeats the whole URL, and a password with it.
		return "", fmt.Errorf("the base URL cannot be read: give the API's address, such as https://api-trial.cognigy.ai")
	}
	host := strings.ToLower(u.Host)
	switch {
	case u.User != nil:
		return "", fmt.Errorf("the base URL of %s holds a user name: leave it out; the API key belongs in $COGNIGY_API_KEY or api.api_key_file", host)
	case u.RawQuery != "" || u.ForceQuery:
		return "", fmt.Errorf("the base URL of %s holds a query: leave out the ? and what follows; the API key belongs in $COGNIGY_API_KEY or api.api_key_file", host)
	case u.Fragment != "" || strings.HasSuffix(s, "#"):
		return "", fmt.Errorf("the base URL of %s holds a fragment: leave out the # and what follows", host)
	case u.Hostname() == "":
		return "", fmt.Errorf("the base URL has no host: give the API's address, such as https://api-trial.cognigy.ai")
	}
	// The user interface of the shared installations lives at app.cognigy.ai, the
	// API at api-app.cognigy.ai.
	if name := u.Hostname(); strings.HasSuffix(host, ".cognigy.ai") && !strings.HasPrefix(host, "api") {
		return "", fmt.Errorf("%s is not the host of the API, but of the user interface or an endpoint: the API's is probably https://api-%s", name, host)
	}
	return strings.ToLower(u.Scheme) + "://" + host + trimPath(u.EscapedPath()), nil
}

// trimPath takes off the path of the API and of its documentation.
func trimPath(path string) string {
	for {
		trimmed := strings.TrimRight(path, "/")
		trimmed = strings.TrimSuffix(trimmed, "/v2.0/profiles")
		for _, end := range []string{"/openapi", "/v2.0", "/new"} {
			trimmed = strings.TrimSuffix(trimmed, end)
		}
		if trimmed == path {
			return path
		}
		path = trimmed
	}
}

// hostOf is the host of a URL without its port, for messages; empty where s is
// no absolute URL.
func hostOf(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	if host, _, err := net.SplitHostPort(u.Host); err == nil {
		return host
	}
	return u.Host
}
