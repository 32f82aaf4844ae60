package lane

import "time"

// lookTimes are when a doubtful row is looked at, as shares of the settling
// time. Only after the last may it be sent again.
var lookTimes = [...]float64{0.05, 0.4, 1}

// NextLook is when to look again at a row that is in doubt since then, after so
// many looks. Of looks that are overdue, as after a crash that is long past, only
// the latest is made up for.
func NextLook(since time.Time, settle time.Duration, looks int, now time.Time) time.Time {
	at := func(i int) time.Time { return since.Add(time.Duration(lookTimes[i] * float64(settle))) }
	i := min(looks, len(lookTimes)-1)
	for i < len(lookTimes)-1 && !at(i+1).After(now) {
		i++
	}
	return at(i)
}
