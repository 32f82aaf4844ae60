package model

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

func (p *player) order() (o order) {
	o.mode = p.mode
	if p.oneIn(3, "other mode") {
		o.mode = p.oneOf("mode", modes...)
	}
	switch p.below(20, "where") {
	case 17:
		o.project = 1
	case 18, 19:
		o.project, o.desk = 1, 1
	}
	o.rule = p.mapping.rule()
	// A person who is refused because of the id rule takes a way out.
	if d := p.desks[o.desk]; d.report.there && d.report.rule != o.rule || o.mode != "create" && d.state.project == o.project && d.state.rule != o.rule {
		o.adopt = !p.oneIn(3, "does not adopt")
	}
	o.restart = p.oneIn(8, "restart") || o.mode == "create" && p.mode != "create" && !p.oneIn(4, "forgets to restart")
	o.retryRejected = p.oneIn(8, "retry rejected")
	o.allowRemovals = isMirror(o.mode) && p.oneIn(4, "allow removals")
	return o
}

// ending is how a run ends, and the same in words.
func (p *player) ending(o order) (e ending, what string) {
	switch p.below(10, "ending") {
	case 6, 7:
		what = "stopped"
	case 8, 9:
		what, e.kill = "killed", func() {}
	}
	if what != "" {
		e.at = 1 + p.below(p.below(8, "at most")+1, "at")
		e.after = p.oneIn(2, "after")
		what += fmt.Sprintf(" at request %d, processed: %t", e.at, e.after)
		// Before its first request it may have done anything or nothing to a report that
		// it replaces.
		if r := p.desks[o.desk].report; p.processes && e.kill != nil && p.oneIn(3, "early") && (!r.there || o.goesOn(r)) {
			e.early = time.Duration(1+p.below(40, "after")) * time.Millisecond
			what += fmt.Sprintf(", or after %s", e.early)
		}
	}
	lose := func(label string) map[int]string {
		faults := map[int]string{}
		for range 1 + p.below(3, label) {
			faults[1+p.below(8, "which")] = p.oneOf("fault", "drop-before", "drop-after", "500-after")
		}
		what += fmt.Sprint(" ", label, " ", faults)
		return faults
	}
	if p.oneIn(4, "loses") {
		e.lost = lose("lost creates")
	}
	if p.oneIn(40, "fails") {
		e.fails = lose("lost changes")
	}
	return e, what
}

func (p *player) night() {
	o := p.order()
	if p.oneIn(2, "corrects") {
		p.importRejects(o.desk)
	}
	p.past = append(p.past, slices.Clone(p.lines))
	p.no(p.lines.save(p.w.path("c.csv")))
	p.runOne(o, p.w.path("c.csv"), slices.Clone(p.lines), nil, p.mapping)
	p.mode = o.mode
}

// runOne is one run, of a source that holds these lines; of a reject file they are about
// rows of a source that was read with a mapping of then.
func (p *player) runOne(o order, source string, lines sheet, of []original, was mapping) {
	o.corrects = of != nil
	e, how := p.ending(o)
	n := &night{order: o, mapping: p.mapping, lines: lines, of: of, was: was, desk: p.desks[o.desk],
		before: p.w.truth(o.project), ours: p.ours[o.project], lone: true}
	n.wishes = lines.wishes(p.mapping, n.settles)
	for other := range p.writers[o.project] {
		n.lone = n.lone && other == o.desk
	}
	p.no(os.WriteFile(p.w.path("config.yaml"), []byte(p.mapping.yaml()+p.settings(o)), 0o600))
	name := fmt.Sprint("desk", o.desk)
	args := []string{"--source", source, "--config", p.w.path("config.yaml"), "--report", p.w.path(name + ".report.ndjson"), "--mode", kind(o.mode),
		"--rate", "unlimited", "--workers", "4", "--settle", fmt.Sprint(3 * p.lag), "--progress", "none", "--json", "--log-level", "warn"}
	if o.mode != "create" {
		args = append(args, "--state", p.w.path(name+".db"))
	}
	for flag, given := range map[string]bool{"--restart": o.restart, "--retry-rejected": o.retryRejected, "--allow-removals": o.allowRemovals, "--adopt": o.adopt} {
		if given {
			args = append(args, flag)
		}
	}
	p.tell("run %+v %s: %v %+v", o, how, lines, p.mapping)
	var err error
	n.ran, err = p.run(o.project, e, args...)
	p.no(err)
	if n.killed {
		p.ends[o.mode+" killed"]++
		if n.requests == 0 {
			p.ends["killed before its first request"]++
		}
	} else {
		p.ends[fmt.Sprint(o.mode, " ", n.code)]++
	}
	if p.lag > 0 {
		time.Sleep(p.lag)
	}
	n.after = p.w.truth(o.project)
	n.judge()
	p.tell("   %v\n   before: %v\n   after: %v\n   known before: %+v", n.ran, n.before, n.after, n.desk)
	if n.complaints != nil {
		p.fail(strings.Join(n.complaints, "\n"))
	}
	p.desks[o.desk] = n.follow()
	if p.rejected[o.desk] = nil; n.ended() && n.Rejects != "" && !o.corrects && n.Status == "complete" {
		p.rejected[o.desk] = &rejected{o, p.mapping, lines, n.wishes}
	}
	p.kept()
	for _, who := range n.appeared() {
		p.ours[o.project][who] = true
	}
	if !n.didNothing() {
		p.writers[o.project][o.desk] = true
	}
}

// settings are those that the mode needs.
func (p *player) settings(o order) string {
	missing := "keep"
	if isMirror(o.mode) {
		missing = o.mode
	}
	return fmt.Sprintf("give_up_after: 5s\ngive_up_at_start: 5s\nsync:\n  missing: %s\n  guard: {max: 1000000, percent: 100}\n", missing)
}
