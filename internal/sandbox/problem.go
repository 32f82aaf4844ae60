package sandbox

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"time"

	"importer/internal/sandbox/jsonvalue"
)

// A problem is an error as the API answers it: RFC 7807 with a code of the
// vendor's, by which its client chooses an error class.
type problem struct {
	code       int
	detail     string
	retryAfter time.Duration // of a 429 and a 503; 0 is none
	allow      string        // of a 405: the methods that are allowed
}

// codes are the vendor's codes and the HTTP status that each comes with.
var codes = map[int]int{
	400: 400, codeMissing: 400, codeInvalid: 400,
	401: 401, 402: 402, 403: 403,
	codeNotFound: 404, codeMethod: 405, codeConflict: 409,
	413: 413, 429: 429,
	codeInternal: 500, codeDatabaseWrite: 500, 1003: 500, 1006: 500, 1007: 500, 1010: 500, 1011: 500, 1012: 500, 2001: 500, 3000: 500,
	1009: 501,
	502:  502, 1999: 502, 2000: 502,
	503: 503,
	504: 504, 8001: 504,
}

// Codes that differ from their status.
const (
	codeMissing       = 1000 // 400: an argument is missing
	codeInvalid       = 1005 // 400: an argument is invalid
	codeNotFound      = 1002 // 404
	codeConflict      = 1004 // 409
	codeMethod        = 1013 // 405
	codeInternal      = 1008 // 500
	codeDatabaseWrite = 1001 // 500
)

// codeOfStatus is the code that a status comes with most.
func codeOfStatus(status int) int {
	switch status {
	case 404:
		return codeNotFound
	case 405:
		return codeMethod
	case 409:
		return codeConflict
	case 500:
		return codeInternal
	case 501:
		return 1009
	}
	return status
}

func (p *problem) status() int { return codes[p.code] }

// object is the body of the answer. instance is the path without /new.
func (p *problem) object(instance string) jsonvalue.Object {
	status := p.status()
	return jsonvalue.Object{
		{Name: "type", Value: jsonvalue.String("about:blank")},
		{Name: "title", Value: jsonvalue.String(http.StatusText(status))},
		{Name: "status", Value: jsonvalue.Int(int64(status))},
		{Name: "detail", Value: jsonvalue.String(p.detail)},
		{Name: "instance", Value: jsonvalue.String(instance)},
		{Name: "code", Value: jsonvalue.Int(int64(p.code))},
		{Name: "traceId", Value: jsonvalue.String("sandbox-" + rand.Text())},
	}
}

func missing(name string) *problem {
	return &problem{code: codeMissing, detail: fmt.Sprintf("field '%s' is missing", name)}
}

func invalid(format string, args ...any) *problem {
	return &problem{code: codeInvalid, detail: fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) *problem {
	return &problem{code: codeNotFound, detail: fmt.Sprintf(format, args...)}
}

func wrongKey() *problem {
	return &problem{code: 401, detail: "the API key is missing or wrong: send it in the header X-API-Key"}
}
