// Package journal is the journal of an import: NDJSON that a run appends to and
// resumes from. Users call it the report. Everything that reads or writes a line
// does so by the table in this file.
//
//	Journal → Line → appendLine → Keeper     what a run writes
//	Keeper → Reader → Line → replay          what the next run knows
//	                    └→ Purge, Outcomes, internal/report
//
// A Keeper has the bytes: as files, or elsewhere. What is "on disk" here is what it keeps
// through a loss of power. The codec and the replay know neither: they give bytes and take
// an io.Reader.
package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"importer/importer/contact"
	"importer/importer/idrule"
	"importer/internal/names"
	"importer/internal/plain"
	"importer/internal/words"
)

// A Line is one line of a journal. Each kind is a type: its fields are the members
// of the line behind "kind", in their order. A new kind is a type with these
// methods and an entry of kinds.
type Line interface {
	// When is when the line was written; zero where that is not known.
	When() time.Time
	kind() string
	// check tells what is missing in a line that was read.
	check() error
	// replay takes the line into what the next run has to know.
	replay(c *contents) error
	// purge removes what came from the source, or may quote it. It leaves what a
	// resumed run needs.
	purge()
	// shorten makes a line one that a Reader takes, where its texts are too long for that.
	// It leaves what a resumed run needs.
	shorten()
}

// kinds are all kinds of lines. What is not among them cannot be written.
var kinds = map[string]func() Line{
	"run":       func() Line { return &Header{} },
	"sending":   func() Line { return &Sending{} },
	"unsent":    func() Line { return &Unsent{} },
	"changing":  func() Line { return &Changing{} },
	"gone":      func() Line { return &Gone{} },
	"known":     func() Line { return &Known{} },
	"row":       func() Line { return &Row{} },
	"corrected": func() Line { return &Corrected{} },
	"rejects":   func() Line { return &Rejects{} },
	"traffic":   func() Line { return &Traffic{} },
	"end":       func() Line { return &End{} },
}

// A Header begins a run: what is imported, and whereto.
type Header struct {
	Run       string   `json:"run"` // a ULID
	stamp              // when it began; set by Begin
	Version   string   `json:"version"`
	Mode      string   `json:"mode"`
	Sources   []string `json:"sources"` // file names as given; of very many the first ones
	BaseURL   string   `json:"base_url"`
	ProjectID string   `json:"project_id"`
	// SourceCount and SourcesDigest are of all sources where Sources are not all; else zero.
	SourceCount   int    `json:"source_count,omitzero"`
	SourcesDigest string `json:"sources_digest,omitzero"`
	// IDRule is the version of the rule by which contact ids were read; 0 where there was
	// none yet.
	IDRule int `json:"id_rule,omitzero"`
	// Corrects says that the input is reject files of runs before: a part of what is imported.
	Corrects bool `json:"corrects,omitzero"`
	// IDs is where the contact ids came from; zero where that was not kept yet.
	IDs idrule.Lineage `json:"id_mapping,omitzero"`
	// State is the id of the state beside which a sync writes the report.
	State string `json:"state,omitzero"`
	// After is, of the first run of a sync's report, the id of the report before it.
	After string `json:"after,omitzero"`
	// Purged is, of the first run, when the report was purged last.
	Purged Time `json:"purged,omitzero"`
}

// A run line names so many sources, in so many bytes, and at least one.
const (
	maxSources     = 100
	maxSourceBytes = 64 << 10
)

// bounded is the header with as many names of sources as a line holds, and the number
// and the digest of all where these are more.
func (l Header) bounded() Header {
	n, size := 0, 0
	for n < len(l.Sources) && n < maxSources && (n == 0 || size+len(l.Sources[n]) <= maxSourceBytes) {
		size += len(l.Sources[n])
		n++
	}
	if n < len(l.Sources) {
		l.SourceCount, l.SourcesDigest, l.Sources = len(l.Sources), digestOf(l.Sources), l.Sources[:n]
	}
	return l
}

// Names tells whether these are the sources of the run, in their order.
func (l Header) Names(sources []string) bool {
	if l.SourceCount == 0 {
		return slices.Equal(l.Sources, sources)
	}
	return l.SourceCount == len(sources) && l.SourcesDigest == digestOf(sources)
}

