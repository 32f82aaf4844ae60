package cognigy

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// parseRetryAfter reads a Retry-After header: seconds, or a time, which counts from
// the answer's own Date where there is one, so that clocks need not agree. A time in
// the past is 0. False where it is neither.
//
// A time is an HTTP date, or what some gateways send: so many seconds or milliseconds
// since 1970 that they cannot be meant as a pause, which would be 30 years and more.
func parseRetryAfter(value, date string, now time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	at, err := http.ParseTime(value)
	if err != nil {
		seconds, ok := parseSeconds(value)
		switch {
		case !ok:
			return 0, false
		case seconds >= 1e9 && seconds < 1e10:
			at = time.UnixMilli(int64(seconds * 1000))
		case seconds >= 1e12 && seconds < 1e13:
			at = time.UnixMilli(int64(seconds))
		case seconds >= maxSeconds:
			return 1<<63 - 1, true
		default:
			return time.Duration(seconds * float64(time.Second)), true
		}
	}
	if d, err := http.ParseTime(date); err == nil {
		now = d
	}
	return max(0, at.Sub(now)), true
}

// maxSeconds is what a duration holds: 292 years.
const maxSeconds = float64(1<<63-1) / float64(time.Second)

// parseSeconds reads a number of seconds, whole or not; infinity where it is larger
// than any number.
func parseSeconds(s string) (float64, bool) {
	if strings.Trim(s, "0123456789.") != "" {
		return 0, false // ParseFloat takes more, such as a sign, hexadecimals and infinity
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil || errors.Is(err, strconv.ErrRange)
}
