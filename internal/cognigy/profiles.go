package cognigy

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-json-experiment/json"

	"importer/importer/contact"
)

// An operation is one of the API's, and what its answers depend on.
type operation struct {
	name   string // for metrics
	method string
	form   form // of the body of a success
	// mayBeEmpty: a success needs no body, and one with 204 is none.
	mayBeEmpty bool
	// safe: it changes nothing, so that it is never in doubt.
	safe bool
	// profile: it is about a profile that may be gone, so that 404 says nothing
	// about the project.
	profile bool
}

var (
	opCreate    = operation{name: "create", method: http.MethodPost, form: aProfile}
	opList      = operation{name: "list", method: http.MethodGet, form: aPage, safe: true}
	opGet       = operation{name: "get", method: http.MethodGet, form: thisProfile, safe: true, profile: true}
	opUpdate    = operation{name: "update", method: http.MethodPatch, form: thisID, mayBeEmpty: true, profile: true}
	opDelete    = operation{name: "delete", method: http.MethodDelete, form: thisID, mayBeEmpty: true, profile: true}
	opMerge     = operation{name: "merge", method: http.MethodPost, form: aProfile, profile: true}
	opGetSchema = operation{name: "get_schema", method: http.MethodGet, form: aSchema, safe: true}
	opSetSchema = operation{name: "set_schema", method: http.MethodPut, form: aSchema, mayBeEmpty: true}
)

// Create creates a profile. Success is an answer that shows one, with any 2xx, for
// the API documents no status. Any other 2xx is an Ambiguous error from the way.
func (c *Client) Create(ctx context.Context, p contact.Profile) (contact.CreateResult, error) {
	body := p.AppendCreateBody(make([]byte, 0, 512), c.projectID)
	got, err := c.do(ctx, opCreate, "", c.profiles, body)
	if err != nil {
		return contact.CreateResult{}, err
	}
	return contact.CreateResult{ID: got.ID, CreatedAt: unixSeconds(got.CreatedAt), ContactIDs: got.ContactIDs}, nil
}

// List reads one page of the project's profiles. A page in any form but the
// documented one is an error, never an empty page. One that is too large to be read
// is a Permanent error that wraps contact.ErrTooLarge. A comma in q.ContactID is read
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
	got, err := c.do(ctx, opList, "", &u, nil)
	if err != nil {
		return contact.ListPage{}, err
	}
	return got.page(), nil
}

// Get reads one profile. One that is not there is a Permanent error with status
// 404, which only the API's own 404 is.
func (c *Client) Get(ctx context.Context, id string) (contact.Found, error) {
	got, err := c.about(ctx, opGet, id, "", nil)
	if err != nil {
		return contact.Found{}, err
	}
	return got.found[0], nil
}

// Update changes the members of a profile that are not nil in p. Whether the API
// merges the fields into those it holds or replaces them is not known: send all
// that are wanted. A profile that is not there is a Permanent error with status
// 404.
func (c *Client) Update(ctx context.Context, id string, p contact.Profile) error {
	_, err := c.about(ctx, opUpdate, id, "", p.AppendUpdateBody(make([]byte, 0, 512)))
	return err
}

// Delete deletes a profile. One that is not there is a Permanent error with
// status 404.
func (c *Client) Delete(ctx context.Context, id string) error {
	_, err := c.about(ctx, opDelete, id, "", nil)
	return err
}

// Merge merges the profile that holds a contact id into one of these two, and
// returns the id of the one that is left, never empty. Which one it is, and whose
// fields win, is not documented.
func (c *Client) Merge(ctx context.Context, id, contactID string) (string, error) {
	body, err := json.Marshal(struct {
		ContactID string `json:"contactId"`
		ProjectID string `json:"projectId"`
	}{contactID, c.projectID}, lenient)
	if err != nil {
		return "", err
	}
	got, err := c.about(ctx, opMerge, id, "/merge", body)
	return got.ID, err
}

// about sends an operation on one profile; path is that of the operation under the
// profile's, such as "/merge". An id that would change the path is refused: an empty
// one would turn a request about one profile into one about all.
func (c *Client) about(ctx context.Context, op operation, id, path string, body []byte) (content, error) {
	if !validID(id) {
		return content{}, &contact.APIError{Class: contact.Permanent, Failure: contact.Failure{
			Detail: "not sent: " + strconv.Quote(clean(exchange{key: c.key}.redact(id))) + " is not the id of a profile", Hint: hintRow,
		}}
	}
	return c.do(ctx, op, id, c.below("/"+id+path), body)
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
