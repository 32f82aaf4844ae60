package importer

import (
	"fmt"
	"math/bits"
	"testing"

	"importer/importer/contact"
)

var (
	allTables = map[string]table{
		"creating": creating, "updating": updating, "upserting": upserting, "searching": searching, "touching": touching, "keeping": keeping,
		"deactivating": deactivating, "deleting": deleting, "undoingCreate": undoingCreate, "undoingChange": undoingChange,
	}
	stepNames = []string{"begin", "find", "create", "park", "look", "compare", "announce", "vet", "merge", "read", "write", "remove", "confirm", "renew", "hold", "finish"}
	// brings are the answers that each step can bring.
	brings = map[step]answer{
		begin:    ok,
		find:     nobody | somebody | several | exhausted | stopped,
		create:   ok | somebody | conflict | strange | barred | turnedAway | refused | again | later | exhausted | lost | stopped,
		park:     ok,
		look:     nobody | nobodyYet | somebody | ours | unproven | resembling | exhausted | stopped,
		compare:  same | ours | differs,
		announce: ok | stopped,
		vet:      nobody | several | exhausted | stopped,
		merge:    ok | gone | refused | barred | again | later | exhausted | stopped,
		read:     ok | same | differs | gone | refused | barred | again | later | exhausted | stopped,
		write:    ok | gone | refused | barred | again | later | exhausted | stopped,
		remove:   ok | gone | refused | barred | again | later | exhausted | stopped,
		confirm:  nobody | somebody | later | exhausted | stopped,
		renew:    ok | stopped,
		hold:     blamed | unblamed,
	}
)

func name(s step) string { return stepNames[bits.TrailingZeros16(uint16(s))] }

// each ranges over the answers of a set.
func each(set answer) (all []answer) {
	for ; set != 0; set &= set - 1 {
		all = append(all, set&-set)
	}
	return all
}

// Whatever a step brings, every table that leads to it says what follows.
func TestEveryAnswerHasAMove(t *testing.T) {
	for tableName, way := range allTables {
		type state struct {
			did step
			in  doubt
		}
		seen := map[state]bool{}
		var visit func(state)
		visit = func(s state) {
			if seen[s] {
				return
			}
			seen[s] = true
			answers := brings[s.did]
			switch {
			case s.did == confirm && tableName == "undoingCreate":
				answers |= ok // a delete whose answer was lost did it
			case s.did != read:
			case tableName == "touching", tableName == "keeping":
				answers &^= ok | same // a touch always has something to write
			case tableName[:4] == "undo":
				answers = answers&^ok | changed
			}
			for _, got := range each(answers) {
				m := way.next(s.did, got, s.in)
				if m == endAs(announcedOnly) && got != stopped {
					t.Errorf("%s: nothing follows on answer %b to %s in doubt %q", tableName, got, name(s.did), s.in)
				}
				if m.do == finish {
					if m.end == settled && m.status == 0 {
						t.Errorf("%s: %s settles a row without a status", tableName, name(s.did))
					}
					continue
				}
				next := state{m.do, s.in}
				switch {
				case s.did == renew && got == ok:
					continue // and upserting takes over
				case m.do == create || m.do == renew:
					next.in = undoubted
				case s.did == look && m.do == compare:
					next.in = adopted
				}
				if m.do != park || s.did == look {
					visit(next)
					continue
				}
				if s.did != create {
					visit(state{park, suspectChange})
					continue
				}
				for _, why := range []doubt{answerLost, conflicted, overtaken, contested, foreign, suspect, refusedOnTheWay} {
					visit(state{park, why})
				}
			}
		}
		visit(state{begin, undoubted})
		if way.next(park, ok, earlierRun).do == look {
			visit(state{park, earlierRun})
		}
	}
}

