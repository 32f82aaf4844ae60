package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"importer/importer/contact"
)

// An Account is what a report says, up to the line that was applied last. It has
// one owner at a time.
type Account struct {
	Report string // path, for the titles
	Runs   []Run
	Lines  int

	// Of the keys, which is to say of the contacts: the last line of a key holds.
	keys    *contact.Keys
	count   map[contact.Status]int64
	open    map[contact.Key]time.Time // announced, and no outcome yet
	notIn   map[contact.Key]int       // the group of the failure of each key that is not in
	groups  contact.FailureGroups
	doubts  []Doubt
	endings map[string]int64

	// Invalid and duplicate rows have no standing of their own: every run reads the
	// input afresh. Those of the last run that read all of it count.
	now, whole pass

	requests map[answer]int64
	latency  map[float64]int64
	timeline Timeline
}

// A Run is one run of the import.
type Run struct {
	ID        string    `json:"run"`
	Version   string    `json:"version"`
	Mode      string    `json:"mode"`
	Sources   []string  `json:"sources"`
	BaseURL   string    `json:"base_url"`
	ProjectID string    `json:"project_id"`
	Began     time.Time `json:"began"`
	Last      time.Time `json:"last"` // its last line
	// Summary is that of its end line; nil where the run lasts, or was killed.
	Summary *contact.Summary `json:"summary,omitzero"`
}

// A Doubt is a row of which it was not known for a while whether the API has it.
type Doubt struct {
	Place      contact.Place
	ContactIDs []string
	Why        string // such as "answer lost"
	Ended      string // how, for people
	ID         string
	Attempts   int
	At         time.Time
}

type answer struct {
	op   string
	code int
}

// A pass is what one run says of rows that are no contacts.
type pass struct {
	invalid    int64
	duplicates int64
	groups     contact.FailureGroups
}

// mostDoubts is how many doubtful rows are listed, the latest ones. All are counted.
const mostDoubts = 200

// NewAccount returns the account of an empty report.
func NewAccount(path string) *Account {
	return &Account{
		Report:   path,
		keys:     contact.NewKeys(),
		count:    make(map[contact.Status]int64),
		open:     make(map[contact.Key]time.Time),
		notIn:    make(map[contact.Key]int),
		endings:  make(map[string]int64),
		requests: make(map[answer]int64),
		latency:  make(map[float64]int64),
	}
}

// Read returns the account of the report at path.
func Read(path string) (*Account, error) {
	r, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	a := NewAccount(path)
	if err := r.ReadInto(a); err != nil {
		return nil, err
	}
	if a.Lines == 0 {
		return nil, fmt.Errorf("the report %s is empty", path)
	}
	return a, nil
}

// Apply takes the next line. The line is not kept.
func (a *Account) Apply(l *Line) error {
	a.Lines++
	if l.Kind == "run" {
		a.Runs = append(a.Runs, Run{
			ID: l.Run, Version: l.Version, Mode: l.Mode, Sources: l.Sources, BaseURL: l.BaseURL, ProjectID: l.ProjectID, Began: l.At,
		})
		a.now = pass{}
	}
	if run := &a.Runs[len(a.Runs)-1]; l.At.After(run.Last) {
		run.Last = l.At
	}
	switch l.Kind {
	case "sending", "unsent":
		for _, text := range l.Keys {
			key, err := contact.ParseKey(text)
			if err != nil {
				return err
			}
			if l.Kind == "unsent" {
				delete(a.open, key)
			} else if _, known := a.open[key]; !known {
				a.open[key] = l.At
			}
		}
	case "row":
		return a.row(l)
	case "traffic":
		for _, r := range l.Requests {
			a.requests[answer{r.Operation, r.Status}] += r.N
			a.timeline.add(l.From, l.At, seriesOf(r.Status), r.N)
		}
		for _, bucket := range l.Latency {
			a.latency[bucket[0]] += int64(bucket[1])
		}
	case "end":
		a.Runs[len(a.Runs)-1].Summary = l.Summary
		if l.Summary != nil && l.Summary.Status == contact.Complete {
			a.whole = a.now
		}
	}
	return nil
}

