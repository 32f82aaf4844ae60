package importer

import (
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/unicode/norm"

	"importer/importer/contact"
)

// A spelling is what the API was seen to make of contact ids: it may show them in
// lower case, without a plus sign, or in Unicode's composed form.
type spelling struct {
	mu      sync.Mutex
	lower   bool
	noPlus  bool
	nfc     bool
	learned bool
}

// as is a contact id in the learned spelling.
func (s *spelling) as(id string) string {
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

// anySpelling is what contact ids have in common that may be one in different
// spellings.
var anySpelling = spelling{lower: true, noPlus: true, nfc: true}

// learn takes the contact ids of a create as they were sent and as the API shows
// them. It is true where that says something new.
func (s *spelling) learn(sent, shown []string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := *s.copy()
	for _, id := range sent {
		if slices.Contains(shown, id) {
			continue
		}
		for _, other := range shown {
			if anySpelling.as(other) != anySpelling.as(id) {
				continue
			}
			s.learned = true
			s.lower = s.lower || other == strings.ToLower(other) && id != strings.ToLower(id)
			s.noPlus = s.noPlus || strings.HasPrefix(id, "+") && !strings.HasPrefix(other, "+")
			s.nfc = s.nfc || norm.NFC.IsNormalString(other) && !norm.NFC.IsNormalString(id)
		}
	}
	return s.lower != before.lower || s.noPlus != before.noPlus || s.nfc != before.nfc
}

func (s *spelling) copy() *spelling {
	return &spelling{lower: s.lower, noPlus: s.noPlus, nfc: s.nfc, learned: s.learned}
}

// same tells whether a contact id that the API shows is this one.
func (s *spelling) same(shown, id string) bool {
	if shown == id {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.learned && s.as(shown) == s.as(id)
}

// respell writes the contact ids of a profile as the row does, as far as they are
// the row's.
func (s *spelling) respell(shown []string, ids []string) []string {
	var respelled []string
	for i, other := range shown {
		for _, id := range ids {
			if other != id && s.same(other, id) {
				if respelled == nil {
					respelled = slices.Clone(shown)
				}
				respelled[i] = id
			}
		}
	}
	if respelled == nil {
		return shown
	}
	return respelled
}

// learnSpelling notes how the API shows the contact ids of a create.
func (e *engine) learnSpelling(sent, shown []string) {
	if shown != nil && e.spelling.learn(sent, shown) {
		e.Log.Warn().Strs("sent", sent).Strs("shown", shown).Msg("the API shows contact ids in another spelling than they were sent in; they are compared in that spelling")
	}
}

// holdsAny tells whether one of these contact ids is the row's, in whatever
// spelling.
func holdsAny(shown, ids []string) bool {
	return slices.ContainsFunc(shown, func(other string) bool {
		return slices.ContainsFunc(ids, func(id string) bool { return anySpelling.as(other) == anySpelling.as(id) })
	})
}

// resembles tells whether a profile holds a contact id in another spelling that
// the API was not seen to make of it.
func resembles(f contact.Found, id string) bool {
	return slices.ContainsFunc(f.ContactIDs, func(other string) bool { return anySpelling.as(other) == anySpelling.as(id) })
}
