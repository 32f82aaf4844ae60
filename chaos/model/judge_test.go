package model

import (
	"fmt"
	"maps"
	"slices"
)

// An order is one run, as a person calls it.
type order struct {
	mode          string
	project, desk int
	restart       bool
	allowRemovals bool
	retryRejected bool
	rule          string // the id rule
	adopt         bool
	corrects      bool // its source is a reject file
}

// A night is one run with what was before and after it. It says what is wrong with it.
type night struct {
	order
	*ran
	mapping    mapping
	lines      sheet
	wishes     []wish
	of         []original   // the rows that a reject file is about
	was        mapping      // of the run that wrote it
	desk       desk         // as it was before
	before     truth        // of the project
	after      truth        // of the project
	ours       map[int]bool // whom any run of ours made in the project, before this one
	lone       bool         // no other desk has written to the project
	complaints []string
}

func (n *night) complain(format string, args ...any) {
	n.complaints = append(n.complaints, fmt.Sprintf(format, args...))
}

// holds tells whether the source holds a person, whatever is wrong with the line; with
// perhaps, whether it may.
func (n *night) holds(who int, perhaps bool) bool {
	return slices.ContainsFunc(n.wishes, func(w wish) bool {
		return w.person == who && len(w.ids) > 0 || slices.Contains(w.others, who) && (perhaps || w.fate == settled)
	})
}

// wanted is the line that a profile has to be as, or those that it may be; none where
// there is none.
func (n *night) wanted(p profile) (lines []wish) {
	for _, w := range n.wishes {
		if w.person == p.person() && (w.fate == goesIn || w.fate == repeats && w.unsure) {
			lines = append(lines, w)
		}
	}
	return lines
}

// knows tells whether what earlier runs left behind is sure to know a person.
func (n *night) knows(who int) bool {
	r, s := n.desk.report, n.desk.state
	if n.mode == "create" {
		return n.goesOn(r) && (r.in[who] || r.sent[who].values != nil)
	}
	takesOver := r.there && r.project == n.project && r.mode == "create" && r.whole && !n.restart && r.in[who] && r.sent[who].values != nil
	return !n.desk.torn && (s.project == n.project && s.in[who] && !n.anew(s) || takesOver)
}

// found are the profiles of a line that the run can find: by its contact ids, or by
// what is known of them.
func (n *night) found(w wish) []profile { return n.foundIn(n.before, w) }

func (n *night) foundIn(t truth, w wish) []profile {
	return slices.DeleteFunc(t.of(w.person), func(p profile) bool { return !n.knows(w.person) && !shareAny(p.ids, w.ids) })
}

func holdsAll(ids, others []string) bool {
	return !slices.ContainsFunc(others, func(id string) bool { return !slices.Contains(ids, id) })
}

func shareAny(a, b []string) bool {
	return slices.ContainsFunc(a, func(id string) bool { return slices.Contains(b, id) })
}

// judge holds a run against what it had to do.
func (n *night) judge() {
	n.harm()
	want := n.desk.admits(n.order)
	switch {
	case n.killed:
		return
	case n.code == 2 && want != runs:
		n.untouched()
		return
	case n.code == 2:
		n.complain("exit code 2, and nothing is in the way")
		return
	case want == refusedRun:
		n.complain("exit code %d, and the report or the state belongs to something else", n.code)
		return
	case n.code == 143 && n.Status == "interrupted":
		n.account()
		return
	}
	n.account()
	if n.lone && !n.desk.report.unclear {
		n.complete()
	}
}

// untouched wants a run that was refused to have changed nothing.
func (n *night) untouched() {
	if !n.didNothing() {
		n.complain("exit code 2, and something was sent")
	}
}

// harm is what no run may do, however it ends.
func (n *night) harm() {
	holder := map[string]string{}
	for _, p := range n.after {
		for _, id := range p.ids {
			if holder[id] != "" {
				n.complain("twice: %s is on %s and %s", id, holder[id], p.id)
			}
			holder[id] = p.id
		}
	}
	for id, was := range n.before {
		now, there := n.after[id]
		missing := isMirror(n.mode) && !n.corrects && n.ours[was.person()] && !n.holds(was.person(), false)
		may := n.wanted(was)
		other := func(w wish) bool { return holdsAll(now.ids, w.ids) && holdsAll(slices.Concat(was.ids, w.ids), now.ids) }
		switch {
		case !there && !(missing && n.mode == "delete"):
			n.complain("removed: %v", was)
		case !there:
		case !slices.Equal(was.ids, now.ids) && (n.mode == "create" || !slices.ContainsFunc(may, other)):
			n.complain("the contact ids of %v are %v", was, now.ids)
		default:
			n.changed(was, now, missing)
		}
	}
	for id, now := range n.after {
		if _, was := n.before[id]; was {
			continue
		}
		is := func(w wish) bool { return slices.Equal(now.ids, w.ids) && maps.Equal(now.fields, w.values) }
		if may := n.wanted(now); n.mode == "update" || !now.active || !slices.ContainsFunc(may, is) {
			n.complain("made up: %v", now)
		} else if there := n.found(may[0]); len(there) > 0 {
			n.complain("twice: %v, and %v", now, there)
		}
	}
}