func (a *Account) row(l *Line) error {
	status, err := contact.ParseStatus(l.Status)
	if err != nil {
		return err
	}
	o := &contact.Outcome{
		Row:    contact.Row{Source: l.Source, Line: l.Line, Profile: contact.Profile{ContactIDs: l.ContactIDs}},
		Status: status, Failure: l.Error,
	}
	switch status {
	case contact.Invalid:
		a.now.invalid++
		a.now.groups.Add(o)
		return nil
	case contact.Duplicate:
		a.now.duplicates++
		return nil
	}
	key, err := contact.ParseKey(l.Key)
	if err != nil {
		return err
	}
	was := a.keys.Status(key)
	if was != 0 {
		a.count[was]--
	}
	if was == contact.Unknown {
		a.endings[endingOf(was, false, "")]--
	}
	if group, ok := a.notIn[key]; ok {
		a.groups.Remove(group)
		delete(a.notIn, key)
	}
	a.keys.Set(key, status)
	a.count[status]++
	delete(a.open, key)
	if !status.In() {
		a.notIn[key] = a.groups.Add(o)
	}
	if l.Doubt == "" && !l.Found && status != contact.Unknown && was != contact.Unknown {
		return nil
	}
	ended := endingOf(status, l.Found, l.Doubt)
	a.endings[ended]++
	if len(a.doubts) == mostDoubts {
		a.doubts = append(a.doubts[:0], a.doubts[mostDoubts/2:]...)
	}
	a.doubts = append(a.doubts, Doubt{
		Place: contact.Place{Source: l.Source, Line: l.Line}, ContactIDs: l.ContactIDs,
		Why: cmp.Or(l.Doubt, "not recorded"), Ended: ended, ID: l.ID, Attempts: l.Attempts, At: l.At,
	})
	return nil
}

// endingOf says how a row that was in doubt ended.
func endingOf(s contact.Status, found bool, why string) string {
	switch {
	case s == contact.Unknown:
		return "still unknown: the next run looks it up"
	case s == contact.Created && found:
		return "found, its id adopted"
	case s == contact.Created && why == "no id":
		return "created, its id not known"
	case s == contact.Created:
		return "not there, so sent again"
	case s == contact.Existing:
		return "was there before"
	}
	return s.String()
}

// Count returns how many contacts have a status, or, of invalid and duplicate,
// how many rows of the last pass over the input. For InDoubt it returns those
// announced without an outcome: a running or killed run had them under way.
func (a *Account) Count(s contact.Status) int64 {
	switch s {
	case contact.Invalid:
		return a.pass().invalid
	case contact.Duplicate:
		return a.pass().duplicates
	case contact.InDoubt:
		return int64(len(a.open))
	}
	return a.count[s]
}

// pass is the last one over the whole input, or what there is of the first.
func (a *Account) pass() *pass {
	if a.whole.invalid+a.whole.duplicates > 0 {
		return &a.whole
	}
	return &a.now
}

// Failures returns the groups of the rows that are not in, the largest first.
func (a *Account) Failures() []contact.FailureGroup {
	all := append(a.groups.List(), a.pass().groups.List()...)
	slices.SortStableFunc(all, func(a, b contact.FailureGroup) int { return cmp.Compare(b.Count, a.Count) })
	return all
}

// Requests returns how many requests got which answer, as far as the runs wrote
// it down.
func (a *Account) Requests() []contact.RequestCount {
	var list []contact.RequestCount
	for k, n := range a.requests {
		list = append(list, contact.RequestCount{Operation: k.op, Status: k.code, N: n})
	}
	slices.SortFunc(list, func(a, b contact.RequestCount) int {
		return cmp.Or(cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Status, b.Status))
	})
	return list
}

// last is the latest run; nil in an empty account.
func (a *Account) last() *Run {
	if len(a.Runs) == 0 {
		return nil
	}
	return &a.Runs[len(a.Runs)-1]
}

// State says how the latest run stands or ended.
func (a *Account) State() string {
	run := a.last()
	switch {
	case run == nil:
		return "no run yet"
	case run.Summary == nil:
		return "running, or ended without a word: killed, or the power failed"
	}
	return string(run.Summary.Status)
}