func TestMoves(t *testing.T) {
	for _, c := range []struct {
		way  string
		did  step
		got  answer
		in   doubt
		want string
	}{
		// Nobody is created who was not looked for.
		{"creating", begin, ok, undoubted, "find"},
		{"upserting", begin, ok, undoubted, "find"},
		{"creating", find, nobody, undoubted, "create"},
		{"creating", find, somebody, undoubted, "existing"},
		{"upserting", find, somebody, undoubted, "compare"},
		{"creating", find, several, undoubted, "invalid"},
		{"creating", find, exhausted, undoubted, "failed"},
		// A create that may have been processed is never sent again before a look.
		{"creating", create, lost, undoubted, "park"},
		{"creating", create, strange, undoubted, "park"},
		{"creating", create, barred, undoubted, "park"},
		{"creating", create, turnedAway, undoubted, "park"},
		{"creating", create, conflict, undoubted, "park"},
		{"creating", create, later, undoubted, "pause, create"},
		{"creating", create, again, undoubted, "create"},
		{"creating", create, refused, undoubted, "rejected"},
		{"creating", create, exhausted, undoubted, "failed"},
		{"creating", create, stopped, undoubted, "given back"},
		// In doubt: as long as reads may lag behind, "nobody" says nothing.
		{"creating", look, nobodyYet, answerLost, "park"},
		{"creating", look, nobody, answerLost, "create"},
		{"creating", look, nobody, earlierRun, "create"},
		// 409 is "existing" only where somebody is found.
		{"creating", look, nobody, conflicted, "create"},
		{"creating", look, nobody, overtaken, "create"},
		{"creating", look, nobody, contested, "unknown"},
		// Who made up one success makes up the next: it is not sent again by this run.
		{"creating", look, nobody, foreign, "unknown"},
		{"upserting", look, nobody, foreign, "unknown"},
		// A firewall that dislikes the text of one row.
		{"creating", look, nobody, suspect, "hold"},
		{"creating", hold, blamed, suspect, "rejected"},
		{"creating", hold, unblamed, suspect, "failed"},
		{"creating", look, nobody, refusedOnTheWay, "failed"},
		{"creating", look, resembling, answerLost, "unknown"},
		{"creating", look, ours, answerLost, "created"},
		{"creating", look, somebody, answerLost, "existing"},
		{"upserting", look, ours, answerLost, "compare"},
		{"creating", look, exhausted, answerLost, "unknown"},
		{"creating", look, stopped, earlierRun, "unknown"},
		{"creating", look, exhausted, conflicted, "unknown"},
		{"creating", look, stopped, foreign, "unknown"},
		// What becomes a change is announced as one.
		{"upserting", compare, differs, adopted, "announce"},
		{"upserting", compare, differs, undoubted, "merge"},
		{"upserting", compare, ours, adopted, "created"},
		{"upserting", compare, same, adopted, "unchanged"},
		{"upserting", write, stopped, adopted, "unknown"},
		{"upserting", write, stopped, undoubted, "given back"},
		// A change is made again from a fresh read.
		{"updating", begin, ok, undoubted, "vet"},
		{"updating", vet, nobody, undoubted, "merge"},
		{"updating", vet, several, undoubted, "invalid"},
		{"updating", vet, exhausted, undoubted, "failed"},
		{"updating", vet, stopped, undoubted, "given back"},
		{"upserting", announce, ok, adopted, "vet"},
		{"updating", merge, ok, undoubted, "read"},
		{"updating", read, differs, undoubted, "write"},
		{"updating", read, same, undoubted, "unchanged"},
		{"updating", read, ok, undoubted, "updated"},
		{"updating", write, ok, undoubted, "updated"},
		{"updating", write, later, undoubted, "pause, read"},
		{"updating", write, again, undoubted, "read"},
		// What is not there is looked for before anything is created again.
		{"updating", write, gone, undoubted, "confirm"},
		{"updating", read, gone, undoubted, "confirm"},
		{"updating", confirm, nobody, undoubted, "renew"},
		{"updating", confirm, somebody, undoubted, "renew"},
		{"updating", confirm, later, undoubted, "pause, read"},
		{"updating", confirm, exhausted, undoubted, "failed"},
		{"updating", write, barred, undoubted, "park"},
		{"updating", park, ok, suspectChange, "hold"},
		{"upserting", park, ok, answerLost, "look"},
		{"updating", renew, ok, undoubted, "find"},
		// A run that only updates.
		{"searching", begin, ok, undoubted, "find"},
		{"searching", find, nobody, undoubted, "absent"},
		{"searching", find, somebody, undoubted, "compare"},
		{"searching", find, several, undoubted, "invalid"},
		{"searching", find, stopped, undoubted, "given back"},
		{"searching", look, nobody, answerLost, "absent"},
		{"searching", read, gone, undoubted, "confirm"},
		{"touching", begin, ok, undoubted, "read"},
		{"touching", write, ok, undoubted, "updated"},
		{"touching", read, gone, undoubted, "confirm"},
		{"keeping", begin, ok, undoubted, "read"},
		{"keeping", read, gone, undoubted, "confirm"},
		{"keeping", confirm, nobody, undoubted, "invalid"},
		// What a mirror removes.
		{"deactivating", begin, ok, undoubted, "write"},
		{"deactivating", write, ok, undoubted, "deactivated"},
		{"deactivating", write, gone, undoubted, "confirm"},
		{"deactivating", confirm, nobody, undoubted, "deleted"},
		{"deactivating", confirm, exhausted, undoubted, "not removed"},
		{"deactivating", confirm, later, undoubted, "pause, write"},
		{"deleting", confirm, later, undoubted, "pause, remove"},
		{"deactivating", write, later, undoubted, "pause, write"},
		{"deleting", begin, ok, undoubted, "remove"},
		{"deleting", remove, ok, undoubted, "deleted"},
		{"deleting", remove, refused, undoubted, "not removed"},
		{"deleting", remove, stopped, undoubted, "dropped"},
		// An undo looks before it takes back.
		{"undoingCreate", begin, ok, undoubted, "read"},
		{"undoingCreate", read, differs, undoubted, "remove"},
		{"undoingCreate", read, changed, undoubted, "kept"},
		{"undoingCreate", remove, later, undoubted, "pause, read"},
		{"undoingCreate", read, gone, undoubted, "confirm"},
		{"undoingCreate", confirm, nobody, undoubted, "gone: deleted"},
		{"undoingCreate", confirm, ok, undoubted, "deleted"},
		{"undoingChange", read, differs, undoubted, "write"},
		{"undoingChange", read, same, undoubted, "updated"},
		{"undoingChange", write, exhausted, undoubted, "not removed"},
		{"undoingChange", write, stopped, undoubted, "left"},
	} {
		if got := describe(allTables[c.way].next(c.did, c.got, c.in)); got != c.want {
			t.Errorf("%s: after %s (%b, in doubt %q) comes %q, want %q", c.way, name(c.did), c.got, c.in, got, c.want)
		}
	}
}

func describe(m move) string {
	ends := map[resultKind]string{
		announcedOnly: "given back", notRemoved: "not removed", dropped: "dropped", undoKept: "kept", undoLeft: "left", undoGone: "gone: " + contact.Deleted.String(),
	}
	switch {
	case m.do == finish && m.end == settled:
		return m.status.String()
	case m.do == finish:
		return ends[m.end]
	case m.pause:
		return fmt.Sprint("pause, ", name(m.do))
	}
	return name(m.do)
}
