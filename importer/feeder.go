package importer

import (
	"errors"
	"runtime"
	"slices"
	"time"

	"importer/importer/change"
	"importer/importer/contact"
	"importer/importer/lane"
	"importer/importer/weigh"
)

// An item is one record on its way from the source to the feeder.
type item struct {
	row contact.Row
	bad *contact.RowError // instead of row
}

// readRows reads the source. An error that ends the input early goes to
// inputErr; what was read before is imported all the same.
func (e *engine) readRows(rows contact.Rows) {
	defer close(e.records)
	for row, err := range rows {
		it := item{row: row}
		if err != nil {
			bad, ok := errors.AsType[*contact.RowError](err)
			if !ok {
				e.inputErr <- err
				return
			}
			it = item{row: contact.Row{Raw: bad.Raw}, bad: bad}
		}
		if e.reading.Enter(e.readCtx, it.row.Raw) != nil {
			return
		}
		select {
		case e.records <- it:
			continue // without a wait, which costs more
		default:
		}
		select {
		case e.records <- it:
		case <-e.readCtx.Done():
			return
		}
	}
}

const (
	// maxBatch is the most rows announced at once: the fsync is paid once for all
	// of them, and a crash leaves no more than these, and those in flight, in doubt.
	maxBatch = 512
	// batchSpan is how long a batch is to last at the current pace.
	batchSpan = time.Second
	// linger is how long the first row of a batch waits for others when the source
	// is slower than the workers.
	linger = 10 * time.Millisecond
	// paceCheck is how often an exhausted quota is looked at again.
	paceCheck = 100 * time.Millisecond
)

// A feeder turns what was read into work: it settles what needs no request,
// gathers the rest into batches, announces each batch in the journal, and hands its
// rows to the workers while it gathers the next.
//
// Where pace or quota limit the requests, a batch is announced only when all rows
// of the one before are with a worker and some of its rows may go now. Where
// nothing does, it is announced while the second half of the one before is handed
// out, because an fsync takes as long as hundreds of rows. So what a crash leaves
// in doubt is one batch at most, or one and a half without a limit, and the rows
// that the workers hold or are about to take.
type feeder struct {
	*engine
	records  <-chan item // nil: the input is at its end
	gathered []*task     // not announced yet
	coming   []*task     // being announced
	ready    []*task     // announced
	held     int64       // what they weigh together, or did

	announced chan error       // that coming is on disk, or why not
	waited    <-chan time.Time // when the gathered rows have waited long enough for others
	due       bool             // they have
}

// feed is the feeder from the first record to the last. It closes work.
func (e *engine) feed() {
	defer close(e.work)
	f := &feeder{engine: e, records: e.records, announced: make(chan error, 1)}
	for !e.stopping() {
		f.deliverReady()
		if f.mayAnnounce() && f.announceNext() {
			continue
		}
		if f.records == nil && len(f.ready)+len(f.coming)+len(f.gathered) == 0 {
			return
		}
		f.await()
	}
	f.giveBack()
}

// mayAnnounce tells whether the next batch may be announced, as far as the one
// before it is concerned.
func (f *feeder) mayAnnounce() bool {
	return f.coming == nil && len(f.gathered) > 0 && (len(f.ready) == 0 || f.Pacer.Unlimited() && len(f.ready) <= maxBatch/2)
}

// announceNext has a batch announced where the pacer lets some of it go now, and
// where it is full or has waited long enough. It is true where it took any.
func (f *feeder) announceNext() bool {
	budget := min(f.Pacer.Available(batchSpan), maxBatch)
	switch {
	case budget == 0:
		f.logWait()
		f.waited = time.After(paceCheck)
		return false
	case !f.due && f.records != nil && len(f.gathered) < budget:
		if f.waited == nil {
			f.waited = time.After(linger)
		}
		return false
	}
	n := min(budget, len(f.gathered))
	batch, err := f.meet(f.gathered[:n:n], len(f.gathered))
	f.gathered = f.gathered[n:]
	f.waited, f.due = nil, false
	if err != nil {
		f.gathered = slices.Concat(batch, f.gathered)
		f.stop(err)
		return true
	}
	if len(batch) > 0 {
		f.coming = batch
		go func() { f.announced <- f.announce(batch) }()
	}
	return true
}

