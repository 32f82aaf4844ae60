package importer

import (
	"errors"
	"fmt"
	"importer/importer/contact"
	"runtime"
	"slices"
	"time"
)

// An item is one record on its way from the source to the feeder.
type item struct {
	row contact.Row
	bad *contact.RowError // instead of row
}

// readRows reads the source. An error that ends the input early goes to
// inputErr; what was read before is imported all the same.
func (e *engine) readRows(rows contact.Rows) {
	defer close(e.read)
	for row, err := range rows {
		it := item{row: row}
		if err != nil {
			bad, ok := errors.AsType[*contact.RowError](err)
			if !ok {
				e.inputErr <- err
				return
			}
			it = item{bad: bad}
		}
		select {
		case e.read <- it:
			continue // without a wait, which costs more
		default:
		}
		select {
		case e.read <- it:
		case <-e.ctx.Done():
			return
		}
	}
}

const (
	// mostBatch is the most rows announced at once: the fsync is paid once for all
	// of them, and a crash leaves no more than these, and those in flight, in doubt.
	mostBatch = 512
	// batchSpan is how long a batch is to last at the current pace.
	batchSpan = time.Second
	// linger is how long the first row of a batch waits for others when the source
	// is slower than the workers.
	linger = 10 * time.Millisecond
	// paceCheck is how often an exhausted quota is looked at again.
	paceCheck = 100 * time.Millisecond
)

// feed turns what was read into work: it settles what needs no request, gathers
// the rest into batches, announces each batch in the report, and hands its rows
// to the workers while it gathers the next.
//
// Where pace or quota limit the requests, a batch is announced only when all rows
// of the one before are with a worker and some of its rows may go now. Where
// nothing does, it is announced while the second half of the one before is handed
// out, for an fsync takes as long as hundreds of rows. So what a crash leaves in
// doubt is one batch at most, or one and a half without a limit, and the rows that
// the workers hold or are about to take.
func (e *engine) feed() {
	defer close(e.work)

	var ready, gathered []*task // announced; not announced yet
	var coming []*task          // being announced
	announced := make(chan error, 1)
	var waited <-chan time.Time // when the gathered rows have waited long enough for others
	due := false                // they have
	unlimited := e.Pacer.Unlimited()
	read := e.read
	for {
		if e.stopping() {
			break
		}
		ready = e.handOut(ready)
		if coming == nil && len(gathered) > 0 && (len(ready) == 0 || unlimited && len(ready) <= mostBatch/2) {
			if budget := min(e.Pacer.Available(batchSpan), mostBatch); budget == 0 {
				e.tellWait()
				waited = time.After(paceCheck)
			} else if due || read == nil || len(gathered) >= budget {
				n := min(budget, len(gathered))
				batch, err := e.meet(gathered[:n:n], len(gathered))
				gathered = gathered[n:]
				waited, due = nil, false
				if err != nil {
					gathered = slices.Concat(batch, gathered)
					e.stop(err)
					break
				}
				if len(batch) > 0 {
					coming = batch
					go func() { announced <- e.announce(batch) }()
				}
				continue
			} else if waited == nil {
				waited = time.After(linger)
			}
		}
		if read == nil && len(ready)+len(coming)+len(gathered) == 0 {
			return
		}

		var work chan *task
		var head *task
		if len(ready) > 0 {
			work, head = e.work, ready[0]
		}
		source := read
		if len(gathered) >= mostBatch {
			source = nil
		}
		select {
		case it, open := <-source:
			if gathered, open = e.takeIn(it, open, gathered); !open {
				read = nil
			}
		case work <- head:
			ready = ready[1:]
			runtime.Gosched() // other workers take theirs, and what they leave room for goes at once
		case err := <-announced:
			ready, coming = append(ready, coming...), nil
			if err != nil {
				e.stop(err)
			}
		case <-waited:
			waited, due = nil, true
		case <-e.ctx.Done():
		}
	}

	// Stopped: every row that was taken from the source is accounted for. What the
	// reader still holds was not read, as far as the run is concerned.
	if coming != nil {
		if err := <-announced; err != nil {
			e.stop(err)
		}
		ready = append(ready, coming...)
	}
	for _, t := range ready {
		e.results <- result{kind: announcedOnly, outcome: &t.Outcome}
	}
	for range gathered {
		e.results <- result{kind: notTried}
	}
}

// handOut gives tasks to workers as long as none has to be waited for, and
// returns the others.
func (e *engine) handOut(tasks []*task) []*task {
	for len(tasks) > 0 {
		select {
		case e.work <- tasks[0]:
			tasks = tasks[1:]
		default:
			return tasks
		}
	}
	return tasks
}

// takeIn admits a record that was read, and those that are there behind it, as
// far as a batch goes. It is false where the input is at its end.
func (e *engine) takeIn(it item, open bool, gathered []*task) ([]*task, bool) {
	for n := 1; open; n++ {
		e.Progress.Read.Add(1)
		if t := e.admit(&it); t != nil {
			gathered = append(gathered, t)
		}
		if len(gathered) >= mostBatch || n >= cap(e.read) {
			return gathered, true
		}
		select {
		case it, open = <-e.read:
		default:
			return gathered, true
		}
	}
	return gathered, false
}

