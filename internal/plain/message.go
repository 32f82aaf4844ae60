package plain

import "strings"

// maxMessage is how much of one error of several is shown, in bytes.
const maxMessage = 4000

// Lines is an error whose line feeds are its own, as where it shows a part of a
// configuration. Its lines hold nothing from outside that could end one.
func Lines(text string) error { return &lines{text} }

type lines struct{ text string }

func (l *lines) Error() string { return l.text }

// Message is an error for people. It has the lines of those that were joined, and of
// those that Lines made; a line feed anywhere else, such as one in the name of a file,
// is shown as Line shows it.
func Message(err error) string {
	text := err.Error()
	if own, ok := err.(*lines); ok {
		all := strings.Split(own.text, "\n")
		for i := range all {
			all[i] = line(all[i], maxMessage)
		}
		return strings.Join(all, "\n")
	}
	var within []error
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		within = e.Unwrap()
	case interface{ Unwrap() error }:
		within = []error{e.Unwrap()}
	}
	var b strings.Builder
	for _, inner := range within {
		if inner == nil {
			continue
		}
		before, after, found := strings.Cut(text, inner.Error())
		if !found {
			continue
		}
		if before == "\n" { // as errors.Join has it
			b.WriteByte('\n')
		} else {
			b.WriteString(line(before, maxMessage))
		}
		b.WriteString(Message(inner))
		text = after
	}
	b.WriteString(line(text, maxMessage))
	return b.String()
}
