package importer

import (
	"container/heap"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// maxDoubts is how many doubtful rows are held. When there are more, the
	// workers wait: an API that loses this many answers needs no more requests.
	maxDoubts = 4096
	// maxLookers is how many look-ups run at once.
	maxLookers = 8
)

// lookTimes are when a doubtful row is looked at, as shares of the settling
// time. Only after the last may it be sent again.
var lookTimes = [...]float64{0.05, 0.4, 1}

// nextLook is when to look again at a row that is in doubt since then, after so
// many looks. Of looks that are overdue, as after a crash that is long past, only
// the latest is made up for.
func nextLook(since time.Time, settle time.Duration, looks int, now time.Time) time.Time {
	at := func(i int) time.Time { return since.Add(time.Duration(lookTimes[i] * float64(settle))) }
	i := min(looks, len(lookTimes)-1)
	for i < len(lookTimes)-1 && !at(i+1).After(now) {
		i++
	}
	return at(i)
}

// park gives a row to the lane of doubt, until its next look-up is due.
func (e *engine) park(t *task) {
	if t.did != look { // a new doubt
		t.since, t.looks = time.Now(), 0
	}
	t.did, t.got = park, ok
	t.nextAt = nextLook(t.since, e.Settle, t.looks, time.Now())
}

// settleDoubts is the lane of the doubtful rows. It takes them as they come,
// has each looked up when its time is there, and ends when no more can come and
// none is left. When the run stops, those that are left become unknown.
func (e *engine) settleDoubts() {
	looks := make(chan *task)  // closed below, when the lane is empty
	looked := make(chan *task) // nil where it is settled
	var lookers errgroup.Group
	for range min(e.Workers, maxLookers) {
		lookers.Go(func() error {
			for t := range looks {
				if !e.run(t) {
					t = nil
				}
				looked <- t
			}
			return nil
		})
	}

	in, stop := e.doubts, e.ctx.Done()
	var waiting doubtHeap
	busy := 0
	for in != nil || len(waiting)+busy > 0 {
		e.Progress.InDoubt.Store(int64(len(waiting) + busy))
		source := in
		if len(waiting)+busy >= maxDoubts {
			source = nil
		}
		var due chan *task
		var head *task
		var timer *time.Timer
		var later <-chan time.Time
		if len(waiting) > 0 {
			head = waiting[0]
			if pause := time.Until(head.nextAt); pause <= 0 || stop == nil {
				due = looks
			} else {
				timer = time.NewTimer(pause)
				later = timer.C
			}
		}
		select {
		case t, ok := <-source:
			if !ok {
				in = nil
				break
			}
			heap.Push(&waiting, t)
		case due <- head:
			heap.Pop(&waiting)
			busy++
		case t := <-looked:
			busy--
			if t != nil {
				heap.Push(&waiting, t)
			}
		case <-later:
		case <-stop:
			stop = nil // and the rest goes through without waiting
		}
		if timer != nil {
			timer.Stop()
		}
	}
	e.Progress.InDoubt.Store(0)
	close(looks)
	_ = lookers.Wait() // lookers return no error
}

// A doubtHeap is ordered by the time of the next look.
type doubtHeap []*task

func (h doubtHeap) Len() int           { return len(h) }
func (h doubtHeap) Less(i, j int) bool { return h[i].nextAt.Before(h[j].nextAt) }
func (h doubtHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *doubtHeap) Push(x any)        { *h = append(*h, x.(*task)) }
func (h *doubtHeap) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return t
}
