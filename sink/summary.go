// Package sink says what a run did: the summary. What it keeps of it are the journal
// and the reject file, in packages of their own.
package sink

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"importer/importer/contact"
	"importer/internal/words"
)

// WriteJSON writes what a command prints with --json, as one JSON object and a line
// feed. Names of files need not be UTF-8.
func WriteJSON(w io.Writer, v any) error {
	b, err := json.Marshal(v, jsontext.AllowInvalidUTF8(true), jsontext.EscapeForJS(true))
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// CountLine is the format of a line that shows a count.
const CountLine = "  %-12s %10d"

// WriteCounts writes a line for each count that is not 0.
func WriteCounts(b *strings.Builder, counts []contact.Count) {
	for _, c := range counts {
		if c.N != 0 {
			fmt.Fprintf(b, CountLine+"\n", c.Name, c.N)
		}
	}
}

// Details are what the summary for people says besides the numbers.
type Details struct {
	Failures []contact.FailureGroup // why rows are not in, the largest group first
	Redact   bool                   // quote nothing of the source
	SetAside []SetAside             // what stood in this run's way
	Again    string                 // the command line of this run; empty: "the same command"
	GoOn     string                 // the command line that goes on where a limited run ended; empty: told in words
	Rejects  string                 // the command line that imports the reject file; empty: told in words
	Update   string                 // the command line that sends what changed of rows that are in
	Remarks  string                 // what is to be known of rows that are in, in lines; empty: nothing
}

// SetAside is a report or state that was moved out of a run's way.
type SetAside struct {
	Path string // where it is now
	Why  string
}

// maxFailures is how many groups of failures a summary shows.
const maxFailures = 10

// SummaryText is a summary for people: how the run ended, what became of the rows, why
// some are not in, where that is recorded, and what to do next. The error that
// stopped a run is not in it: the command prints that on standard error.
func SummaryText(s contact.Summary, d Details) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", headline(s))
	WriteCounts(&b, s.Outcomes())
	fmt.Fprintf(&b, CountLine+"\n", "rows read", s.Read)
	WriteCounts(&b, []contact.Count{{Name: "left out", N: s.LeftOut}})
	fmt.Fprintf(&b, CountLine+"%s\n\n", "requests", s.Requests, requestDetails(s))
	fmt.Fprintf(&b, "  %-12s %s\n", "report", contact.Printable(s.Report))
	if s.Rejects != "" {
		fmt.Fprintf(&b, "  %-12s %s\n", "reject file", contact.Printable(s.Rejects))
	}
	for _, moved := range d.SetAside {
		fmt.Fprintf(&b, "  %-12s %s  (%s)\n", "set aside", contact.Printable(moved.Path), contact.Printable(moved.Why))
	}
	if len(d.Failures) > 0 {
		b.WriteString("\nWhy rows are not in:\n")
		contact.WriteFailures(&b, d.Failures, maxFailures, !d.Redact)
	}
	WriteRemarks(&b, d.Remarks)
	if steps := nextSteps(s, d); len(steps) > 0 {
		b.WriteString("\nWhat to do next:\n")
		for _, step := range steps {
			fmt.Fprintf(&b, "  - %s\n", step)
		}
	}
	return b.String()
}

// WriteRemarks writes what is to be known of rows that are in; nothing where there is
// nothing.
func WriteRemarks(b *strings.Builder, lines string) {
	if lines != "" {
		fmt.Fprintf(b, "\nWorth a look, although these rows are in:\n%s", lines)
	}
}

func headline(s contact.Summary) string {
	took := time.Duration(s.Duration)
	if took > time.Second {
		took = took.Round(100 * time.Millisecond)
	}
	took = took.Round(time.Millisecond)
	switch {
	case s.Status == contact.Interrupted && s.Reason == contact.UnrecordedReason:
		return fmt.Sprintf("Interrupted after %v, while the store was away. What became of the last requests is not recorded: the next run looks it up.", took)
	case s.Status == contact.Interrupted:
		return fmt.Sprintf("Interrupted after %v. What was sent is recorded.", took)
	case s.Status == contact.Stopped:
		return fmt.Sprintf("Stopped by an error after %v.", took)
	case s.Limited && s.NotIn() > 0:
		return fmt.Sprintf("Ended after %v at the limit: %s%s, and the rest of the source was not read.", took, areNotIn(s.NotIn()), tolerated(s))
	case s.Limited && !s.FoundNobody():
		return fmt.Sprintf("Ended after %v at the limit: every row until there is in, and the rest of the source was not read.", took)
	case s.NotIn() > 0:
		return fmt.Sprintf("Complete after %v: %s%s.", took, areNotIn(s.NotIn()), tolerated(s))
	case s.FoundNobody():
		return fmt.Sprintf("Complete after %v: nobody was found.", took)
	case s.Absent > 0:
		return fmt.Sprintf("Complete after %v: who is there is up to date, and %s not there.", took, words.Plural(s.Absent, "row is", "rows are"))
	case s.Read == 0:
		return "Complete: there were no rows to import."
	case s.Requests == 0:
		return "Nothing left to do: every row is in."
	}
	return fmt.Sprintf("Complete after %v: every row is in.", took)
}