// await waits for what happens first: a record, a worker, the journal, the time,
// or the end of the run.
func (f *feeder) await() {
	var work chan<- *task
	var head *task
	if len(f.ready) > 0 {
		work, head = f.work, f.ready[0]
	}
	records := f.records
	if f.full() {
		records = nil
	}
	select {
	case it, open := <-records:
		f.drain(it, open)
	case work <- head:
		f.ready = f.ready[1:]
		runtime.Gosched() // other workers take theirs, and what they leave room for goes at once
	case err := <-f.announced:
		f.ready, f.coming = append(f.ready, f.coming...), nil
		if err != nil {
			f.stop(err)
		}
	case <-f.waited:
		f.waited, f.due = nil, true
	case <-f.ctx.Done():
	}
}

// full tells whether it holds as many rows as it may.
func (f *feeder) full() bool {
	if f.held >= weigh.Max { // of rows that may be gone
		f.held = 0
		for _, t := range slices.Concat(f.gathered, f.coming, f.ready) {
			f.held += weigh.Of(t.Row.Raw)
		}
	}
	return len(f.gathered) >= maxBatch || f.held >= weigh.Max
}

// giveBack accounts for every row that was taken from the source, when the run was
// stopped. What the reader still holds was not read, as far as the run is
// concerned.
func (f *feeder) giveBack() {
	if f.coming != nil {
		if err := <-f.announced; err != nil {
			f.stop(err)
		}
		f.ready = append(f.ready, f.coming...)
	}
	for _, t := range f.ready {
		f.deliver(result{kind: announcedOnly, outcome: &t.Outcome, release: !t.touch})
	}
	for range f.gathered {
		f.results <- result{kind: notTried}
	}
}

// deliverReady gives rows to workers as long as none has to be waited for.
func (f *feeder) deliverReady() {
	for len(f.ready) > 0 {
		select {
		case f.work <- f.ready[0]:
			f.ready = f.ready[1:]
		default:
			return
		}
	}
}

// drain admits a record that was read, and those that are there behind it, as far
// as a batch goes. The first one beyond Limit ends the reading.
func (f *feeder) drain(it item, open bool) {
	for n := 1; open; n++ {
		f.reading.Leave(it.row.Raw)
		if f.Limit > 0 && f.needing >= f.Limit {
			f.limited = true
			f.readEnough()
			break
		}
		if t := f.admit(&it); t != nil {
			f.needing++
			f.gathered = append(f.gathered, t)
			f.held += weigh.Of(t.Row.Raw)
		}
		if f.full() || n >= cap(f.records) {
			return
		}
		select {
		case it, open = <-f.records:
		default:
			return
		}
	}
	f.records = nil
}

// logWait logs, once for each time, that the run waits for the pacer.
func (e *engine) logWait() {
	state := e.Pacer.State()
	if time.Until(state.Until) < time.Second || !state.Until.After(e.waitLogged.Add(time.Second)) {
		return
	}
	e.waitLogged = state.Until
	text := "waiting for the quota"
	if state.Throttled {
		text = "the API asked to wait"
	}
	e.Log.Info().Time("until", state.Until).Int("used", state.Used).Int("quota", state.Quota).Msg(text)
}

