package sandbox

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"importer/internal/sandbox/jsonvalue"
	"importer/internal/sandbox/store"
)

// A ForeignWrite is what a conversation wrote to a profile between two requests: a
// memory, and a consent that the contact withdrew.
type ForeignWrite struct {
	At        time.Time // by Options.Clock; it is handled before the request that is handled next
	ProfileID string
	MemoryID  string
	Withdrew  bool // accepted_gdpr was true, and became false

	// What became of it. Where the profile is gone, so is what was written to it.
	Gone        bool // the profile is not there any more
	MemoryLost  bool // somebody took the memory away
	ConsentBack bool // somebody set accepted_gdpr to true again
}

// foreign is what others wrote. The Sandbox's mutex guards it.
type foreign struct {
	writes    []ForeignWrite
	withdrawn map[string]int // by profile id: the last write that withdrew a consent
}

// maxMemories bounds the JSON of the memories of a profile to which conversations add:
// those have to fit into the body of an update.
const maxMemories = 10_000

// systemID is the user that changes profiles in conversations.
const systemID = "000000000000000000000000"

// disturb has a conversation write to a profile before a request is handled, where a
// fault says so. A million writes are the most that it does.
func (s *Sandbox) disturb(c *call) {
	fault, random := s.writers.throw(s.store, c)
	if fault == nil || len(s.foreign.writes) == maxRecords {
		return
	}
	now := s.options.Clock()
	p := s.store.Find(s.lastGot, now)
	if fault.Kind == FaultWrite {
		p = s.store.Any(random.Uint64(), now)
	}
	if p == nil {
		return
	}
	w := ForeignWrite{At: now, ProfileID: p.ID, MemoryID: fmt.Sprintf("conversation-%x-%d", now.UnixMilli(), len(s.foreign.writes))}
	fields, ok := remembering(p.Fields, w)
	if !ok {
		return
	}
	if w.Withdrew = string(fields.Get("accepted_gdpr")) == "true"; w.Withdrew {
		fields = fields.Set("accepted_gdpr", jsonvalue.Bool(false))
	}
	s.store.Change(p.ID, now, func(p *store.Profile) { p.Fields, p.LastChangedBy = fields, systemID })
	s.foreign.add(w)
	s.record.faults[fault.Kind]++
	s.options.Log.Info().Str("fault", fault.Kind).Str("profile_id", w.ProfileID).Str("memory_id", w.MemoryID).Bool("withdrew", w.Withdrew).
		Msg("a conversation wrote to a profile")
}

// remembering are the fields of a profile with one more memory. It is false where the
// profile has too many of them, or something else in their place.
func remembering(fields jsonvalue.Object, w ForeignWrite) (jsonvalue.Object, bool) {
	memory := jsonvalue.Object{
		{Name: "id", Value: jsonvalue.String(w.MemoryID)},
		{Name: "timestamp", Value: jsonvalue.String(w.At.UTC().Format(time.RFC3339))},
		{Name: "text", Value: jsonvalue.String("said so in a conversation")},
	}.Value()
	list, comma := fields.Get("memories"), ","
	if list == nil || list.Kind() == 'n' {
		list = jsontext.Value("[]")
	}
	if list.Kind() != '[' || len(list) > maxMemories {
		return fields, false
	}
	if string(list) == "[]" {
		comma = ""
	}
	return fields.Set("memories", slices.Concat(list[:len(list)-1], jsontext.Value(comma), memory, jsontext.Value("]"))), true
}

func (f *foreign) add(w ForeignWrite) {
	if w.Withdrew {
		if before, ok := f.withdrawn[w.ProfileID]; ok {
			f.writes[before].ConsentBack = true
		}
		if f.withdrawn == nil {
			f.withdrawn = make(map[string]int)
		}
		f.withdrawn[w.ProfileID] = len(f.writes)
	}
	f.writes = append(f.writes, w)
}

// ForeignWrites are what others wrote in its order, and what became of it until now.
func (s *Sandbox) ForeignWrites() []ForeignWrite {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.options.Clock()
	writes := slices.Clone(s.foreign.writes)
	for i := range writes {
		w := &writes[i]
		p := s.store.Find(w.ProfileID, now)
		if w.Gone = p == nil; w.Gone {
			continue
		}
		w.MemoryLost = !bytes.Contains(p.Fields.Get("memories"), jsonvalue.String(w.MemoryID))
		last := w.Withdrew && s.foreign.withdrawn[w.ProfileID] == i
		w.ConsentBack = w.ConsentBack || last && string(p.Fields.Get("accepted_gdpr")) == "true"
	}
	return writes
}

// logForeign tells what became of what others wrote.
func (s *Sandbox) logForeign() {
	var withdrawn, lost, back int
	writes := s.ForeignWrites()
	for _, w := range writes {
		withdrawn += count(w.Withdrew)
		lost += count(w.MemoryLost)
		back += count(w.ConsentBack)
	}
	if len(writes) == 0 {
		return
	}
	e := s.options.Log.Info()
	if lost+back > 0 {
		e = s.options.Log.Warn()
	}
	e.Int("memories", len(writes)).Int("memories_lost", lost).Int("consents_withdrawn", withdrawn).Int("consents_put_back", back).
		Msg("what conversations wrote to profiles between two requests")
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}
