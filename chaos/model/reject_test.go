package model

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A rejected is what a run had refused, to be corrected in its reject file.
type rejected struct {
	order
	mapping mapping
	lines   sheet // of its source
	wishes  []wish
}

// An original is a row of a source as it was refused. Of several that are alike each is
// one.
type original struct {
	line
	nth int
}

// A correction is what a refused row was imported as, by its reject file.
type correction struct {
	who     []int   // whom it was imported as, each time
	last    int     // whom, the last time that is known of
	mapping mapping // of the run that had it refused
	unsure  bool    // whether that is in
	// Who says so: the report, the state, or both; else a report that was set aside.
	report, state bool
}

// settles tells what is known of a correction of a line that the run reads.
func (n *night) settles(i int, w wish) (c correction, is bool) {
	o := w.of
	if n.corrects { // it stands in the file which row it is
		if o = n.of[i]; o.line != w.of.line || w.fate != invalid && w.fate != nameless {
			return c, false
		}
	}
	c, is = n.desk.corrected[o]
	if n.mode != "create" && n.anew(n.desk.state) || !c.state && n.mode != "create" && n.desk.report.sent[c.last].values == nil {
		c.unsure = true // it was there before, which a state does not hold
	}
	if !c.state && n.mode != "create" && n.restart {
		c.unsure = true // the report that alone says so is set aside, and not taken over
	}
	if len(n.before.of(c.last)) == 0 {
		c.unsure = true // it was nobody's, in the mode update, or is gone
	}
	if n.mode != "create" && slices.ContainsFunc(n.before.of(c.last), func(p profile) bool { return !p.active }) {
		if len(c.who) == 1 && n.desk.state.inactive[c.last] && !n.desk.torn && !n.anew(n.desk.state) {
			return c, false // a mirror removed the contact since: the row is to be corrected again
		}
		c.unsure = true
	}
	if is = is && n.heeds(c); !is || w.fate == invalid || w.fate == nameless {
		return c, is
	}
	// What was refused by the API and is sent otherwise by now is a line like any other, if
	// the contact is the same.
	otherwise := !maps.Equal(c.mapping.values(w.of.line), n.mapping.values(w.of.line))
	if slices.Contains(c.who, w.person) && !c.unsure && (w.fate == goesIn || otherwise) {
		return c, false
	}
	c.unsure = c.unsure || otherwise
	return c, true
}

// heeds tells whether the run may know of a correction.
func (n *night) heeds(c correction) bool {
	if n.mode == "create" {
		return c.report && n.goesOn(n.desk.report)
	}
	return true // in a report that was set aside as well
}

// correct corrects some rows of a reject file, as a person does in a spreadsheet, and returns
// what the file then holds and which rows of the source its lines are about.
func (p *player) correct(path string, r *rejected) (lines sheet, of []original, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	records, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		return nil, nil, err
	}
	columns := records[0]
	at := func(name string) int { return slices.Index(columns, name) }
	rows := records[1:]
	if p.oneIn(3, "sorted") {
		rand.New(rand.NewPCG(1, 0)).Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	}
	if len(rows) > 1 && p.oneIn(4, "cut") { // without a row it does not say which report it came from
		rows = rows[:len(rows)-1]
	}
	of = []original{}
	for _, row := range rows {
		number, err := strconv.Atoi(row[at("_line")])
		if err != nil || number < 2 || number > len(r.lines)+1 {
			return nil, nil, fmt.Errorf("%s names the line %s of %d", path, row[at("_line")], len(r.lines))
		}
		l := r.lines[number-2]
		if !p.oneIn(4, "left as it is") {
			p.correctLine(&l)
		}
		for i, cell := range l.cells() {
			row[at(header[i])] = cell
		}
		lines, of = append(lines, l), append(of, r.wishes[number-2].of)
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if p.oneIn(3, "semicolons") {
		w.Comma = ';'
	}
	if p.oneIn(3, "byte order mark") {
		b.WriteString("\ufeff")
	}
	if err := w.WriteAll(append([][]string{columns}, rows...)); err != nil {
		return nil, nil, err
	}
	return lines, of, os.WriteFile(path, b.Bytes(), 0o600)
}

func (p *player) correctLine(l *line) {
	if l.age == "unknown" {
		l.age = "34"
	}
	if strings.Contains(l.name, refusal) {
		l.name = "Name 4"
	}
	if p.oneIn(4, "somebody else") {
		p.people++
		l.who = p.people
	}
	l.no, l.email = customer(l.who), address(l.who)
}

// importRejects corrects what a run of a desk had refused, and imports it.
func (p *player) importRejects(at int) {
	r := p.rejected[at]
	if r == nil || r.rule != p.mapping.rule() {
		return
	}
	path := p.w.path(fmt.Sprintf("desk%d.rejects.csv", at))
	lines, of, err := p.correct(path, r)
	p.no(err)
	text, err := os.ReadFile(path)
	p.no(err)
	if slices.ContainsFunc(of, func(o original) bool {
		return !slices.ContainsFunc(lines, func(l line) bool { l.who = 0; return l == o.line })
	}) { // else it may be written anew
		p.edited = append(p.edited, text)
	}
	o := r.order
	o.restart, o.adopt, o.allowRemovals, o.retryRejected = false, false, false, p.oneIn(8, "retry rejected")
	p.runOne(o, path, lines, of, r.mapping)
}

// kept wants every reject file that a person has edited to be there still.
func (p *player) kept() {
	files, err := filepath.Glob(p.w.path("*rejects*"))
	p.no(err)
	for _, want := range p.edited {
		if !slices.ContainsFunc(files, func(f string) bool {
			text, err := os.ReadFile(f)
			return err == nil && bytes.Equal(text, want)
		}) {
			p.fail(fmt.Sprintf("a reject file that was edited is gone; there are %q, and it was\n%s", files, want))
		}
	}
}
