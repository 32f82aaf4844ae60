package contact

import (
	"fmt"
	"strings"
	"time"
)

// A Status is what became of a row. The zero value is no status.
type Status uint8

const (
	_           Status = iota
	Created            // the API returned an id, or the profile was found after a doubtful send
	Updated            // patched
	Unchanged          // nothing to send
	Existing           // the contact was there before, and the mode does not change it
	Absent             // mode update only: nobody has its contact ids, and nothing was sent
	Duplicate          // the same key earlier in this input
	Deactivated        // mirror only
	Deleted            // mirror only
	Invalid            // refused here, never sent; looked at afresh by every run
	Rejected           // refused by the API for good; sent again only if the row changed
	Failed             // gave up after the retries; tried again by the next run
	Unknown            // may have been created and could not be looked up
	InDoubt            // announced without an outcome: only between runs, never in a row line
	statuses           // number of values, for tables
)

var statusNames = [statuses]string{
	Created: "created", Updated: "updated", Unchanged: "unchanged", Existing: "existing", Absent: "absent", Duplicate: "duplicate",
	Deactivated: "deactivated", Deleted: "deleted", Invalid: "invalid", Rejected: "rejected", Failed: "failed",
	Unknown: "unknown", InDoubt: "in doubt",
}

// String is the status as it stands in the report.
func (s Status) String() string {
	if s == 0 || s >= statuses {
		return fmt.Sprintf("Status(%d)", uint8(s))
	}
	return statusNames[s]
}

// AppendText implements encoding.TextAppender, in the form of String.
func (s Status) AppendText(b []byte) ([]byte, error) { return append(b, s.String()...), nil }

// UnmarshalText implements encoding.TextUnmarshaler: it reads the status of a row
// line in the report.
func (s *Status) UnmarshalText(text []byte) error {
	for i := Created; i < InDoubt; i++ {
		if statusNames[i] == string(text) {
			*s = i
			return nil
		}
	}
	return fmt.Errorf("unknown status %q", text)
}

// In tells whether a row of this status is in the API, as it should be, or is rightly
// not.
func (s Status) In() bool { return s >= Created && s <= Deleted }

// Refused tells whether a person has to act on a row of this status. Such rows
// stand in the reject file.
func (s Status) Refused() bool { return s == Invalid || s == Rejected }

// An Outcome is what became of one row, as a row line of the report tells it.
type Outcome struct {
	Row      Row // Key and Digest are zero where Status is Invalid
	Status   Status
	ID       string   // profile id, 24 characters; empty where the API gave none
	Found    bool     // the id was found by a look-up, not returned by a create
	First    Place    // Duplicate only: where the key was seen first
	Differs  bool     // of a Duplicate: it says something else about the contact; of one Created: what is in does
	Failure  *Failure // why the row is not in; nil where it is
	Doubt    string   // why the row was in doubt in this run, such as "answer lost"; empty where it was not
	Attempts int      // requests that were sent in this run to create or change it
	Reads    int      // requests that read the profile before it was changed
	Touched  bool     // Updated only: nothing of it changed, so that it does not expire
	Undone   bool     // what the report says of it was undone
	Merged   bool     // other profiles were merged into its own, which is therefore not only ours
	// Changed is when the API last changed the profile, as it says; zero where At
	// is as good.
	Changed time.Time
	// Previous is what an update took away, where that is kept: members that it
	// changed, as they were.
	Previous *Profile
	At       time.Time
}

// Raw is the row as it was read; nil where there is none.
func (o *Outcome) Raw() []string {
	if o == nil {
		return nil
	}
	return o.Row.Raw
}

// OutcomeOf is the outcome of a row that is invalid.
func OutcomeOf(bad *RowError) *Outcome {
	return &Outcome{
		Row:     Row{Source: bad.Source, Line: bad.Line, Number: bad.Number, Profile: Profile{ContactIDs: bad.ContactIDs}, Former: bad.Former, Earlier: bad.Earlier, Unread: bad.Unread, Corrects: bad.Corrects, Raw: bad.Raw},
		Status:  Invalid,
		Failure: &Failure{Field: bad.Field, Detail: bad.Reason, Hint: bad.Hint},
		At:      time.Now(),
	}
}

// A Place is a record of the input, for people.
type Place struct {
	Source string `json:"source"`
	Line   int    `json:"line"` // physical line, from 1
}

func (p Place) String() string { return fmt.Sprintf("%s:%d", p.Source, p.Line) }

// A Failure is why a row is not in: the member "error" of a row line.
type Failure struct {
	HTTP    int    `json:"http,omitzero"`     // status of the answer; 0 where there was none
	Code    int    `json:"code,omitzero"`     // the API's own code, such as 1005
	Field   string `json:"field,omitempty"`   // field or column at fault, where it is known
	Detail  string `json:"detail"`            // what happened, in the API's words or ours
	TraceID string `json:"traceId,omitempty"` // for the vendor's support
	Hint    string `json:"hint,omitempty"`    // what to do next
}

// Reason is what happened, without the hint.
func (f *Failure) Reason() string {
	var b strings.Builder
	if f.HTTP != 0 {
		fmt.Fprintf(&b, "HTTP %d", f.HTTP)
		if f.Code != 0 && f.Code != f.HTTP {
			fmt.Fprintf(&b, ", code %d", f.Code)
		}
		b.WriteString(": ")
	}
	b.WriteString(f.Detail)
	if f.TraceID != "" {
		fmt.Fprintf(&b, " (trace id %s)", f.TraceID)
	}
	return b.String()
}
