package cognigy

import (
	"bytes"
	"errors"
	"fmt"
	"importer/importer/contact"
	"io"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A wireProfile is a profile in an answer. An item of a list has no createdAt.
type wireProfile struct {
	ID          string         `json:"_id"`
	ContactIDs  []string       `json:"contactIds"`
	Profile     jsontext.Value `json:"profile"`
	Active      *bool          `json:"active"`
	CreatedAt   int64          `json:"createdAt"`
	LastChanged int64          `json:"lastChanged"`
}

func (w *wireProfile) found() (contact.Found, error) {
	if w.ID == "" {
		return contact.Found{}, errors.New("a profile has no _id")
	}
	fields, err := decodeFields(w.Profile)
	if err != nil {
		return contact.Found{}, fmt.Errorf("the fields of profile %s: %w", w.ID, err)
	}
	return contact.Found{
		ID: w.ID, ContactIDs: w.ContactIDs, Fields: fields, Active: w.Active == nil || *w.Active,
		CreatedAt: unixSeconds(w.CreatedAt), LastChanged: unixSeconds(w.LastChanged),
	}, nil
}

// decodeProfile reads the answer to a get.
func decodeProfile(b []byte) (contact.Found, error) {
	var wire wireProfile
	if err := unmarshal(b, &wire); err != nil {
		return contact.Found{}, err
	}
	return wire.found()
}

// decodePage reads the answer to a list. The cursor of the next page stands in
// nextCursor, or in next: the sources contradict each other.
func decodePage(b []byte) (contact.ListPage, error) {
	var wire struct {
		Items      *[]wireProfile `json:"items"`
		Total      int            `json:"total"`
		NextCursor string         `json:"nextCursor"`
		Next       string         `json:"next"`
	}
	if err := unmarshal(b, &wire); err != nil {
		return contact.ListPage{}, err
	}
	if wire.Items == nil {
		return contact.ListPage{}, errors.New(`there is no "items" in it`)
	}
	page := contact.ListPage{Total: wire.Total, Next: wire.NextCursor}
	if page.Next == "" {
		page.Next = wire.Next
	}
	page.Profiles = make([]contact.Found, len(*wire.Items))
	for i := range *wire.Items {
		var err error
		if page.Profiles[i], err = (*wire.Items)[i].found(); err != nil {
			return contact.ListPage{}, fmt.Errorf("item %d: %w", i+1, err)
		}
	}
	return page, nil
}

// decodeFields takes the members of a profile apart. None where there is no
// profile.
func decodeFields(profile jsontext.Value) ([]contact.Field, error) {
	if len(profile) == 0 || profile.Kind() == 'n' {
		return nil, nil
	}
	d := jsontext.NewDecoder(bytes.NewReader(profile), lenient)
	if tok, err := d.ReadToken(); err != nil || tok.Kind() != '{' {
		return nil, errors.New("not an object")
	}
	var fields []contact.Field
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		field := contact.Field{Name: name.String()}
		value, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		value = value.Clone()
		if err := value.Format(lenient); err != nil {
			return nil, err
		}
		field.Value = []byte(value)
		fields = append(fields, field)
	}
	contact.SortFields(fields)
	return fields, nil
}

// lenient takes text that was cut within a character: one such profile must not
// make a whole page unreadable.
var lenient = jsontext.AllowInvalidUTF8(true)

func unmarshal(b []byte, v any) error { return json.Unmarshal(b, v, lenient) }

// unixSeconds is a time as the API tells it; 0 and below are no time.
func unixSeconds(s int64) time.Time {
	if s <= 0 {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}

// maxIDBytes bounds an id. The documented ones have 24.
const maxIDBytes = 128

// lastID is what scanID finds where "_id" is the last member of a whole object,
// as in the documented answer to a create: it is read from the end then. Empty
// where it stands elsewhere, or not so plainly.
func lastID(b []byte) string {
	// A quote behind a colon or a comma has no backslash before it, so that it
	// begins a text. What begins with it ends the object that the last brace closes.
	const member = `"_id":"`
	rest, ok := bytes.CutSuffix(b, []byte(`"}`))
	at := bytes.LastIndexByte(rest, '"') + 1
	if !ok || at <= len(member) || b[0] != '{' {
		return ""
	}
	before := rest[:at]
	if !bytes.HasSuffix(before, []byte(member)) || before[at-len(member)-1] != ',' && at > len(member)+1 || !validID(rest[at:]) {
		return ""
	}
	return string(rest[at:])
}

// scanID finds the member "_id" of an object without decoding the rest, which it
// takes for well-formed as far as it is there. Empty where the text is no object,
// ends before the id, or has another form of id than a plain string.
func scanID(b []byte) string {
	i := skipSpace(b, 0)
	if i >= len(b) || b[i] != '{' {
		return ""
	}
	for {
		i = skipSpace(b, i+1)
		end := skipString(b, i)
		if end < 0 {
			return ""
		}
		isID := string(b[i:end]) == `"_id"`
		if i = skipSpace(b, end); i >= len(b) || b[i] != ':' {
			return ""
		}
		i = skipSpace(b, i+1)
		if isID {
			return plainString(b, i)
		}
		if i = skipSpace(b, skipValue(b, i)); i >= len(b) || b[i] != ',' {
			return ""
		}
	}
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// skipString returns where the string that begins at i ends, or -1.
func skipString(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return -1
	}
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// skipValue returns where the value that begins at i ends; len(b) where it does
// not.
func skipValue(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			end := skipString(b, i)
			if end < 0 {
				return len(b)
			}
			if i = end; depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return i
}

// plainString is the string that begins at i, if it can be an id.
func plainString(b []byte, i int) string {
	end := skipString(b, i)
	if end < 0 || !validID(b[i+1:end-1]) {
		return ""
	}
	return string(b[i+1 : end-1])
}

// validID tells whether an id can stand in a path as it is. The documented ones
// are 24 characters, a-z and 0-9.
func validID[T string | []byte](id T) bool {
	for i := range len(id) {
		c := id[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c == '-' || c == '_') {
			return false
		}
	}
	return len(id) > 0 && len(id) <= maxIDBytes
}

// unreadable is the error of a success whose body is of no use. Only reads end
// here: they can be made again.
func (c *Client) unreadable(body []byte, broken, err error) *contact.APIError {
	e := &contact.APIError{Class: contact.Permanent, Err: err}
	var syntax *jsontext.SyntacticError
	text := bytes.TrimSpace(body)
	switch {
	case errors.Is(broken, errTooLarge):
		e.Detail = fmt.Sprintf("the answer is larger than %d MiB", maxAnswerBytes>>20)
		e.Hint = "ask for fewer profiles a page"
		e.Err = broken
	case broken != nil:
		e.Class, e.Err = contact.Transient, broken
		e.Detail = "the answer broke off: " + broken.Error()
	case len(text) > 0 && text[0] != '{' && text[0] != '[':
		e.Class = contact.Fatal
		e.Detail = "the answer is not the API's: " + htmlText(text)
		e.Hint = hintBaseURL
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &syntax):
		e.Class = contact.Transient
		e.Detail = "the answer is not whole: " + err.Error()
	default:
		e.Detail = "the answer does not have the documented form: " + err.Error()
		e.Hint = "this client reads the Contact Profiles API v2.0; look at --base-url and the version of the installation"
	}
	e.Detail = clean(e.Detail, c.key)
	e.Err = cleanError(e.Err, c.key)
	return e
}
