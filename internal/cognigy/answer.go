package cognigy

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

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

// A content is the body of a success, in any of the documented forms. The members are
// those of the API; what the client returns is made of them.
type content struct {
	wireProfile
	Items      *wireProfiles             `json:"items"`
	Total      jsontext.Value            `json:"total"`
	NextCursor string                    `json:"nextCursor"`
	Next       string                    `json:"next"`
	Schema     map[string]jsontext.Value `json:"schema"`
	Details    []SchemaField             `json:"details"`

	found []contact.Found // of aPage and thisProfile
}

// maxItems bounds the profiles of one page: the API gives as many as were asked for, which
// is a hundred, and a server that does not know the limit some thousands.
const maxItems = 20_000

// wireProfiles are those of a page.
type wireProfiles []wireProfile

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (p *wireProfiles) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if d.PeekKind() != '[' {
		return json.UnmarshalDecode(d, (*[]wireProfile)(p))
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	*p = wireProfiles{}
	for d.PeekKind() != ']' {
		if len(*p) == maxItems {
			return fmt.Errorf("it holds more than %d items", maxItems)
		}
		var item wireProfile
		if err := json.UnmarshalDecode(d, &item); err != nil {
			return err
		}
		*p = append(*p, item)
	}
	_, err := d.ReadToken()
	return err
}

// A wireProfile is a profile in an answer. An item of a list has no createdAt.
type wireProfile struct {
	ID          string         `json:"_id"`
	ContactIDs  []string       `json:"contactIds"` // nil where there is none, not where it is empty
	Profile     jsontext.Value `json:"profile"`
	Active      *bool          `json:"active"`
	CreatedAt   int64          `json:"createdAt"`
	LastChanged int64          `json:"lastChanged"`
	Others      jsontext.Value `json:",embed"`
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
		return b, errors.New("it is " + x.excerpt(mediaType(x.media)))
	case text[0] != '{':
		return b, errors.New("it is no JSON object")
	}
	if err := json.Unmarshal(text, &b, lenient); err != nil {
		// Not what the library says: it quotes what may be a contact's.
		if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
			at := strings.Trim(string(semantic.JSONPointer), "/")
			return content{}, fmt.Errorf("its %q has another type", strings.ReplaceAll(at, "/", "."))
		}
		return content{}, errors.New("it is not valid JSON")
	}
	return b, x.op.form(x, &b)
}

// A form says what is missing of the documented form of a success, in a body that
// is a JSON object; nil where nothing is. It fills in what the operation returns.
type form func(x exchange, b *content) error

// aProfile is the form of the answer to a create and to a merge.
func aProfile(_ exchange, b *content) error { return b.complete() }

// thisProfile is the form of the answer to a get: a cache that mixes answers shows
// another one. Without "profile" an update would be made of nothing.
func thisProfile(x exchange, b *content) error {
	if err := thisID(x, b); err != nil {
		return err
	}
	if len(b.Profile) == 0 {
		return errors.New(`there is no "profile" in it`)
	}
	return b.show(&b.wireProfile)
}

// thisID is the form of the answer to an update and to a delete, where there is one.
func thisID(x exchange, b *content) error {
	switch {
	case !validID(b.ID):
		return errNoID
	case b.ID != x.id:
		return fmt.Errorf("it is about another profile, %s", b.ID)
	}
	return nil
}

// aPage is the form of the answer to a list.
func aPage(_ exchange, b *content) error {
	if b.Items == nil {
		return errors.New(`there is no "items" in it`)
	}
	if len(b.NextCursor) > maxCursorBytes || len(b.Next) > maxCursorBytes {
		return fmt.Errorf("the cursor in it is longer than %d bytes, and cannot be sent back", maxCursorBytes)
	}
	b.found = make([]contact.Found, 0, len(*b.Items))
	for i := range *b.Items {
		if err := b.show(&(*b.Items)[i]); err != nil {
			return fmt.Errorf("item %d: %w", i+1, err)
		}
	}
	return nil
}

// maxCursorBytes bounds the cursor of a page, which stands in the address of the next
// request: servers take 8 KiB of one.
const maxCursorBytes = 4 << 10

// aSchema is the form of the answer to a get of the schema, and to a set of it where
// there is one.
func aSchema(_ exchange, b *content) error {
	if b.Schema == nil && b.Details == nil {
		return errors.New(`there is neither "schema" nor "details" in it`)
	}
	return nil
}

// anObject is the form of a document whose members nobody here knows.
func anObject(exchange, *content) error { return nil }

var errNoID = errors.New(`there is no valid "_id" in it`)

// complete says what is missing of a profile: without contact ids nobody would be found in
// it. A missing member is not an empty one, which the API would send.
func (w *wireProfile) complete() error {
	switch {
	case !validID(w.ID):
		return errNoID
	case w.ContactIDs == nil:
		return errors.New(`there is no "contactIds" in it`)
	}
	return nil
}

// show adds a profile to those that are found.
func (b *content) show(w *wireProfile) error {
	if err := w.complete(); err != nil {
		return err
	}
	fields, err := decodeFields(w.Profile)
	if err != nil {
		return err
	}
	if len(w.Others) > 0 {
		if err := w.Others.Format(lenient); err != nil {
			return err
		}
	}
	b.found = append(b.found, contact.Found{
		ID: w.ID, ContactIDs: w.ContactIDs, Fields: fields, Active: w.Active == nil || *w.Active,
		CreatedAt: unixSeconds(w.CreatedAt), LastChanged: unixSeconds(w.LastChanged), Others: w.Others,
	})
	return nil
}

// maxTotal is more profiles than any project has: what is reckoned with it stays a number.
const maxTotal = 1 << 40

// page is the answer to a list. The cursor of the next page stands in nextCursor,
// or in next: the sources contradict each other.
func (b *content) page() contact.ListPage {
	total, err := strconv.Atoi(text(b.Total))
	if err != nil || total < 0 || total > maxTotal {
		total = -1
	}
	return contact.ListPage{Profiles: b.found, Next: cmp.Or(b.NextCursor, b.Next), Total: total}
}

// decodeFields takes the members of a profile apart. None where there is no profile.
func decodeFields(profile jsontext.Value) (fields []contact.Field, err error) {
	if len(profile) == 0 {
		return nil, nil
	}
	var members map[string]jsontext.Value
	if err := json.Unmarshal(profile, &members, lenient); err != nil {
		return nil, errors.New(`its "profile" is no object`)
	}
	for name, value := range members {
		if err := value.Format(lenient); err != nil {
			return nil, fmt.Errorf(`its "profile": %w`, err)
		}
		fields = append(fields, contact.Field{Name: name, Value: []byte(value)})
	}
	contact.SortFields(fields)
	return fields, nil
}

// lenient takes text that was cut within a character: one such profile must not
// make a whole page unreadable.
var lenient = jsontext.AllowInvalidUTF8(true)

// unixSeconds is a time as the API tells it; 0 and below are no time, and neither is what
// comes after the year 9999, which RFC 3339 cannot write.
func unixSeconds(s int64) time.Time {
	if s <= 0 || s >= 253_402_300_800 {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}

// validID tells whether an id is one of a profile, and can stand in a path as it is:
// 24 characters, a-z and 0-9, as the API documents it.
func validID(id string) bool {
	return len(id) == 24 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
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
