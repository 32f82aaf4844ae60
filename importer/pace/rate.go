package pace

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A Rate is how many requests may be sent: a quota over a sliding window, a
// smooth pace, both, or neither. The zero value is unlimited.
type Rate struct {
	Quota  int           // requests that any Window may hold, 1 … 1,000,000; 0: no quota
	Window time.Duration // length of the window, 1 ms … 24 h; 0: no quota
	Pace   float64       // requests a second, evenly spaced, 0.001 … 1,000,000; 0: no pace
}

const (
	maxQuota  = 1_000_000 // the pacer keeps 8 bytes for each
	minWindow = time.Millisecond
	maxWindow = 24 * time.Hour
	minPace   = 0.001
	maxPace   = 1_000_000
)

// ParseRate reads the value of --rate: "1000/5m" or "10/1s" (a quota over a
// sliding window: any number at once, as long as no window of that length ever
// holds more), "20/s" or "0.5/s" (a smooth pace), "1000/5m,20/s" (both), or
// "unlimited".
func ParseRate(s string) (Rate, error) {
	var r Rate
	if strings.TrimSpace(s) == "unlimited" {
		return r, nil
	}
	for part := range strings.SplitSeq(s, ",") {
		if err := r.parse(strings.TrimSpace(part)); err != nil {
			return Rate{}, fmt.Errorf("rate %q: %w", s, err)
		}
	}
	return r, nil
}

func (r *Rate) parse(part string) error {
	count, per, ok := strings.Cut(part, "/")
	switch {
	case part == "":
		return fmt.Errorf("a rate is missing; write 1000/5m, 20/s, both with a comma, or unlimited")
	case part == "unlimited":
		return fmt.Errorf("unlimited stands alone; leave out one or the other")
	case !ok:
		return fmt.Errorf("%q says no time; write %s/5m for a quota over a window, or %s/s for a smooth pace", part, part, part)
	}
	count, per = strings.TrimSpace(count), strings.TrimSpace(per)
	if per == "s" {
		return r.parsePace(part, count)
	}
	return r.parseQuota(part, count, per)
}

func (r *Rate) parsePace(part, count string) error {
	if r.Pace != 0 {
		return fmt.Errorf("%q is the second smooth pace; one is enough", part)
	}
	pace, err := strconv.ParseFloat(count, 64)
	if err != nil || math.IsNaN(pace) {
		return fmt.Errorf("%q is not a number of requests a second", count)
	}
	if pace < minPace || pace > maxPace {
		return fmt.Errorf("%q: a pace lies between %v/s and %d/s; without a limit, write unlimited", part, minPace, maxPace)
	}
	r.Pace = pace
	return nil
}

func (r *Rate) parseQuota(part, count, per string) error {
	if r.Quota != 0 {
		return fmt.Errorf("%q is the second window; one is enough", part)
	}
	quota, err := strconv.Atoi(count)
	if err != nil {
		return fmt.Errorf("%q is not a whole number of requests", count)
	}
	if quota < 1 || quota > maxQuota {
		return fmt.Errorf("%q: a quota lies between 1 and %d requests; without a limit, write unlimited", part, maxQuota)
	}
	window, err := time.ParseDuration(per)
	if err != nil {
		if _, unit := time.ParseDuration("1" + per); unit == nil {
			return fmt.Errorf("%q: write %d/1%s for a quota over a window of 1%s; only N/s, without a number before the s, is a smooth pace", part, quota, per, per)
		}
		return fmt.Errorf("%q is not a duration such as 5m, 1s or 1h30m", per)
	}
	if window < minWindow || window > maxWindow {
		return fmt.Errorf("%q: a window lasts between %v and %v", part, minWindow, maxWindow)
	}
	r.Quota, r.Window = quota, window
	return nil
}

// Unlimited tells whether r sets no limit at all.
func (r Rate) Unlimited() bool { return r.Quota == 0 && r.Pace == 0 }

// Margin is by how much the window is taken to be longer than it is, for clocks
// that run differently and for timers and networks that jitter: 1 % of it, at
// most 10 ms, and 100 ppm. That is 40 ms in five minutes.
func (r Rate) Margin() time.Duration {
	return min(r.Window/100, 10*time.Millisecond) + r.Window/10_000
}

// String is r in the form that ParseRate reads.
func (r Rate) String() string {
	var parts []string
	if r.Quota != 0 {
		parts = append(parts, fmt.Sprintf("%d/%s", r.Quota, shortDuration.Replace(r.Window.String())))
	}
	if r.Pace != 0 {
		parts = append(parts, strconv.FormatFloat(r.Pace, 'f', -1, 64)+"/s")
	}
	if len(parts) == 0 {
		return "unlimited"
	}
	return strings.Join(parts, ",")
}

// shortDuration writes a duration as people do: 5m, not 5m0s.
var shortDuration = strings.NewReplacer("h0m0s", "h", "m0s", "m")
