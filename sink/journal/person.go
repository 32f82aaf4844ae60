package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"importer/importer/contact"
)

// A Person is somebody whose contact data is taken out of what imports left behind: all
// that is known of a contact id, and of whatever else stands for the same contact.
type Person struct {
	ids       map[string]bool
	profiles  map[string]bool // ids of profiles
	keys      map[contact.Key]bool
	digests   map[contact.Digest]bool // of what was sent
	originals map[contact.Key]bool    // of rows that were refused here
}

// NewPerson is the person with a contact id.
func NewPerson(contactID string) *Person {
	p := &Person{ids: map[string]bool{}, profiles: map[string]bool{}, keys: map[contact.Key]bool{}, digests: map[contact.Digest]bool{}, originals: map[contact.Key]bool{}}
	p.Know(contact.KeyOf([]string{contactID}), []string{contactID})
	return p
}

// size tells whether anything was learned.
func (p *Person) size() int {
	return len(p.ids) + len(p.profiles) + len(p.keys) + len(p.digests) + len(p.originals)
}

// Know has the person have a key and contact ids, and tells whether any of it is new.
func (p *Person) Know(key contact.Key, contactIDs []string) (more bool) {
	before := p.size()
	if key != (contact.Key{}) {
		p.keys[key] = true
	}
	for _, id := range contactIDs {
		if id != "" {
			p.ids[id] = true
		}
	}
	return p.size() > before
}

// Is tells whether a key, the id of a profile or one of contact ids is the person's.
func (p *Person) Is(key contact.Key, profile string, contactIDs []string) bool {
	return p.keys[key] || profile != "" && p.profiles[profile] || slices.ContainsFunc(contactIDs, func(id string) bool { return p.ids[id] })
}

// Refused tells whether a refused row is the person's: by the row as it stands in its
// source, or by the digest of what was sent. Both are as texts of a reject file.
func (p *Person) Refused(row, digest string) bool {
	var k contact.Key
	var d contact.Digest
	return k.UnmarshalText([]byte(row)) == nil && p.originals[k] || digest != "" && d.UnmarshalText([]byte(digest)) == nil && p.digests[d]
}

// Quotes tells whether a text names the person: a contact id that is no part of a longer
// word.
func (p *Person) Quotes(text string) bool {
	for id := range p.ids {
		for from := 0; ; {
			at := strings.Index(text[from:], id)
			if at < 0 {
				break
			}
			at += from
			before, _ := utf8.DecodeLastRuneInString(text[:at])
			after, _ := utf8.DecodeRuneInString(text[at+len(id):])
			if !inWord(before) && !inWord(after) {
				return true
			}
			from = at + 1
		}
	}
	return false
}

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// Learn has the person be known by all that a report says of the same contact: other keys
// and contact ids, profiles. It tells whether anything of that is new: then what was read
// before may say more.
func (p *Person) Learn(k Keeper, name string) (more bool, err error) {
	before := p.size()
	var lines int64
	for l, err := range LinesFrom(k, name, 0, &lines) {
		if err != nil {
			return false, err
		}
		switch l := l.(type) {
		case *Row:
			p.learn(l)
		case *Known:
			if p.keys[l.Key] || p.keys[l.As] {
				p.keys[l.Key], p.keys[l.As] = true, true
			}
		}
	}
	return p.size() > before, nil
}

func (p *Person) learn(l *Row) {
	if !p.owns(l) {
		return
	}
	if l.Status == contact.Invalid { // whose contact ids may be anybody's
		if l.Original != (contact.Key{}) {
			p.originals[l.Original] = true
		}
		return
	}
	p.Know(l.Key, l.ContactIDs)
	p.digests[l.Digest] = true
	if l.ID != "" {
		p.profiles[l.ID] = true
	}
}

// owns tells whether a row is the person's.
func (p *Person) owns(l *Row) bool {
	return p.Is(l.Key, l.ID, l.ContactIDs) || l.Status == contact.Invalid && l.Error != nil && p.Quotes(l.Error.Detail)
}

