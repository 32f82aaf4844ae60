package state

import (
	"bytes"
	"cmp"
	"path/filepath"
	"testing"

	"importer/importer/change"
	"importer/importer/contact"
)

// What is known of a contact while changes of it are on their way, and after that.
func TestStateKnowsWhatIsInDoubt(t *testing.T) {
	const update, touch, remove = contact.ToUpdate, contact.ToTouch, contact.ToRemove
	full := func(status contact.Status) *contact.Outcome {
		o := outcome(1, status, 1)
		o.Row.Profile.Fields = []contact.Field{{Name: "firstname", Value: []byte(`"A"`)}}
		return o
	}
	type step struct {
		doubt    []contact.Intent
		takeBack []contact.Intent
		then     *contact.Outcome
	}
	for _, c := range []struct {
		name            string
		steps           []step
		knows, inactive bool // what was sent; that a mirror deactivated it
		missing         bool // the mirror need not remove it
	}{
		{"nothing", nil, true, false, false},
		{"an update", []step{{doubt: []contact.Intent{update}}}, false, false, false},
		{"a touch", []step{{doubt: []contact.Intent{touch}}}, true, false, false},
		{"a removal", []step{{doubt: []contact.Intent{remove}}}, true, true, false},
		{"both", []step{{doubt: []contact.Intent{update, remove}}}, false, true, false},
		{"an update that was not sent", []step{{doubt: []contact.Intent{update}, takeBack: []contact.Intent{update}}}, true, false, false},
		{"a removal that was not sent", []step{{doubt: []contact.Intent{remove}, takeBack: []contact.Intent{remove}}}, true, false, false},
		{"one of two that was not sent", []step{{doubt: []contact.Intent{update, update}, takeBack: []contact.Intent{update}}}, false, false, false},
		{"an update, and a touch that was not sent", []step{{doubt: []contact.Intent{update, touch}, takeBack: []contact.Intent{touch}}}, false, false, false},
		{"none, of which one is taken back", []step{{takeBack: []contact.Intent{update, remove}}}, true, false, false},
		{"two, and the outcome of the last", []step{{doubt: []contact.Intent{update, remove, update}, then: full(contact.Updated)}}, true, false, false},
		{"an update that failed", []step{{doubt: []contact.Intent{update}, then: full(contact.Failed)}}, false, false, false},
		{"an update that was refused", []step{{doubt: []contact.Intent{update}, then: full(contact.Rejected)}}, false, false, false},
		{"an update, and a removal that went in", []step{{doubt: []contact.Intent{update, remove}, then: full(contact.Deactivated)}}, false, true, true},
	} {
		path := filepath.Join(t.TempDir(), "s.db")
		s := open(t, path)
		o := full(contact.Created)
		err := s.Record(o)
		keys := []contact.Key{o.Row.Key, {1}} // and one that it does not know
		for _, step := range c.steps {
			for _, to := range step.doubt {
				err = cmp.Or(err, s.Doubt(keys, to))
			}
			for _, to := range step.takeBack {
				err = cmp.Or(err, s.TakeBack(keys, to))
			}
			if step.then != nil {
				err = cmp.Or(err, s.Record(step.then))
			}
		}
		if err = cmp.Or(err, s.Close()); err != nil {
			t.Fatal(err)
		}
		s = open(t, path)
		e, known, err := s.Entry(o.Row.Key)
		if err != nil || !known || (e.Digest == o.Row.Digest) != c.knows || bytes.Equal(e.Sent, change.MarksOf(o.Row.Profile)) != c.knows || e.Inactive != c.inactive {
			t.Errorf("%s: %+v, %t, %v", c.name, e, known, err)
		}
		all, err := s.Entries(contact.Key{}, 10)
		if err != nil || len(all) != 1 || all[0].Inactive != c.missing || all[0].Digest != o.Row.Digest {
			t.Errorf("%s, missing: %+v, %v", c.name, all, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A run that records from a report, and does not end, leaves its name.
func TestStateKnowsWhichRunDidNotEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	s := open(t, path)
	s.From(Source{Report: "r1", Run: "r1"}, func() (int64, int64) { return 1, 100 })
	err := s.Commit()
	unended, readErr := s.Unended()
	if err = cmp.Or(err, readErr); err != nil || unended != "r1" {
		t.Fatal(unended, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	if unended, err := s.Unended(); err != nil || unended != "" {
		t.Error(unended, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
