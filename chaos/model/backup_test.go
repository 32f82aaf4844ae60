package model

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// backup copies what the runs have left behind, puts some of it back, or loses it.
func (p *player) backup() {
	at := 0
	if p.oneIn(4, "desk") {
		at = 1
	}
	d := &p.desks[at]
	kept := filepath.Join(p.w.dir, fmt.Sprint("backup", at))
	what := p.oneOf("files", "keep", "keep", "put back both", "put back report", "put back state", "put back all", "lose both", "lose report", "lose state")
	from := newDesk()
	switch {
	case what == "keep":
		p.no(copyAll(kept, p.w.path("")))
		c := d.clone()
		p.backups[at], p.older = &c, slices.Clone(p.lines)
		return
	case p.backups[at] == nil && strings.HasPrefix(what, "put"):
		return
	case strings.HasPrefix(what, "put"):
		from = p.backups[at].clone()
	}
	p.tell("desk %d: %s", at, what)
	if p.oneIn(2, "source as well") && strings.HasPrefix(what, "put") {
		p.lines = slices.Clone(p.older)
	}
	if strings.HasPrefix(what, "lose") {
		kept = ""
	}
	name := fmt.Sprint("desk", at)
	d.torn, p.rejected[at] = true, nil
	maps.Copy(d.corrected, from.corrected)
	for o, c := range d.corrected {
		c.unsure = true
		d.corrected[o] = c
	}
	if !strings.HasSuffix(what, "state") {
		d.report = from.report
		if strings.HasSuffix(what, "all") {
			p.bringBack(kept, name+".report.ndjson*") // what was set aside as well
		} else {
			p.bringBack(kept, name+".report.ndjson")
		}
	}
	if !strings.HasSuffix(what, "report") {
		d.state = from.state
		p.bringBack(kept, name+".db*")
	}
	// What the one does not know the other may.
	d.state.in, d.state.made, d.state.inactive = map[int]bool{}, map[int]bool{}, map[int]bool{}
	d.state.known = bounds{0, many}
}

// bringBack replaces the files of a pattern by those that were kept; by none where nothing
// was.
func (p *player) bringBack(kept, pattern string) {
	files, err := filepath.Glob(p.w.path(pattern))
	p.no(err)
	for _, f := range files {
		p.no(os.Remove(f))
	}
	if kept == "" {
		return
	}
	files, err = filepath.Glob(filepath.Join(kept, pattern))
	p.no(err)
	for _, f := range files {
		text, err := os.ReadFile(f)
		p.no(err)
		p.no(os.WriteFile(p.w.path(filepath.Base(f)), text, 0o600))
	}
}
