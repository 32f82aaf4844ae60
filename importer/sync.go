package importer

import (
	"context"
	"errors"
	"fmt"
	"importer/importer/change"
	"importer/importer/contact"
	"importer/importer/pace"
	"slices"
	"time"
)

// An operation is what a row needs.
type operation uint8

const (
	opCreate operation = iota
	opUpdate           // read, merge, and send what differs
	opTouch            // change nothing, so that it does not expire
	opDeactivate
	opDelete
	opUndo
)

// creates tells whether a row is to be created, as far as is known.
func (t *task) creates() bool { return t.op == opCreate }

// admitSync compares a row with what the last sync left. It returns the task
// where there is something to do, or nil.
func (e *engine) admitSync(row *contact.Row, before contact.Status) *task {
	need, entry, err := change.NeedOf(row, e.State, e.RefreshAfter)
	if err != nil {
		return e.notAdmitted(err)
	}
	if need == change.NeedsNothing {
		if before.In() {
			e.Progress.DoneBefore.Add(1)
		} else {
			e.Progress.Outcomes[contact.Unchanged].Add(1)
		}
		return nil
	}
	t := &task{Outcome: contact.Outcome{Row: *row}}
	switch need {
	case change.NeedsTouch:
		t.op, t.ID, t.touched = opTouch, entry.ID, entry.Touched
		return t
	case change.NeedsUpdate:
		t.op, t.ID, t.touched, t.revive = opUpdate, entry.ID, entry.Touched, entry.Inactive
	}
	if !e.RetryRejected {
		digest, why, err := e.State.Refused(t.Row.Key)
		if err != nil {
			return e.notAdmitted(err)
		}
		if why != nil && digest == t.Row.Digest {
			e.results <- result{kind: refusedBefore, outcome: &contact.Outcome{Row: t.Row, Status: contact.Rejected, Failure: why}}
			return nil
		}
	}
	if bad := e.stamp(t); bad != nil {
		e.report(contact.OutcomeOf(bad))
		return nil
	}
	return t
}

func (e *engine) notAdmitted(err error) *task {
	e.stop(err)
	e.results <- result{kind: notTried}
	return nil
}

// changeRow changes the profile of a row, until it is settled or has to be looked
// up.
//
// None of these requests has to be looked up when its answer is lost: each says
// what the profile is to be and not what is to be added, so that it is made again
// from the start, with a fresh read where it builds on one.
func (e *engine) changeRow(t *task) *doubt {
	var done contact.Status
	gone := false
	err := e.persist(e.Retries, func() (err error) {
		done, err = e.tryChange(t)
		if gone = isGone(err); gone {
			return nil
		}
		return err
	})
	switch {
	case errors.Is(err, errNotSent) && t.removes(): // the next run does
	case err != nil && t.removes():
		e.results <- result{kind: notRemoved, outcome: &contact.Outcome{Row: t.Row, ID: t.ID, Failure: &contact.AsAPIError(err).Failure}}
	case err == nil && gone && t.removes():
		e.settle(t, contact.Deleted, t.ID, false, nil)
	case err == nil && gone:
		return e.createAgain(t)
	case err == nil:
		e.settle(t, done, t.ID, t.Found, nil)
	case errors.Is(err, errNotSent):
		e.notSent(t)
	default:
		problem := contact.AsAPIError(err)
		if problem.Class == contact.Permanent || problem.Class == contact.Conflict {
			e.settle(t, contact.Rejected, t.ID, false, &problem.Failure)
		} else {
			e.settle(t, contact.Failed, t.ID, false, gaveUp(problem, t.Attempts+t.Reads))
		}
	}
	return nil
}

func isGone(err error) bool {
	var problem *contact.APIError
	return errors.As(err, &problem) && problem.Class == contact.Permanent && problem.HTTP == 404
}

