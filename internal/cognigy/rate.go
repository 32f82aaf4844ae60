package cognigy

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A RateInfo is what an answer says about the quota in its RateLimit-* or
// X-RateLimit-* headers. None are documented for the API; gateways in front of
// it may add them.
type RateInfo struct {
	Known     bool          // Remaining was there
	Limit     int           // requests in a window; 0 where it was not told
	Remaining int           // requests left in this window
	Reset     time.Duration // until the next window begins; 0 where it was not told
}

// parseRate reads the headers in their usual forms: RateLimit-Limit, -Remaining
// and -Reset with or without X-, and the single field RateLimit of the IETF's
// drafts, `limit=100, remaining=0, reset=7` or `"default";r=0;t=7`.
func parseRate(h http.Header, date string, now time.Time) RateInfo {
	if _, dated := h["Date"]; dated && len(h) == 1 {
		return RateInfo{} // a plain answer
	}
	limit, remaining, reset := firstRate(h, "Limit"), firstRate(h, "Remaining"), firstRate(h, "Reset")
	for part := range strings.FieldsFuncSeq(h.Get("Ratelimit"), func(r rune) bool { return r == ',' || r == ';' }) {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch strings.ToLower(name) {
		case "limit":
			limit = value
		case "remaining", "r":
			remaining = value
		case "reset", "t":
			reset = value
		}
	}
	var rate RateInfo
	n, err := strconv.Atoi(remaining)
	if err != nil || n < 0 {
		return rate
	}
	rate.Known, rate.Remaining = true, n
	if n, err := strconv.Atoi(limit); err == nil && n > 0 {
		rate.Limit = n
	}
	rate.Reset = parseReset(reset, date, now)
	return rate
}

// firstRate is the first number of a header: a policy may stand behind it, as in
// "100, 100;w=300".
func firstRate(h http.Header, what string) string {
	for _, prefix := range []string{"Ratelimit-", "X-Ratelimit-"} {
		if v, ok := h[prefix+what]; ok && len(v) > 0 {
			first, _, _ := strings.Cut(v[0], ",")
			first, _, _ = strings.Cut(first, ";")
			return strings.TrimSpace(first)
		}
	}
	return ""
}

// parseReset reads when the window ends. The drafts say seconds from now; many
// servers send a Unix time in seconds, or in milliseconds.
func parseReset(value, date string, now time.Time) time.Duration {
	const (
		unixSince   = 1e9  // as seconds from now: 31 years
		unixMilliAt = 1e12 // as a Unix time in seconds: in 30,000 years
	)
	f, err := strconv.ParseFloat(value, 64)
	if err != nil || !(f >= 0 && f < 1e15) {
		return 0
	}
	if f < unixSince {
		return time.Duration(f * float64(time.Second))
	}
	if f >= unixMilliAt {
		f /= 1000
	}
	if d, err := http.ParseTime(date); err == nil {
		now = d
	}
	return max(0, time.UnixMilli(int64(f*1000)).Sub(now))
}

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
