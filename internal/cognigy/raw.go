package cognigy

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// An Ask is one of the API's operations with a query or a body that no other method
// would send, to find out what becomes of it.
type Ask struct {
	Operation string     // create, list, get, update, delete, or openapi for the API's own description
	ID        string     // of the profile, where the operation is about one
	Query     url.Values // as it is: projectId is not added
	Body      []byte     // as it is
	NoAccept  bool       // of a read: without the header Accept
}

// A Raw is the answer to an Ask, whoever gave it.
type Raw struct {
	Status     int      // 0 where there was none
	Media      string   // type without parameters
	RetryAfter string   // the header
	Rate       []string // names of the headers that tell of a quota
	Body       []byte   // of a success
}

// asked are the operations that an Ask may name.
var asked = map[string]operation{
	opCreate.name: opCreate, opList.name: opList, opGet.name: opGet, opUpdate.name: opUpdate, opDelete.name: opDelete, opOpenAPI.name: opOpenAPI,
}

// Ask sends a request as it is told to, with the key and by the way of all others.
// The error is the same *contact.APIError that they have: who gave the answer, and
// what it means. Raw is what there is of an answer in either case.
func (c *Client) Ask(ctx context.Context, a Ask) (Raw, error) {
	op, known := asked[a.Operation]
	if !known {
		return Raw{}, fmt.Errorf("there is no operation %q to ask for", a.Operation)
	}
	call := &rawCall{noAccept: a.NoAccept}
	_, err := c.send(ctx, op, a.ID, a.Query, a.Body, call)
	return call.got, err
}

// A rawCall is a request whose answer somebody wants to see as it came.
type rawCall struct {
	noAccept bool
	got      Raw
}

// see keeps an answer. Nobody wants to where the call is nil.
func (r *rawCall) see(header http.Header, x exchange) {
	if r == nil {
		return
	}
	r.got = Raw{Status: x.status, Media: clean(x.redact(mediaType(x.media))), RetryAfter: clean(x.redact(x.retryAfter))}
	for name := range header {
		if lower := strings.ToLower(name); strings.Contains(lower, "ratelimit") || strings.Contains(lower, "rate-limit") {
			r.got.Rate = append(r.got.Rate, clean(x.redact(name)))
		}
	}
	slices.Sort(r.got.Rate)
	if x.status/100 == 2 && x.broken == nil {
		r.got.Body = bytes.Clone(bare(x.body))
	}
}
