package cognigy

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"importer/importer/contact"
)

// An operation is one of the API's, and what its errors depend on.
type operation struct {
	name   string // for metrics
	method string
	// safe: it changes nothing, so that it is never in doubt.
	safe bool
	// profile: it is about a profile that may be gone, so that 404 says nothing
	// about the base URL.
	profile bool
}

var (
	opCreate    = operation{name: "create", method: http.MethodPost}
	opList      = operation{name: "list", method: http.MethodGet, safe: true}
	opGet       = operation{name: "get", method: http.MethodGet, safe: true, profile: true}
	opUpdate    = operation{name: "update", method: http.MethodPatch, profile: true}
	opDelete    = operation{name: "delete", method: http.MethodDelete, profile: true}
	opMerge     = operation{name: "merge", method: http.MethodPost, profile: true}
	opGetSchema = operation{name: "get_schema", method: http.MethodGet, safe: true}
	opSetSchema = operation{name: "set_schema", method: http.MethodPut}
)

// Create creates a profile. Any 2xx is success, for the API documents no status.
// An answer without an id, or without a readable one, is a success with an empty
// ID.
func (c *Client) Create(ctx context.Context, p contact.Profile) (contact.CreateResult, error) {
	buf := c.buffers.get()
	defer c.buffers.put(buf)
	body := p.AppendCreateBody(make([]byte, 0, 512), c.projectID)
	_, err := c.do(ctx, opCreate, c.profiles, body, buf)
	if err != nil {
		return contact.CreateResult{}, err
	}
	return contact.CreateResult{ID: idOf(buf.Bytes())}, nil
}

// List reads one page of the project's profiles. A page in any form but the
// documented one is an error, never an empty page. A comma in q.ContactID is read
// as "any of" by a server that knows the member query: compare exactly.
func (c *Client) List(ctx context.Context, q contact.ListQuery) (contact.ListPage, error) {
	v := url.Values{"projectId": {c.projectID}}
	for name, value := range map[string]string{"filter": q.Filter, "contactIds": q.ContactID, "next": q.Cursor} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	u := *c.profiles
	u.RawQuery = v.Encode()

	buf := c.buffers.get()
	defer c.buffers.put(buf)
	broken, err := c.do(ctx, opList, &u, nil, buf)
	if err != nil {
		return contact.ListPage{}, err
	}
	page, err := decodePage(buf.Bytes())
	if broken != nil || err != nil {
		return contact.ListPage{}, c.unreadable(buf.Bytes(), broken, err)
	}
	return page, nil
}

// Get reads one profile. One that is not there is a Permanent error with status
// 404.
func (c *Client) Get(ctx context.Context, id string) (contact.Found, error) {
	u, err := c.profileURL(id, "")
	if err != nil {
		return contact.Found{}, err
	}
	buf := c.buffers.get()
	defer c.buffers.put(buf)
	broken, err := c.do(ctx, opGet, u, nil, buf)
	if err != nil {
		return contact.Found{}, err
	}
	found, err := decodeProfile(buf.Bytes())
	if broken != nil || err != nil {
		return contact.Found{}, c.unreadable(buf.Bytes(), broken, err)
	}
	return found, nil
}

// Update changes the members of a profile that are not nil in p. Whether the API
// merges the fields into those it holds or replaces them is not known: send all
// that are wanted. A profile that is not there is a Permanent error with status
// 404.
func (c *Client) Update(ctx context.Context, id string, p contact.Profile) error {
	return c.change(ctx, opUpdate, id, "", p.AppendUpdateBody(make([]byte, 0, 512)), nil)
}

// Delete deletes a profile. One that is not there is a Permanent error with
// status 404.
func (c *Client) Delete(ctx context.Context, id string) error {
	return c.change(ctx, opDelete, id, "", nil, nil)
}

// Merge merges the profile that holds a contact id into one of these two, and
// returns the id of the one that is left; empty where the answer carried none.
// Which one it is, and whose fields win, is not documented.
func (c *Client) Merge(ctx context.Context, id, contactID string) (string, error) {
	buf := c.buffers.get()
	defer c.buffers.put(buf)
	body := appendMember([]byte{'{'}, "contactId", contactID)
	body = append(appendMember(append(body, ','), "projectId", c.projectID), '}')
	if err := c.change(ctx, opMerge, id, "/merge", body, buf); err != nil {
		return "", err
	}
	return idOf(buf.Bytes()), nil
}

// change sends an operation on one profile. The answer goes to buf; nil where it
// is of no interest.
func (c *Client) change(ctx context.Context, op operation, id, path string, body []byte, buf *bytes.Buffer) error {
	u, err := c.profileURL(id, path)
	if err != nil {
		return err
	}
	if buf == nil {
		buf = c.buffers.get()
		defer c.buffers.put(buf)
	}
	_, err = c.do(ctx, op, u, body, buf)
	return err
}

// appendMember appends a member of an object whose value is a string.
func appendMember(dst []byte, name, value string) []byte {
	dst = append(strconv.AppendQuote(dst, name), ':')
	// The error tells of invalid UTF-8, which is replaced all the same.
	dst, _ = jsontext.AppendQuote(dst, value)
	return dst
}

// profileURL is the address of one profile, or of an operation on it, such as
// "/merge". An id that would change the path is refused: an empty one would turn
// a request about one profile into one about all.
func (c *Client) profileURL(id, operation string) (*url.URL, error) {
	if !validID(id) {
		return nil, &contact.APIError{Class: contact.Permanent, Failure: contact.Failure{
			Detail: "not sent: " + strconv.Quote(clean(redact(id, c.key))) + " is not the id of a profile", Hint: hintRow,
		}}
	}
	return c.below("/" + id + operation), nil
}

// below is an address under that of the profiles. The path holds nothing that
// needs escaping.
func (c *Client) below(path string) *url.URL {
	u := *c.profiles
	u.Path += path
	if u.RawPath != "" { // of a base URL with an escaped path
		u.RawPath += path
	}
	return &u
}
