package cognigy

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

const giveAddress = "give the API's address, such as https://api-trial.cognigy.ai"

// apiPath is the end of a path that is the API's or its documentation's.
var apiPath = regexp.MustCompile(`(?:/(?:openapi|new|v2\.0(?:/profiles)?)?)+$`)

// A NotAPIError is a base URL that names the user interface or an endpoint.
type NotAPIError struct {
	Host string // that was named
	API  string // the address that was probably meant
}

func (e *NotAPIError) Error() string {
	return fmt.Sprintf("%s is not the host of the API, but of the user interface or an endpoint: the API's is probably %s", e.Host, e.API)
}

// NormalizeBaseURL brings a base URL as people paste it into the one form that
// is used: scheme and host, without a slash at the end. What the vendor's
// documentation prints behind it is taken off: /openapi, /new, /new/v2.0, /v2.0
// and the path of the profiles; a path before these is kept, for an API behind a
// gateway. The errors say what to write instead, and repeat no user information
// and no query.
func NormalizeBaseURL(raw string) (string, error) {
	s := strings.TrimSpace(raw)
	scheme, _, hasScheme := strings.Cut(s, "://")
	scheme = strings.ToLower(scheme)
	u, err := url.Parse(s)
	switch {
	case s == "":
		return "", fmt.Errorf("the base URL is empty: %s", giveAddress)
	case !hasScheme:
		host, _, _ := strings.Cut(s[strings.LastIndexByte(s, '@')+1:], "?")
		return "", fmt.Errorf("the base URL %q has no scheme: write https://%s", host, strings.TrimPrefix(host, "//"))
	case scheme != "http" && scheme != "https":
		return "", fmt.Errorf("the base URL begins with %q: it must begin with https://", scheme+"://")
	case err != nil: // which repeats the whole URL, and a password with it
		return "", fmt.Errorf("the base URL cannot be read: %s", giveAddress)
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
		return "", fmt.Errorf("the base URL has no host: %s", giveAddress)
	}
	// The user interface of the shared installations lives at app.cognigy.ai, the
	// API at api-app.cognigy.ai.
	if name := u.Hostname(); strings.HasSuffix(host, ".cognigy.ai") && !strings.HasPrefix(host, "api") {
		return "", &NotAPIError{Host: name, API: "https://api-" + host}
	}
	return scheme + "://" + host + apiPath.ReplaceAllString(u.EscapedPath(), ""), nil
}
