package chaos

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"slices"

	"importer/internal/sandbox"
)

// What a run has to answer for. Everything here compares two things that the
// importer does not know of: what the sandbox held before and after a run, and what
// it should hold. Each complaint begins with its kind:
//
//	lost         a contact of the source is not in after the restored run
//	twice        a contact is on two profiles
//	removed      a profile is gone that nobody was to remove
//	overwritten  a profile was changed that nobody was to change, or in another way
//	made up      there is a profile of nobody in the source
//	untrue       the report or the summary says what is not so
//	blamed       a row is rejected that nothing is wrong with
//	exit         the exit code is not what follows from what is in
//	stopped      the run left rows out that nothing was wrong with, and should not have
//	endless      the run does not end
//	silent       it prints no summary

// held is a profile as the sandbox holds it.
type held struct {
	ID          string         `json:"_id"`
	ContactIDs  []string       `json:"contactIds"`
	Active      bool           `json:"active"`
	CreatedAt   int64          `json:"createdAt"`
	LastChanged int64          `json:"lastChanged"`
	Profile     map[string]any `json:"profile"`
}

func (h held) firstName() string { s, _ := h.Profile["firstname"].(string); return s }

// A truth is all that the sandbox holds, by profile id.
type truth map[string]held

func truthOf(s *sandbox.Sandbox) truth {
	t := truth{}
	for _, p := range s.Profiles() {
		var h held
		if err := json.Unmarshal(p.Body, &h); err != nil {
			panic(err) // of the sandbox itself
		}
		t[h.ID] = h
	}
	return t
}

// of are the profiles that hold a contact id.
func (t truth) of(contact string) (holders []held) {
	for _, h := range t {
		if slices.Contains(h.ContactIDs, contact) {
			holders = append(holders, h)
		}
	}
	return holders
}

// An aim is what a run is to bring about. Contact ids are in the form in which the
// API keeps them.
type aim struct {
	names   map[string]string // first names by contact: who has to be in
	creates bool              // and who is there already stays as it is
	touches bool              // and is to live on
	missing map[string]bool   // who is to be removed
	deletes bool              // and not only deactivated
	began   int64             // when the run began, in Unix seconds
}

// in tells whether a contact is in as it should be.
func (a aim) in(t truth, contact string) bool {
	holders := t.of(contact)
	if len(holders) != 1 {
		return false
	}
	return a.creates || a.asWanted(holders[0], contact)
}

func (a aim) asWanted(h held, contact string) bool {
	return h.Active && h.firstName() == a.names[contact] && (!a.touches || h.LastChanged >= a.began-2)
}

// gone tells whether a contact is removed as it should be.
func (a aim) gone(t truth, contact string) bool {
	holders := t.of(contact)
	if a.deletes {
		return len(holders) == 0
	}
	return !slices.ContainsFunc(holders, func(h held) bool { return h.Active })
}

// notDone are the contacts that are not as they should be.
func (a aim) notDone(t truth) (notIn, notGone []string) {
	for _, c := range slices.Sorted(maps.Keys(a.names)) {
		if !a.in(t, c) {
			notIn = append(notIn, c)
		}
	}
	for _, c := range slices.Sorted(maps.Keys(a.missing)) {
		if !a.gone(t, c) {
			notGone = append(notGone, c)
		}
	}
	return notIn, notGone
}