func digestOf(names []string) string {
	h := sha256.New()
	for _, name := range names {
		fmt.Fprintf(h, "%d:%s", len(name), name) // so that no two lists are one text
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func (l *Header) kind() string             { return "run" }
func (l *Header) check() error             { return nil }
func (l *Header) replay(c *contents) error { return c.begin(l) }
func (l *Header) purge()                   { l.IDs = l.IDs.Redacted() } // columns have names
func (l *Header) shorten()                 { l.IDs = l.IDs.Redacted() } // what its sources are called is its own

// Sending announces rows that may from then on be created.
type Sending struct{ keyList }

func (l *Sending) kind() string             { return "sending" }
func (l *Sending) replay(c *contents) error { return c.announce(l.Keys, l.At.UnixMilli()) }

// Unsent takes back announcements of what certainly did not come about.
type Unsent struct {
	keyList
	To contact.Intent `json:"to,omitzero"` // as of Changing
}

func (l *Unsent) kind() string             { return "unsent" }
func (l *Unsent) replay(c *contents) error { return c.takeBack(l.Keys) }

// Changing announces profiles that may from then on be changed or deleted.
type Changing struct {
	keyList
	To contact.Intent `json:"to,omitzero"`
}

func (l *Changing) kind() string { return "changing" }

// Whatever became of a change, it can be made again. Whose was on its way, the state of a
// sync keeps.
func (l *Changing) replay(*contents) error { return nil }

// Gone says that profiles are not there any more.
type Gone struct{ keyList }

func (l *Gone) kind() string             { return "gone" }
func (l *Gone) replay(c *contents) error { return c.forget(l.Keys) }

// Known says that the contact of a key is the one that earlier runs know by another:
// an earlier rule of contact ids made that of the row, and what it made cannot be seen
// in a row that was corrected since.
type Known struct {
	Key contact.Key `json:"key"`
	As  contact.Key `json:"as"`
	stamp
}

func (l *Known) kind() string { return "known" }
func (l *Known) purge()       {} // as of a keyList
func (l *Known) shorten()     {}

func (l *Known) replay(c *contents) error {
	c.keys.KnowAs(l.Key, l.As)
	return nil
}

func (l *Known) check() error {
	if l.Key == (contact.Key{}) || l.As == (contact.Key{}) {
		return errors.New("it lacks a key")
	}
	return nil
}

// A keyList is a line that names keys. A key says nothing of the contact to those
// who do not know its ids.
type keyList struct {
	Keys []contact.Key `json:"keys"`
	stamp
}

func (l *keyList) purge()   {}
func (l *keyList) shorten() {} // whoever makes one holds maxKeys

func (l *keyList) check() error {
	if l.Keys == nil {
		return errors.New("it has no keys")
	}
	return nil
}

// A Row says what became of a row.
type Row struct {
	Key        contact.Key         `json:"key,omitzero"` // it and the digest are zero where the status is invalid
	Digest     contact.Digest      `json:"digest,omitzero"`
	Source     string              `json:"source"`
	Line       int                 `json:"line"`
	Number     int64               `json:"row"`
	ContactIDs []string            `json:"contactIds,omitempty"`
	Status     contact.Status      `json:"status"`
	First      contact.Place       `json:"first,omitzero"`
	Differs    bool                `json:"differs,omitzero"`
	ID         string              `json:"_id,omitzero"`
	Found      bool                `json:"found,omitzero"`
	Doubt      string              `json:"doubt,omitzero"`
	Error      *contact.Failure    `json:"error,omitzero"`
	Attempts   int                 `json:"attempts"`
	Reads      int                 `json:"reads,omitzero"`
	Touched    bool                `json:"touched,omitzero"`
	Undone     bool                `json:"undone,omitzero"`
	Merged     bool                `json:"merged,omitzero"`
	Changed    Time                `json:"lastChanged,omitzero"`
	Previous   *previous           `json:"previous,omitzero"`
	Corrects   *contact.Correction `json:"corrects,omitzero"`
	Original   contact.Key         `json:"original,omitzero"` // of an invalid row: as contact.RawRows has it
	stamp
}

func (l *Row) kind() string             { return "row" }
func (l *Row) replay(c *contents) error { return c.row(l) }

func (l *Row) check() error {
	switch {
	case l.Status == 0:
		return errors.New("it has no status")
	case l.Key == contact.Key{} && l.Status != contact.Invalid:
		return errors.New("it has no key")
	case l.Attempts < 0 || l.Reads < 0:
		return errors.New("it has fewer than no requests")
	case l.ID != "" && !names.IsProfile(l.ID):
		return fmt.Errorf("its _id is %s, which is not the id of a profile", words.Show(l.ID))
	}
	return nil
}

// redacted stands in the place of a text that may quote a value.
const redacted = "redacted"

// purge leaves of an error neither the field, which may be a column name, nor the
// detail and the hint.
func (l *Row) purge() {
	l.ContactIDs, l.Previous = nil, nil
	if f := l.Error; f != nil {
		l.Error = &contact.Failure{HTTP: f.HTTP, Code: f.Code, Detail: redacted, TraceID: f.TraceID}
	}
}

// shorten leaves out contact ids without end, which no row that was sent has, and what an
// update took away, which is then as if it had not been kept. The reject file has the row
// as it was.
func (l *Row) shorten() {
	if f := l.Error; f != nil {
		l.Error = &contact.Failure{HTTP: f.HTTP, Code: f.Code, Field: brief(f.Field), Detail: brief(f.Detail), TraceID: brief(f.TraceID), Hint: brief(f.Hint)}
	}
	l.Doubt, l.ContactIDs, l.Previous = brief(l.Doubt), nil, nil
}

func rowOf(o *contact.Outcome) *Row {
	l := &Row{
		Source: o.Row.Source, Line: o.Row.Line, Number: o.Row.Number, ContactIDs: o.Row.Profile.ContactIDs, Status: o.Status, Corrects: o.Row.Corrects,
		ID: o.ID, Found: o.Found, Doubt: o.Doubt, Error: o.Failure, Attempts: o.Attempts, Reads: o.Reads,
		Touched: o.Touched, Undone: o.Undone, Merged: o.Merged, Changed: Time{o.Changed}, Previous: (*previous)(o.Previous), stamp: stamp{Time{o.At}},
	}
	if o.Status != contact.Invalid {
		l.Key, l.Digest = o.Row.Key, o.Row.Digest
	} else {
		l.Original = o.Row.Original
	}
	switch o.Status {
	case contact.Duplicate:
		l.First, l.Differs = o.First, o.Differs
	case contact.Created:
		l.Differs = o.Differs
	}
	return l
}

// Outcome is the line as the run knew it, with what of the row is written down.
func (l *Row) Outcome() *contact.Outcome {
	return &contact.Outcome{
		Row: contact.Row{
			Source: l.Source, Line: l.Line, Number: l.Number, Key: l.Key, Digest: l.Digest, Corrects: l.Corrects, Original: l.Original, Profile: contact.Profile{ContactIDs: l.ContactIDs},
		},
		Status: l.Status, ID: l.ID, Found: l.Found, First: l.First, Differs: l.Differs, Failure: l.Error, Doubt: l.Doubt, Attempts: l.Attempts, Reads: l.Reads,
		Touched: l.Touched, Undone: l.Undone, Merged: l.Merged, Changed: l.Changed.Time, Previous: (*contact.Profile)(l.Previous), At: l.At.Time,
	}
}

// previous is what an update took away, in the form of an update's body.
type previous contact.Profile

func (p *previous) MarshalJSONTo(enc *jsontext.Encoder) error {
	return enc.WriteValue((*contact.Profile)(p).AppendUpdateBody(nil))
}

func (p *previous) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	var members struct {
		ContactIDs []string                  `json:"contactIds"`
		Active     *bool                     `json:"active"`
		Profile    map[string]jsontext.Value `json:"profile"`
	}
	if err := json.UnmarshalDecode(dec, &members); err != nil {
		return err
	}
	*p = previous{ContactIDs: members.ContactIDs, Active: members.Active}
	for name, value := range members.Profile {
		p.Fields = append(p.Fields, contact.Field{Name: name, Value: []byte(value)})
	}
	contact.SortFields(p.Fields)
	return nil
}

// Traffic says what was sent over a while, until it was written.
type Traffic struct {
	From Time `json:"from"`
	stamp
	Requests []contact.RequestCount `json:"requests"`
	Latency  [][2]float64           `json:"latency_ms"` // as of contact.Traffic
}

func (l *Traffic) kind() string { return "traffic" }
func (l *Traffic) check() error { return nil }
func (l *Traffic) purge()       {}
func (l *Traffic) shorten()     {} // its numbers are bounded

// No run resumes from it; it is for those who look at the report later.
func (l *Traffic) replay(*contents) error { return nil }

// End says that a run came to an end, and what it did.
type End struct {
	Run string `json:"run"`
	stamp
	Status  contact.RunStatus `json:"status"`
	Summary *contact.Summary  `json:"summary"`
}

func (l *End) kind() string             { return "end" }
func (l *End) replay(c *contents) error { return c.end(l) }

func (l *End) check() error {
	if l.Summary == nil {
		return errors.New("it has no summary")
	}
	return nil
}

// purge leaves out why the run was stopped, which may quote a row.
func (l *End) purge() {
	if s := *l.Summary; s.Reason != "" {
		s.Reason = redacted
		l.Summary = &s
	}
}

// shorten cuts why the run was stopped.
func (l *End) shorten() {
	s := *l.Summary
	s.Reason = brief(s.Reason)
	l.Summary = &s
}

// maxText is how much is kept of a text of a line that is too long, in bytes.
const maxText = 4000

func brief(s string) string { return plain.Cut(s, maxText) }

// later is a line of a kind that this version does not know. Readers pass over it.
type later struct {
	name string
	stamp
}

func (l *later) kind() string           { return l.name }
func (l *later) check() error           { return nil }
func (l *later) replay(*contents) error { return nil }

// Whether it is about a person is not known: Purge refuses it.
func (l *later) purge()   {}
func (l *later) shorten() {}

// A stamp is when a line was written.
type stamp struct {
	At Time `json:"at"`
}

func (s *stamp) When() time.Time { return s.At.Time }

func now() stamp { return stamp{Time{time.Now()}} }
