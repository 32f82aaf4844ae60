package chaos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"

	"importer/internal/sandbox"
)

// A summary is what --json prints, and what the last line of a run holds.
type summary struct {
	Status, Reason                                                                        string
	Read, Created, Existing, Duplicate, Invalid, Rejected, Failed, Unknown, Done, Pending int
	Requests                                                                              int
	LookedUp                                                                              int `json:"looked_up"`
	DoneBefore                                                                            int `json:"done_before"`
}

// An entry is one line of a report.
type entry struct {
	Kind       string
	Keys       []string // sending, unsent
	Key        string   // row, as what follows
	ContactIDs []string `json:"contactIds"`
	Status     string
	ID         string `json:"_id"`
	Found      bool
	Attempts   int
	Summary    *summary // end
}

// An account is what a report says, read here and not by the importer's own
// reader.
type account struct {
	runs    int
	last    map[string]entry  // the last row line of each key, duplicate and invalid ones aside
	keys    map[string]string // by contact id
	refused []string          // contact ids of invalid lines of the last run
	settled map[string]int    // of the last run: how many keys it made created or existing
	inDoubt map[string]bool   // announced, and without an outcome since, or with none that is certain
	end     *summary          // of the last run; nil where it did not end
}

// parseReport reads the complete lines of a report, and says in which way they
// contradict each other.
func parseReport(report []byte) (*account, error) {
	a := &account{last: make(map[string]entry), keys: make(map[string]string), inDoubt: make(map[string]bool)}
	announced := make(map[string]bool)
	number := 0
	for line := range bytes.Lines(report) {
		number++
		if !bytes.HasSuffix(line, []byte("\n")) {
			break
		}
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		switch e.Kind {
		case "run":
			a.runs++
			a.refused, a.settled, a.end = nil, make(map[string]int), nil
		case "sending":
			for _, k := range e.Keys {
				announced[k], a.inDoubt[k] = true, true
			}
		case "unsent":
			for _, k := range e.Keys {
				delete(a.inDoubt, k)
			}
		case "row":
			switch e.Status {
			case "invalid":
				a.refused = append(a.refused, e.ContactIDs...)
				continue
			case "duplicate":
				continue
			}
			if e.Attempts > 0 && !announced[e.Key] {
				return nil, fmt.Errorf("line %d: the key %s was sent, and no line before announces it", number, e.Key)
			}
			if was := a.last[e.Key].Status; was == "created" || was == "existing" {
				return nil, fmt.Errorf("line %d: the key %s is %s, and was %s already", number, e.Key, e.Status, was)
			}
			a.settled[e.Status]++
			a.last[e.Key] = e
			for _, id := range e.ContactIDs {
				if k, ok := a.keys[id]; ok && k != e.Key {
					return nil, fmt.Errorf("line %d: the contact %s has the keys %s and %s", number, id, k, e.Key)
				}
				a.keys[id] = e.Key
			}
			if e.Status == "unknown" {
				a.inDoubt[e.Key] = true
			} else {
				delete(a.inDoubt, e.Key)
			}
		case "end":
			a.end = e.Summary
		case "":
			return nil, fmt.Errorf("line %d has no kind", number)
		}
	}
	return a, nil
}

func readReport(t *testing.T, path string) *account {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	a, err := parseReport(b)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return a
}

// status is what became of a contact; empty where nothing did.
func (a *account) status(contactID string) string { return a.last[a.keys[contactID]].Status }

// count counts the keys of a status.
func (a *account) count(status string) int {
	n := 0
	for _, e := range a.last {
		if e.Status == status {
			n++
		}
	}
	return n
}

// check holds the account against what the API holds: no contact is on two
// profiles, every profile is told of, and every id is that of the row's profile.
// Others are contacts that are in the API and in no row of the report.
func (a *account) check(profiles []sandbox.Profile, others ...string) error {
	holder := make(map[string]string)
	for _, p := range profiles {
		for _, id := range p.ContactIDs {
			if holder[id] != "" {
				return fmt.Errorf("the contact %s is on two profiles, %s and %s", id, holder[id], p.ID)
			}
			holder[id] = p.ID
			if s := a.status(id); s != "created" && s != "existing" && !slices.Contains(others, id) {
				return fmt.Errorf("the contact %s is in the API, and in the report it is %q", id, s)
			}
		}
	}
	for key, e := range a.last {
		if e.Status != "created" && e.Status != "existing" {
			continue
		}
		for _, id := range e.ContactIDs {
			if e.ID == "" || holder[id] != e.ID {
				return fmt.Errorf("the contact %s is on the profile %q, and in the report, under the key %s, on %q", id, holder[id], key, e.ID)
			}
		}
	}
	return nil
}

// checkAll wants so many rows to be in, each created exactly once and by this
// report, and the accounts of its last run to say so.
func (a *account) checkAll(t *testing.T, profiles []sandbox.Profile, rows int) {
	t.Helper()
	a.checkRows(t, profiles, rows, func(int) string { return "created" })
}

// checkRows wants so many rows to be in, each once and with the status that want
// tells of its number.
func (a *account) checkRows(t *testing.T, profiles []sandbox.Profile, rows int, want func(n int) string) {
	t.Helper()
	if err := a.check(profiles); err != nil {
		t.Error(err)
	}
	if len(profiles) != rows || len(a.last) != rows {
		t.Errorf("of %d rows there are %d profiles, and %d keys in the report", rows, len(profiles), len(a.last))
	}
	for n := range rows {
		if s := a.status(contactID(n)); s != want(n) {
			t.Errorf("the contact %s is %q, want %q", contactID(n), s, want(n))
		}
	}
	if len(a.inDoubt) > 0 {
		t.Errorf("%d rows are in doubt", len(a.inDoubt))
	}
	s := a.end
	if s == nil {
		t.Fatal("the last run has no end line")
	}
	if s.Status != "complete" || s.Read != rows || s.Created != a.settled["created"] || s.Existing != a.settled["existing"] ||
		s.DoneBefore != rows-s.Created-s.Existing {
		t.Errorf("the last run says %+v of %d rows, and settled %v", *s, rows, a.settled)
	}
}
