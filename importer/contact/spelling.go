package contact

import (
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/unicode/norm"
)

// A spelling is what may become of a contact id on its way.
type spelling struct {
	lower, noPlus, nfc bool
}

// anySpelling is what contact ids have in common that may be one in different
// spellings.
var anySpelling = spelling{lower: true, noPlus: true, nfc: true}

func (s spelling) of(id string) string {
	if s.nfc {
		id = norm.NFC.String(id)
	}
	if s.lower {
		id = strings.ToLower(id)
	}
	if s.noPlus {
		id = strings.TrimPrefix(id, "+")
	}
	return id
}

// A Spelling is what the API was seen to make of contact ids: it may show them in
// lower case, without a plus sign, or in Unicode's composed form. The zero value
// has seen nothing. Its methods may be called from several goroutines.
type Spelling struct {
	mu   sync.Mutex
	seen spelling
}

// Learn takes the contact ids of a create as they were sent and as the API shows
// them. It is true where that says something new.
func (s *Spelling) Learn(sent, shown []string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.seen
	for _, id := range sent {
		if slices.Contains(shown, id) {
			continue
		}
		for _, other := range shown {
			if anySpelling.of(other) == anySpelling.of(id) {
				s.seen.lower = s.seen.lower || other == strings.ToLower(other) && id != strings.ToLower(id)
				s.seen.noPlus = s.seen.noPlus || strings.HasPrefix(id, "+") && !strings.HasPrefix(other, "+")
				s.seen.nfc = s.seen.nfc || norm.NFC.IsNormalString(other) && !norm.NFC.IsNormalString(id)
			}
		}
	}
	return s.seen != before
}

// As is a contact id as the API shows it, as far as was seen.
func (s *Spelling) As(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.of(id)
}

// Respell writes contact ids that the API shows as a row does, where they are the
// row's.
func (s *Spelling) Respell(shown, ids []string) []string {
	respelled := shown
	for i, other := range shown {
		for _, id := range ids {
			if other == id || s.As(other) != s.As(id) {
				continue
			}
			if &respelled[0] == &shown[0] {
				respelled = slices.Clone(shown)
			}
			respelled[i] = id
		}
	}
	return respelled
}

// HoldsAny tells whether one of the contact ids that are shown is one of these, in
// whatever spelling.
func HoldsAny(shown, ids []string) bool {
	return slices.ContainsFunc(ids, func(id string) bool {
		return slices.Contains(shown, id) || Found{ContactIDs: shown}.Resembles(id)
	})
}

// Resembles tells whether a profile holds a contact id in whatever spelling.
func (f Found) Resembles(id string) bool {
	return slices.ContainsFunc(f.ContactIDs, func(other string) bool { return anySpelling.of(other) == anySpelling.of(id) })
}
