package importer

import (
	"context"
	"fmt"
	"slices"
	"time"

	"importer/importer/change"
	"importer/importer/contact"
	"importer/importer/pace"
)

// create sends one create request.
func (e *engine) create(t *task) answer {
	if t.retry.Spent() && t.problem != nil { // before it was looked up in vain
		return exhausted
	}
	looked := t.doubt
	lastWord := func(now time.Time) error { return e.stillAlive(t.Row.Key, now) }
	var created contact.CreateResult
	sent, answered := time.Now(), time.Time{}
	got := e.judge(t, e.call(pace.Create, lastWord, func(ctx context.Context) (err error) {
		t.Attempts++
		if t.Attempts > 1 {
			e.Progress.Retries.Add(1)
		}
		sent = time.Now()
		created, err = e.API.Create(ctx, t.Row.Profile)
		answered = time.Now()
		return err
	}), false)
	switch got {
	case ok:
		got = e.believe(t, created, sent, answered)
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
func (e *engine) believe(t *task, created contact.CreateResult, sent, answered time.Time) answer {
	t.ID = created.ID
	e.learnSpelling(t.Row.Profile.ContactIDs, created.ContactIDs)
	switch {
	case created.ID == "":
		t.problem = &contact.APIError{Author: contact.Way, Failure: contact.Failure{Detail: "the answer to the create names no profile"}}
		return strange
	case created.ContactIDs != nil && !contact.HoldsAny(created.ContactIDs, t.Row.Profile.ContactIDs):
		t.problem = &contact.APIError{Author: contact.Way, Failure: contact.Failure{Detail: fmt.Sprintf("the answer to the create shows the profile %s, which is of other contacts", created.ID)}}
		t.ID = ""
		return strange
	case !e.made.Add(created.ID):
		t.problem = &contact.APIError{Author: contact.Way, Failure: contact.Failure{Detail: fmt.Sprintf("the answer to the create names the profile %s, which is another row's", created.ID)}}
		t.ID = ""
		return strange
	case !t.absent && e.clocks.IsOlder(created.CreatedAt, sent):
		t.Found, t.touched = true, created.CreatedAt
		return somebody
	}
	e.clocks.Learn(created.CreatedAt, sent, answered)
	return ok
}

// hold decides about a row that something on the way refused: where it has taken a
// later request of that kind, it was because of this row.
func (e *engine) hold(t *task) answer {
	k := pace.Change
	if t.doubt == suspect {
		k = pace.Create
	}
	if !e.health.SucceededSince(k, t.barredAt) {
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
	if _, change := e.updateOf(t).Of(t.found); change || len(t.merging) > 0 {
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
		e.presence.held.Add(-1)
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
		t.merging, t.merged, t.Merged, t.wary = t.merging[1:], true, true, true
	}
	return ok
}

// updateOf is what a row asks of its profile.
func (e *engine) updateOf(t *task) change.Update {
	return change.UpdateOf(t.entry, &t.Row, e.Behaviour)
}

// read reads the profile of a row, and works out what an update has to send. Where that
// is known without, nothing is read. The update follows without a wait.
func (e *engine) read(t *task) answer {
	if want, known := e.updateOf(t).Unread(); known && !t.touch && !t.wary && !e.KeepPrevious && t.written == nil {
		if want.IsEmpty() {
			t.Changed = t.touched
			return same
		}
		t.want, t.unread = want, true
		return differs
	}
	before := t.found
	f, err := e.readProfile(t)
	if got := e.judgeChange(t, err); got != ok {
		return got
	}
	e.remarkRace(t, before, f)
	t.unread, t.found = false, f
	switch {
	case t.touch:
		// Of the members of an update, active is the only one that can be sent alone:
		// fields that are left out of profile may be lost, and contact ids that others
		// added as well. It is read first, whatever the row says of it, because somebody
		// may have deactivated the profile since the row said so. An update is known to count as a
		// change, so that the profile lives another 30 days; whether a read counts is
		// not documented.
		t.want = contact.Profile{Active: &f.Active}
		return differs
	case t.written != nil:
		return e.readUndo(t, f)
	}
	var differ bool
	if t.want, differ = e.updateOf(t).Of(f); !differ {
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

// maxTurned is how often an update is made anew that the API refused because it came too
// soon after its read. An API that takes no two requests so close to each other would
// refuse it for ever: then it waits for a token of its own.
const maxTurned = 3

// readProfile reads the profile of a row, with what its update needs to follow at once.
// One that was touched a moment ago and is not there may only not be shown yet.
func (e *engine) readProfile(t *task) (f contact.Found, err error) {
	requests := 2
	if t.turned >= maxTurned {
		requests = 1
	}
	get := func() error {
		return e.callFor(t, requests, pace.Read, func(ctx context.Context) (err error) {
			t.Reads++
			f, err = e.API.Get(ctx, t.ID)
			return err
		})
	}
	err = get()
	if lag := e.Settle - max(0, time.Since(t.touched)); contact.IsGone(err) && lag > 0 {
		t.giveBack()
		if !pace.Sleep(e.ctx.Done(), lag) {
			return f, errNotSent
		}
		err = get()
	}
	return f, err
}

// write updates the profile of a row. One that was not read, and is not there, may only
// not be shown yet, or be gone: that is found out as if nothing were known of it.
func (e *engine) write(t *task) answer {
	var shown contact.Found
	got := e.change(t, func(ctx context.Context) (err error) {
		shown, err = e.API.Update(ctx, t.ID, t.want)
		return err
	})
	switch {
	case got == gone && t.unread:
		t.wary = true
		return again
	case t.unread:
	case got == again:
		t.turned++
	case got == ok:
		t.sent = t.want
		e.remarkRace(t, t.found, shown)
	case got == later && t.problem.Class == contact.Ambiguous:
		t.sent = t.want // perhaps; the next read tells
	}
	return got
}

// remarkRace remarks that somebody else changed a profile between two looks at it, with
// an update of ours between them, as far as both are known.
func (e *engine) remarkRace(t *task, before, after contact.Found) {
	if before.ID == after.ID && !t.sent.IsEmpty() && change.Raced(before, after, t.sent) {
		e.Progress.Remarks.Race(&t.Row)
	}
	t.sent = contact.Profile{}
}

// change sends one request that changes the profile of a row.
func (e *engine) change(t *task, request func(context.Context) error) answer {
	return e.judgeChange(t, e.callFor(t, 1, pace.Change, func(ctx context.Context) error {
		t.Attempts++
		return request(ctx)
	}))
}

func (e *engine) judgeChange(t *task, err error) answer {
	if contact.IsGone(err) {
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
		t.problem = contact.ListedAndGone(t.ID)
		switch t.retry.After(contact.Transient, true) {
		case pace.Later:
			return later
		default:
			return exhausted
		}
	}
	t.holders, t.unmet = found, len(found) > 0
	switch {
	case t.lost && t.written != nil && t.written.Undo() == change.UndoDelete:
		return ok // a delete whose answer was lost did it
	case len(found) > 0:
		return somebody
	}
	return nobody
}

// renew makes a create of a row whose profile is not there any more: it has
// expired, or somebody deleted it. The journal is told first that it is gone, so
// that a create whose answer is lost is in doubt like any other. Where the contact
// has come back by itself, that profile is taken; a run that creates nobody takes no
// other.
func (e *engine) renew(t *task) answer {
	keys := []contact.Key{t.Row.Key}
	if got := e.recorded(e.Journal.Gone(keys)); got != ok {
		return got
	}
	t.announced = time.Now()
	if !e.UpdateOnly {
		if got := e.recorded(e.sending(t.announced, keys)); got != ok {
			return got
		}
	}
	t.table, t.ID, t.touch, t.absent = e.unknownRow(), "", false, len(t.holders) == 0
	t.entry, t.unread, t.wary, t.changes = change.Entry{}, false, false, e.UpdateOnly
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
