package cognigy

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

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
//	2xx with a body in the form of its operation: see forms       API
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

// A form says what is missing of the documented form of a success, in a body that
// is a JSON object; nil where nothing is. It fills in what the operation returns.
type form func(x *exchange, b *content) error

// A content is the body of a success, in any of the documented forms. The members are
// those of the API; what the client returns is made of them.
type content struct {
	wireProfile
	Items      *[]wireProfile `json:"items"`
	Total      jsontext.Value `json:"total"`
	NextCursor string         `json:"nextCursor"`
	Next       string         `json:"next"`
	wireSchema

	found []contact.Found // of aPage and thisProfile
}

// decode reads the body of a success. The error says why it is not the API's.
func decode(x exchange) (b content, err error) {
	text := bare(x.body)
	switch {
	case x.status == http.StatusAccepted:
		return b, errors.New("it was taken for later, and is not done")
	case x.op.mayBeEmpty && (x.status == http.StatusNoContent || len(text) == 0 && !isForeign(x.media)):
		return b, nil
	case len(text) == 0:
		return b, errors.New("there is nothing in it")
	case isForeign(x.media):
		return b, fmt.Errorf("it is %s", cut(clean(redact(mediaType(x.media), x.key))))
	case text[0] != '{':
		return b, errors.New("it is no JSON object")
	}
	if err := unmarshal(text, &b); err != nil {
		return content{}, whyUnreadable(err)
	}
	return b, x.op.form(&x, &b)
}

// whyUnreadable is an error of the JSON library, without what it quotes: that may be
// a contact's.
func whyUnreadable(err error) error {
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		return fmt.Errorf("its %q has another type", strings.ReplaceAll(strings.Trim(string(semantic.JSONPointer), "/"), "/", "."))
	}
	return errors.New("it is not valid JSON")
}

// aProfile is the form of the answer to a create and to a merge.
func aProfile(_ *exchange, b *content) error { return b.complete() }

// thisProfile is the form of the answer to a get: a cache that mixes answers shows
// another one. Without "profile" an update would be made of nothing.
func thisProfile(x *exchange, b *content) error {
	if err := b.complete(); err != nil {
		return err
	}
	if err := thisID(x, b); err != nil {
		return err
	}
	if len(b.Profile) == 0 {
		return errors.New(`there is no "profile" in it`)
	}
	return b.show(&b.wireProfile)
}

// thisID is the form of the answer to an update and to a delete, where there is one.
func thisID(x *exchange, b *content) error {
	switch {
	case !validID(b.ID):
		return errNoID
	case b.ID != x.id:
		return fmt.Errorf("it is about another profile, %s", b.ID)
	}
	return nil
}

// aPage is the form of the answer to a list.
func aPage(_ *exchange, b *content) error {
	if b.Items == nil {
		return errors.New(`there is no "items" in it`)
	}
	b.found = make([]contact.Found, 0, len(*b.Items))
	for i := range *b.Items {
		item := &(*b.Items)[i]
		err := item.complete()
		if err == nil {
			err = b.show(item)
		}
		if err != nil {
			return fmt.Errorf("item %d: %w", i+1, err)
		}
	}
	return nil
}

// aSchema is the form of the answer to a get of the schema, and to a set of it where
// there is one.
func aSchema(_ *exchange, b *content) error {
	if b.Schema == nil && b.Details == nil {
		return errors.New(`there is neither "schema" nor "details" in it`)
	}
	return nil
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
