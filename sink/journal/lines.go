package journal

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"importer/importer/contact"
)

// maxLine bounds a line of the report in bytes. The longest that is written
// names maxKeys keys, or the contact ids of a row.
const maxLine = 2 << 20

// maxKeys bounds the keys of one line.
const maxKeys = 10_000

// strict64 is the alphabet of keys and digests; it has one form for each value.
var strict64 = base64.RawURLEncoding.Strict()

// A line is what the replay needs of one line of the report.
type line struct {
	kind     string // empty where this version does not know it
	at       int64  // Unix milliseconds
	key      contact.Key
	status   contact.Status // row
	attempts int
	keys     []contact.Key // sending, unsent
	mode     string        // run
	baseURL  string
	project  string
	run      string
	requests int64 // end: of the whole run
	whole    bool  // end: every row was tried, and none is in doubt
	reads    int   // row: requests that read its profile
}

// A lineParser reads one line after the other.
type lineParser struct {
	line line
	src  bytes.Buffer
	dec  *jsontext.Decoder
	// The last time that parseUsual has read, to its second: its text, with the
	// quote before it, and in Unix milliseconds.
	second   [len(`"2006-01-02T15:04:05`)]byte
	secondAt int64
}

func newLineParser() *lineParser {
	p := &lineParser{}
	p.dec = jsontext.NewDecoder(&p.src)
	return p
}

// parse reads one line. The members it does not know are skipped; those it
// knows have to be well formed. The result is overwritten by the next call.
func (p *lineParser) parse(b []byte) (*line, error) {
	if p.parseUsual(b) {
		return &p.line, nil
	}
	return p.parseAny(b)
}

// parseAny reads a line in whatever form of JSON.
func (p *lineParser) parseAny(b []byte) (*line, error) {
	var kind, at, key, keys, status, attempts, reads, run, summary, mode, baseURL, project []byte
	err := p.members(b, func(name, value []byte) {
		switch string(name) {
		case `"kind"`:
			kind = value
		case `"at"`:
			at = value
		case `"key"`:
			key = value
		case `"keys"`:
			keys = value
		case `"status"`:
			status = value
		case `"attempts"`:
			attempts = value
		case `"reads"`:
			reads = value
		case `"run"`:
			run = value
		case `"summary"`:
			summary = value
		case `"mode"`:
			mode = value
		case `"base_url"`:
			baseURL = value
		case `"project_id"`:
			project = value
		}
	})
	if err != nil {
		return nil, err
	}
	l := &p.line
	*l = line{keys: l.keys[:0]}
	if kind == nil {
		return nil, errors.New(`has no member "kind"`)
	}
	switch string(kind) {
	case `"run"`:
		l.kind = "run"
		if run != nil {
			err = parseString(&l.run, run)
		}
		err = errors.Join(err, parseString(&l.mode, mode), parseString(&l.baseURL, baseURL), parseString(&l.project, project))
	case `"sending"`:
		l.kind = "sending"
		err = l.parseKeys(keys)
	case `"unsent"`:
		l.kind = "unsent"
		err = l.parseKeys(keys)
	case `"changing"`:
		l.kind = "changing"
	case `"gone"`:
		l.kind = "gone"
		err = l.parseKeys(keys)
	case `"row"`:
		l.kind = "row"
		err = errors.Join(l.parseRow(key, status, attempts), parseCount(&l.reads, reads))
	case `"end"`:
		l.kind = "end"
		var s contact.Summary
		err = json.Unmarshal(summary, &s)
		l.requests = s.Requests
		l.whole = s.Status == contact.Complete && s.Unknown == 0
	default:
		return l, nil
	}
	if err == nil {
		l.at, err = parseTime(at)
	}
	if err != nil {
		return nil, fmt.Errorf("of the kind %s is malformed: %w", kind, err)
	}
	return l, nil
}

// members calls f with each member of a JSON object, as it stands there.
func (p *lineParser) members(b []byte, f func(name, value []byte)) error {
	p.src = *bytes.NewBuffer(b) // the decoder reads from it in place
	p.dec.Reset(&p.src, jsontext.AllowDuplicateNames(true))
	if p.dec.PeekKind() != '{' {
		return errors.New("is no JSON object")
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return fmt.Errorf("is not JSON: %w", err)
	}
	// What the decoder returns holds until the next call only; b holds longer.
	next := func() ([]byte, error) {
		v, err := p.dec.ReadValue()
		if err != nil {
			return nil, fmt.Errorf("is not JSON: %w", err)
		}
		end := int(p.dec.InputOffset())
		return b[end-len(v) : end], nil
	}
	for p.dec.PeekKind() != '}' {
		name, err := next()
		if err != nil {
			return err
		}
		value, err := next()
		if err != nil {
			return err
		}
		f(name, value)
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return fmt.Errorf("is not JSON: %w", err)
	}
	if _, err := p.dec.ReadToken(); err != io.EOF {
		return errors.New("holds more than one JSON object")
	}
	return nil
}

