package importer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"importer/importer/change"
	"importer/importer/contact"
	"importer/importer/pace"
)

// A task is a row on its way. Whoever runs it owns it: the feeder, then a worker
// or the lane of doubt, and from its end on the recorder.
type task struct {
	// What is known of its outcome.
	contact.Outcome

	table   table
	did     step
	got     answer
	doubt   doubt
	retry   pace.Retry        // of its creates and changes
	problem *contact.APIError // of the last step that failed

	announced time.Time // when the journal first said that it may be sent: nothing of ours is older
	lost      bool      // an answer to a create or a change was lost
	barredAt  time.Time // when something on the way refused it last
	unmet     bool      // the contact may be in the project: look before it is created
	absent    bool      // nobody held its contact ids when that was looked for

	// In doubt.
	since  time.Time // when the request can have been processed at the latest: from then on reads may lag behind
	looks  int       // look-ups that found nothing
	nextAt time.Time // of the next one

	// Of a row whose profile is there.
	permit  *permit         // of the update that follows a read without a wait; nil in all other steps
	entry   change.Entry    // of the state; zero where it is not that of this profile
	changes bool            // it was announced as a change
	unread  bool            // want was made without reading the profile
	wary    bool            // it is read before it is updated, whatever is known
	turned  int             // how often the API asked to slow down when its update followed a read at once
	found   contact.Found   // as it was found or read last
	sent    contact.Profile // by the last update, until its answer came
	made    bool            // by a run of this journal, as the look-up tells
	touched time.Time       // when it was changed last, as far as is known
	merging []string        // contact ids whose profiles are to be merged into it first
	merged  bool            // some were
	touch   bool            // it is as it was, and only its profile is to live on
	want    contact.Profile // what the next update sends
	holders []contact.Found // of its contact ids, where they were looked for already
	written *change.WrittenRow
	partly  bool // what was added to the profile cannot be taken away again
}

// newTask is a row at the beginning of its way.
func (e *engine) newTask(row *contact.Row, way table) *task {
	return &task{Outcome: contact.Outcome{Row: *row}, table: way, did: begin, got: ok, retry: pace.Retry{Max: e.Retries}}
}

// creates tells whether a task that has not begun is to be created, where nobody has
// its contact ids.
func (t *task) creates() bool { return t.next().do == find }

func (t *task) next() move { return t.table.next(t.did, t.got, t.doubt) }

// run takes a row from step to step until it is settled, or parked: then it is
// true, and the row belongs to the lane of doubt.
func (e *engine) run(t *task) (parked bool) {
	for {
		m := t.next()
		switch {
		case m.do == finish:
			e.finishRow(t, m)
			return false
		case m.do == park && t.did != park:
			e.park(t)
			return true
		case m.pause && !e.pause(t, m.do):
			t.got = stopped
			continue
		}
		t.did, t.got = m.do, e.take(t, m.do)
		if t.did != read || t.got != differs { // else its update follows
			t.giveBack()
		}
	}
}

// runLocal takes the steps that need no request. It is true where they settle the
// row.
func (e *engine) runLocal(t *task) (ended bool) {
	for {
		m := t.next()
		if m.do&local == 0 {
			return false
		}
		if m.do == finish {
			e.finishRow(t, m)
			return true
		}
		t.did, t.got = m.do, e.take(t, m.do)
	}
}

// take carries one step out.
func (e *engine) take(t *task, s step) answer {
	switch s {
	case find:
		return e.find(t)
	case create:
		return e.create(t)
	case look:
		return e.look(t)
	case compare:
		return e.compare(t)
	case announce:
		t.changes = true
		return e.recorded(e.Journal.Changing([]contact.Key{t.Row.Key}, contact.ToUpdate))
	case vet:
		return e.vet(t)
	case merge:
		return e.merge(t)
	case read:
		return e.read(t)
	case write:
		return e.write(t)
	case remove:
		e.presence.held.Add(-1)
		return e.change(t, func(ctx context.Context) error { return e.API.Delete(ctx, t.ID) })
	case confirm:
		return e.confirm(t)
	case renew:
		return e.renew(t)
	case hold:
		return e.hold(t)
	}
	return stopped
}

// pause waits before a step is done again; false when the run is stopping.
func (e *engine) pause(t *task, s step) bool {
	if !t.retry.Wait(e.ctx) {
		return false
	}
	if s != create { // which counts its own
		e.Progress.Retries.Add(1)
	}
	return true
}

