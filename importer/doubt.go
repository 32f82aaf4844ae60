package importer

import (
	"time"

	"importer/importer/lane"
)

const (
	// maxDoubts is how many doubtful rows are held. When there are more, the
	// workers wait: an API that loses this many answers needs no more requests.
	maxDoubts = 4096
	// maxLookers is how many look-ups run at once.
	maxLookers = 8
)

// park gives a row to the lane of doubt, until its next look-up is due.
func (e *engine) park(t *task) {
	if t.did != look { // a new doubt
		t.since, t.looks = time.Now(), 0
	}
	t.did, t.got = park, ok
	t.nextAt = lane.NextLook(t.since, e.Settle, t.looks, time.Now())
}

// settleDoubts is the lane of the doubtful rows. It takes them as they come,
// has each looked up when its time is there, and ends when no more can come and
// none is left. When the run stops, those that are left become unknown.
func (e *engine) settleDoubts() {
	lane.Lane[*task]{
		Max: maxDoubts, Workers: min(e.Workers, maxLookers),
		At:    func(t *task) time.Time { return t.nextAt },
		Do:    e.run,
		Holds: func(rows int) { e.Progress.InDoubt.Store(int64(rows)) },
	}.Run(e.doubts, e.ctx.Done())
}