func (l *line) parseRow(key, status, attempts []byte) (err error) {
	if l.status, err = parseStatus(status); err != nil {
		return err
	}
	if key != nil || l.status != contact.Invalid {
		if err := parseKey(&l.key, key); err != nil {
			return err
		}
	}
	return parseCount(&l.attempts, attempts)
}

func parseCount(n *int, v []byte) (err error) {
	if v == nil {
		return nil
	}
	if *n, err = strconv.Atoi(string(v)); err != nil || *n < 0 {
		return fmt.Errorf("%s requests", v)
	}
	return nil
}

// parseKeys reads a JSON value, which is well formed.
func (l *line) parseKeys(v []byte) error {
	if len(v) == 0 || v[0] != '[' {
		return errors.New("the keys are no array")
	}
	for v = v[1:]; ; {
		for v[0] == ',' || v[0] == ' ' || v[0] == '\t' {
			v = v[1:]
		}
		if v[0] == ']' {
			return nil
		}
		n := min(len(v), keyText)
		var k contact.Key
		if err := parseKey(&k, v[:n]); err != nil {
			return err
		}
		l.keys, v = append(l.keys, k), v[n:]
	}
}

// keyText is the length of a key with its quotes.
const keyText = 22 + 2

func parseKey(k *contact.Key, v []byte) error {
	if len(v) != keyText || v[0] != '"' || v[keyText-1] != '"' {
		return fmt.Errorf("key %s: want %d characters of URL-safe base64", v, keyText-2)
	}
	if _, err := strict64.Decode(k[:], v[1:keyText-1]); err != nil {
		return fmt.Errorf("key %s: %w", v, err)
	}
	return nil
}

// parseStatus reads the common status without making a string of it.
func parseStatus(v []byte) (contact.Status, error) {
	if string(v) == `"created"` {
		return contact.Created, nil
	}
	var name string
	if err := parseString(&name, v); err != nil {
		return 0, fmt.Errorf("status %w", err)
	}
	return contact.ParseStatus(name)
}

func parseTime(v []byte) (int64, error) {
	if len(v) < 2 || v[0] != '"' {
		return 0, fmt.Errorf("time %s is no string", v)
	}
	var t time.Time
	if err := t.UnmarshalText(v[1 : len(v)-1]); err != nil {
		return 0, err
	}
	return t.UnixMilli(), nil
}

func parseString(s *string, v []byte) error {
	if v == nil || v[0] != '"' {
		return fmt.Errorf("%s is no string", v)
	}
	b, err := jsontext.AppendUnquote(nil, v)
	*s = string(b)
	return err
}

// parseOutcome reads the line of a row back.
func parseOutcome(b []byte) (*contact.Outcome, error) {
	var row struct {
		Key        string           `json:"key"`
		Digest     string           `json:"digest"`
		Source     string           `json:"source"`
		Line       int              `json:"line"`
		Row        int64            `json:"row"`
		ContactIDs []string         `json:"contactIds"`
		Status     string           `json:"status"`
		First      contact.Place    `json:"first"`
		ID         string           `json:"_id"`
		Found      bool             `json:"found"`
		Doubt      string           `json:"doubt"`
		Error      *contact.Failure `json:"error"`
		Attempts   int              `json:"attempts"`
		Reads      int              `json:"reads"`
		Touched    bool             `json:"touched"`
		Undone     bool             `json:"undone"`
		Changed    time.Time        `json:"lastChanged"`
		Previous   json.RawMessage  `json:"previous"`
		At         time.Time        `json:"at"`
	}
	if err := json.Unmarshal(b, &row); err != nil {
		return nil, err
	}
	o := &contact.Outcome{
		Row:   contact.Row{Source: row.Source, Line: row.Line, Number: row.Row, Profile: contact.Profile{ContactIDs: row.ContactIDs}},
		Reads: row.Reads, Touched: row.Touched, Undone: row.Undone, Changed: row.Changed,
		First: row.First, ID: row.ID, Found: row.Found, Doubt: row.Doubt, Failure: row.Error, Attempts: row.Attempts, At: row.At,
	}
	var err error
	if o.Status, err = contact.ParseStatus(row.Status); err != nil {
		return nil, err
	}
	if o.Status == contact.Invalid {
		return o, nil
	}
	if o.Row.Key, err = contact.ParseKey(row.Key); err != nil {
		return nil, err
	}
	if o.Row.Digest, err = contact.ParseDigest(row.Digest); err != nil {
		return nil, err
	}
	if row.Previous != nil {
		o.Previous, err = parseProfile(row.Previous)
	}
	return o, err
}

// parseProfile reads the members of an update.
func parseProfile(b []byte) (*contact.Profile, error) {
	var members struct {
		ContactIDs []string                   `json:"contactIds"`
		Active     *bool                      `json:"active"`
		Profile    map[string]json.RawMessage `json:"profile"`
	}
	if err := json.Unmarshal(b, &members); err != nil {
		return nil, err
	}
	p := &contact.Profile{ContactIDs: members.ContactIDs, Active: members.Active}
	for name, value := range members.Profile {
		p.Fields = append(p.Fields, contact.Field{Name: name, Value: jsontext.Value(value)})
	}
	contact.SortFields(p.Fields)
	return p, nil
}
