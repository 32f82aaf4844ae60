package contact

import (
	"errors"
	"fmt"
	"testing"
)

// Whoever wraps an error of the API keeps its hint.
func TestErrorHoldsItsHint(t *testing.T) {
	for want, e := range map[string]APIError{
		"no connection":                                   {Failure: Failure{Detail: "no connection"}},
		"no connection; look at the proxy":                {Failure: Failure{Detail: "no connection", Hint: "look at the proxy"}},
		"HTTP 404, code 1002: not there (trace id t-1)":   {Failure: Failure{HTTP: 404, Code: 1002, Detail: "not there", TraceID: "t-1"}},
		"HTTP 429: slow down; lower --rate":               {Failure: Failure{HTTP: 429, Code: 429, Detail: "slow down", Hint: "lower --rate"}},
		"HTTP 500: oops (trace id t-2); tell the support": {Failure: Failure{HTTP: 500, Detail: "oops", TraceID: "t-2", Hint: "tell the support"}},
	} {
		if got := e.Error(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if got := errors.Join(fmt.Errorf("stopped: %w", &e)).Error(); got != "stopped: "+want {
			t.Error(got)
		}
	}
}