func requestDetails(s contact.Summary) string {
	var parts []string
	if s.Retries != 0 {
		parts = append(parts, words.Plural(s.Retries, "retry", "retries"))
	}
	if s.Throttled != 0 {
		parts = append(parts, fmt.Sprintf("%d throttled", s.Throttled))
	}
	if s.LookedUp != 0 {
		parts = append(parts, fmt.Sprintf("%s looked up", words.Plural(s.LookedUp, "row", "rows")))
	}
	if parts == nil {
		return ""
	}
	return "  (" + strings.Join(parts, ", ") + ")"
}

// same is what nearly every next step begins with.
const same = "Run the same command again"

// nextSteps are what a person can do about the rows that are not in. After a run that
// did not go to its end that is one thing: it comes before all others.
func nextSteps(s contact.Summary, d Details) []string {
	if s.Status == contact.Interrupted || s.Status == contact.Stopped {
		return []string{goOn(s, d)}
	}
	var steps []string
	if s.FoundNobody() {
		steps = append(steps, fmt.Sprintf("No profile in the project has a contact id of these %s. Are the contact ids right? Compare one with that of a profile: look at the columns of mapping.contact_ids, at the country code of phone numbers, and at the project. --mode upsert creates who is not there.",
			words.Plural(s.Absent, "row", "rows")))
	}
	again := len(steps)
	if s.Unknown != 0 {
		steps = append(steps, fmt.Sprintf("%s may be in or not: no answer of the API and no look-up could tell. "+same+": such rows are looked up before anything is sent for them.",
			words.Plural(s.Unknown, "row", "rows")))
	}
	if s.Failed != 0 {
		steps = append(steps, fmt.Sprintf("%s failed after all retries. "+same+" to try them again.", words.Plural(s.Failed, "row", "rows")))
	}
	if len(steps) > again {
		steps[len(steps)-1] += command(d.Again)
	}
	if refused := s.Invalid + s.Rejected; refused != 0 {
		steps = append(steps, correct(refused, s, d))
	}
	if s.Limited {
		steps = append(steps, beyondLimit(d))
	}
	if s.ChangedSince != 0 && d.Update != "" {
		steps = append(steps, fmt.Sprintf("%s with other values or contact ids than now. This sends the new ones, and looks nobody up but by contact ids that are new:%s", words.Plural(s.ChangedSince, "row is in", "rows are in"), command(d.Update)))
	}
	return steps
}

// beyondLimit is what to do about the rows that a limited run did not read.
func beyondLimit(d Details) string {
	step := "The rest of the source was not read (--limit, limit). "
	if d.GoOn == "" {
		return step + "Take limit out of the configuration, then run the same command again: it goes on with the rest."
	}
	return step + "This goes on with it:" + command(d.GoOn)
}

// command is a command line below the step that it is for; nothing where it is not known.
func command(line string) string {
	if line == "" {
		return ""
	}
	return "\n      " + line
}

// goOn is what to do after a run that did not go to its end. What else is to be known of
// the rows that are not in is no step of its own: the run that goes on sees to it.
func goOn(s contact.Summary, d Details) string {
	step := same + ": it goes on where this one stopped."
	if s.Status == contact.Stopped {
		step = "Fix what stopped it, then run the same command again: it goes on where this one stopped."
	}
	if s.Unknown != 0 {
		step += fmt.Sprintf(" It looks up %s that may be in or not.", words.Plural(s.Unknown, "row", "rows"))
	}
	if s.Failed != 0 {
		step += fmt.Sprintf(" It tries %s again that failed.", words.Plural(s.Failed, "row", "rows"))
	}
	refused := s.Invalid + s.Rejected
	if refused == 0 {
		return step + command(d.Again)
	}
	step += fmt.Sprintf(" At its end it writes a reject file of all rows that were refused, which are %d so far", refused)
	if s.Rejects != "" {
		step += fmt.Sprintf("; until then %s holds those of this run so far, with the reason", contact.Printable(s.Rejects))
	}
	return step + "." + command(d.Again)
}

// correct is what to do about rows that were refused.
func correct(refused int64, s contact.Summary, d Details) string {
	step := fmt.Sprintf("%s refused.", words.Plural(refused, "row was", "rows were"))
	if s.Rejects == "" {
		return step
	}
	step += fmt.Sprintf(" %s holds them, with the reason in the columns behind the original ones. Correct them there, then import that file", contact.Printable(s.Rejects))
	if d.Rejects == "" {
		return step + "."
	}
	return step + ":" + command(d.Rejects)
}

// tolerated says that a run counts as a success, where it does with rows that are not in.
func tolerated(s contact.Summary) string {
	if s.Tolerated == 0 {
		return ""
	}
	return ", which --tolerate (tolerate) allows"
}

func areNotIn(n int64) string { return words.Plural(n, "row is", "rows are") + " not in" }
