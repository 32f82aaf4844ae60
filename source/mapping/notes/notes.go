// Package notes counts what a person should know of rows that go in all the same.
package notes

import (
	"fmt"
	"slices"
	"strings"

	"importer/internal/words"
)

// Notes are what was noticed, such as values that were left out: each is counted, and shown with its first few lines. The zero
// value is ready.
type Notes struct {
	all []*note
}

// A note is one of them.
type note struct {
	text     string // what was done, behind "contacts.csv: 3 rows: "
	with     string // the text of another one, without which it does not matter
	count    int64
	examples []noteExample
}

type noteExample struct {
	line  int
	value string
}

// What is kept of notes: columns are named by strangers, and their number is bounded.
const (
	maxNotes        = 50
	maxNoteExamples = 3
	maxNoteValue    = 512 // bytes
)

// A Notice is what is told of one row.
type Notice struct {
	// Text says what was done, with the column and without the value, such as
	// `the e-mail address in "Email" was left out`.
	Text  string
	Value string // of the source; may be empty
	With  string // it matters only where another row has a notice of this text
}

// Add counts a row.
func (n *Notes) Add(told Notice, line int) {
	found := n.find(told.Text)
	if found == nil {
		if len(n.all) == maxNotes {
			return
		}
		found = &note{text: told.Text, with: told.With}
		n.all = append(n.all, found)
	}
	found.count++
	if len(found.examples) < maxNoteExamples {
		found.examples = append(found.examples, noteExample{line, beginningOf(told.Value)})
	}
}

// beginningOf is as much of a value as is shown, without the row that it stands in.
func beginningOf(value string) string {
	return strings.Clone(value[:min(len(value), maxNoteValue)])
}

func (n *Notes) find(text string) *note {
	i := slices.IndexFunc(n.all, func(each *note) bool { return each.text == text })
	if i < 0 {
		return nil
	}
	return n.all[i]
}

// Texts are the notes for people. Redacted they hold no value of the source.
func (n *Notes) Texts(redact bool) []string {
	var texts []string
	for _, each := range n.all {
		if each.with != "" && n.find(each.with) == nil {
			continue
		}
		var where []string
		for _, x := range each.examples {
			w := fmt.Sprintf("line %d", x.line)
			if x.value != "" && !redact {
				w += ": " + words.Show(x.value)
			}
			where = append(where, w)
		}
		if each.count > int64(len(where)) {
			where = append(where, "…")
		}
		texts = append(texts, fmt.Sprintf("%s: %s (%s)", words.Plural(each.count, "row", "rows"), each.text, strings.Join(where, ", ")))
	}
	return texts
}
