package model

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// A line is a row of the source, and the number of the person whom it is about.
type line struct {
	who                        int
	no, email, name, town, age string
}

// A sheet is the source.
type sheet []line

var header = []string{"Customer No", "email", "first name", "location", "age"}

func (l line) cells() []string { return []string{l.no, l.email, l.name, l.town, l.age} }

// refusal is what the API refuses for good, where it stands in a name.
const refusal = "refuse"

// newcomer is the line of a person, who is known by a number: the same in each contact id.
func newcomer(n int) line {
	return line{who: n, no: customer(n), email: address(n), name: "Name 0", town: "Town 0", age: "30"}
}

func customer(n int) string { return fmt.Sprintf("C-%d", n) }

func address(n int) string { return fmt.Sprintf("p%d@example.com", n) }

// person is whose a contact id is; 0: a stranger's.
func person(id string) (n int) {
	id = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(id, "C-"), "p"), "@example.com")
	n, _ = strconv.Atoi(id)
	return n
}

func (s sheet) save(path string) error {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	records := [][]string{header}
	for _, l := range s {
		records = append(records, l.cells())
	}
	if err := w.WriteAll(records); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o600)
}

// A mapping is what the configuration says of the source.
type mapping struct {
	ids       string // which columns the contact ids are of; empty: by their names, which is the e-mail address
	town, age bool   // these fields are sent
}

// idRules are the id rules, and by what they tell contacts apart.
var idRules = map[string][]string{"": {"email"}, "[email]": {"email"}, "[Customer No]": {"Customer No"}, "[Customer No, email]": {"Customer No", "email"}}

func (m mapping) yaml() string {
	var b strings.Builder
	b.WriteString("mapping:\n")
	if m.ids != "" {
		fmt.Fprintf(&b, "  contact_ids: %s\n", m.ids)
	}
	b.WriteString("  unnamed: ignore\n  fields:\n    firstname: first name\n")
	if m.ids == "" {
		b.WriteString("    email: email\n")
	}
	if m.town {
		b.WriteString("    location: location\n")
	}
	if m.age {
		b.WriteString("    age: age\n")
	}
	return b.String()
}

// rule is the id rule, however it is spelled.
func (m mapping) rule() string { return strings.Join(idRules[m.ids], "+") }

// contactIDs are those of a line.
func (m mapping) contactIDs(l line) (ids []string) {
	for _, column := range idRules[m.ids] {
		if id := l.cells()[slices.Index(header, column)]; id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// values are the fields that are sent of a line.
func (m mapping) values(l line) map[string]string {
	v := map[string]string{"firstname": l.name}
	if m.ids == "" {
		v["email"] = l.email
	}
	if m.town {
		v["location"] = l.town
	}
	if m.age {
		v["age"] = l.age
	}
	return v
}

// A fate is what has to become of a line, as far as the source tells.
type fate uint8

const (
	goesIn   fate = iota
	refused       // by the API, if it is sent
	invalid       // it is not sent, and tells whose it is
	nameless      // it is not sent, and does not tell
	repeats       // a line before it has its ids
	settled       // a corrected line of a reject file is in for it
)

// A wish is a line as an import has to take it.
type wish struct {
	person int
	ids    []string
	values map[string]string
	fate   fate
	others []int // who is in for it, where it is settled or may be
	unsure bool  // it may be settled, or a line that it repeats
	of     original
}

// wishes are what each line asks for. What is known of corrections says which lines are
// settled by them, or may be.
func (s sheet) wishes(m mapping, corrected func(i int, w wish) (c correction, is bool)) (all []wish) {
	seen, hazy := map[int]bool{}, map[int]bool{}
	alike := map[line]int{}
	for i, l := range s {
		ids := m.contactIDs(l)
		w := wish{person: l.who, ids: ids, values: m.values(l), of: original{line: l}}
		w.of.who = 0 // which nobody sees
		switch {
		case len(ids) == 0:
			w.fate = nameless
		case m.age && strings.Trim(l.age, "0123456789") != "":
			w.fate = invalid
		case strings.Contains(l.name, refusal):
			w.fate = refused
		}
		if w.fate == nameless || w.fate == invalid {
			w.of.nth = alike[w.of.line]
			alike[w.of.line]++
		}
		c, is := corrected(i, w)
		if is {
			w.others = c.who
		}
		if w.unsure = is && c.unsure; is && !c.unsure {
			w.fate = settled
		}
		if w.fate == goesIn || w.fate == refused {
			w.unsure = w.unsure || hazy[w.person]
			if seen[w.person] {
				w.fate = repeats
			}
			seen[w.person] = true
			hazy[w.person] = w.unsure
		}
		all = append(all, w)
	}
	return all
}
