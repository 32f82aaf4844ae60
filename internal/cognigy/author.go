package cognigy

import (
	"bytes"
	"net/http"
	"strings"

	"importer/importer/contact"
)

// authorOf tells who gave an answer, before anything is believed of it, and what the
// answer holds where it is a success of the API. It is the only place that does, and
// it is pure.
//
//	answer                                                        author
//	none; a success that broke off, or is too large to be read    NoAnswer
//	1xx, 3xx, 407, whatever they hold                             Way
//	a body of another media type than JSON, such as text/html     Way
//	4xx, 5xx with a problem of the API: see problem.documented    API
//	429, and 503 with Retry-After, without a body                 API
//	2xx with a body in the form of its operation: see form        API
//	anything else                                                 Way
//
// An empty 429 or 503 is that of the limiter before the API, which is expected to
// send no JSON; what it refuses the API has not seen.
func authorOf(x exchange) (contact.Author, content) {
	switch status := x.status; {
	case status == 0 || status/100 == 2 && x.broken != nil:
		return contact.NoAnswer, content{}
	case status/100 == 2:
		if got, err := decode(x); err == nil {
			return contact.API, got
		}
	case status/100 != 4 && status/100 != 5 || status == http.StatusProxyAuthRequired:
	case len(bare(x.body)) == 0:
		_, told := parseRetryAfter(x.retryAfter, x.date, x.now)
		if x.broken == nil && (status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable && told) {
			return contact.API, content{}
		}
	case !isForeign(x.media) && parseProblem(x.body).documented(status):
		return contact.API, content{}
	}
	return contact.Way, content{}
}

// bare is a body without the mark and the blanks around it.
func bare(b []byte) []byte { return bytes.TrimSpace(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))) }

func mediaType(header string) string {
	media, _, _ := strings.Cut(header, ";")
	return strings.ToLower(strings.TrimSpace(media))
}

// isForeign tells whether a media type is one in which the API says nothing. What
// names no type, or none in particular, is left to the body.
func isForeign(header string) bool {
	media := mediaType(header)
	return media != "" && media != "text/plain" && media != "application/octet-stream" && !strings.Contains(media, "json")
}

// isPage tells whether an answer is a page for people.
func isPage(x exchange) bool {
	return strings.Contains(mediaType(x.media), "html") || bytes.HasPrefix(bare(x.body), []byte("<"))
}
