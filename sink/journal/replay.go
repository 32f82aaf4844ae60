package journal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"importer/importer/contact"
	"importer/importer/idrule"
)

// contents is what the complete lines of a report say to the next run.
type contents struct {
	report    string        // its name
	file      io.ReaderAt   // for Before; nil where there is no report
	keys      *contact.Keys // the last status of each key that is settled
	unsettled map[contact.Key]unsettled
	runs      []int64   // of each run the time of its last line, in Unix milliseconds
	alive     time.Time // until when the last of them lived, where the keeper knows of more
	headers   []Header
	first     *Header // of the first run; nil in an empty report
	last      *Header // of the last run
	sent      sentWindow
	bytes     int64 // length of the complete lines
	torn      bool  // behind them there is more
	lines     int64 // how many there are

	lineage idrule.Lineage // of the run to come

	requests int64 // of the run that is being read, as far as its rows say
	whole    bool  // the last run went to its end, and left nothing in doubt
	partly   bool  // the run that is being read imports reject files, and the one before it was not whole

	rejects []Content // digests of the reject files that the runs wrote, the latest last
}

// An unsettled key is announced, rejected, failed or unknown, or was when it was
// last heard of. There are few at any time: those of a batch, and the rows that
// wait for a person.
type unsettled struct {
	status contact.Status // InDoubt, Rejected, Failed or Unknown
	before contact.Status // while InDoubt: what the key was when it was announced; 0 for nothing
	run    int32          // while InDoubt: index of the run that announced it last
	since  int64          // while it may be in the API: when it was announced first, in Unix milliseconds
	offset int64          // of its last row line; 0 for none, where only a run line can stand
}

// replay reads a report to its last complete line. Memory grows with the number
// of keys and not with the length of the report. The error is a *CorruptError, or
// one of r.
func replay(report string, r io.Reader, window time.Duration, now time.Time) (*contents, error) {
	c := &contents{
		report: report, keys: contact.NewKeys(),
		unsettled: make(map[contact.Key]unsettled),
		sent:      newSentWindow(window, now),
	}
	lines := newReader(report, r)
	for l, err := range lines.Lines() {
		if err != nil {
			return nil, err
		}
		if err := l.replay(c); err != nil {
			return nil, &CorruptError{Report: report, Line: lines.number, Reason: err.Error()}
		}
		last := &c.runs[len(c.runs)-1]
		*last = max(*last, l.When().UnixMilli())
		c.bytes, c.lines = lines.offset, int64(lines.number)
	}
	if c.bytes == 0 && !tornRunLine(lines.part) {
		return nil, lines.corrupt("is no line of a report")
	}
	c.torn = len(lines.part) > 0
	c.finish()
	return c, nil
}

// tornRunLine tells whether a file that holds no complete line can be the
// beginning of a report, whose tail may be cut off. Other people's files are not
// touched. Some file systems leave zeros where a power failure cut a write.
func tornRunLine(b []byte) bool {
	b = bytes.TrimRight(b, "\x00")
	n := min(len(b), len(runLine))
	return string(b[:n]) == runLine[:n]
}

// runLine is how the line of a run begins.
const runLine = `{"kind":"run"`

// The errors of what follows are contradictions that can be told from what is
// remembered anyway. The line stands at offset c.bytes.

func (c *contents) begin(l *Header) error {
	if c.first == nil {
		c.first = l
	} else if l.Mode != c.first.Mode && !updates(c.first.Mode, l.Mode) || l.BaseURL != c.first.BaseURL || l.ProjectID != c.first.ProjectID {
		return errors.New("begins a run of another project, base URL or mode than the first line")
	}
	c.runs, c.headers = append(c.runs, l.At.UnixMilli()), append(c.headers, *l)
	// A run of reject files brings nobody else's run to its end.
	c.partly = l.Corrects && (c.partly || !c.whole) && len(c.runs) > 1
	c.last, c.requests, c.whole = l, 0, false
	return nil
}

// updates tells whether a run of a mode goes on with a report of another one: what it sends
// is for rows that an import has in, whose report it stays.
func updates(report, run string) bool { return report == "create" && run == "update" }

func (c *contents) end(l *End) error {
	c.whole = l.Summary.Status == contact.Complete && l.Summary.Unknown == 0 && !l.Summary.Limited && !c.partly
	// Look-ups stand in no row line. When they were made is not known: no later
	// than this.
	if more := l.Summary.Requests - c.requests; more > 0 {
		c.sent.add(l.At.UnixMilli(), int(min(more, math.MaxInt32)))
	}
	return nil
}

func (c *contents) announce(keys []contact.Key, at int64) error {
	for _, k := range keys {
		n, open := c.unsettled[k]
		if !open {
			n.status = c.keys.Status(k)
		}
		if n.status.In() && n.status != contact.Deleted {
			if c.last.Mode == "create" {
				return fmt.Errorf("announces the key %s, which is %s already", k, n.status)
			}
			continue
		}
		if n.status != contact.InDoubt && n.status != contact.Unknown {
			n.since = at
		}
		n.before, n.status = n.status, contact.InDoubt
		n.run = int32(len(c.runs) - 1)
		c.unsettled[k] = n
	}
	return nil
}

