package sandbox

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// An operation is one of the twelve of the API.
type operation struct {
	name   string
	method string
	path   []string // segments behind /v2.0/profiles; "{id}" takes any
	run    func(*Sandbox, *call) answer
}

var operations = []operation{
	{"list", "GET", nil, (*Sandbox).list},
	{"create", "POST", nil, (*Sandbox).create},
	{"getSchema", "GET", []string{"schema", "{id}"}, (*Sandbox).getSchema},
	{"get", "GET", []string{"{id}"}, (*Sandbox).get},
}

// route finds the operation of a request, and the id in its path. Where there is
// none, it is nil.
func route(method, path string) (*operation, string) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for i := range operations {
		if id, ok := operations[i].match(path); ok && operations[i].method == method {
			return &operations[i], id
		}
	}
	return nil, ""
}

// match holds a path against that of the operation.
func (o *operation) match(path string) (id string, ok bool) {
	rest, ok := strings.CutPrefix(path, "/v2.0/profiles")
	if !ok {
		return "", false
	}
	for _, want := range o.path {
		segment, found := strings.CutPrefix(rest, "/")
		if !found {
			return "", false
		}
		segment, _, _ = strings.Cut(segment, "/")
		rest = rest[1+len(segment):]
		if want == "{id}" && segment != "" {
			id = segment
		} else if segment != want {
			return "", false
		}
	}
	return id, rest == ""
}

// noRoute says why a request has no operation: its path or its method.
func noRoute(path string) *problem {
	var methods []string
	for i := range operations {
		if _, ok := operations[i].match(path); ok && !slices.Contains(methods, operations[i].method) {
			methods = append(methods, operations[i].method)
		}
	}
	if len(methods) == 0 {
		return notFound("there is nothing at '%s'", path)
	}
	allow := strings.Join(methods, ", ")
	return &problem{code: codeMethod, detail: "method not allowed: use " + allow, allow: allow}
}

// sameKey compares without telling by its time how much of a key is right.
func sameKey(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// create adds a profile, unless one of its contact ids is taken.
func (s *Sandbox) create(c *call) answer {
	b := s.body(c, "projectId", "contactIds", "profile", "active")
	projectID := b.id("projectId")
	contactIDs := b.contactIDs()
	fields := b.object("profile")
	active, given := b.boolean("active")
	b.require("projectId", "contactIds")
	if b.problem != nil {
		return failure(b.problem)
	}
	if projectID != s.options.ProjectID {
		return failure(foreignProject(projectID))
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	fields, p := s.schema.check(fields, s.options.UnknownFields)
	if p != nil {
		return failure(p)
	}
	s.profiles.expire(c.at)
	if owner := s.profiles.owner(contactIDs, nil); owner != nil {
		switch s.options.OnDuplicate {
		case DuplicateConflict:
			return failure(taken())
		case DuplicateReturn:
			return profileAnswer(s.options.CreateStatus, owner.id, owner.now)
		}
	}
	e := s.profiles.create(&version{fields: fields, contactIDs: contactIDs, active: active || !given}, c.at)
	return profileAnswer(s.options.CreateStatus, e.id, e.now)
}

// get reads a profile.
func (s *Sandbox) get(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.profiles.expire(c.at)
	e := s.profiles.byID[c.id]
	var v *version
	if e != nil {
		v = e.visible(c.at)
	}
	if v == nil {
		return failure(noProfile(c.id))
	}
	s.profiles.touch(e, c.at)
	return profileAnswer(200, e.id, v)
}

// getSchema reads the custom fields of the project.
func (s *Sandbox) getSchema(c *call) answer {
	if c.id != s.options.ProjectID {
		return failure(foreignProject(c.id))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return answer{status: 200, entity: s.schema.entity()}
}

func profileAnswer(status int, id string, v *version) answer {
	return answer{status: status, entity: v.entity(id), id: id, contactIDs: v.contactIDs}
}

func noProfile(id string) *problem { return notFound("there is no profile '%s'", id) }

func taken() *problem {
	return &problem{code: codeConflict, detail: "a contact id belongs to another profile already"}
}

// foreignProject is what a project answers that the key does not reach.
func foreignProject(id string) *problem {
	return &problem{code: 403, detail: fmt.Sprintf("the key has no access to the project '%s'", id)}
}
