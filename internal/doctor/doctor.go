// Package doctor looks whether everything that an import needs is in place: settings,
// folders, the way to the API, the key, the project. A check looks at one thing, ends
// within seconds, writes nothing that stays, and says what to do.
package doctor

import (
	"context"
	"fmt"
	"time"

	"importer/importer/contact"
)

// A Status says how what was looked at stands.
type Status string

const (
	OK   Status = "ok"
	Warn Status = "warn" // an import works, or may work, but somebody should look at it
	Fail Status = "fail" // no import works
)

// A Check is what was looked at, and how it stands.
type Check struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	Detail string `json:"detail"`
	Hint   string `json:"hint"` // what to do; empty where that is nothing
}

// String is the check in one line.
func (c Check) String() string {
	s := fmt.Sprintf("%-4s  %-8s  %s", c.Status, c.Name, c.Detail)
	if c.Hint != "" {
		s += "; " + c.Hint
	}
	return contact.Printable(s)
}

// Limit is how long one check may take, whatever the settings say.
const Limit = 5 * time.Second

func ok(name, format string, args ...any) Check {
	return Check{Name: name, Status: OK, Detail: fmt.Sprintf(format, args...)}
}

// Limited is a context for one check.
func Limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, Limit, tooSlow{})
}

// A tooSlow is the end of Limit.
type tooSlow struct{}

func (tooSlow) Error() string { return fmt.Sprintf("no answer within %v", Limit) }
func (tooSlow) Timeout() bool { return true }