// harm is what was done to profiles that should not have been.
func (a aim) harm(before, after truth) (complaints []string) {
	say := func(format string, args ...any) { complaints = append(complaints, fmt.Sprintf(format, args...)) }
	holder := map[string]string{}
	for _, id := range slices.Sorted(maps.Keys(after)) {
		for _, c := range after[id].ContactIDs {
			if other := holder[c]; other != "" {
				say("twice: %s is on %s and %s", c, other, id)
			}
			holder[c] = id
		}
	}
	for _, id := range slices.Sorted(maps.Keys(before)) {
		was := before[id]
		now, there := after[id]
		contact := was.ContactIDs[0]
		_, named := a.names[contact]
		switch {
		case !there && !(a.missing[contact] && a.deletes):
			say("removed: %s, the profile of %s", id, contact)
		case !there:
		case !slices.Equal(was.ContactIDs, now.ContactIDs):
			say("overwritten: the contact ids of %s were %v, and are %v", contact, was.ContactIDs, now.ContactIDs)
		case was.Active != now.Active && !(now.Active && named && !a.creates) && !(!now.Active && a.missing[contact] && !a.deletes):
			say("overwritten: %s is active: %t", contact, now.Active)
		default:
			for _, name := range slices.Sorted(maps.Keys(merged(was.Profile, now.Profile))) {
				if !reflect.DeepEqual(was.Profile[name], now.Profile[name]) &&
					!(name == "firstname" && named && !a.creates && now.firstName() == a.names[contact]) {
					say("overwritten: %s of %s was %v, and is %v", name, contact, was.Profile[name], now.Profile[name])
				}
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(after)) {
		now := after[id]
		contact := now.ContactIDs[0]
		if _, was := before[id]; was {
			continue
		}
		if name, named := a.names[contact]; !named || now.firstName() != name || len(now.ContactIDs) != 1 || blank(now.Profile["location"]) != nil {
			say("made up: %s holds %v, and is %v", id, now.ContactIDs, now.Profile)
		}
	}
	return complaints
}

func merged(a, b map[string]any) map[string]any {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]any{}
	}
	maps.Copy(all, b)
	return all
}

// blank is nil for a value that a profile has by default.
func blank(v any) any {
	if v == "" {
		return nil
	}
	return v
}

// told is what a report says.
type told struct {
	last     map[string]entry  // the last line of each key, duplicate and invalid ones aside
	undone   map[string]bool   // keys whose last line is of an undo
	reasons  map[string]string // why a contact is not in, by contact
	doubtful map[string]bool   // keys that may be in or not
	run      string            // the last one
	settled  map[string]int    // how many lines it wrote of each status
}

func readTold(path string) (told, error) {
	t := told{last: map[string]entry{}, undone: map[string]bool{}, reasons: map[string]string{}, doubtful: map[string]bool{}, settled: map[string]int{}}
	last, doubtful := t.last, t.doubtful
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return t, err
	}
	for line := range bytes.Lines(b) {
		var e struct {
			entry
			Run    string
			Undone bool
			Error  struct{ Detail string }
		}
		if err := json.Unmarshal(line, &e); err != nil {
			return t, fmt.Errorf("%s: %q: %w", path, line, err)
		}
		switch e.Kind {
		case "run":
			t.run, t.settled = e.Run, map[string]int{}
		case "sending":
			for _, k := range e.Keys {
				doubtful[k] = true
			}
		case "unsent":
			for _, k := range e.Keys {
				delete(doubtful, k)
			}
		case "row":
			t.settled[e.Status]++
			if e.Key == "" || e.Status == "duplicate" || e.Status == "invalid" {
				continue
			}
			last[e.Key], t.undone[e.Key] = e.entry, e.Undone
			if len(e.ContactIDs) > 0 {
				t.reasons[e.ContactIDs[0]] = e.Error.Detail
			}
			if e.Status == "unknown" {
				doubtful[e.Key] = true
			} else {
				delete(doubtful, e.Key)
			}
		}
	}
	return t, nil
}

