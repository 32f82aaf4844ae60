package contact

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
)

// A RunStatus says how a run ended.
type RunStatus string

const (
	Complete    RunStatus = "complete"    // every row was read and tried
	Interrupted RunStatus = "interrupted" // by a signal
	Stopped     RunStatus = "stopped"     // by an error; Reason says which
)

// Counts are the accounts of a run: what became of each row that was read.
type Counts struct {
	Read        int64 `json:"read"`
	Created     int64 `json:"created"`
	Updated     int64 `json:"updated"`
	Unchanged   int64 `json:"unchanged"`
	Existing    int64 `json:"existing"`
	Absent      int64 `json:"absent"` // mode update: nobody has its contact ids
	Duplicate   int64 `json:"duplicate"`
	Deactivated int64 `json:"deactivated"`
	Deleted     int64 `json:"deleted"`
	Invalid     int64 `json:"invalid"`
	Rejected    int64 `json:"rejected"`
	Failed      int64 `json:"failed"`
	Unknown     int64 `json:"unknown"`
	DoneBefore  int64 `json:"done_before"` // settled by an earlier run
	Pending     int64 `json:"pending"`     // read, and not tried because the run was stopped
}

// of returns the counter of a status; nil where rows have no such status.
func (c *Counts) of(s Status) *int64 {
	return [statuses]*int64{
		Created: &c.Created, Updated: &c.Updated, Unchanged: &c.Unchanged, Existing: &c.Existing, Absent: &c.Absent, Duplicate: &c.Duplicate,
		Deactivated: &c.Deactivated, Deleted: &c.Deleted, Invalid: &c.Invalid, Rejected: &c.Rejected, Failed: &c.Failed, Unknown: &c.Unknown,
	}[s]
}

// A Count is a number of rows with its name.
type Count struct {
	Name string
	N    int64
}

// Outcomes are the accounts, in the order in which people are told.
func (c Counts) Outcomes() []Count {
	return []Count{
		{"created", c.Created}, {"updated", c.Updated}, {"unchanged", c.Unchanged}, {"existing", c.Existing}, {"absent", c.Absent}, {"duplicate", c.Duplicate},
		{"done before", c.DoneBefore}, {"invalid", c.Invalid}, {"rejected", c.Rejected}, {"failed", c.Failed}, {"unknown", c.Unknown},
		{"pending", c.Pending}, {"deactivated", c.Deactivated}, {"deleted", c.Deleted},
	}
}

// Settled counts the rows of which nothing more is to be expected in this run.
// Deactivated and deleted are no part of it: those contacts were in no row that
// was read.
func (c Counts) Settled() int64 {
	return c.Created + c.Updated + c.Unchanged + c.Existing + c.Absent + c.Duplicate + c.Invalid + c.Rejected + c.Failed +
		c.Unknown + c.DoneBefore + c.Pending
}

// NotIn counts the rows that were read and are not in the API.
func (c Counts) NotIn() int64 { return c.Invalid + c.Rejected + c.Failed + c.Unknown + c.Pending }

// FoundNobody tells whether a run that creates nobody found none of its contacts: then
// the contact ids are of another kind than those in the project.
func (c Counts) FoundNobody() bool {
	return c.Absent > 0 && c.Created+c.Updated+c.Unchanged+c.Existing+c.DoneBefore+c.Rejected == 0
}

// Check tells whether every row that was read is accounted for.
func (c Counts) Check() error {
	if settled := c.Settled(); settled != c.Read {
		return fmt.Errorf("the accounts do not add up: %d rows read, %d accounted for; this is a defect of importer, please report it with the report file", c.Read, settled)
	}
	return nil
}

// UnrecordedReason is the reason of a run that was interrupted while its store was away.
const UnrecordedReason = "interrupted while the store was away: what became of the last requests is not recorded, and the next run looks it up"

// A Summary is what a run did: the object of --json, and of the end line in the
// report.
type Summary struct {
	Run    string    `json:"run"` // a ULID
	Status RunStatus `json:"status"`
	Reason string    `json:"reason"` // why it stopped; empty where it did not
	Counts
	Requests  int64   `json:"requests"`   // all that were sent, look-ups and retries included
	Retries   int64   `json:"retries"`    // attempts after the first
	Throttled int64   `json:"throttled"`  // answers 429
	LookedUp  int64   `json:"looked_up"`  // rows that were looked up because they were in doubt
	Duration  Seconds `json:"duration_s"` // of the run
	Report    string  `json:"report"`     // path as given
	Rejects   string  `json:"rejects"`    // path; empty where no row was refused
	LeftOut   int64   `json:"left_out"`   // records that are in no count: of skip_if, a footer, blanks
	// DuplicatesDiffer are the duplicates that say something else about the contact than
	// the row that went in.
	DuplicatesDiffer int64 `json:"duplicates_differ"`
	// ChangedSince are the rows that are in and were sent with other values or contact ids than the
	// source or the mapping gives now, and ChangedRows the first of them.
	ChangedSince int64   `json:"changed_since"`
	ChangedRows  []Place `json:"changed_rows,omitempty"`
	// Tolerated are the refused rows for which the run counts as a success all the same.
	Tolerated int64 `json:"tolerated"`
	// Limited says that the run took as many rows as it was allowed, and read no further.
	Limited bool `json:"limited"`
}

// Tolerate has a run that went to its end count as a success where no more rows are
// missing than allowed, all of them refused.
func (s *Summary) Tolerate(allowed MaxErrors) {
	if refused := s.Invalid + s.Rejected; s.Status == Complete && refused == s.NotIn() && allowed.Allows(refused, s.Read) {
		s.Tolerated = refused
	}
}

// Succeeded tells whether the run went to its end, and every row is in but for those that
// are tolerated.
func (s Summary) Succeeded() bool {
	return s.Status == Complete && s.NotIn() == s.Tolerated && !s.FoundNobody()
}

// Seconds is a duration that JSON shows as seconds with three decimals.
type Seconds time.Duration

// MarshalJSON writes seconds, such as 12.345.
func (s Seconds) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%.3f", time.Duration(s).Seconds()), nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Seconds) UnmarshalJSON(b []byte) error {
	var f float64
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	*s = Seconds(f * float64(time.Second))
	return nil
}
