package change

import (
	"context"
	"errors"
	"strconv"
	"time"

	"importer/importer/contact"
)

// PlanOptions are what a plan is made from. Keys must be set.
type PlanOptions struct {
	Keys          *contact.Keys // replayed from the journal, or empty; the plan owns it
	Journal       Journal       // of the journal that Keys came from; nil where there is none
	RetryRejected bool
	Duplicates    contact.Duplicates
	// State is what the last sync left; nil where there was none, or in the mode
	// create.
	State        State
	RefreshAfter time.Duration
	Mirror       *Mirror // nil: contacts that are missing from the source are kept
	// UpdateOnly, Behaviour and KeepPrevious are as of the run.
	UpdateOnly   bool
	Behaviour    contact.Behaviour
	KeepPrevious bool
	Raws         *contact.RawRows // as of Corrections
	Limit        int64            // as of the run
	// Each is told of every row and what would become of it, and of every contact
	// that would be removed; its error ends the plan. May be nil.
	Each func(PlannedRow) error
	// Progress counts the rows that were read; may be nil.
	Progress *contact.Progress
}

// Journal is what earlier runs recorded.
type Journal interface {
	// Before reads back the outcome that was recorded last for a key whose status was
	// Rejected, Failed or Unknown.
	Before(k contact.Key) (*contact.Outcome, error)
}

// An Action is what a run would do about a row, in the words of its summary.
type Action string

const (
	ActCreate     Action = "created"
	ActUpdate     Action = "updated" // if it differs from what the API holds
	ActTouch      Action = "touched"
	ActLookUp     Action = "looked up" // it is in doubt; or the state does not know it, and nobody is to be created
	ActDeactivate Action = "deactivated"
	ActDelete     Action = "deleted"
	ActNothing    Action = "nothing" // it is in, or would be refused
)

// A PlannedRow is what would become of one row, or of a contact that is missing from
// the source.
type PlannedRow struct {
	Action Action
	Row    contact.Row // without a place where it is not in the source
	Entry  Entry       // where it is known and something is to be done
	// Status is what would become of it where all goes well; Absent where that takes a
	// look-up which creates nobody. Of a row that needs nothing it is Unchanged, Duplicate, Invalid, Rejected, or Created where the
	// journal has it in.
	Status  contact.Status
	Failure *contact.Failure
}

// A Plan is what a run would do, as far as can be told without asking the API. Its
// counts have the names of the summary's.
type Plan struct {
	Read        int64 `json:"read"`
	Created     int64 `json:"created"`
	Updated     int64 `json:"updated"`
	Touched     int64 `json:"touched"`   // of those updated
	LookedUp    int64 `json:"looked_up"` // in doubt; in the mode update those that the state does not know as well
	Deactivated int64 `json:"deactivated"`
	Deleted     int64 `json:"deleted"`
	Unchanged   int64 `json:"unchanged"`
	DoneBefore  int64 `json:"done_before"`
	// Limited says that the run would take as many rows as it is allowed, and read no
	// further.
	Limited   bool  `json:"limited"`
	Duplicate int64 `json:"duplicate"`
	Invalid   int64 `json:"invalid"`
	Rejected  int64 `json:"rejected"` // refused by the API before, and not changed since
	// Kept and Held are missing from the source and would stay: see Tally.
	Kept int64 `json:"kept_adopted"`
	Held int64 `json:"held"`
	// LargestBody is the length of the longest create request in bytes.
	LargestBody int `json:"largest_body"`
	// Requests are how many a run would send, where each changed row differs from what
	// the API holds, and but for what it costs to learn who is in a project that is not
	// empty.
	Requests int64 `json:"requests"`
	// Blocked is why nothing would be removed; nil where that is not so.
	Blocked *GuardError `json:"-"`
	// DuplicatesDiffer and ChangedSince are as in a contact.Summary.
	DuplicatesDiffer int64 `json:"duplicates_differ"`
	ChangedSince     int64 `json:"changed_since"`
	// Remarks are what a person should know of rows that would go in.
	Remarks *contact.Remarks `json:"-"`
	// Invalids are why rows would be refused.
	Invalids contact.FailureGroups `json:"-"`
}

