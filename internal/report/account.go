package report

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"importer/importer/contact"
	"importer/internal/words"
	"importer/sink/journal"
)

// An Account is what a report says, up to the line that was applied last. It has
// one owner at a time.
type Account struct {
	Report string // its name, for the titles
	Runs   []Run
	Lines  int
	// Settings are those of the last run, as JSON; nil where they are not known.
	Settings jsontext.Value

	// Of the keys, which is to say of the contacts: the last line of a key holds.
	keys    *contact.Keys
	count   map[contact.Status]int64
	undone  map[contact.Status]int64 // of count, those that undo dealt with last
	byUndo  map[contact.Key]bool     // them, by key
	open    map[contact.Key]int      // announced so often, and no outcome yet
	notIn   map[contact.Key]int      // the group of the failure of each key that is not in
	groups  contact.FailureGroups
	doubts  []Doubt
	endings map[string]int64

	// Invalid and duplicate rows have no standing of their own: every run reads the
	// input afresh. Those of the last run that read all of it count, which one of reject
	// files does not: it takes away from them.
	now, whole pass
	partly     bool                           // the run that is read is one of reject files
	rejected   map[contact.Digest]contact.Key // rows that the API refused, by what it refused

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
	More      int       `json:"more_sources,omitzero"` // that the report does not name
	BaseURL   string    `json:"base_url"`
	ProjectID string    `json:"project_id"`
	Began     time.Time `json:"began"`
	Last      time.Time `json:"last"` // its last line
	// Summary is that of its end line; nil where the run lasts, or was killed.
	Summary *contact.Summary `json:"summary,omitzero"`
}

// sources are their names, for people.
func (r *Run) sources() string {
	text := contact.Printable(strings.Join(r.Sources, ", "))
	if r.More > 0 {
		text += fmt.Sprintf(" and %s more", words.Comma(r.More))
	}
	return text
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
	differ     int64 // duplicates that say something else about the contact
	differing  []Differing
	groups     contact.FailureGroups
	originals  map[contact.Key]int // the group of each invalid row, by how it stands in its source
}

func (p *pass) refuse(o *contact.Outcome) {
	p.invalid++
	group := p.groups.Add(o)
	if p.originals == nil {
		p.originals = make(map[contact.Key]int)
	}
	if o.Row.Original != (contact.Key{}) {
		p.originals[o.Row.Original] = group
	}
}

// A Differing duplicate says something else about its contact than the row that went
// in.
type Differing struct {
	Place contact.Place `json:"row"`
	First contact.Place `json:"first"`
}

// maxDiffering is how many of them are listed; all are counted.
const maxDiffering = 10

func (p *pass) duplicate(o *contact.Outcome) {
	p.duplicates++
	if !o.Differs {
		return
	}
	p.differ++
	if len(p.differing) < maxDiffering {
		p.differing = append(p.differing, Differing{contact.Place{Source: o.Row.Source, Line: o.Row.Line}, o.First})
	}
}

// Differing are the duplicates of the last pass over the input that say something else
// about their contact: how many, and the first of them.
func (a *Account) Differing() (n int64, first []Differing) {
	return a.pass().differ, a.pass().differing
}

// Changed are the rows that are in with other values than they had in the last run that
// ended: how many, and the first of them.
func (a *Account) Changed() (n int64, first []contact.Place) {
	for _, run := range slices.Backward(a.Runs) {
		if run.Summary != nil {
			return run.Summary.ChangedSince, run.Summary.ChangedRows
		}
	}
	return 0, nil
}

// maxDoubts is how many doubtful rows are listed, the latest ones. All are counted.
const maxDoubts = 200

// NewAccount returns the account of an empty report.
func NewAccount(name string) *Account {
	return &Account{
		Report:   name,
		keys:     contact.NewKeys(),
		count:    make(map[contact.Status]int64),
		undone:   make(map[contact.Status]int64),
		byUndo:   make(map[contact.Key]bool),
		open:     make(map[contact.Key]int),
		notIn:    make(map[contact.Key]int),
		endings:  make(map[string]int64),
		rejected: make(map[contact.Digest]contact.Key),
		requests: make(map[answer]int64),
		latency:  make(map[float64]int64),
	}
}

// Read returns the account of the report that a keeper has under a name.
func Read(k journal.Keeper, name string) (*Account, error) {
	r, err := journal.OpenReader(k, name)
	if err != nil {
		return nil, err
	}
	a := NewAccount(name)
	if err := errors.Join(a.ReadFrom(r), r.Close()); err != nil {
		return nil, err
	}
	if a.Lines == 0 {
		return nil, fmt.Errorf("the report %s is empty", name)
	}
	return a, nil
}

