package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"importer/importer/contact"
)

// Corrected says that a row of a reject file is in and needed no row line, because its
// contact was in as it should be.
type Corrected struct {
	Key      contact.Key        `json:"key"`
	Corrects contact.Correction `json:"corrects"`
	stamp
}

func (l *Corrected) kind() string { return "corrected" }
func (l *Corrected) purge()       {} // as of a keyList
func (l *Corrected) shorten()     {} // it has no text of its own

func (l *Corrected) replay(c *contents) error {
	c.keys.Correct(l.Corrects, l.Key, true)
	return nil
}

func (l *Corrected) check() error {
	if l.Key == (contact.Key{}) || l.Corrects.Row == (contact.Key{}) {
		return errors.New("it lacks a key")
	}
	return nil
}

// Rejects says what reject files a run wrote: a file that is none of these was edited.
type Rejects struct {
	Digests []Content `json:"digests"`
	stamp
}

func (l *Rejects) kind() string { return "rejects" }
func (l *Rejects) purge()       {} // nothing can be told from them
func (l *Rejects) shorten()     {} // at most maxContents, or those of a run's files one by one
func (l *Rejects) check() error { return nil }

func (l *Rejects) replay(c *contents) error {
	for _, d := range l.Digests {
		c.wrote(d)
	}
	return nil
}

// A Content is a digest of a file.
type Content [sha256.Size]byte

// AppendText implements encoding.TextAppender: hexadecimal.
func (d Content) AppendText(b []byte) ([]byte, error) { return hex.AppendEncode(b, d[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Content) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(d)) {
		return fmt.Errorf("digest %q: want %d hexadecimal digits", text, hex.EncodedLen(len(d)))
	}
	_, err := hex.Decode(d[:], text)
	return err
}

// maxContents is how many digests a journal hands on to the next: no reject file is older
// than the last few runs.
const maxContents = 100

func (c *contents) wrote(d Content) {
	if i := slices.Index(c.rejects, d); i >= 0 {
		c.rejects = slices.Delete(c.rejects, i, i+1)
	}
	c.rejects = append(c.rejects[max(0, len(c.rejects)+1-maxContents):], d)
}

// WroteRejects takes note of reject files, on disk before it returns: they are not moved
// to their names before.
func (j *Journal) WroteRejects(digests ...[sha256.Size]byte) error {
	l := &Rejects{stamp: now()}
	for _, d := range digests {
		l.Digests = append(l.Digests, d)
		j.contents.wrote(d)
	}
	return j.appendSynced(l)
}

// HasWritten tells whether a reject file is as a run of this journal, or of one that was
// set aside for it, wrote it.
func (j *Journal) HasWritten(digest [sha256.Size]byte) bool {
	return slices.Contains(j.contents.rejects, digest)
}

// Corrected implements importer.Journal.
func (j *Journal) Corrected(c contact.Correction, key contact.Key) error {
	return j.append(true, &Corrected{Key: key, Corrects: c, stamp: now()})
}