// takeBack undoes the last announcement of keys. One that an earlier run made and
// did not settle still stands.
func (c *contents) takeBack(keys []contact.Key) error {
	for _, k := range keys {
		n, ok := c.unsettled[k]
		switch {
		case !ok || n.status != contact.InDoubt || n.before == contact.InDoubt:
		case n.before == 0:
			delete(c.unsettled, k)
		default:
			if n.before != contact.Unknown {
				n.since = 0
			}
			n.status, n.before = n.before, 0
			c.unsettled[k] = n
		}
	}
	return nil
}

func (c *contents) forget(keys []contact.Key) error {
	for _, k := range keys {
		delete(c.unsettled, k)
		c.keys.Forget(k)
	}
	return nil
}

func (c *contents) row(l *Row) error {
	c.requests += int64(l.Attempts + l.Reads)
	c.sent.add(l.At.UnixMilli(), l.Attempts+l.Reads)
	if l.Corrects != nil {
		c.keys.Correct(*l.Corrects, l.Key, l.Status.In())
	}
	// These two tell of a row, and not of what the API has of the key.
	if l.Status == contact.Duplicate || l.Status == contact.Invalid {
		return nil
	}
	n, open := c.unsettled[l.Key]
	if !open {
		n.status = c.keys.Status(l.Key)
	}
	switch {
	case n.status == contact.InDoubt, n.status == contact.Unknown:
		// What is unknown is looked up and sent again without being announced anew.
	case n.status == contact.Created && l.Status == contact.Created:
		return fmt.Errorf("says that the key %s was created, which was created already", l.Key)
	case n.status.In():
	case l.Status == contact.Created || l.Attempts > 0 && c.last.Mode == "create":
		return fmt.Errorf("says that the key %s was sent, which was not announced", l.Key)
	}
	switch l.Status {
	case contact.Rejected, contact.Failed, contact.Unknown:
		if updates(c.first.Mode, c.last.Mode) && n.status.In() {
			return nil // it is in all the same, as it was sent before
		}
		if l.Status != contact.Unknown {
			n.since = 0
		}
		c.unsettled[l.Key] = unsettled{status: l.Status, since: n.since, offset: c.bytes}
	default:
		if open {
			delete(c.unsettled, l.Key)
		}
		if c.keys.Set(l.Key, l.Status); l.Status == contact.Absent && c.first.Mode == "create" {
			c.keys.Forget(l.Key) // it is to be created all the same
		}
	}
	// Values were read by another rule of contact ids where the digest is of another one.
	if sent := l.Status == contact.Created || l.Status == contact.Updated && !l.Touched || l.Status == contact.Unchanged && !l.Touched; sent && c.last.IDRule == contact.IDRule {
		c.keys.SetSent(l.Key, l.Digest, l.Differs)
	}
	return nil
}

// finish moves the keys that are not settled into the table, when all is read.
// Until then they are kept out of it: nearly all of them are settled a few lines
// after they were announced.
func (c *contents) finish() {
	for k, n := range c.unsettled {
		c.keys.Set(k, n.status)
		if n.status == contact.InDoubt {
			// It was sent between its announcement and the end of its run, if at all.
			c.sent.add(c.runs[n.run], 1)
		}
	}
}

// LastAlive is the time of the last line when the journal was opened, or a later one until
// which an earlier run may have lived as far as the keeper knows; zero where there was none.
func (c *contents) LastAlive() time.Time {
	if len(c.runs) == 0 {
		return time.Time{}
	}
	last := time.UnixMilli(c.runs[len(c.runs)-1])
	if c.alive.After(last) {
		return c.alive
	}
	return last
}

// Outline is that of the journal when it was opened.
func (c *contents) Outline() Outline { return Outline{Runs: c.headers, Lines: c.lines} }

// Keys is what the runs made of each key. It is the caller's from now on.
func (c *contents) Keys() *contact.Keys { return c.keys }

// Lineage is where the contact ids of the runs came from, that of the run to come
// included.
func (c *contents) Lineage() idrule.Lineage { return c.lineage }

// Whole tells whether the last run had gone to the end of its source and left nothing in
// doubt.
func (c *contents) Whole() bool { return c.whole }

// Before reads back the outcome that was recorded last for a key whose status is
// Rejected, Failed or Unknown.
func (c *contents) Before(k contact.Key) (*contact.Outcome, error) {
	n := c.unsettled[k]
	if n.offset == 0 {
		return nil, fmt.Errorf("the report %s holds no outcome of the key %s", c.report, k)
	}
	b, err := bufio.NewReader(io.NewSectionReader(c.file, n.offset, maxLine)).ReadBytes('\n')
	var l Line
	if err == nil {
		l, err = parseLine(b[:len(b)-1])
	}
	if err != nil {
		return nil, fmt.Errorf("reading the report %s at byte %d: %w", c.report, n.offset, err)
	}
	row, ok := l.(*Row)
	if !ok || row.Key != k {
		return nil, fmt.Errorf("the report %s holds something else at byte %d than when it was opened", c.report, n.offset)
	}
	return row.Outcome(), nil
}