// judge is the answer to a request. What became of a create that failed in an
// unknown way has to be found out; a change can be made again.
func (e *engine) judge(t *task, err error, repeatable bool) answer {
	switch {
	case err == nil:
		return ok
	case errors.Is(err, errNotSent):
		return stopped
	}
	t.problem = contact.AsAPIError(err)
	if t.problem.IsBarred() {
		t.lost, t.barredAt = true, time.Now()
		if repeatable && t.retry.After(contact.Transient, true) == pace.Later {
			return later
		}
		return barred
	}
	class := t.problem.Class
	if class == contact.Ambiguous {
		t.lost = true
		if repeatable {
			class = contact.Transient
		}
	}
	switch t.retry.After(class, !e.breaker.IsOpen()) {
	case pace.AtOnce:
		return again
	case pace.Later:
		return later
	case pace.Exhausted:
		return exhausted
	}
	switch class {
	case contact.Permanent:
		return refused
	case contact.Conflict:
		return conflict
	case contact.Fatal:
		e.stop(t.problem)
		return stopped
	}
	switch {
	case t.problem.Author != contact.Way:
	case t.problem.HTTP/100 == 2:
		return strange
	case t.problem.HTTP/100 == 4 && t.problem.HTTP != http.StatusTooManyRequests && t.problem.HTTP != http.StatusRequestTimeout:
		return turnedAway
	}
	return lost
}

// finishRow hands on what became of a row.
func (e *engine) finishRow(t *task, m move) {
	o := &t.Outcome
	o.Status, o.At = m.status, time.Now()
	o.Touched = t.touch && m.status == contact.Updated
	switch {
	case m.end == notRemoved:
		o.Failure = &t.problem.Failure
	case m.status == contact.Created && o.Found && t.doubt == earlierRun: // it may be of an earlier version of the row
		if _, o.Differs = e.updateOf(t).Of(t.found); o.Differs {
			e.Progress.Remarks.Change(&o.Row)
		}
	case m.status == contact.Rejected:
		o.Found, o.Failure = false, &t.problem.Failure
	case m.status == contact.Failed:
		o.Found, o.Failure = false, t.gaveUp()
	case m.status == contact.Unknown:
		if o.Found, o.Failure = t.doubt == adopted, t.undecided(); !o.Found {
			o.ID = "" // else it is in, whatever else is not known of it
		}
	case m.status == contact.Invalid && t.touch:
		o.Failure = &contact.Failure{Detail: "the profile of its corrected row is not there any more", Hint: "import the corrected row again"}
	case m.status == contact.Invalid: // its contact ids belong to several profiles
		o.Failure = &t.problem.Failure
	}
	release := m.end == announcedOnly || m.status == contact.Invalid && !t.announced.IsZero()
	if t.changes { // nobody doubts a touch
		release = !t.touch && !t.lost && !t.merged && !m.status.In()
	}
	e.deliver(result{kind: m.end, outcome: o, release: release})
}

// gaveUp is why a row is not in that was tried often enough.
func (t *task) gaveUp() *contact.Failure {
	f := t.problem.Failure
	if t.did&(find|vet) != 0 {
		f.Detail = "the contact could not be looked up: " + f.Detail
	} else {
		f.Detail = fmt.Sprintf("gave up after %d attempts, the last with: %s", t.Attempts+t.Reads, f.Detail)
	}
	f.Hint = strings.TrimPrefix(f.Hint+"; the next run of the same command tries it again", "; ")
	return &f
}

// undecided is why it is not known whether a row is in.
func (t *task) undecided() *contact.Failure {
	switch {
	case t.doubt == adopted:
		return &contact.Failure{
			Detail: "the profile was found, and the run was stopped before it could be compared with the row",
			Hint:   "the next run of the same command looks it up again",
		}
	case t.got == stopped:
		return &contact.Failure{
			Detail: "the run was stopped before the contact could be looked up",
			Hint:   "it may be in the API; the next run of the same command looks it up again",
		}
	}
	f := contact.Failure{Detail: "the API refuses the contact as there already, and no look-up finds it"}
	switch {
	case t.got == unproven:
		f.Detail = "look-ups are answered with profiles that were not asked for, as by a cache that mixes answers, and none of them is this row's"
	case t.got == resembling:
		f.Detail = "a profile holds the contact id in another spelling, and it is not known whether it is this row's"
	case t.problem != nil && t.got == nobody && t.doubt == foreign:
		f = t.problem.Failure
		f.Detail = "something on the way to the API answered the create, and no look-up finds the contact: " + f.Detail
	case t.problem != nil && t.got != nobody:
		f = t.problem.Failure
		f.Detail = "the contact could not be looked up: " + f.Detail
	}
	f.Hint = strings.TrimPrefix(f.Hint+"; it may be in the API: the next run of the same command looks it up again, and sends it where it finds nobody", "; ")
	return &f
}
