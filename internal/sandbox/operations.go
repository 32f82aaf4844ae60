package sandbox

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"
)

// Operations are the names of the twelve operations, as Counts and Requests use
// them.
func Operations() []string {
	names := make([]string, len(operations))
	for i, o := range operations {
		names[i] = o.name
	}
	return names
}

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
	{"get", "GET", []string{"{id}"}, (*Sandbox).get},
	{"update", "PATCH", []string{"{id}"}, (*Sandbox).update},
	{"delete", "DELETE", []string{"{id}"}, (*Sandbox).delete},
	{"merge", "POST", []string{"{id}", "merge"}, (*Sandbox).merge},
	{"unmerge", "POST", []string{"{id}", "unmerge"}, (*Sandbox).unmerge},
	{"removeContactId", "POST", []string{"{id}", "contactids", "remove"}, (*Sandbox).removeContactID},
	{"exportData", "POST", []string{"{id}", "data", "export"}, (*Sandbox).exportData},
	{"deleteData", "POST", []string{"{id}", "data", "remove"}, (*Sandbox).deleteData},
	{"getSchema", "GET", []string{"schema", "{id}"}, (*Sandbox).getSchema},
	{"setSchema", "PUT", []string{"schema", "{id}"}, (*Sandbox).setSchema},
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