// changed judges what became of a profile that is there.
func (n *night) changed(was, now profile, missing bool) {
	may := n.wanted(now)
	if was.active != now.active && !(now.active && len(may) > 0 && n.mode != "create") && !(!now.active && missing && n.mode == "deactivate") {
		n.complain("%v is active: %t", was, now.active)
	}
	names := maps.Clone(was.fields)
	maps.Copy(names, now.fields)
	for name := range names {
		if was.fields[name] == now.fields[name] {
			continue
		}
		is := func(w wish) bool { return w.values[name] != "" && w.values[name] == now.fields[name] }
		if n.mode == "create" || !slices.ContainsFunc(may, is) {
			n.complain("overwritten: %s of %v is %q", name, was, now.fields[name])
		}
	}
}

// account wants the counts of a summary to add up.
func (n *night) account() {
	s := n.summary
	sum := s.Created + s.Updated + s.Unchanged + s.Existing + s.Absent + s.Duplicate + s.Invalid + s.Rejected + s.Failed + s.Unknown + s.DoneBefore + s.Pending
	if sum != s.Read {
		n.complain("the summary does not add up: %+v", s)
	}
	appeared := 0
	for id := range n.after {
		if _, was := n.before[id]; !was {
			appeared++
		}
	}
	if appeared > s.Created+s.Unknown {
		n.complain("%d profiles were made, and the summary says %d", appeared, s.Created)
	}
}

// count counts the lines of these fates, and of them those that may be settled.
func (n *night) count(fates ...fate) (all, unsure int) {
	for _, w := range n.wishes {
		if slices.Contains(fates, w.fate) {
			all++
			if w.unsure {
				unsure++
			}
		}
	}
	return all, unsure
}

// complete judges a run that went to its end: everything is done that no person has to
// see to, and the exit code says the rest.
func (n *night) complete() {
	bad, hazyBad := n.count(invalid, nameless)
	again, hazyAgain := n.count(repeats)
	conflicts := 0
	for _, w := range n.wishes {
		if n.conflicts(w) {
			conflicts++
		}
	}
	if n.Read != len(n.lines) || n.Invalid > bad+conflicts || n.Invalid < bad-hazyBad || n.Duplicate > again || n.Duplicate < again-hazyAgain {
		n.complain("of %d lines, %d invalid and %d repeated, the summary says %+v", len(n.lines), bad, again, n.summary)
	}
	rejected, maybe, done, absent := 0, 0, 0, 0
	for _, w := range n.wishes {
		before, after := n.found(w), n.foundIn(n.after, w)
		isIn := n.mode == "create" && n.goesOn(n.desk.report) && n.desk.report.in[w.person]
		switch {
		case w.fate == repeats:
		case w.unsure:
			maybe++
		case n.conflicts(w):
			maybe++
			as := func(p profile) bool { return covers(p.fields, w.values) }
			if n.Invalid == 0 && w.fate == goesIn && n.mode != "create" && !slices.ContainsFunc(after, as) {
				n.complain("stale: %v, and no row is invalid", after)
			}
		case w.fate == settled:
			done++
		case w.fate == refused && n.mode == "create" && (len(before) > 0 || isIn):
			done++
		case w.fate == refused && n.mode == "update" && len(before) == 0:
			maybe++ // absent, or known to have been refused
		case w.fate == refused:
			rejected++
		case w.fate != goesIn:
		case n.mode == "update" && len(before) == 0 && len(n.before.of(w.person)) > 0:
			maybe++ // it may be found by contact ids that it had by another rule
		case n.mode == "update" && len(before) == 0:
			absent++
		case isIn && len(before) == 0:
			done++ // it was in, and is gone since: the report says what was
		case len(after) == 0 && len(n.after.of(w.person)) > 0 && (n.adopt || n.desk.report.adopted || n.desk.state.adopted):
			done++ // it is in by contact ids of another rule, if a run that was stopped said so
		case len(after) == 0:
			n.complain("lost: %v", w.ids)
		default:
			done++
			n.asWanted(w, after)
		}
	}
	sure := func(w wish) bool { return !w.unsure && (w.fate == invalid || w.fate == nameless) }
	for _, w := range n.wishes {
		if sure(w) {
			rejected++
		}
	}
	n.codes(rejected, maybe, done, absent)
	if n.mode == "create" {
		n.stale()
	}
}