// ReadFrom applies all complete lines that r has not read yet.
func (a *Account) ReadFrom(r *journal.Reader) error {
	for l, err := range r.Lines() {
		if err != nil {
			return err
		}
		a.apply(l)
	}
	return nil
}

// apply takes the next line; the first is a *journal.Header.
func (a *Account) apply(line journal.Line) {
	a.Lines++
	if l, begins := line.(*journal.Header); begins {
		a.Runs = append(a.Runs, Run{
			ID: l.Run, Version: l.Version, Mode: l.Mode, Sources: l.Sources, More: max(0, l.SourceCount-len(l.Sources)), BaseURL: l.BaseURL, ProjectID: l.ProjectID, Began: l.When(),
		})
		a.now, a.partly = pass{}, l.Corrects
	}
	run := &a.Runs[len(a.Runs)-1]
	if at := line.When(); at.After(run.Last) {
		run.Last = at
	}
	switch l := line.(type) {
	case *journal.Sending:
		for _, key := range l.Keys {
			a.open[key]++
		}
	case *journal.Unsent:
		for _, key := range l.Keys { // what an earlier run announced still stands
			if a.open[key]--; a.open[key] <= 0 {
				delete(a.open, key)
			}
		}
	case *journal.Row:
		a.row(l.Outcome())
		if l.Corrects != nil && l.Status.In() {
			a.correct(*l.Corrects, l.Key)
		}
	case *journal.Corrected:
		a.correct(l.Corrects, l.Key)
	case *journal.Traffic:
		for _, r := range l.Requests {
			a.requests[answer{r.Operation, r.Status}] += r.N
			a.timeline.add(l.From.Time, l.When(), seriesOf(r.Status), r.N)
		}
		for _, bucket := range l.Latency {
			a.latency[bucket[0]] += int64(bucket[1])
		}
	case *journal.End:
		run.Summary = l.Summary
		if l.Summary.Status == contact.Complete && !a.partly {
			a.whole = a.now
		}
	}
}

func (a *Account) row(o *contact.Outcome) {
	switch o.Status {
	case contact.Invalid:
		a.now.refuse(o)
		return
	case contact.Duplicate:
		a.now.duplicate(o)
		return
	}
	key, status := o.Row.Key, o.Status
	was := a.keys.Status(key)
	if was != 0 {
		a.count[was]--
	}
	if a.byUndo[key] {
		a.undone[was]--
		delete(a.byUndo, key)
	}
	if o.Undone {
		a.undone[status]++
		a.byUndo[key] = true
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
	if status == contact.Rejected {
		a.rejected[o.Row.Digest] = key
	}
	if o.Doubt == "" && !o.Found && status != contact.Unknown && was != contact.Unknown {
		return
	}
	ended := endingOf(status, o.Found, o.Doubt)
	a.endings[ended]++
	if len(a.doubts) == maxDoubts {
		a.doubts = append(a.doubts[:0], a.doubts[maxDoubts/2:]...)
	}
	a.doubts = append(a.doubts, Doubt{
		Place: contact.Place{Source: o.Row.Source, Line: o.Row.Line}, ContactIDs: o.Row.Profile.ContactIDs,
		Why: cmp.Or(o.Doubt, "not recorded"), Ended: ended, ID: o.ID, Attempts: o.Attempts, At: o.At,
	})
}

// correct takes a refused row away for which a correction with that key is in.
func (a *Account) correct(c contact.Correction, key contact.Key) {
	p := a.pass()
	if group, ok := p.originals[c.Row]; ok {
		p.groups.Remove(group)
		p.invalid--
		delete(p.originals, c.Row)
	}
	was, ok := a.rejected[c.Digest]
	if !ok || was == key || a.keys.Status(was) != contact.Rejected {
		return
	}
	a.groups.Remove(a.notIn[was])
	delete(a.notIn, was)
	a.count[contact.Rejected]--
	a.keys.Forget(was)
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

// StillInDoubt says of how many contacts the report does not know whether they are in
// the API, and what to do about them; empty where there are none.
func (a *Account) StillInDoubt() string {
	n := a.Count(contact.Unknown) + a.Count(contact.InDoubt)
	if n == 0 {
		return ""
	}
	return words.Plural(n, "row", "rows") + " may be in the API or not: when no run is going on, run the same import again, which looks them up before it sends anything"
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
	slices.SortFunc(list, contact.RequestCount.Compare)
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
		return "running, or no end was recorded: it was killed, or the power failed"
	}
	return contact.Printable(string(run.Summary.Status))
}
