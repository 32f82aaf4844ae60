package change

import (
	"context"
	"errors"
	"importer/importer/contact"
	"slices"
	"time"
)

// PlanOptions are what a plan is made from. Keys must be set.
type PlanOptions struct {
	Keys          *contact.Keys // replayed from the report, or empty; the plan owns it
	Past          Past          // of the report that Keys came from; nil where there is none
	RetryRejected bool
	Duplicates    contact.Duplicates
	// State is what the last sync left; nil where there was none, or in the mode
	// create.
	State        State
	RefreshAfter time.Duration
	Mirror       *Mirror // nil: contacts that the source lacks are kept
	// Each is told of every row and what would become of it, and of every contact
	// that would be removed; its error ends the plan. May be nil.
	Each func(PlannedRow) error
	// Progress counts the rows that were read; may be nil.
	Progress *contact.Progress
}

// Past is what earlier runs recorded.
type Past interface {
	// Before is as Report.Before.
	Before(k contact.Key) (*contact.Outcome, error)
}

// An Action is what a run would do about a row.
type Action string

const (
	ActCreate     Action = "create"
	ActPatch      Action = "patch" // if it differs from what the API holds
	ActTouch      Action = "touch"
	ActLookUp     Action = "look up" // it is in doubt
	ActDeactivate Action = "deactivate"
	ActDelete     Action = "delete"
	ActNothing    Action = "nothing" // it is in, or would be refused
)

// A PlannedRow is what would become of one row, or of a contact that the source
// lacks.
type PlannedRow struct {
	Action Action
	Row    contact.Row // without a place where the source lacks it
	Entry  Entry       // where it is known and something is to be done
	// Status is that of a row that needs nothing: Unchanged, Duplicate, Invalid,
	// Rejected, or Created where the report has it in.
	Status  contact.Status
	Failure *contact.Failure
}

// A Plan is what a run would do, as far as can be told without asking the API.
type Plan struct {
	Read       int64 `json:"read"`
	Create     int64 `json:"create"`
	Patch      int64 `json:"patch"`
	Touch      int64 `json:"touch"`
	LookUp     int64 `json:"look_up"` // in doubt
	Deactivate int64 `json:"deactivate"`
	Delete     int64 `json:"delete"`
	Unchanged  int64 `json:"unchanged"`
	DoneBefore int64 `json:"done_before"`
	Duplicate  int64 `json:"duplicate"`
	Invalid    int64 `json:"invalid"`
	Rejected   int64 `json:"rejected"` // refused by the API before, and not changed since
	// LargestBody is the length of the longest create request in bytes.
	LargestBody int `json:"largest_body"`
	// Requests are how many a run would send at least: what it costs to learn who is
	// in a project that is not empty is not known, nor which changed rows differ from
	// what the API holds.
	Requests int64 `json:"requests"`
	// Blocked is why nothing would be removed; nil where that is not so.
	Blocked *GuardError `json:"-"`
	// Invalids are why rows would be refused.
	Invalids contact.FailureGroups `json:"-"`
}

// MakePlan reads the input once and says what a run would do. It sends nothing.
// Memory grows with the keys only. The error is that of the input, of ctx, of the
// state or of Each; the plan is then of the rows until there.
func MakePlan(ctx context.Context, rows contact.Rows, o PlanOptions) (*Plan, error) {
	p := &planner{PlanOptions: o, plan: &Plan{}, identity: contact.NewIdentity(o.Keys, o.Duplicates), census: Census{Mirror: o.Mirror, State: o.State, Keys: o.Keys}}
	for row, err := range rows {
		bad, spoilt := errors.AsType[*contact.RowError](err)
		if err != nil && !spoilt {
			return p.plan, err
		}
		if ctx.Err() != nil {
			return p.plan, context.Cause(ctx)
		}
		if spoilt {
			err = p.invalid(contact.OutcomeOf(bad))
		} else {
			err = p.row(&row)
		}
		if err != nil {
			return p.plan, err
		}
	}
	if err := p.missing(); err != nil {
		return p.plan, err
	}
	p.plan.Requests = p.plan.Create + 2*p.plan.Patch + 2*p.plan.Touch + p.plan.LookUp + p.plan.Deactivate + p.plan.Delete
	return p.plan, nil
}

