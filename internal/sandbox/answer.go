package sandbox

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"importer/internal/sandbox/jsonvalue"
	"importer/internal/sandbox/store"
)

// write sends an answer in the media type that the client prefers. Something on
// the way answers in HTML, whatever is preferred.
func (s *Sandbox) write(w http.ResponseWriter, c *call, a answer) {
	header := w.Header()
	s.rateHeaders(header, c)
	if p := a.problem; p != nil {
		a.entity = p.object(c.path)
		if p.allow != "" {
			header.Set("Allow", p.allow)
		}
		if p.retryAfter > 0 && (p.code == 429 || p.code == 503) {
			s.retryAfter(header, p.retryAfter, c.at)
		}
	}
	if a.entity == nil && a.list == nil && a.html == "" {
		w.WriteHeader(a.status)
		return
	}
	contentType, body := "text/html; charset=utf-8", []byte(a.html)
	if a.html == "" {
		m := s.mediaType(c.r)
		header.Add("Vary", "Accept")
		contentType, body = m.contentType, m.encode(document{path: strings.TrimSuffix(c.r.URL.Path, "/"), query: c.r.URL.Query(), answer: a})
	} else if a.status == http.StatusServiceUnavailable {
		s.retryAfter(header, time.Second, c.at)
	}
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(a.status)
	if c.r.Method != http.MethodHead {
		w.Write(body) // the client may be gone; there is nothing to be done about it
	}
}

// retryAfter tells how long to wait, rounded up to whole seconds.
func (s *Sandbox) retryAfter(header http.Header, wait time.Duration, now time.Time) {
	seconds := int64(math.Ceil(wait.Seconds()))
	switch s.options.RetryAfter {
	case RetryAfterSeconds:
		header.Set("Retry-After", strconv.FormatInt(seconds, 10))
	case RetryAfterDate:
		// A date has whole seconds: one more, so that it is never too early.
		header.Set("Retry-After", now.Add(time.Duration(seconds+1)*time.Second).UTC().Format(http.TimeFormat))
	}
}

// object is a page as application/json.
func (p *page) object() jsonvalue.Object {
	return jsonvalue.Object{
		{Name: "items", Value: jsonvalue.Objects(p.items)},
		{Name: "total", Value: jsonvalue.Int(int64(p.total))},
		{Name: "nextCursor", Value: cursorValue(p.next)},
		{Name: "previousCursor", Value: cursorValue(p.previous)},
	}
}

func cursorValue(id string) jsontext.Value {
	if id == "" {
		return jsontext.Value("null")
	}
	return jsonvalue.String(id)
}

// fields are what a profile shows of its fields.
func (s *Sandbox) fields(p *store.Profile) jsonvalue.Object {
	if s.options.Defaults == DefaultsSent {
		return p.Fields
	}
	return store.WithDefaults(p.Fields)
}

// entity is a profile as create, get and merge answer it.
func (s *Sandbox) entity(p *store.Profile) jsonvalue.Object {
	return jsonvalue.Object{
		{Name: "_id", Value: jsonvalue.String(p.ID)},
		{Name: "profile", Value: s.fields(p).Value()},
		{Name: "contactIds", Value: jsonvalue.Strings(p.ContactIDs)},
		{Name: "active", Value: jsonvalue.Bool(p.Active)},
		{Name: "createdAt", Value: jsonvalue.Int(p.CreatedAt)},
		{Name: "lastChanged", Value: jsonvalue.Int(p.LastChanged)},
		{Name: "createdBy", Value: jsonvalue.String(p.CreatedBy)},
		{Name: "lastChangedBy", Value: jsonvalue.String(p.LastChangedBy)},
	}
}

// item is a profile as list answers it.
func (s *Sandbox) item(p *store.Profile) jsonvalue.Object {
	return jsonvalue.Object{
		{Name: "_id", Value: jsonvalue.String(p.ID)},
		{Name: "profile", Value: s.fields(p).Value()},
		{Name: "active", Value: jsonvalue.Bool(p.Active)},
		{Name: "contactIds", Value: jsonvalue.Strings(p.ContactIDs)},
		{Name: "lastChanged", Value: jsonvalue.Int(p.LastChanged)},
		{Name: "projectId", Value: jsonvalue.String(s.options.ProjectID)},
	}
}