// erase takes the person out of a line, and tells whether there was anything of it.
func (p *Person) erase(l Line) bool {
	switch l := l.(type) {
	case *Row:
		f := l.Error
		quoted := f != nil && (p.Quotes(f.Detail) || p.Quotes(f.Field) || p.Quotes(f.Hint)) || p.Quotes(l.Doubt)
		if !quoted && !p.owns(l) {
			return false
		}
		had := len(l.ContactIDs) > 0 || l.Previous != nil || f != nil && (f.Detail != redacted || f.Field != "" || f.Hint != "") || p.Quotes(l.Doubt)
		if p.owns(l) {
			l.purge()
		} else if f != nil {
			l.Error = &contact.Failure{HTTP: f.HTTP, Code: f.Code, Detail: redacted, TraceID: f.TraceID}
		}
		if p.Quotes(l.Doubt) {
			l.Doubt = redacted
		}
		return had
	case *End:
		if !p.Quotes(l.Summary.Reason) {
			return false
		}
		l.purge()
		return true
	}
	return false
}

// A Copied file has the digests of what a run wrote, and of that without the person.
type Copied struct{ Was, Is Content }

// Erase takes a person out of the report of a name, and returns how many lines lost
// something. What else the report says stays, byte for byte. Reject files that lost rows
// count as written by a run, if they did before. A report that does not name the person is
// left as it is; of one that does, no run may hold it: a *LockedError says that one does.
func (p *Person) Erase(k Keeper, name string, copied ...Copied) (lines int64, err error) {
	r, err := k.Read(name, false)
	if err != nil {
		return 0, err
	}
	lines, changed, err := p.rewrite(io.Discard, newReader(name, r), copied)
	if err = errors.Join(err, r.Close()); err != nil || !changed {
		return 0, err
	}
	held, err := k.Hold(name, false)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, held.Release()) }()
	err = held.Replace(time.Now().Truncate(time.Millisecond), func(w io.Writer, old io.Reader) (err error) {
		lines, _, err = p.rewrite(w, newReader(name, old), copied)
		return err
	})
	return lines, err
}

func (p *Person) rewrite(w io.Writer, r *Reader, copied []Copied) (lines int64, changed bool, err error) {
	for {
		b, err := r.bytes()
		if err == io.EOF {
			return lines, changed, nil
		}
		if err != nil {
			return 0, false, err
		}
		l, err := parseLine(b[:len(b)-1])
		if err != nil {
			return 0, false, r.corrupt(err.Error())
		}
		r.number++
		out := bytes.Clone(b)
		written, isRejects := l.(*Rejects)
		switch later, unknown := l.(*later); {
		case unknown && p.Quotes(string(b)):
			return 0, false, fmt.Errorf("line %d of the report %s is of the kind %q, which this version does not know, and names the person: erase them with the version that wrote it", r.number, r.report, later.name)
		case isRejects && written.add(copied), p.erase(l):
			changed = true
			if !isRejects {
				lines++
			}
			if out, err = appendLine(nil, l); err != nil {
				return 0, false, err
			}
		}
		if _, err := w.Write(out); err != nil {
			return 0, false, err
		}
	}
}

// add names the copies of the files that a line names, and tells whether there are any that
// it did not name.
func (l *Rejects) add(copied []Copied) (more bool) {
	for _, c := range copied {
		if slices.Contains(l.Digests, c.Was) && !slices.Contains(l.Digests, c.Is) {
			l.Digests, more = append(l.Digests, c.Is), true
		}
	}
	return more
}

// WroteFile tells whether a run of the report of a name wrote a reject file with that
// digest.
func WroteFile(k Keeper, name string, digest Content) (bool, error) {
	var lines int64
	for l, err := range LinesFrom(k, name, 0, &lines) {
		if err != nil {
			return false, err
		}
		if l, ok := l.(*Rejects); ok && slices.Contains(l.Digests, digest) {
			return true, nil
		}
	}
	return false, nil
}
