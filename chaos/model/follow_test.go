package model

import (
	"maps"
	"slices"
)

// follow says what a run has left behind.
func (n *night) follow() desk {
	d := n.desk.clone()
	if n.code == 2 && !n.killed {
		return d
	}
	if n.killed && n.requests == 0 { // whether it opened anything is not known
		r := &d.report
		if !r.there {
			*r = newReport(n.project, n.mode)
			r.rule = n.rule
		}
		r.empty, r.whole, r.held.least, d.state.known.least = true, false, 0, 0
		return d
	}
	if n.mode == "create" {
		s := n.desk.state
		d.apart = d.apart || n.restart && (d.report.there && d.report.rule != n.rule || s.project == n.project && s.rule != n.rule)
		n.followImport(&d.report)
	} else {
		n.followSync(&d)
	}
	n.followCorrections(&d)
	d.torn = d.torn && (n.mode == "create" || !n.ended())
	d.report.whole = !n.killed && n.Status == "complete" && n.Unknown == 0
	return d
}

// ended tells whether the run went to its end, so that all of it is known.
func (n *night) ended() bool { return !n.killed && n.Status != "interrupted" }

// appeared are the contacts that the run made.
func (n *night) appeared() []int { return missingFrom(n.before, n.after) }

// vanished are the contacts whose profiles the run deleted.
func (n *night) vanished() []int { return missingFrom(n.after, n.before) }

// missingFrom are the contacts whose profiles are in the other truth only.
func missingFrom(t, other truth) (people []int) {
	for id, p := range other {
		if _, there := t[id]; !there {
			people = append(people, p.person())
		}
	}
	return people
}

// didNothing tells whether the run changed nothing that can be seen.
func (n *night) didNothing() bool { return maps.EqualFunc(n.before, n.after, equal) }

// goesOn tells whether a run goes on with the report.
func (o order) goesOn(r report) bool {
	switch {
	case !r.there || r.project != o.project || o.restart || r.rule != o.rule && !o.adopt:
		return false
	case o.corrects:
		return true
	case r.mode == "create":
		return o.mode == "create" || o.mode == "update"
	}
	return kind(r.mode) == kind(o.mode) && (!r.whole || r.held.most == 0)
}

// renewed is the report that the run began, or went on with.
func (n *night) renewed(r report) report {
	if !n.goesOn(r) {
		r = newReport(n.project, n.mode)
		r.empty = true
	}
	if r.mode != "create" {
		r.mode = n.mode
	}
	r.unclear = r.unclear || r.empty && kind(r.mode) != kind(n.mode)
	r.adopted = r.adopted || r.rule != "" && r.rule != n.rule
	r.rule, r.updated = n.rule, r.mode != n.mode
	r.empty = r.empty && !n.ended() && n.didNothing()
	return r
}

func (n *night) followImport(to *report) {
	r := n.renewed(*to)
	appeared := n.appeared()
	for _, w := range n.wishes {
		if slices.Contains(appeared, w.person) && w.fate == goesIn {
			r.sent[w.person] = sent{w.values, w.ids}
			r.sure[w.person] = n.ended()
		}
		switch {
		case w.fate != goesIn && w.fate != refused:
		case !n.ended():
			mark(r.inDoubt, w.person, !r.in[w.person])
		case len(n.foundIn(n.after, w)) > 0:
			// Of a doubt that was decided the report holds the row as it is by now.
			mark(r.vague, w.person, r.vague[w.person] || r.inDoubt[w.person] && r.sent[w.person].values != nil && !r.sent[w.person].as(w))
			r.in[w.person] = true
			delete(r.inDoubt, w.person)
		}
	}
	r.count(n.ended())
	*to = r
}

// followUpdate is what an update says in the report of an import.
func (n *night) followUpdate(r *report) {
	for _, w := range n.wishes {
		changed := slices.ContainsFunc(n.before.of(w.person), func(p profile) bool { return !equal(p, n.after[p.id]) })
		switch {
		case w.fate != goesIn:
		case !n.ended():
			mark(r.vague, w.person, r.vague[w.person] || changed || r.sent[w.person].values != nil)
			mark(r.inDoubt, w.person, !r.in[w.person])
		case len(n.found(w)) == 0: // the next import is to make it
			delete(r.in, w.person)
			delete(r.sent, w.person)
		default:
			r.in[w.person] = true
			delete(r.inDoubt, w.person)
			delete(r.vague, w.person)
			if changed || r.sent[w.person].values != nil {
				r.sent[w.person] = sent{w.values, w.ids}
			} else {
				r.vague[w.person] = true // what others had sent was found to be as these values
			}
		}
	}
	r.count(n.ended())
}