// untrueLines are the lines of a report that say what is not so. Before is what the
// sandbox held before the first of its runs.
func (a aim) untrueLines(ours bool, last map[string]entry, form func(string) string, before, after truth) (complaints []string) {
	say := func(format string, args ...any) { complaints = append(complaints, fmt.Sprintf(format, args...)) }
	for _, key := range slices.Sorted(maps.Keys(last)) {
		e := last[key]
		h, there := after[e.ID]
		contact := "?"
		if len(e.ContactIDs) > 0 {
			contact = form(e.ContactIDs[0])
		}
		switch e.Status {
		case "created", "existing", "updated", "unchanged":
			_, was := before[e.ID]
			switch {
			case !there:
				say("untrue: %s is %s as %q, and there is no such profile", contact, e.Status, e.ID)
			case !slices.Contains(h.ContactIDs, contact):
				say("untrue: %s is %s as %s, and that is %v", contact, e.Status, e.ID, h.ContactIDs)
			case ours && e.Status == "existing" && !was:
				say("untrue: %s is existing as %s, and this import made it", contact, e.ID)
			case e.Status == "created" && was:
				say("untrue: %s is created as %s, and that was there before", contact, e.ID)
			case !a.creates && !a.asWanted(h, contact):
				say("untrue: %s is %s, and its profile is %q, active %t, changed at %d", contact, e.Status, h.firstName(), h.Active, h.LastChanged)
			}
		case "deleted":
			if there {
				say("untrue: %s is deleted, and its profile %s is there", contact, e.ID)
			}
		case "deactivated":
			if there && h.Active {
				say("untrue: %s is deactivated, and its profile %s is active", contact, e.ID)
			}
		}
	}
	return complaints
}

// untrueSummary is what a summary says that is not so: more rows are in, or were
// removed, than truly are, or another number than the report's lines say.
func (a aim) untrueSummary(s waySummary, t told, after truth) (complaints []string) {
	say := func(format string, args ...any) { complaints = append(complaints, fmt.Sprintf(format, args...)) }
	notIn, notGone := a.notDone(after)
	claimed := s.Read - s.Invalid - s.Rejected - s.Failed - s.Unknown - s.Pending
	if in := len(a.names) - len(notIn); claimed > in {
		say("untrue: the summary says that %d rows are in, and %d are", claimed, in)
	}
	if gone := len(a.missing) - len(notGone); s.Deleted+s.Deactivated > gone {
		say("untrue: the summary says that %d contacts were removed, and %d are gone", s.Deleted+s.Deactivated, gone)
	}
	for status, n := range map[string]int{"created": s.Created, "updated": s.Updated, "deleted": s.Deleted, "deactivated": s.Deactivated,
		"failed": s.Failed, "unknown": s.Unknown} {
		if t.run == s.Run && n != t.settled[status] {
			say("untrue: the summary says %d %s, and the report has %d lines of it", n, status, t.settled[status])
		}
	}
	return complaints
}

// A waySummary is what an import or a sync prints.
type waySummary struct {
	summary
	Run                           string
	Updated, Deleted, Deactivated int
}

// A verdict is a line of what a verification found.
type verdict struct {
	Key        string
	ID         string   `json:"_id"`
	ContactIDs []string `json:"contactIds"`
	Verdict    string
	End        bool
}

func readVerdicts(path string) (all []verdict, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() // read only
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var v verdict
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			return nil, fmt.Errorf("%s: %q: %w", path, lines.Bytes(), err)
		}
		if !v.End {
			all = append(all, v)
		}
	}
	return all, lines.Err()
}

// truly is the verdict that a line of a report deserves.
func (a aim) truly(e entry, form func(string) string, t truth) string {
	h, there := t[e.ID]
	switch {
	case !there:
		return "missing"
	case !slices.Contains(h.ContactIDs, form(e.ContactIDs[0])) || h.firstName() != a.names[form(e.ContactIDs[0])]:
		return "differs"
	}
	return "same"
}

// untrueVerdicts are the verdicts that are wrong. That a profile could not be looked
// at is no verdict about it, whatever its name.
func (a aim) untrueVerdicts(all []verdict, last map[string]entry, form func(string) string, t truth) (complaints []string) {
	for _, v := range all {
		e, known := last[v.Key]
		if !known {
			complaints = append(complaints, fmt.Sprintf("untrue: a verdict about %s, which is not in the report", v.Key))
			continue
		}
		if !slices.Contains([]string{"same", "differs", "missing", "there"}, v.Verdict) {
			continue
		}
		if want := a.truly(e, form, t); v.Verdict != want && !(v.Verdict == "there" && want != "missing") {
			complaints = append(complaints, fmt.Sprintf("untrue: the verdict about %s is %s, and it is %s", e.ContactIDs[0], v.Verdict, want))
		}
	}
	return complaints
}
