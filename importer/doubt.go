package importer

import (
	"container/heap"
	"errors"
	"fmt"
	"importer/importer/contact"
	"importer/importer/pace"
	"time"

	"golang.org/x/sync/errgroup"
)

// A doubt is a row of which it is not known whether the API has it.
type doubt struct {
	task  *task
	why   doubtCause
	cause *contact.APIError // nil where no answer of this run is the cause
	// since is when the request can have been processed at the latest, as far as is
	// known: from then on reads may lag behind for Settle.
	since    time.Time
	looks    int  // look-ups that found nothing
	failures int  // look-ups that failed since the last that did not
	counted  bool // as a row that was looked up
	next     time.Time
}

type doubtCause uint8

const (
	fromEarlierRun  doubtCause = iota // announced, and no outcome
	answerLost                        // an ambiguous error
	conflict                          // 409: the contact is there
	answerWithoutID                   // a create that succeeded and did not say which profile it made
)

// doubtNames stand in the report.
var doubtNames = [...]string{
	fromEarlierRun: "earlier run", answerLost: "answer lost", conflict: "conflict", answerWithoutID: "no id",
}

const (
	// mostDoubts is how many doubtful rows are held. When there are more, the
	// workers wait: an API that loses this many answers needs no more requests.
	mostDoubts = 4096
	// mostLookers is how many look-ups run at once.
	mostLookers = 8
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

// settleDoubts is the lane of the doubtful rows. It takes them as they come,
// has each looked up when its time is there, and ends when no more can come and
// none is left. When the run stops, those that are left become unknown.
func (e *engine) settleDoubts() {
	looks := make(chan *doubt)  // closed below, when the lane is empty
	looked := make(chan *doubt) // what is left of each: nil where it is settled
	var lookers errgroup.Group
	for range min(e.Workers, mostLookers) {
		lookers.Go(func() error {
			for d := range looks {
				looked <- e.lookAgain(d)
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
		if len(waiting)+busy >= mostDoubts {
			source = nil
		}
		var due chan *doubt
		var head *doubt
		var timer *time.Timer
		var later <-chan time.Time
		if len(waiting) > 0 {
			head = waiting[0]
			if pause := time.Until(head.next); pause <= 0 || stop == nil {
				due = looks
			} else {
				timer = time.NewTimer(pause)
				later = timer.C
			}
		}
		select {
		case d, ok := <-source:
			if !ok {
				in = nil
				break
			}
			d.next = nextLook(d.since, e.Settle, 0, time.Now())
			heap.Push(&waiting, d)
		case due <- head:
			heap.Pop(&waiting)
			busy++
		case d := <-looked:
			busy--
			if d != nil {
				heap.Push(&waiting, d)
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

// lookAgain looks a doubtful row up once and acts on what it finds. It returns
// the doubt that is left, with the time of its next look, or nil.
func (e *engine) lookAgain(d *doubt) *doubt {
	t := d.task
	t.Doubt = doubtNames[d.why]
	if !d.counted {
		d.counted = true
		e.Progress.LookedUp.Add(1)
	}
	decides := !time.Now().Before(d.since.Add(e.Settle))
	found, err := e.lookUp(t)
	if err != nil {
		return e.lookFailed(d, err)
	}
	d.failures = 0
	if found != nil {
		status := contact.Existing
		if found.ours && (d.why != conflict || t.lost) {
			status = contact.Created
		}
		if e.State != nil {
			return e.adoptDoubtful(t, found.found, status)
		}
		e.settle(t, status, found.id, true, nil)
		return nil
	}
	d.looks++
	if !decides {
		d.next = nextLook(d.since, e.Settle, d.looks, time.Now())
		return d
	}

	switch d.why {
	case conflict:
		// The API says that it is there, and does not show it. Either way the row
		// needs nothing more.
		e.Log.Warn().Str("source", t.Row.Source).Int("line", t.Row.Line).
			Msg("the API refused the contact as there already, and no look-up finds it")
		e.settle(t, contact.Existing, "", false, nil)
		return nil
	case answerWithoutID:
		e.settle(t, contact.Created, "", false, nil)
		return nil
	}
	if t.failures > e.Retries {
		e.settle(t, contact.Failed, "", false, gaveUp(d.cause, t.Attempts))
		return nil
	}
	if next := e.send(t); next != nil {
		next.next = nextLook(next.since, e.Settle, 0, time.Now())
		return next
	}
	return nil
}

// adoptDoubtful settles a row of a sync whose profile was found. The content may
// be of an earlier version of the row.
func (e *engine) adoptDoubtful(t *task, f contact.Found, status contact.Status) *doubt {
	if status == contact.Existing {
		status = contact.Unchanged
	}
	t.doubtful = true
	if e.adopt(t, f, status) {
		return nil
	}
	if err := e.Report.Changing([]contact.Key{t.Row.Key}); err != nil {
		e.stop(err)
		e.notSent(t)
		return nil
	}
	d := e.changeRow(t)
	if d != nil {
		d.next = nextLook(d.since, e.Settle, 0, time.Now())
	}
	return d
}

// lookFailed decides about a row whose look-up failed.
func (e *engine) lookFailed(d *doubt, err error) *doubt {
	t := d.task
	if errors.Is(err, errNotSent) {
		e.undecided(d, &contact.Failure{Detail: "the run was stopped before the contact could be looked up"})
		return nil
	}
	problem := contact.AsAPIError(err)
	if problem.Class != contact.Throttled && !e.breaker.IsOpen() {
		d.failures++
	}
	switch {
	case problem.Class == contact.Fatal:
		e.stop(withHint(problem))
		e.undecided(d, &problem.Failure)
		return nil
	case problem.Class == contact.Permanent || d.failures > e.Retries:
		f := problem.Failure
		f.Detail = fmt.Sprintf("the contact could not be looked up: %s", f.Detail)
		e.undecided(d, &f)
		return nil
	}
	if t.delays == nil {
		t.delays = pace.RetryBackOff()
	}
	d.next = time.Now().Add(t.delays.NextBackOff())
	return d
}

// undecided ends a doubt that this run cannot settle. A row that is known to be
// in needs no more than that.
func (e *engine) undecided(d *doubt, why *contact.Failure) {
	switch d.why {
	case answerWithoutID:
		e.settle(d.task, contact.Created, "", false, nil)
	case conflict:
		if !d.task.lost {
			e.settle(d.task, contact.Existing, "", false, nil)
			return
		}
		fallthrough
	default:
		why.Hint = "it may be in the API; the next run of the same command looks it up again"
		e.settle(d.task, contact.Unknown, "", false, why)
	}
}

// A doubtHeap is ordered by the time of the next look.
type doubtHeap []*doubt

func (h doubtHeap) Len() int           { return len(h) }
func (h doubtHeap) Less(i, j int) bool { return h[i].next.Before(h[j].next) }
func (h doubtHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *doubtHeap) Push(x any)        { *h = append(*h, x.(*doubt)) }
func (h *doubtHeap) Pop() any {
	last := len(*h) - 1
	d := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return d
}
