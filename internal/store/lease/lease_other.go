//go:build !linux

package lease

import (
	"errors"
	"runtime"
	"time"
)

// started is where the clock of this process begins.
var started = time.Now()

// now is how long this process runs, by the clock of its system that cannot be set. Some
// systems stop it while the machine is suspended.
func now() (time.Duration, error) { return time.Since(started), nil }

// newKiller says that there is none.
func newKiller() (killer, error) {
	return nil, errors.New("a process that is stopped is not fenced on " + runtime.GOOS)
}
