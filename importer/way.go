package importer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
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
	found   contact.Found
	made    bool            // by a run of this journal, as the look-up tells
	touched time.Time       // when it was changed last, as far as is known
	revive  bool            // a mirror had deactivated it
	merging []string        // contact ids whose profiles are to be merged into it first
	merged  bool            // some were
	touch   bool            // it is as it was, and only its profile is to live on
	want    contact.Profile // what the next update sends
	holders []contact.Found // of its contact ids, where they were looked for already
	written *change.WrittenRow
}

// newTask is a row at the beginning of its way.
func (e *engine) newTask(row *contact.Row, way table) *task {
	return &task{Outcome: contact.Outcome{Row: *row}, table: way, did: begin, got: ok, retry: pace.Retry{Max: e.Retries}}
}

// creates tells whether a task that has not begun is to be created.
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
		return e.recorded(e.Journal.Changing([]contact.Key{t.Row.Key}))
	case merge:
		return e.merge(t)
	case read:
		return e.read(t)
	case write:
		return e.change(t, func(ctx context.Context) error { return e.API.Update(ctx, t.ID, t.want) })
	case remove:
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
	if isBarred(t.problem) {
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

// create sends one create request.
func (e *engine) create(t *task) answer {
	if t.retry.Spent() && t.problem != nil { // before it was looked up in vain
		return exhausted
	}
	looked := t.doubt
	lastWord := func(now time.Time) error { return e.stillAlive(t.Row.Key, now) }
	var created contact.CreateResult
	sent := time.Now()
	got := e.judge(t, e.call(kindCreate, lastWord, func(ctx context.Context) (err error) {
		t.Attempts++
		if t.Attempts > 1 {
			e.Progress.Retries.Add(1)
		}
		sent = time.Now()
		created, err = e.API.Create(ctx, t.Row.Profile)
		return err
	}), false)
	switch got {
	case ok:
		got = e.believe(t, created, sent)
	case conflict:
		switch {
		case looked&(conflicted|overtaken) != 0:
			t.doubt = contested
		case t.lost:
			t.doubt = overtaken
		default:
			t.doubt = conflicted
		}
		return got
	}
	switch got {
	case lost:
		t.doubt = answerLost
	case strange:
		t.doubt = foreign
	case barred:
		t.doubt = suspect
	case turnedAway:
		t.doubt = refusedOnTheWay
	}
	return got
}

// believe holds the answer to a create against what was sent. A profile that was
// there before, or that is another row's, was not created by this request.
func (e *engine) believe(t *task, created contact.CreateResult, sent time.Time) answer {
	t.ID = created.ID
	e.learnSpelling(t.Row.Profile.ContactIDs, created.ContactIDs)
	switch {
	case created.ID == "":
		t.problem = &contact.APIError{Author: contact.Way, Failure: contact.Failure{Detail: "the answer to the create names no profile"}}
		return strange
	case created.ContactIDs != nil && !holdsAny(created.ContactIDs, t.Row.Profile.ContactIDs):
		t.problem = &contact.APIError{Author: contact.Way, Failure: contact.Failure{Detail: fmt.Sprintf("the answer to the create shows the profile %s, which is of other contacts", created.ID)}}
		t.ID = ""
		return strange
	case !e.made.add(created.ID):
		t.problem = &contact.APIError{Author: contact.Way, Failure: contact.Failure{Detail: fmt.Sprintf("the answer to the create names the profile %s, which is another row's", created.ID)}}
		t.ID = ""
		return strange
	case !t.absent && e.clocks.isOlder(created.CreatedAt, sent):
		t.Found, t.touched = true, created.CreatedAt
		return somebody
	}
	e.clocks.learn(created.CreatedAt, sent)
	return ok
}

// hold decides about a row that something on the way refused: where it has taken a
// later request of that kind, it was because of this row.
func (e *engine) hold(t *task) answer {
	k := kindChange
	if t.doubt == suspect {
		k = kindCreate
	}
	if !e.health.succeededSince(k, t.barredAt) {
		return unblamed
	}
	p := *t.problem
	p.Hint = "something on the way to the API, such as a firewall, refuses this row and takes others: look at its text"
	t.problem = &p
	return blamed
}

// compare compares a row with the profile that was found for it.
func (e *engine) compare(t *task) answer {
	if t.doubt != undoubted {
		// Not any more. What it holds may be of an earlier version of the row.
		t.doubt = adopted
	}
	if _, change := change.Wanted(t.found, t.Row.Profile, false); change || len(t.merging) > 0 {
		return differs
	}
	t.Changed = t.found.LastChanged
	if t.made {
		return ours
	}
	return same
}

// merge merges the profiles that hold the other contact ids of the row into its
// own, one after the other.
func (e *engine) merge(t *task) answer {
	for len(t.merging) > 0 {
		contactID, survivor := t.merging[0], ""
		got := e.change(t, func(ctx context.Context) (err error) {
			survivor, err = e.API.Merge(ctx, t.ID, contactID)
			return err
		})
		if got != ok {
			// If it was merged, and the answer lost, nobody else has it any more.
			if f, err := e.readProfile(t); err != nil || !slices.Contains(f.ContactIDs, contactID) {
				return got
			}
		}
		if survivor != "" {
			t.ID = survivor
		}
		t.merging, t.merged = t.merging[1:], true
	}
	return ok
}

// read reads the profile of a row, and works out what an update has to send.
func (e *engine) read(t *task) answer {
	if t.touch && t.Row.Profile.Active != nil {
		t.want = contact.Profile{Active: t.Row.Profile.Active}
		return differs
	}
	f, err := e.readProfile(t)
	if got := e.judgeChange(t, err); got != ok {
		if got == gone && t.lost && t.written != nil {
			return ok
		}
		return got
	}
	switch {
	case t.touch:
		// Of the members of an update, active is the only one that can be sent alone:
		// fields that are left out of profile may be lost, and contact ids that others
		// added as well. It is read first where the mapping does not name it, because
		// somebody may have deactivated the profile. An update is known to count as a
		// change, so that the profile lives another 30 days; whether a read counts is
		// not documented.
		t.want = contact.Profile{Active: &f.Active}
		return differs
	case t.written != nil:
		return e.readUndo(t, f)
	}
	var differ bool
	if t.want, differ = change.Wanted(f, t.Row.Profile, t.revive); !differ {
		t.Changed = f.LastChanged
		if t.lost || t.merged {
			return ok
		}
		return same
	}
	if n := len(t.want.AppendUpdateBody(nil)); n > contact.MaxBodyBytes {
		t.problem = &contact.APIError{Class: contact.Permanent, Failure: contact.Failure{
			Detail: fmt.Sprintf("not sent: with what the profile %s holds already the request is %d bytes, and the API takes %d", t.ID, n, contact.MaxBodyBytes),
			Hint:   "shorten the row's longest values, or what the profile holds",
		}}
		return refused
	}
	if e.KeepPrevious && t.Previous == nil {
		t.Previous = change.PreviousOf(f, t.want)
	}
	return differs
}

// readProfile reads the profile of a row. One that was touched a moment ago and is
// not there may only not be shown yet.
func (e *engine) readProfile(t *task) (contact.Found, error) {
	t.Reads++
	f, err := e.get(t.ID)
	if lag := e.Settle - time.Since(t.touched); isGone(err) && lag > 0 {
		if !pace.Sleep(e.ctx.Done(), lag) {
			return f, errNotSent
		}
		t.Reads++
		f, err = e.get(t.ID)
	}
	return f, err
}

// change sends one request that changes the profile of a row.
func (e *engine) change(t *task, request func(context.Context) error) answer {
	got := e.judgeChange(t, e.call(kindChange, nil, func(ctx context.Context) error {
		t.Attempts++
		return request(ctx)
	}))
	if got == gone && t.lost && t.written != nil {
		return ok // an earlier attempt did it
	}
	return got
}

func (e *engine) judgeChange(t *task, err error) answer {
	if isGone(err) {
		return gone
	}
	switch got := e.judge(t, err, true); got {
	case conflict:
		return refused
	case barred:
		t.doubt = suspectChange
		return got
	default:
		return got
	}
}

// confirm looks for who holds the contact ids of a row whose profile the API says
// is not there. Where that very profile is found, one of the two is wrong, and it
// is asked again.
func (e *engine) confirm(t *task) answer {
	ids := t.Row.Profile.ContactIDs
	if len(ids) == 0 { // of a state that was filled from a redacted journal
		return nobody
	}
	found, err := e.lookUpEach(ids)
	if got := e.lookFailed(t, err); got != ok {
		return got
	}
	if slices.ContainsFunc(found, func(f contact.Found) bool { return f.ID == t.ID }) {
		t.problem = &contact.APIError{Author: contact.Way, Class: contact.Transient, Failure: contact.Failure{
			HTTP:   http.StatusNotFound,
			Detail: fmt.Sprintf("the profile %s is not there when it is asked for, and stands in the list", t.ID),
			Hint:   "a cache on the way to the API may be behind; the next run tries it again",
		}}
		switch t.retry.After(contact.Transient, true) {
		case pace.Later:
			return later
		default:
			return exhausted
		}
	}
	t.holders, t.unmet = found, len(found) > 0
	if len(found) > 0 {
		return somebody
	}
	return nobody
}

// renew makes a create of a row whose profile is not there any more: it has
// expired, or somebody deleted it. The journal is told first that it is gone, so
// that a create whose answer is lost is in doubt like any other. Where the contact
// has come back by itself, that profile is taken.
func (e *engine) renew(t *task) answer {
	keys := []contact.Key{t.Row.Key}
	if got := e.recorded(e.Journal.Gone(keys)); got != ok {
		return got
	}
	t.announced = time.Now()
	if got := e.recorded(e.sending(t.announced, keys)); got != ok {
		return got
	}
	t.table, t.ID, t.touch, t.absent = upserting, "", false, len(t.holders) == 0
	t.lost, t.Found, t.doubt, t.made, t.merging, t.merged, t.Previous = false, false, undoubted, false, nil, false, nil
	t.retry, t.problem = pace.Retry{Max: e.Retries}, nil
	return ok
}

// recorded is the answer to a line in the journal. Without it nothing more can be
// sent.
func (e *engine) recorded(err error) answer {
	if err != nil {
		e.stop(err)
		return stopped
	}
	return ok
}

// finishRow hands on what became of a row.
func (e *engine) finishRow(t *task, m move) {
	o := &t.Outcome
	o.Status, o.At = m.status, time.Now()
	o.Touched = t.touch && m.status == contact.Updated
	release := false
	switch {
	case m.end == notRemoved:
		o.Failure = &t.problem.Failure
	case m.status == contact.Rejected:
		o.Found, o.Failure = false, &t.problem.Failure
	case m.status == contact.Failed:
		o.Found, o.Failure = false, t.gaveUp()
	case m.status == contact.Unknown:
		o.ID, o.Found, o.Failure = unlessAdopted(t), t.doubt == adopted, t.undecided()
	case m.status == contact.Invalid: // its contact ids belong to several profiles
		release = !t.announced.IsZero()
		o.Failure = &t.problem.Failure
	}
	e.deliver(result{kind: m.end, outcome: o, release: release})
}

// gaveUp is why a row is not in that was tried often enough.
func (t *task) gaveUp() *contact.Failure {
	f := t.problem.Failure
	if t.did == find {
		f.Detail = "the contact could not be looked up: " + f.Detail
	} else {
		f.Detail = fmt.Sprintf("gave up after %d attempts, the last with: %s", t.Attempts+t.Reads, f.Detail)
	}
	f.Hint = "the next run of the same command tries it again"
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
	case t.got == resembling:
		f.Detail = "a profile holds the contact id in another spelling, and it is not known whether it is this row's"
	case t.problem != nil && t.got == nobody && t.doubt == foreign:
		f = t.problem.Failure
		f.Detail = "something on the way to the API answered the create, and no look-up finds the contact: " + f.Detail
	case t.problem != nil && t.got != nobody:
		f = t.problem.Failure
		f.Detail = "the contact could not be looked up: " + f.Detail
	}
	f.Hint = "it may be in the API; the next run of the same command looks it up again, and sends it where it finds nobody"
	return &f
}

// unlessAdopted is the id of a row that is in, whatever else is not known of it.
func unlessAdopted(t *task) string {
	if t.doubt == adopted {
		return t.ID
	}
	return ""
}