// MakePlan reads the input once and says what a run would do. It sends nothing. Of
// a mirror the rows that are left out have to be among those of the input.
// Memory grows with the keys only. The error is that of the input, of ctx, of the
// state or of Each; the plan is then of the rows until there.
func MakePlan(ctx context.Context, rows contact.Rows, o PlanOptions) (*Plan, error) {
	plan := &Plan{Remarks: &contact.Remarks{}}
	p := &planner{PlanOptions: o, plan: plan, identity: contact.NewIdentity(o.Keys, o.Duplicates, plan.Remarks), census: Census{Mirror: o.Mirror, State: o.State, Keys: o.Keys},
		corrections: Corrections{Raws: o.Raws, Keys: o.Keys, State: o.State, UpdateOnly: o.UpdateOnly}}
	for row, err := range rows {
		bad, invalid := errors.AsType[*contact.RowError](err)
		if err != nil && !invalid {
			return p.plan, err
		}
		if ctx.Err() != nil {
			return p.plan, context.Cause(ctx)
		}
		if plan.Limited = p.Limit > 0 && p.needing >= p.Limit; plan.Limited {
			break
		}
		switch {
		case invalid:
			err = p.invalid(contact.OutcomeOf(bad))
		case row.LeftOut:
			if p.Mirror != nil {
				p.Keys.Keep(row.Profile.ContactIDs)
				p.Keys.KeepFormer(&row)
			}
		default:
			err = p.row(&row)
		}
		if err != nil {
			return p.plan, err
		}
	}
	if err := p.missing(); err != nil {
		return p.plan, err
	}
	plan.DuplicatesDiffer, plan.ChangedSince = plan.Remarks.Of(contact.Differ).Count, plan.Remarks.Of(contact.Changed).Count
	plan.Updated += plan.Touched
	return p.plan, nil
}

type planner struct {
	PlanOptions
	plan        *Plan
	identity    *contact.Identity
	census      Census
	corrections Corrections
	needing     int64 // rows that need a request
}

// add counts what would become of a row, or of a contact that is missing, with what it
// costs, and tells of it.
func (p *planner) add(r PlannedRow, action Action, status contact.Status, n *int64, requests int64) error {
	*n++
	p.plan.Requests += requests
	if r.Row.Number > 0 {
		if action != ActNothing {
			p.needing++
		}
		p.plan.Read++
		if p.Progress != nil {
			p.Progress.Read.Add(1)
			p.Progress.Outcomes[status].Add(1)
		}
	}
	if p.Each == nil {
		return nil
	}
	r.Action, r.Status = action, status
	return p.Each(r)
}

func (p *planner) invalid(o *contact.Outcome) error {
	if settled, err := p.corrections.Invalid(o); settled || err != nil {
		return p.settled(&o.Row, err)
	}
	p.plan.Invalids.Add(o)
	p.census.Spare(o)
	return p.add(PlannedRow{Row: o.Row, Failure: o.Failure}, ActNothing, contact.Invalid, &p.plan.Invalid, 0)
}

func (p *planner) row(row *contact.Row) error {
	if settled, err := p.corrections.Valid(row); settled || err != nil {
		return p.settled(row, err)
	}
	r := PlannedRow{Row: *row}
	if o := p.identity.Admit(row); o != nil {
		if o.Status == contact.Invalid {
			return p.invalid(o)
		}
		return p.add(r, ActNothing, o.Status, &p.plan.Duplicate, 0)
	}
	p.plan.LargestBody = max(p.plan.LargestBody, row.Bytes)
	if err := Recognize(row, p.Keys, p.State); err != nil {
		return err
	}
	status := p.Keys.Status(row.Key)
	if status == contact.InDoubt || status == contact.Unknown {
		return p.add(r, ActLookUp, contact.Unknown, &p.plan.LookedUp, 1)
	}
	need := NeedsCreate
	if p.State != nil {
		var err error
		if need, r.Entry, err = NeedOf(row, p.State, p.RefreshAfter); err != nil {
			return err
		}
	} else if status.In() && status != contact.Deleted {
		p.plan.Remarks.Compare(row, p.Keys)
		return p.add(r, ActNothing, contact.Created, &p.plan.DoneBefore, 0)
	}
	switch need {
	case NeedsNothing:
		return p.add(r, ActNothing, contact.Unchanged, &p.plan.Unchanged, 0)
	case NeedsTouch:
		return p.add(r, ActTouch, contact.Updated, &p.plan.Touched, touchRequests)
	}
	var err error
	if r.Failure, err = p.refused(row, status); err != nil {
		return err
	}
	switch {
	case r.Failure != nil:
		p.plan.Invalids.Add(&contact.Outcome{Row: *row, Status: contact.Rejected, Failure: r.Failure})
		return p.add(r, ActNothing, contact.Rejected, &p.plan.Rejected, 0)
	case need == NeedsUpdate:
		return p.update(r)
	case p.UpdateOnly:
		return p.add(r, ActLookUp, contact.Absent, &p.plan.LookedUp, 1)
	}
	return p.add(r, ActCreate, contact.Created, &p.plan.Created, 1)
}

