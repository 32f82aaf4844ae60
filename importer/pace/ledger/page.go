package ledger

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"importer/importer/pace"
)

// A page is what the runs of a pool know together. Its times are those of the clock of
// its book.
type page struct {
	Spent  []spent         `json:"spent"`           // requests that were answered lately
	Leases map[string]int  `json:"leases"`          // tokens held by each live run, by its id
	Keep   time.Duration   `json:"keep"`            // ns: the longest window of these runs
	Terms  map[string]term `json:"terms,omitempty"` // of the leases, where the book does not tell who lives
}

// A term is until when a run counts as alive, and what else a run of another machine
// tells the others.
type term struct {
	Until int64  `json:"until"`           // µs since 1970; then what it holds counts as sent
	Lasts int64  `json:"lasts"`           // µs from the exchange on: what was left of it then
	Turn  uint64 `json:"turn"`            // how many times the run has changed the page
	Since int64  `json:"since,omitempty"` // µs since 1970: it has waited for tokens since; 0: it does not
	Again int64  `json:"again,omitempty"` // µs since 1970: it has asked by then, or will
	Had   int    `json:"had,omitempty"`   // tokens that it got within its last window
}

// asEver is JSON as encoding/json has it: runs of other versions share the page.
var asEver = jsonv1.DefaultOptionsV1()

// spent are requests that were answered at one time. In JSON it is the array
// [microseconds since 1970, count].
type spent struct {
	at    time.Time
	count int
}

func (s spent) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "[%d,%d]", s.at.UnixMicro(), s.count), nil
}

func (s *spent) UnmarshalJSON(b []byte) error {
	var pair [2]int64
	if err := json.Unmarshal(b, &pair); err != nil {
		return err
	}
	if pair[1] < 0 {
		return errors.New("a negative count")
	}
	s.at, s.count = time.UnixMicro(pair[0]), int(pair[1])
	return nil
}

// parsePage reads what the book holds. A page that cannot be understood counts as a
// quota that was used up when it was written: too much rather than too little.
func parsePage(v View, rate pace.Rate) page {
	var p page
	if v.Page != nil && json.Unmarshal(v.Page, &p, asEver) != nil {
		p = page{Spent: []spent{{v.Written, rate.Quota}}}
	}
	if p.Leases == nil {
		p.Leases = map[string]int{}
	}
	for i := range p.Spent {
		if p.Spent[i].at.After(v.Now) {
			p.Spent[i].at = v.Now // rounded up; or the clock was set back
		}
	}
	for id, t := range p.Terms {
		t.Until = min(t.Until, v.Now.UnixMicro()+t.Lasts)
		p.Terms[id] = t
	}
	return p
}

func (p *page) encode() ([]byte, error) { return json.Marshal(p, asEver) }

// prune forgets what counts for no live run, and sorts the rest.
func (p *page) prune(now time.Time, rate pace.Rate) {
	if len(p.Leases) == 0 {
		p.Keep = 0 // no other run looks back
	}
	p.Keep = max(p.Keep, rate.Window+rate.Margin())
	p.Spent = slices.DeleteFunc(p.Spent, func(s spent) bool { return now.Sub(s.at) >= p.Keep })
	slices.SortFunc(p.Spent, func(a, b spent) int { return a.at.Compare(b.at) })
	merged := p.Spent[:0]
	for _, s := range p.Spent {
		merged = join(merged, s)
	}
	p.Spent = merged
}

// join appends what was spent, to the last where that was at the same time.
func join(all []spent, s spent) []spent {
	if last := len(all) - 1; last >= 0 && all[last].at.Equal(s.at) {
		all[last].count += s.count
		return all
	}
	return append(all, s)
}

func (p *page) leased() (n int) {
	for _, leased := range p.Leases {
		n += leased
	}
	return n
}
