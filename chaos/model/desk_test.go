package model

import (
	"maps"
	"slices"
)

// A desk is what the runs leave behind, one report and one state, as far as the model
// knows it. It does not read them. Where it cannot know, it has two bounds.
type desk struct {
	report report
	state  state
	// torn: something of it was put back from a backup or has gone, and no sync has gone to
	// its end since. One may be refused, which would go on from the wrong place.
	torn bool
	// apart: an import was begun anew by another id rule than what was there, and no sync has
	// taken both over since.
	apart bool
	// corrected are the rows that reject files were imported for.
	corrected map[original]correction
}

// A report is what the runs of one report did.
type report struct {
	there   bool
	project int
	mode    string
	rule    string // the id rule of the last run
	whole   bool   // the last run went to its end, and left nothing in doubt
	empty   bool   // perhaps it holds no line
	unclear bool   // it held none, perhaps, and a run of another mode went on with it, or began it
	updated bool   // it is that of an import, and its last run was of the mode update
	adopted bool   // it has been of another id rule
	// held is how many contacts it says are in, or may be.
	held bounds

	// Of an import in the mode create.
	sent    map[int]sent // with what it made a contact
	in      map[int]bool // who is in because of that, or was there before
	sure    map[int]bool // of whom it surely says that it made them
	inDoubt map[int]bool // who may have been announced
	vague   map[int]bool // to whom something newer may have been sent
}

// Sent is what of a line was sent; zero where nothing was.
type sent struct {
	values map[string]string
	ids    []string
}

// as tells whether it is what is to be sent of a line.
func (s sent) as(w wish) bool { return maps.Equal(s.values, w.values) && slices.Equal(s.ids, w.ids) }

// A state is what the runs of a sync know.
type state struct {
	project  int // -1: of none
	rule     string
	adopted  bool // it has been of another rule
	known    bounds
	in       map[int]bool // who is certainly known
	made     map[int]bool // who is certainly known to be of our making
	inactive map[int]bool // who is certainly known to be deactivated
	gone     map[int]bool // whose removal a run had on its way that did not end
}

func newDesk() desk { return desk{state: newState(), corrected: map[original]correction{}} }

// bounds are of a number.
type bounds struct{ least, most int }

const many = 1 << 20

func newReport(project int, mode string) report {
	return report{there: true, project: project, mode: mode, sent: map[int]sent{}, in: map[int]bool{}, sure: map[int]bool{}, inDoubt: map[int]bool{}, vague: map[int]bool{}}
}

func newState() state {
	return state{project: -1, in: map[int]bool{}, made: map[int]bool{}, inactive: map[int]bool{}, gone: map[int]bool{}}
}

func (r report) clone() report {
	r.sent, r.in, r.sure, r.inDoubt, r.vague = maps.Clone(r.sent), maps.Clone(r.in), maps.Clone(r.sure), maps.Clone(r.inDoubt), maps.Clone(r.vague)
	return r
}

func (s state) clone() state {
	s.in, s.made, s.inactive, s.gone = maps.Clone(s.in), maps.Clone(s.made), maps.Clone(s.inactive), maps.Clone(s.gone)
	return s
}

func (d desk) clone() desk {
	return desk{d.report.clone(), d.state.clone(), d.torn, d.apart, maps.Clone(d.corrected)}
}

func isMirror(mode string) bool { return mode == "deactivate" || mode == "delete" }

// kind is the mode as the command line has it.
func kind(mode string) string {
	if isMirror(mode) {
		return "mirror"
	}
	return mode
}

// A verdict is whether a run is refused.
type verdict uint8

const (
	runs verdict = iota
	either
	refusedRun
)

// admits tells whether a run may begin: what belongs to something else is refused where
// somebody is in there.
func (d desk) admits(o order) verdict {
	v := d.report.admits(o)
	if s := d.state; o.mode != "create" && s.project >= 0 && (s.project != o.project || s.rule != o.rule && !o.adopt && !o.restart) {
		v = max(v, held(s.known))
	}
	if d.report.unclear && !(o.restart && o.mode == "create") || v == refusedRun && d.report.empty || d.torn && o.mode != "create" {
		return either
	}
	return v
}

func (r report) admits(o order) verdict {
	switch {
	case !r.there, o.restart && o.mode == "create":
		return runs
	case r.project != o.project:
		return held(r.held)
	case kind(r.mode) == kind(o.mode), r.mode == "create" && o.mode == "update" && (r.whole || r.updated):
		return r.follows(o)
	case o.mode == "create":
		return refusedRun // what earlier nights left, the report need not say
	case r.whole:
		return r.follows(o)
	case r.mode != "create":
		return refusedRun
	}
	return held(r.held)
}

// anew tells whether a run has the state set aside, because of its id rule.
func (o order) anew(s state) bool { return s.rule != o.rule && o.restart && !o.adopt }

// follows tells whether a run may go on by its id rule.
func (r report) follows(o order) verdict {
	if r.rule == o.rule || o.adopt || o.restart {
		return runs
	}
	return held(r.held)
}

// held is whether a run is refused because of so many contacts.
func held(n bounds) verdict {
	switch {
	case n.least > 0:
		return refusedRun
	case n.most == 0:
		return runs
	}
	return either
}
