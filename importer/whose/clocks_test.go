package whose

import (
	"testing"
	"time"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// at is a moment so many milliseconds after noon by our clock, stamped by one that is
// ahead.
func at(ms int, ahead time.Duration) time.Time {
	return noon.Add(time.Duration(ms) * time.Millisecond).Add(ahead).Truncate(time.Second)
}

// What a run made itself is never older than its request, however slow other requests were,
// and whatever part of theirs took the time.
func TestOurOwnIsNotOlder(t *testing.T) {
	for _, ahead := range []time.Duration{0, 10*time.Minute + 700*time.Millisecond, -10*time.Minute - 300*time.Millisecond} {
		for _, order := range [][][3]int{ // sent, created, answered
			{{0, 9500, 9600}, {10_000, 10_010, 10_020}},                                // long on its way there
			{{0, 10, 9600}, {10_000, 10_010, 10_020}},                                  // long on its way back
			{{0, 10, 20}, {100, 9990, 10_020}, {10_100, 10_110, 10_120}},               // between quick ones
			{{0, 4990, 9990}, {1000, 1999, 2999}, {20_990, 20_999, 21_001}},            // slow both ways, answered out of order
			{{0, 999, 1000}, {1000, 1000, 1001}, {1500, 1999, 1999}},                   // at the edges of seconds
			{{0, 30_000, 60_000}, {60_000, 60_000, 60_000}, {60_000, 60_999, 120_000}}, // for a minute
		} {
			c := &Clocks{Gateway: func() (least, most time.Duration, known bool) { return ahead - time.Second, ahead + time.Second, true }}
			for i, o := range order {
				sent, created := noon.Add(time.Duration(o[0])*time.Millisecond), at(o[1], ahead)
				if c.IsOlder(created, sent) {
					t.Errorf("ahead %s, %v: create %d is older than its request", ahead, order, i)
				}
				c.Learn(created, sent, noon.Add(time.Duration(o[2])*time.Millisecond))
			}
			last := order[len(order)-1]
			if moment := noon.Add(time.Duration(last[0]) * time.Millisecond); !c.IsOlder(at(last[0]-4000, ahead), moment) {
				t.Errorf("ahead %s, %v: a profile of 4 s before is not older", ahead, order)
			}
			if d := c.Skew() - ahead; d.Abs() > time.Second {
				t.Errorf("ahead %s, %v: off by %s", ahead, order, d)
			}
		}
	}
}

// Before the first create the clock of the answers tells, within its bounds.
func TestGatewayTellsBeforeTheFirstCreate(t *testing.T) {
	c := &Clocks{Gateway: func() (least, most time.Duration, known bool) { return -9 * time.Second, time.Second, true }} // slow answers
	if c.IsOlder(at(-1, 0), noon) || !c.IsOlder(at(-12_000, 0), noon) || c.IsOlder(time.Time{}, noon) {
		t.Error("the bounds of the answers' clock do not tell")
	}
	c.Learn(time.Time{}, noon, noon) // an answer without a time
	if c.Skew() != -4*time.Second {
		t.Errorf("skew %s", c.Skew())
	}
}

// A clock that was set is learned anew from the next create.
func TestAClockThatIsSet(t *testing.T) {
	c := &Clocks{Gateway: func() (least, most time.Duration, known bool) { return 0, 0, false }}
	for _, ahead := range []time.Duration{0, time.Hour, -time.Hour} {
		c.Learn(at(500, ahead), noon.Add(490*time.Millisecond), noon.Add(510*time.Millisecond))
		if d := c.Skew() - ahead; d.Abs() > time.Second {
			t.Errorf("set to %s: off by %s", ahead, d)
		}
	}
}