// admit settles a record that needs no request, or passes it to the lane of
// doubt; otherwise it returns the task to be announced.
func (e *engine) admit(it *item) *task {
	if it.row.LeftOut {
		if e.Mirror != nil {
			e.Keys.Keep(it.row.Profile.ContactIDs)
			e.Keys.KeepFormer(&it.row)
		}
		return nil
	}
	e.Progress.Read.Add(1)
	if it.bad != nil {
		return e.refuse(contact.OutcomeOf(it.bad))
	}
	row := &it.row
	if settled, err := e.corrections.Valid(row); settled || err != nil {
		return e.corrected(row, err)
	}
	if o := e.identity.Admit(row); o != nil {
		o.At = time.Now()
		return e.refuse(o)
	}
	if err := change.Rekey(row, e.Keys, e.State, e.Journal.KnownAs); err != nil {
		return e.notAdmitted(err)
	}
	if bad, err := e.corrections.Twice(row); bad != nil || err != nil {
		if err != nil {
			return e.notAdmitted(err)
		}
		return e.refuse(contact.OutcomeOf(bad))
	}
	status := e.Keys.Status(row.Key)
	if e.State != nil && status != contact.InDoubt && status != contact.Unknown {
		return e.admitSync(row, status)
	}
	switch status {
	case 0, contact.Failed, contact.Deleted: // deleted by an undo
	case contact.Rejected:
		before, err := e.Journal.Before(row.Key)
		if err != nil {
			return e.notAdmitted(err)
		}
		if before.Row.Digest == row.Digest && !e.RetryRejected {
			before.Row = *row
			e.deliver(result{kind: refusedBefore, outcome: before})
			return nil
		}
	case contact.InDoubt, contact.Unknown:
		e.resumeDoubt(row)
		return nil
	default:
		if err := e.corrections.Note(row, e.Journal.Corrected); err != nil {
			return e.notAdmitted(err)
		}
		e.Progress.Remarks.Compare(row, e.Keys)
		e.Progress.DoneBefore.Add(1)
		return nil
	}
	return e.stamped(e.newTask(row, creating))
}

// refuse settles a row that goes no further: it is refused, unless a correction is in for
// it, or repeats another one.
func (e *engine) refuse(o *contact.Outcome) *task {
	if o.Status == contact.Invalid {
		if settled, err := e.corrections.Invalid(o); settled || err != nil {
			return e.corrected(&o.Row, err)
		}
	}
	e.settle(o)
	return nil
}

// corrected counts a row for which a correction is in. It returns the task where the
// profile of that would expire.
func (e *engine) corrected(row *contact.Row, err error) *task {
	if err != nil {
		return e.notAdmitted(err)
	}
	entry, due, err := e.corrections.Due(row, e.RefreshAfter)
	switch {
	case err != nil:
		return e.notAdmitted(err)
	case !due:
		e.Progress.DoneBefore.Add(1)
		return nil
	}
	row.Key, row.Digest, row.Profile = entry.Key, entry.Digest, contact.Profile{}
	t := e.newTask(row, keeping)
	t.ID, t.touched, t.entry, t.touch = entry.ID, entry.Touched, entry, true
	return t
}

// resumeDoubt gives a row that an earlier run left in doubt to the lane.
func (e *engine) resumeDoubt(row *contact.Row) {
	t := e.newTask(row, e.unknownRow())
	t.announced, t.lost, t.doubt = e.Journal.AnnouncedAt(row.Key), true, earlierRun
	// It was announced, so it was not too large then; if a stamp makes it so now,
	// the API says so.
	_ = e.stamp(t)
	e.needing++
	t.since = sentUntil(e.Journal.LastAlive(), time.Now())
	t.did, t.got = park, ok
	t.nextAt = lane.NextLook(t.since, e.Settle, 0, time.Now())
	e.doubts <- t
}

// stamped is the task of a row that is to be sent; nil where its stamp makes it
// too long.
func (e *engine) stamped(t *task) *task {
	if bad := e.stamp(t); bad != nil {
		e.settle(contact.OutcomeOf(bad))
		return nil
	}
	return t
}

