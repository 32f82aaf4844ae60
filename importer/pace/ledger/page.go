package ledger

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"importer/importer/pace"
	"importer/internal/files"
)

// A page is what ledger.json holds.
type page struct {
	Spent  []spent        `json:"spent"`  // requests that were answered lately
	Leases map[string]int `json:"leases"` // tokens held by each live run, by its id
	Keep   time.Duration  `json:"keep"`   // ns: the longest window of these runs
}

// asEver is JSON as encoding/json has it: runs of other versions share the file.
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

// readPage reads the file. A file that cannot be understood counts as a quota
// that was used up when it was written: too much rather than too little.
func readPage(name string, now time.Time, rate pace.Rate) (page, error) {
	var p page
	b, err := readFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return page{}, err
	case json.Unmarshal(b, &p, asEver) != nil:
		info, err := os.Stat(name)
		if err != nil {
			return page{}, err
		}
		p = page{Spent: []spent{{info.ModTime(), rate.Quota}}}
	}
	if p.Leases == nil {
		p.Leases = map[string]int{}
	}
	for i := range p.Spent {
		if p.Spent[i].at.After(now) {
			p.Spent[i].at = now // rounded up; or the clock was set back
		}
	}
	return p, nil
}

func readFile(name string) ([]byte, error) {
	f, err := files.Open(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close() // of a file that was read
	return io.ReadAll(f)
}

func (p *page) write(name string) error {
	b, err := json.Marshal(p, asEver)
	if err != nil {
		return err
	}
	// Under the ledger's lock there is one writer. Not synced: after a power cut the
	// report tells what this run sent.
	t, err := files.NewTemp(name)
	if err != nil {
		return err
	}
	if _, err = t.Write(b); err == nil {
		err = t.MoveTo(name)
	}
	if err != nil {
		return errors.Join(err, t.Discard())
	}
	return nil
}

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