// tellWait logs, once for each time, that the run waits for the pacer.
func (e *engine) tellWait() {
	state := e.Pacer.State()
	if state.Unshared != nil && !e.toldUnshared {
		e.toldUnshared = true
		e.Log.Warn().Err(state.Unshared).Msg("the quota is no longer shared with other runs on this machine")
	}
	if time.Until(state.Until) < time.Second || !state.Until.After(e.toldUntil.Add(time.Second)) {
		return
	}
	e.toldUntil = state.Until
	text := "waiting for the quota"
	if state.Throttled {
		text = "the API asked to wait"
	}
	e.Log.Info().Time("until", state.Until).Int("used", state.Used).Int("quota", state.Quota).Msg(text)
}

// admit settles a record that needs no request, or passes it to the lane of
// doubt; otherwise it returns the task to be announced.
func (e *engine) admit(it *item) *task {
	if it.bad != nil {
		e.report(contact.OutcomeOf(it.bad))
		return nil
	}
	row := &it.row
	if o := e.identity.Admit(row); o != nil {
		o.At = time.Now()
		e.report(o)
		return nil
	}
	status := e.Keys.Status(row.Key)
	if e.State != nil && status != contact.InDoubt && status != contact.Unknown {
		return e.admitSync(row, status)
	}
	switch status {
	case 0, contact.Failed, contact.Deleted: // deleted by an undo
	case contact.Rejected:
		before, err := e.Report.Before(row.Key)
		if err != nil {
			e.stop(err)
			e.results <- result{kind: notTried}
			return nil
		}
		if before.Row.Digest == row.Digest && !e.RetryRejected {
			before.Row = *row
			e.results <- result{kind: refusedBefore, outcome: before}
			return nil
		}
	case contact.InDoubt, contact.Unknown:
		t := &task{Outcome: contact.Outcome{Row: *row}}
		t.announced, t.lost = e.Report.AnnouncedAt(row.Key), true
		// It was announced, so it was not too large then; if a stamp makes it so now,
		// the API says so.
		_ = e.stamp(t)
		e.doubts <- &doubt{task: t, why: fromEarlierRun, since: sentUntil(e.Report.LastAlive(), time.Now())}
		return nil
	default:
		e.Progress.DoneBefore.Add(1)
		return nil
	}
	t := &task{Outcome: contact.Outcome{Row: *row}}
	if bad := e.stamp(t); bad != nil {
		e.report(contact.OutcomeOf(bad))
		return nil
	}
	return t
}

// sentUntil is when an earlier run can have sent its last request, which wrote
// its last line at that time. A clock that was set back since does not make it
// later than now.
func sentUntil(lastLine, now time.Time) time.Time {
	if last := lastLine.Add(mostSilence); last.Before(now) {
		return last
	}
	return now
}

// announce writes the intent to send these rows. When it returns nil, they may
// reach the API.
func (e *engine) announce(tasks []*task) error {
	var creates, changes []contact.Key
	now := time.Now()
	for _, t := range tasks {
		t.announced = now
		if t.creates() {
			creates = append(creates, t.Row.Key)
		} else {
			changes = append(changes, t.Row.Key)
		}
	}
	if len(changes) > 0 {
		if err := e.Report.Changing(changes); err != nil {
			return err
		}
		e.wrote(now)
	}
	if len(creates) == 0 {
		return nil
	}
	return e.sending(now, creates)
}

// mostSilence is how old the last line of the report may be when a create
// request leaves. After a kill that line is the last sign of life that the next
// run has, and it lets reads catch up from then on. Where requests wait long for
// the quota, for a server that is down or for a look-up, no line is written
// meanwhile.
const mostSilence = time.Second

// stillAlive announces the row of a create request that is about to leave once
// more, where the report has been silent for long.
func (e *engine) stillAlive(k contact.Key, now time.Time) error {
	if now.Sub(e.started)-time.Duration(e.lastLine.Load()) < mostSilence {
		return nil
	}
	return e.sending(time.Now(), []contact.Key{k})
}

func (e *engine) sending(now time.Time, keys []contact.Key) error {
	if err := e.Report.Sending(keys); err != nil {
		return err
	}
	e.wrote(now)
	return nil
}

// stamp writes the key into the profile, where that is configured.
func (e *engine) stamp(t *task) *contact.RowError {
	if e.StampField == "" {
		return nil
	}
	p := t.Row.Profile
	p.Fields = append(p.Fields[:len(p.Fields):len(p.Fields)], contact.Field{Name: e.StampField, Value: contact.StringValue(t.Row.Key.String())})
	contact.SortFields(p.Fields)
	t.Row.Profile = p
	if n := p.BodyBytes(); n > contact.MaxBodyBytes {
		return &contact.RowError{Source: t.Row.Source, Line: t.Row.Line, Number: t.Row.Number, ContactIDs: p.ContactIDs, Field: e.StampField, Raw: t.Row.Raw,
			Reason: fmt.Sprintf("with the stamp the request is %d bytes, and the API takes %d", n, contact.MaxBodyBytes), Hint: "shorten a field of this row"}
	}
	return nil
}