// admitSync compares a row with what the last sync left. It returns the task
// where there is something to do, or nil.
func (e *engine) admitSync(row *contact.Row, before contact.Status) *task {
	need, entry, err := change.NeedOf(row, e.State, e.RefreshAfter)
	if err != nil {
		return e.notAdmitted(err)
	}
	if entry.Nameless {
		if err := e.State.Identify(entry.Key, row.Profile.ContactIDs); err != nil {
			return e.notAdmitted(err)
		}
	}
	if need == change.NeedsNothing {
		if err := e.corrections.Note(row, e.Journal.Corrected); err != nil {
			return e.notAdmitted(err)
		}
		if before.In() {
			e.Progress.DoneBefore.Add(1)
		} else {
			e.Progress.Outcomes[contact.Unchanged].Add(1)
		}
		return nil
	}
	t := e.newTask(row, e.unknownRow())
	t.ID, t.touched, t.entry = entry.ID, entry.Touched, entry
	switch need {
	case change.NeedsTouch:
		t.table, t.touch = touching, true
		return t
	case change.NeedsUpdate:
		t.table = updating
	}
	if !e.RetryRejected {
		digest, why, err := e.State.Refused(t.Row.Key)
		if err != nil {
			return e.notAdmitted(err)
		}
		if why != nil && digest == t.Row.Digest {
			e.deliver(result{kind: refusedBefore, outcome: &contact.Outcome{Row: t.Row, Status: contact.Rejected, Failure: why}})
			return nil
		}
	}
	return e.stamped(t)
}

// unknownRow is the table of a row of which the state knows nothing.
func (e *engine) unknownRow() table {
	switch {
	case e.State == nil:
		return creating
	case e.UpdateOnly:
		return searching
	}
	return upserting
}

func (e *engine) notAdmitted(err error) *task {
	e.stop(err)
	e.results <- result{kind: notTried}
	return nil
}

// sentUntil is when an earlier run can have sent its last request, which wrote its last
// line at that time; never later than now, though a clock was set back since.
func sentUntil(lastLine, now time.Time) time.Time {
	return now.Add(min(0, lastLine.Add(maxSilence).Sub(now)))
}

// announce writes the intent to send these rows. When it returns nil, they may
// reach the API.
func (e *engine) announce(tasks []*task) error {
	var creates []contact.Key
	changes := map[contact.Intent][]contact.Key{}
	now := time.Now()
	for _, t := range tasks {
		t.announced = now
		if t.creates() && !e.UpdateOnly {
			creates = append(creates, t.Row.Key)
			continue
		}
		to := contact.ToUpdate
		if t.touch {
			to = contact.ToTouch
		}
		t.changes, changes[to] = true, append(changes[to], t.Row.Key)
	}
	for to, keys := range changes {
		if err := e.Journal.Changing(keys, to); err != nil {
			return err
		}
		e.wrote(now)
	}
	if len(creates) == 0 {
		return nil
	}
	return e.sending(now, creates)
}

// maxSilence is how old the last line of the journal may be when a create
// request leaves. After a kill that line is the last sign of life that the next
// run has, and it lets reads catch up from then on. Where requests wait long for
// the quota, or for a server that is down, or for a look-up, no line is written
// meanwhile.
const maxSilence = time.Second

// stillAlive announces the row of a create request that is about to leave once
// more, where the journal has been silent for long.
func (e *engine) stillAlive(k contact.Key, now time.Time) error {
	if now.Sub(e.started)-time.Duration(e.lastLine.Load()) < maxSilence {
		return nil
	}
	return e.sending(time.Now(), []contact.Key{k})
}

func (e *engine) sending(now time.Time, keys []contact.Key) error {
	if err := e.Journal.Sending(keys); err != nil {
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
	return t.Row.Stamp(e.StampField)
}

// sendRows is one worker: it sends rows until there are no more.
func (e *engine) sendRows() {
	for t := range e.work {
		if e.run(t) {
			e.doubts <- t
		}
	}
}
