package lane

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A thing is to be seen to some times, each a pause after the one before.
type thing struct {
	name  string
	at    time.Time
	pause time.Duration
	times int
}

// A diary notes what was done, and after how long.
type diary struct {
	mu    sync.Mutex
	began time.Time
	lines []string
}

func (d *diary) do(th *thing) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprint(th.name, " ", time.Since(d.began)))
	th.times--
	th.at = time.Now().Add(th.pause)
	return th.times > 0
}

func (d *diary) lane(most int, held *int) Lane[*thing] {
	return Lane[*thing]{Max: most, Workers: 1, At: func(th *thing) time.Time { return th.at }, Do: d.do, Holds: func(n int) { *held = max(*held, n) }}
}

// Each is seen to at its time, whatever the order in which they came, and no more wait
// than may.
func TestEachAtItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{began: time.Now()}
		in, held := make(chan *thing), 0
		go func() {
			defer close(in)
			for _, th := range []*thing{{"slow", time.Now().Add(5 * time.Second), 0, 1}, {"twice", time.Now().Add(time.Second), 3 * time.Second, 2}, {"last", time.Now(), 0, 1}} {
				in <- th
			}
		}()
		d.lane(2, &held).Run(in, nil)
		if want := []string{"twice 1s", "twice 4s", "last 4s", "slow 5s"}; !slices.Equal(d.lines, want) {
			t.Errorf("%q, want %q", d.lines, want)
		}
		if held != 2 {
			t.Errorf("it held %d, and may hold 2", held)
		}
	})
}

// What is left when all stops goes through at once, however often it waits again.
func TestTheRestGoesThroughAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{began: time.Now()}
		in, stop, held := make(chan *thing, 2), make(chan struct{}), 0
		in <- &thing{"a", time.Now().Add(time.Hour), time.Hour, 2}
		in <- &thing{"b", time.Now().Add(2 * time.Hour), time.Hour, 1}
		close(in)
		time.AfterFunc(time.Minute, func() { close(stop) })
		d.lane(10, &held).Run(in, stop)
		if len(d.lines) != 3 || time.Since(d.began) != time.Minute {
			t.Errorf("%q after %v", d.lines, time.Since(d.began))
		}
	})
}
