package mapping

import (
	"fmt"
	"slices"
	"strings"

	"importer/internal/words"
)

// Notes are what a person should know of rows that go in all the same, such as values
// that were left out: each is counted, and shown with its first few lines. The zero
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

// add counts a row. The text says what was done, with the column and without the
// value, such as `the e-mail address in "Email" was left out`; the value may be empty.
func (n *Notes) add(told notice, line int) {
	found := n.find(told.text)
	if found == nil {
		if len(n.all) == maxNotes {
			return
		}
		found = &note{text: told.text, with: told.with}
		n.all = append(n.all, found)
	}
	found.count++
	if len(found.examples) < maxNoteExamples {
		found.examples = append(found.examples, noteExample{line, beginningOf(told.value)})
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
