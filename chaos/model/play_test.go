package model

import (
	"fmt"
	"os"
	"strings"
	"time"

	"pgregory.net/rapid"

	"importer/internal/sandbox"
)

// A player plays one sequence.
type player struct {
	*rapid.T
	*trial
	w        *world
	lines    sheet
	past     []sheet // the source, as it was for the runs so far
	mapping  mapping
	people   int // how many there have been
	desks    [2]desk
	rejected [2]*rejected    // what the last run of a desk had refused; nil: nothing, or it is not known
	edited   [][]byte        // reject files
	backups  [2]*desk        // nil: there is none
	older    sheet           // the source, as it was when a backup was made
	often    int             // one of so many nights comes after something about a backup
	ours     [2]map[int]bool // whom runs of ours made, by project
	writers  [2]map[int]bool // which desks have written to a project
	mode     string          // of the run before
	lag      time.Duration
	story    []string // what happened so far
	run      func(project int, e ending, args ...string) (*ran, error)
}

var modes = []string{"create", "create", "update", "upsert", "upsert", "deactivate", "delete"}

// play plays a sequence.
func play(t *rapid.T, of *trial) {
	p := &player{T: t, trial: of}
	// No run of these needs a disk to write to, and all of them would wait for it.
	dir, err := os.MkdirTemp("/dev/shm", "importer-model-")
	if err != nil { // there is no folder in memory
		dir, err = os.MkdirTemp("", "importer-model-")
	}
	p.no(err)
	defer os.RemoveAll(dir)
	patch := p.oneOf("patch", sandbox.PatchMerge, sandbox.PatchReplace)
	if p.oneIn(20, "lags") {
		p.lag = 20 * time.Millisecond
	}
	p.w, err = newWorld(dir, patch, p.lag)
	p.no(err)
	defer func() { p.no(p.w.close()) }()
	if p.run = p.w.run; p.processes {
		p.run = p.w.start
	}
	p.mapping = mapping{town: true, age: true}
	for n := range p.desks {
		p.desks[n] = newDesk()
		p.ours[n], p.writers[n] = map[int]bool{}, map[int]bool{}
	}
	p.mode = p.oneOf("first mode", modes...)
	p.often = []int{12, 2}[p.below(2, "backups")]
	for range p.below(p.below(7, "people at most")+1, "people") {
		p.lines = append(p.lines, p.newcomer())
	}
	p.populate()
	for range 1 + p.below(7, "nights") {
		for range p.below(4, "edits") {
			p.edit()
		}
		if p.oneIn(p.often, "backup") {
			p.backup()
		}
		p.night()
	}
}

// tell keeps what happens, for whom it fails.
func (p *player) tell(format string, args ...any) {
	p.story = append(p.story, fmt.Sprintf(format, args...))
}

// fail ends the sequence. What happened is told the first time in full, because the
// order in which requests arrive may not come again.
func (p *player) fail(why string) {
	story := strings.Join(p.story, "\n")
	if !p.failed {
		p.test.Logf("the first sequence that failed, %s:\n%s", why, story)
	}
	p.failed = true
	p.Logf("%s", story)
	p.Fatal(why)
}

func (p *player) no(err error) {
	if err != nil {
		p.Helper()
		p.fail(err.Error())
	}
}

// below is a number from 0 to n-1, each as likely as the others: rapid's own choices
// prefer the ends. It shrinks to 0.
func (p *player) below(n int, label string) int {
	return rapid.Custom(func(t *rapid.T) (k int) {
		for range 10 {
			k *= 2
			if rapid.Bool().Draw(t, "") {
				k++
			}
		}
		return k * n >> 10
	}).Draw(p.T, label)
}

func (p *player) oneIn(n int, label string) bool { return p.below(n, label) == n-1 }

// oneOf is one of the choices, and shrinks to the first.
func (p *player) oneOf(label string, choices ...string) string {
	return choices[p.below(len(choices), label)]
}

func (p *player) newcomer() line {
	p.people++
	return newcomer(p.people)
}

// populate makes profiles that others made before.
func (p *player) populate() {
	for n, l := range p.lines {
		if n%4 == 3 {
			p.no(p.w.populate(0, p.mapping.contactIDs(l)[0], "Theirs"))
		}
	}
	p.no(p.w.populate(0, "stranger@example.com", "Stranger"))
}