// tryChange makes the requests of an operation once.
func (e *engine) tryChange(t *task) (contact.Status, error) {
	switch t.op {
	case opDeactivate:
		return contact.Deactivated, e.patch(t, contact.Profile{Active: new(bool)})
	case opDelete:
		return contact.Deleted, e.changing(t, func(ctx context.Context) error { return e.API.Delete(ctx, t.ID) })
	case opTouch:
		return e.touch(t)
	}
	for _, contactID := range t.merge {
		survivor := ""
		if err := e.changing(t, func(ctx context.Context) (err error) {
			survivor, err = e.API.Merge(ctx, t.ID, contactID)
			return err
		}); err != nil {
			// Was it merged, and the answer lost, then nobody else has it any more.
			if found, lookErr := e.readTask(t); lookErr == nil && slices.Contains(found.ContactIDs, contactID) {
				continue
			}
			return 0, err
		}
		if survivor != "" {
			t.ID = survivor
		}
	}
	f, err := e.readTask(t)
	if err != nil {
		return 0, err
	}
	want, differs := change.Wanted(f, t.Row.Profile, t.revive)
	if !differs {
		t.Changed = f.LastChanged
		if t.lost || len(t.merge) > 0 {
			return contact.Updated, nil
		}
		return contact.Unchanged, nil
	}
	if n := len(want.AppendUpdateBody(nil)); n > contact.MaxBodyBytes {
		return 0, &contact.APIError{Class: contact.Permanent, Failure: contact.Failure{
			Detail: fmt.Sprintf("not sent: with what the profile %s holds already the request is %d bytes, and the API takes %d", t.ID, n, contact.MaxBodyBytes),
			Hint:   "shorten the row's longest values, or what the profile holds",
		}}
	}
	if e.KeepPrevious && t.Previous == nil {
		t.Previous = change.PreviousOf(f, want)
	}
	return contact.Updated, e.patch(t, want)
}

// touch changes a profile without changing anything of it, so that it lives
// another 30 days. An update is known to count as a change; whether a read counts
// is not documented. Of the members of an update, active is the only one that can
// be sent alone: fields that are left out of profile may be lost, and contact ids
// that others added as well. It is read first where the mapping does not name it,
// for somebody may have deactivated the profile.
func (e *engine) touch(t *task) (contact.Status, error) {
	active := t.Row.Profile.Active
	if active == nil {
		f, err := e.readTask(t)
		if err != nil {
			return 0, err
		}
		active = &f.Active
	}
	return contact.Updated, e.patch(t, contact.Profile{Active: active})
}

// readTask reads the profile of a task. One that was touched a moment ago and is
// not there may only not be shown yet.
func (e *engine) readTask(t *task) (contact.Found, error) {
	t.Reads++
	f, err := e.get(t.ID)
	if settled := e.Settle - time.Since(t.touched); isGone(err) && settled > 0 {
		if !pace.Sleep(e.ctx.Done(), settled) {
			return f, errNotSent
		}
		t.Reads++
		f, err = e.get(t.ID)
	}
	return f, err
}

func (e *engine) patch(t *task, p contact.Profile) error {
	return e.changing(t, func(ctx context.Context) error { return e.API.Update(ctx, t.ID, p) })
}

// changing sends one request that changes the profile of a task.
func (e *engine) changing(t *task, request func(context.Context) error) error {
	err := e.call(nil, func(ctx context.Context) error {
		t.Attempts++
		return request(ctx)
	})
	if err != nil && !errors.Is(err, errNotSent) && contact.AsAPIError(err).Class == contact.Ambiguous {
		t.lost = true
	}
	return err
}

// createAgain creates the contact of a profile that is not there any more: it has
// expired, or somebody deleted it. The report is told first that it is gone, so
// that a create whose answer is lost is in doubt like any other.
func (e *engine) createAgain(t *task) *doubt {
	if err := e.Report.Gone([]contact.Key{t.Row.Key}); err != nil {
		e.stop(err)
		e.notSent(t)
		return nil
	}
	t.announced = time.Now()
	if err := e.sending(t.announced, []contact.Key{t.Row.Key}); err != nil {
		e.stop(err)
		e.notSent(t)
		return nil
	}
	t.op, t.gone, t.ID = opCreate, t.ID, ""
	t.lost, t.Found, t.doubtful, t.merge, t.Previous, t.failures = false, false, false, nil, nil, 0
	if e.Discovery != DiscoverNobody {
		// The contact may have come back by itself since.
		t.lookFirst = true
	}
	return e.process(t)
}

// adopt makes a profile that holds the contact of a row the row's own. It is true
// where nothing of it differs, and the row is settled by that.
func (e *engine) adopt(t *task, f contact.Found, same contact.Status) bool {
	t.Found = true
	t.ID, t.touched = f.ID, f.LastChanged
	if _, differs := change.Wanted(f, t.Row.Profile, false); !differs && len(t.merge) == 0 {
		t.Changed = f.LastChanged
		e.settle(t, same, f.ID, true, nil)
		return true
	}
	t.op = opUpdate
	return false
}
