package cognigy

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// parseRetryAfter reads a Retry-After header: seconds, or an HTTP date, which
// counts from the answer's own Date where there is one, so that clocks need not
// agree. A date in the past is 0. False where it is neither.
func parseRetryAfter(value, date string, now time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	if seconds, ok := parseSeconds(value); ok {
		return seconds, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	if d, err := http.ParseTime(date); err == nil {
		now = d
	}
	return max(0, at.Sub(now)), true
}

// parseSeconds reads a number of seconds, whole or not, into a duration, which
// holds 292 years at most.
func parseSeconds(s string) (time.Duration, bool) {
	if strings.Trim(s, "0123456789.") != "" {
		return 0, false // ParseFloat takes more, such as a sign, hexadecimals and infinity
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, false
	}
	if f >= time.Duration(1<<63-1).Seconds() {
		return 1<<63 - 1, true
	}
	return time.Duration(f * float64(time.Second)), true
}