type planner struct {
	PlanOptions
	plan     *Plan
	identity *contact.Identity
	census   Census
}

func (p *planner) tell(r PlannedRow, n *int64, s contact.Status) error {
	*n++
	if p.Progress != nil && r.Row.Number > 0 {
		p.Progress.Outcomes[s].Add(1)
	}
	if p.Each == nil {
		return nil
	}
	return p.Each(r)
}

func (p *planner) read() {
	p.plan.Read++
	if p.Progress != nil {
		p.Progress.Read.Add(1)
	}
}

func (p *planner) invalid(o *contact.Outcome) error {
	p.read()
	p.plan.Invalids.Add(o)
	p.census.Spare(o)
	return p.tell(PlannedRow{Action: ActNothing, Row: o.Row, Status: contact.Invalid, Failure: o.Failure}, &p.plan.Invalid, contact.Invalid)
}

func (p *planner) row(row *contact.Row) error {
	if o := p.identity.Admit(row); o != nil {
		if o.Status == contact.Invalid {
			return p.invalid(o)
		}
		p.read()
		return p.tell(PlannedRow{Action: ActNothing, Row: *row, Status: o.Status}, &p.plan.Duplicate, contact.Duplicate)
	}
	p.read()
	p.plan.LargestBody = max(p.plan.LargestBody, row.Bytes)
	r := PlannedRow{Row: *row}
	status := p.Keys.Status(row.Key)
	if status == contact.InDoubt || status == contact.Unknown {
		r.Action = ActLookUp
		return p.tell(r, &p.plan.LookUp, contact.Unknown)
	}
	need := NeedsCreate
	if p.State != nil {
		var err error
		if need, r.Entry, err = NeedOf(row, p.State, p.RefreshAfter); err != nil {
			return err
		}
	} else if status.In() && status != contact.Deleted {
		r.Action, r.Status = ActNothing, contact.Created
		return p.tell(r, &p.plan.DoneBefore, contact.Created)
	}
	switch need {
	case NeedsNothing:
		r.Action, r.Status = ActNothing, contact.Unchanged
		return p.tell(r, &p.plan.Unchanged, contact.Unchanged)
	case NeedsTouch:
		r.Action = ActTouch
		return p.tell(r, &p.plan.Touch, contact.Updated)
	}
	refused, err := p.refused(row, status)
	switch {
	case err != nil:
		return err
	case refused != nil:
		r.Action, r.Status, r.Failure = ActNothing, contact.Rejected, refused
		return p.tell(r, &p.plan.Rejected, contact.Rejected)
	case need == NeedsUpdate:
		r.Action = ActPatch
		return p.tell(r, &p.plan.Patch, contact.Updated)
	}
	r.Action = ActCreate
	return p.tell(r, &p.plan.Create, contact.Created)
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
	case status == contact.Rejected && p.Past != nil:
		before, err := p.Past.Before(row.Key)
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
	_, guard, err := p.census.Count(p.plan.Read)
	if err != nil || guard != nil {
		p.plan.Blocked = guard
		return err
	}
	action, n := ActDeactivate, &p.plan.Deactivate
	if p.Mirror.Missing == MissingDelete {
		action, n = ActDelete, &p.plan.Delete
	}
	return p.census.Each(func(missing []Entry) error {
		for _, entry := range missing {
			r := PlannedRow{Action: action, Row: contact.Row{Key: entry.Key, Profile: contact.Profile{ContactIDs: entry.ContactIDs}}, Entry: entry}
			if err := p.tell(r, n, 0); err != nil {
				return err
			}
		}
		return nil
	})
}

// Differences names what of a profile an update for this row would change:
// fields, "active" and "contactIds". Empty where it is as wanted.
func Differences(f contact.Found, e Entry, row contact.Profile) []string {
	want, _ := Wanted(f, row, e.Inactive)
	var names []string
	if want.ContactIDs != nil {
		names = append(names, "contactIds")
	}
	if want.Active != nil {
		names = append(names, "active")
	}
	for _, field := range want.Fields {
		if was := f.Field(field.Name); was == nil || !sameValue(was, field.Value) {
			names = append(names, field.Name)
		}
	}
	slices.Sort(names)
	return names
}
