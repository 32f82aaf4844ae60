package cognigy

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"importer/importer/contact"
)

// An operation is one of the API's, and what its answers depend on.
type operation struct {
	name   string // for metrics
	method string
	path   string // behind that of the profiles; ID is the id of the profile, or of the project
	form   form   // of the body of a success
	// mayBeEmpty: a success needs no body, and one with 204 is none.
	mayBeEmpty bool
	// safe: it changes nothing, so that it is never in doubt.
	safe bool
	// atRoot: its path stands behind the base URL, not behind that of the profiles.
	atRoot bool
}

var (
	opCreate    = operation{name: "create", method: http.MethodPost, form: aProfile}
	opList      = operation{name: "list", method: http.MethodGet, form: aPage, safe: true}
	opGet       = operation{name: "get", method: http.MethodGet, path: "/ID", form: thisProfile, safe: true}
	opUpdate    = operation{name: "update", method: http.MethodPatch, path: "/ID", form: thisID, mayBeEmpty: true}
	opDelete    = operation{name: "delete", method: http.MethodDelete, path: "/ID", form: thisID, mayBeEmpty: true}
	opData      = operation{name: "export_data", method: http.MethodPost, path: "/ID/data/export", form: thisProfile, safe: true}
	opMerge     = operation{name: "merge", method: http.MethodPost, path: "/ID/merge", form: aProfile}
	opGetSchema = operation{name: "get_schema", method: http.MethodGet, path: "/schema/ID", form: aSchema, safe: true}
	opSetSchema = operation{name: "set_schema", method: http.MethodPut, path: "/schema/ID", form: aSchema, mayBeEmpty: true}
	opOpenAPI   = operation{name: "openapi", method: http.MethodGet, path: "/openapi/openapi-viewer.json", form: anObject, safe: true, atRoot: true}
)

// onProfile: it is about a profile that may be gone, so that 404 says nothing about
// the project.
func (op operation) onProfile() bool { return strings.HasPrefix(op.path, "/ID") }

// Create creates a profile. Success is an answer that shows one, with any 2xx, for
// the API documents no status. Any other 2xx is an Ambiguous error from the way.
func (c *Client) Create(ctx context.Context, p contact.Profile) (contact.CreateResult, error) {
	body := p.AppendCreateBody(make([]byte, 0, 512), c.projectID)
	got, err := c.do(ctx, opCreate, "", nil, body)
	return contact.CreateResult{ID: got.ID, CreatedAt: unixSeconds(got.CreatedAt), ContactIDs: got.ContactIDs}, err
}

// List reads one page of the project's profiles. A page in any form but the
// documented one is an error, never an empty page. One that is too large to be read
// is a Permanent error that wraps contact.ErrTooLarge. A comma in q.ContactID is read
// as "any of" by a server that knows the member query: compare exactly.
func (c *Client) List(ctx context.Context, q contact.ListQuery) (contact.ListPage, error) {
	v := url.Values{"projectId": {c.projectID}}
	for name, value := range map[string]string{"filter": q.Filter, "contactIds": q.ContactID, "next": q.Cursor, "sort": q.Sort} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	got, err := c.do(ctx, opList, "", v, nil)
	if err != nil {
		return contact.ListPage{}, err
	}
	return got.page(), nil
}

// Get reads one profile. One that is not there is a Permanent error with status
// 404, which only the API's own 404 is.
func (c *Client) Get(ctx context.Context, id string) (contact.Found, error) {
	got, err := c.do(ctx, opGet, id, nil, nil)
	if err != nil {
		return contact.Found{}, err
	}
	return got.found[0], nil
}

// Update changes the members of a profile that are not nil in p. Whether the API
// merges the fields into those it holds or replaces them is not known: send all
// that are wanted. A profile that is not there is a Permanent error with status 404.
// The profile that is returned is that of the answer, where it shows a whole one.
func (c *Client) Update(ctx context.Context, id string, p contact.Profile) (contact.Found, error) {
	got, err := c.do(ctx, opUpdate, id, nil, p.AppendUpdateBody(make([]byte, 0, 512)))
	if err != nil || len(got.Profile) == 0 || got.show(&got.wireProfile) != nil {
		return contact.Found{}, err
	}
	return got.found[0], nil
}

// Delete deletes a profile; see Update for one that is not there.
func (c *Client) Delete(ctx context.Context, id string) error {
	_, err := c.do(ctx, opDelete, id, nil, nil)
	return err
}

// Conversations is how many conversations of a contact the API holds, as its export of
// the data of a profile shows them; -1 where it shows nothing that can be counted. It
// changes nothing. See Get for a profile that is not there.
func (c *Client) Conversations(ctx context.Context, id string) (int, error) {
	got, err := c.do(ctx, opData, id, nil, nil)
	if err != nil {
		return -1, err
	}
	var others struct {
		Sessions []jsontext.Value `json:"sessions"`
	}
	if err := json.Unmarshal(got.found[0].Others, &others, lenient); err != nil || others.Sessions == nil {
		return -1, nil // its form is not documented
	}
	return len(others.Sessions), nil
}

// Merge merges the profile that holds a contact id into one of these two, and
// returns the id of the one that is left, never empty. Which one it is, and whose
// fields win, is not documented.
func (c *Client) Merge(ctx context.Context, id, contactID string) (string, error) {
	body, err := json.Marshal(map[string]string{"contactId": contactID, "projectId": c.projectID}, lenient, json.Deterministic(true))
	if err != nil {
		return "", err
	}
	got, err := c.do(ctx, opMerge, id, nil, body)
	return got.ID, err
}