// conflicts tells whether the contact ids of a line belong to several profiles: those that
// it has, and where the run may know the person by an earlier rule those of then.
func (n *night) conflicts(w wish) bool {
	if w.fate != goesIn && w.fate != refused {
		return false
	}
	adopts := n.adopt || n.desk.report.adopted || n.desk.state.adopted
	holders, others := 0, 0
	for _, p := range n.before {
		switch {
		case shareAny(p.ids, w.ids):
			holders++
		case adopts && p.person() == w.person:
			others++
		}
	}
	return holders > 1 || holders == 1 && others > 0
}

// asWanted judges the profiles of a line that is in.
func (n *night) asWanted(w wish, profiles []profile) {
	if n.mode == "create" {
		return // harm looks at those that are new
	}
	now := profiles[0]
	if len(profiles) > 1 { // by another rule it was made once more
		i := slices.IndexFunc(profiles, func(p profile) bool { return shareAny(p.ids, w.ids) })
		if i < 0 {
			return
		}
		now = profiles[i]
	}
	for name, value := range w.values {
		if now.fields[name] != value {
			n.complain("stale: %s of %v is to be %q", name, now, value)
		}
	}
	if was := n.before[now.id]; !now.active && n.desk.state.inactive[w.person] && !was.active {
		n.complain("%v is still not active", now)
	}
}

// codes judges the exit code of a run that went to its end.
func (n *night) codes(rejected, maybe, done, absent int) {
	want := []int{0}
	switch {
	case rejected > 0:
		want = []int{3}
	case maybe > 0:
		want = []int{0, 3}
	case absent > 0 && done == 0:
		want = []int{3}
	}
	if isMirror(n.mode) && !n.corrects {
		want = n.removed(want)
	}
	if !slices.Contains(want, n.code) {
		n.complain("exit code %d, want one of %v", n.code, want)
	}
}

// removed judges what a mirror did about who is missing, and says which exit codes it
// may have.
func (n *night) removed(codes []int) []int {
	certain, possible := 0, 0
	unnamed, _ := n.count(nameless)
	unsure := slices.ContainsFunc(n.wishes, func(w wish) bool { return w.unsure })
	blocked := len(n.lines) == 0 || unnamed > 0 && !n.allowRemovals
	for who := range n.ours {
		holders := n.before.of(who)
		if n.desk.state.gone[who] && len(holders) == 0 && !n.holds(who, false) {
			possible++ // the state need not know that it is gone
		}
		if n.holds(who, false) || len(holders) == 0 || n.mode == "deactivate" && !holders[0].active && n.desk.state.inactive[who] {
			continue
		}
		possible++
		if n.holds(who, true) || !n.desk.state.made[who] || n.anew(n.desk.state) || len(holders) > 1 || n.mode == "deactivate" && !holders[0].active || unnamed > 0 && (unsure || n.desk.state.adopted) {
			continue // or a column of an earlier rule tells whose a line is
		}
		certain++
		after := n.after.of(who)
		if gone := len(after) == 0 || n.mode == "deactivate" && !after[0].active; !gone && !blocked {
			n.complain("it is missing from the source, and stays: %v", after[0])
		} else if blocked && len(after) == 0 {
			n.complain("it is removed, and nobody may be: %v", holders[0])
		}
	}
	switch {
	case blocked && certain > 0:
		return []int{1}
	case blocked && possible > 0:
		return append(codes, 1)
	}
	return codes
}

// covers tells whether values hold others.
func covers(all, some map[string]string) bool {
	for name, value := range some {
		if all[name] != value {
			return false
		}
	}
	return true
}

// stale wants an import to say how many contacts it made with other values than they
// have in the source.
func (n *night) stale() {
	if !n.goesOn(n.desk.report) {
		return
	}
	least, most := 0, 0
	for _, w := range n.wishes {
		sent, known := n.desk.report.sent[w.person]
		switch {
		case w.fate != goesIn && w.fate != refused:
		case w.unsure, n.desk.report.vague[w.person], !known && n.desk.report.inDoubt[w.person]:
			most++
		case known && n.desk.report.inDoubt[w.person] && covers(sent.values, w.values) && !sent.as(w):
			most++ // what was sent is only known from the profile, which may hold more than the row
		case known && !sent.as(w):
			least++
			most++
		}
	}
	if n.ChangedSince < least || n.ChangedSince > most {
		n.complain("changed_since is %d, want %d to %d", n.ChangedSince, least, most)
	}
}