func mark(set map[int]bool, who int, in bool) {
	if delete(set, who); in {
		set[who] = true
	}
}

// count says how many contacts an import has in.
func (r *report) count(ended bool) {
	n := len(r.in)
	for who := range r.sent {
		if !r.in[who] {
			n++
		}
	}
	r.held = bounds{n, many}
	if ended && len(r.inDoubt) == 0 {
		r.held.most = n
	}
}

// followCorrections is what a run says of refused rows in whose place others went in.
func (n *night) followCorrections(d *desk) {
	for o, c := range d.corrected {
		if n.mode != "create" {
			// Of a report that was taken over those who were there before do not come into the state.
			c.state = c.state && !n.anew(n.desk.state) || c.report && n.desk.report.sent[c.last].values != nil
		}
		c.report = c.report && n.goesOn(n.desk.report)
		c.unsure = c.unsure || n.restart || n.desk.torn || !c.report && !c.state
		d.corrected[o] = c
	}
	for i, w := range n.wishes {
		if !n.corrects {
			break
		}
		before, was := d.corrected[n.of[i]]
		if w.fate == refused && was && before.mapping != n.was { // it was refused for other values than before
			before.unsure = true
			d.corrected[n.of[i]] = before
		}
		// An import sends nothing for who is there, and so has nothing of it refused.
		there := w.fate == refused && n.mode == "create" && (len(n.found(w)) > 0 || n.goesOn(n.desk.report) && n.desk.report.in[w.person])
		if w.fate != goesIn && w.fate != repeats && !there {
			continue
		}
		c := correction{who: append(slices.Clone(before.who), w.person), last: w.person, mapping: n.was, report: true, state: n.mode != "create"}
		if c.unsure = !n.ended() || len(n.foundIn(n.after, w)) == 0; was && c.unsure {
			before.who, before.unsure = c.who, true
			before.report, before.state = true, before.state || c.state
			c = before
		}
		d.corrected[n.of[i]] = c
	}
}

func (n *night) followSync(d *desk) {
	s := &d.state
	if s.project != n.project || n.anew(*s) {
		*s = newState()
		s.project = n.project
		// It is made of reports, which may be of another rule.
		s.adopted = len(n.ours) > 0 || d.report.there && (d.report.adopted || d.report.rule != n.rule)
		if len(n.ours) > 0 { // it is made of the reports that were set aside as well
			s.known.most = many
		}
	} else if s.rule != n.rule {
		s.adopted = true
	}
	s.rule = n.rule
	appeared, vanished := n.appeared(), n.vanished()
	if was := d.report; was.there && was.project == n.project && was.mode == "create" && !n.restart && !d.torn { // it was taken over
		for who, sure := range was.sure {
			if sure && len(n.before.of(who)) > 0 {
				s.made[who], s.in[who] = true, true
			}
		}
		s.known.least = max(s.known.least, len(s.made))
	}
	if d.apart && len(d.corrected) > 0 { // a mirror cannot tell whom corrections are about by both rules
		clear(s.made)
		d.apart = !n.ended()
	}
	if d.report = n.renewed(d.report); d.report.updated {
		n.followUpdate(&d.report)
	} else {
		d.report.held = bounds{max(0, d.report.held.least+len(appeared)-len(vanished)), many}
	}

	s.known.least = max(0, s.known.least-len(vanished))
	in := 0
	for _, w := range n.wishes {
		if w.fate == goesIn && len(n.foundIn(n.after, w)) > 0 && (n.mode != "update" || len(n.found(w)) > 0) {
			in++
			s.in[w.person] = s.in[w.person] || n.ended()
		}
	}
	if n.ended() {
		s.known.least = max(s.known.least, in)
	}
	if !n.ended() || len(n.wishes) > 0 {
		s.known.most = many
	}
	for _, who := range vanished {
		delete(s.in, who)
		delete(s.made, who)
		delete(s.inactive, who)
		s.gone[who] = !n.ended()
	}
	if n.ended() && isMirror(n.mode) && !n.corrects && n.code != 1 {
		clear(s.gone)
	}
	for _, who := range appeared {
		s.made[who] = n.ended()
	}
	for id, now := range n.after {
		was, there := n.before[id]
		if there && was.active != now.active {
			s.inactive[now.person()] = !now.active && n.ended()
		}
	}
}
