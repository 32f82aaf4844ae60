package cognigy

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"importer/importer"
)

var _ importer.API = (*Client)(nil)

// An operation is one of the API's, and what its errors depend on.
type operation struct {
	method string
	// safe: it changes nothing, so that it is never in doubt.
	safe bool
	// profile: it is about a profile that may be gone, so that 404 says nothing
	// about the base URL.
	profile bool
}

var (
	opCreate = operation{method: http.MethodPost}
	opList   = operation{method: http.MethodGet, safe: true}
	opGet    = operation{method: http.MethodGet, safe: true, profile: true}
)

// Create creates a profile. Any 2xx is success, for the API documents no status.
// An answer without an id, or without a readable one, is a success with an empty
// ID.
func (c *Client) Create(ctx context.Context, p importer.Profile) (importer.CreateResult, error) {
	body := p.AppendCreateBody(make([]byte, 0, 512), c.projectID)
	buf := c.buffers.get()
	defer c.buffers.put(buf)
	if _, err := c.do(ctx, opCreate, c.profiles, body, buf); err != nil {
		return importer.CreateResult{}, err
	}
	return importer.CreateResult{ID: scanID(buf.Bytes())}, nil
}

// List reads one page of the project's profiles. A page in any form but the
// documented one is an error, never an empty page. A comma in q.ContactID is read
// as "any of" by a server that knows the member query: compare exactly.
func (c *Client) List(ctx context.Context, q importer.ListQuery) (importer.ListPage, error) {
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
		return importer.ListPage{}, err
	}
	page, err := decodePage(buf.Bytes())
	if broken != nil || err != nil {
		return importer.ListPage{}, c.unreadable(buf.Bytes(), broken, err)
	}
	return page, nil
}

// Get reads one profile. One that is not there is a Permanent error with status
// 404.
func (c *Client) Get(ctx context.Context, id string) (importer.Found, error) {
	u, err := c.profileURL(id, "")
	if err != nil {
		return importer.Found{}, err
	}
	buf := c.buffers.get()
	defer c.buffers.put(buf)
	broken, err := c.do(ctx, opGet, u, nil, buf)
	if err != nil {
		return importer.Found{}, err
	}
	found, err := decodeProfile(buf.Bytes())
	if broken != nil || err != nil {
		return importer.Found{}, c.unreadable(buf.Bytes(), broken, err)
	}
	return found, nil
}

// profileURL is the address of one profile, or of an operation on it, such as
// "/merge". An id that would change the path is refused: an empty one would turn
// a request about one profile into one about all.
func (c *Client) profileURL(id, operation string) (*url.URL, error) {
	if !validID(id) {
		return nil, &importer.APIError{Class: importer.Permanent, Failure: importer.Failure{
			Detail: "not sent: " + strconv.Quote(clean(id, c.key)) + " is not the id of a profile", Hint: hintRow,
		}}
	}
	u := *c.profiles
	u.Path += "/" + id + operation
	if u.RawPath != "" {
		u.RawPath += "/" + id + operation
	}
	return &u, nil
}