// settled plans what becomes of a row for which a correction is in.
func (p *planner) settled(row *contact.Row, err error) error {
	if err != nil {
		return err
	}
	entry, due, err := p.corrections.Due(row, p.RefreshAfter)
	switch {
	case err != nil:
		return err
	case due:
		return p.add(PlannedRow{Row: *row, Entry: entry}, ActTouch, contact.Updated, &p.plan.Touched, touchRequests)
	}
	return p.add(PlannedRow{Row: *row}, ActNothing, contact.Created, &p.plan.DoneBefore, 0)
}

// update plans the update of a row that has changed. Where what changed is nothing that
// is sent, such as a field that the row does not have any more, it is unchanged.
func (p *planner) update(r PlannedRow) error {
	requests := UpdateOf(r.Entry, &r.Row, p.Behaviour).Requests(p.KeepPrevious)
	if requests == 0 {
		p.needing++ // as the run counts, which finds out later
		return p.add(r, ActNothing, contact.Unchanged, &p.plan.Unchanged, 0)
	}
	return p.add(r, ActUpdate, contact.Updated, &p.plan.Updated, requests)
}

// refused is why the API refused this very row before; nil where it did not, or
// is to be asked again.
func (p *planner) refused(row *contact.Row, status contact.Status) (*contact.Failure, error) {
	var digest contact.Digest
	var why *contact.Failure
	switch {
	case p.RetryRejected:
		return nil, nil
	case p.State != nil:
		var err error
		if digest, why, err = p.State.Refused(row.Key); err != nil {
			return nil, err
		}
	case status == contact.Rejected && p.Journal != nil:
		before, err := p.Journal.Before(row.Key)
		if err != nil {
			return nil, err
		}
		digest, why = before.Row.Digest, before.Failure
	}
	if why == nil || digest != row.Digest {
		return nil, nil
	}
	return why, nil
}

// missing plans what a mirror would remove.
func (p *planner) missing() error {
	if p.Mirror == nil || p.State == nil || p.Mirror.Missing == MissingKeep {
		return nil
	}
	tally, guard, err := p.census.Count(p.plan.Read)
	p.plan.Kept, p.plan.Held = tally.Adopted, tally.Held
	if err != nil || guard != nil {
		p.plan.Blocked = guard
		return err
	}
	action, status, n := ActDeactivate, contact.Deactivated, &p.plan.Deactivated
	if p.Mirror.Missing == MissingDelete {
		action, status, n = ActDelete, contact.Deleted, &p.plan.Deleted
	}
	return p.census.Each(func(missing []Entry) error {
		for _, entry := range missing {
			r := PlannedRow{Row: contact.Row{Key: entry.Key, Profile: contact.Profile{ContactIDs: entry.ContactIDs}}, Entry: entry}
			if err := p.add(r, action, status, n, 1); err != nil {
				return err
			}
		}
		return nil
	})
}

// Differences are what of a profile an update for this row would change: fields,
// "active" and "contactIds", with the new value as the one expected. None where it is as
// wanted.
func Differences(f contact.Found, e Entry, row *contact.Row) (all []Difference) {
	want, _ := UpdateOf(e, row, contact.Behaviour{}).Of(f)
	if want.ContactIDs != nil {
		all = append(all, Difference{"contactIds", string(contact.AppendStrings(nil, want.ContactIDs)), string(contact.AppendStrings(nil, f.ContactIDs))})
	}
	if want.Active != nil {
		all = append(all, Difference{"active", strconv.FormatBool(*want.Active), strconv.FormatBool(f.Active)})
	}
	for _, field := range want.Fields {
		if was := f.Field(field.Name); was == nil || !sameValue(was, field.Value) {
			all = append(all, Difference{field.Name, string(field.Value), string(was)})
		}
	}
	return all
}
