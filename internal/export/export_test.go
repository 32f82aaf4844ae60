package export

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"importer/importer/change"
	"importer/importer/contact"
)

// A project is one that is listed; before each page it is told of the query.
type project struct {
	profiles []contact.Found
	unsorted bool // the list ignores the order that is asked for
	short    int  // so many profiles are never shown
	silent   bool // the list does not say how many there are
	before   func(q contact.ListQuery, page int)
	asked    int
}

var epoch = time.Unix(1_700_000_000, 0).UTC()

func profileAt(n int, at time.Time) contact.Found {
	return contact.Found{ID: fmt.Sprintf("%024d", n), ContactIDs: []string{fmt.Sprint("c", n)}, Active: true, LastChanged: at, Fields: []contact.Field{{Name: "n", Value: fmt.Appendf(nil, "%d", n)}}}
}

func projectOf(n int) *project {
	p := &project{}
	for i := range n {
		p.profiles = append(p.profiles, profileAt(i, epoch.Add(time.Duration(i)*time.Second)))
	}
	return p
}

func (p *project) list(q contact.ListQuery) (contact.ListPage, error) {
	p.asked++
	if p.before != nil {
		p.before(q, p.asked)
	}
	all := slices.Clone(p.profiles)
	if direction, ok := strings.CutPrefix(q.Sort, "lastChanged:"); ok && !p.unsorted {
		slices.SortStableFunc(all, func(a, b contact.Found) int {
			if direction == "desc" {
				a, b = b, a
			}
			return a.LastChanged.Compare(b.LastChanged)
		})
	}
	total := len(all)
	all = all[:total-p.short]
	from := 0
	if q.Cursor != "" {
		from = 1 + slices.IndexFunc(all, func(f contact.Found) bool { return f.ID == q.Cursor })
	}
	page := contact.ListPage{Profiles: all[from:min(from+q.Limit, len(all))], Total: total}
	if p.silent {
		page.Total = -1
	}
	if from+q.Limit < len(all) {
		page.Next = page.Profiles[len(page.Profiles)-1].ID
	}
	return page, nil
}

func (p *project) change(n int, at time.Time, value string) {
	p.profiles[n].LastChanged = at
	p.profiles[n].Fields = []contact.Field{{Name: "n", Value: []byte(value)}}
}

var later = epoch.Add(time.Hour)

func began() time.Time { return later }

func TestWhatChangesWhileItIsRead(t *testing.T) {
	for _, toPart := range []bool{false, true} {
		p := projectOf(450)
		p.before = func(q contact.ListQuery, page int) {
			switch page {
			case 4:
				p.change(7, later, `"new"`)         // after it was read
				p.change(320, later, `"fresh"`)     // before it is
				p.change(9, epoch, `"same second"`) // which is not later than the export
				p.profiles = append(p.profiles, profileAt(900, later.Add(time.Second)))
				p.profiles = slices.Delete(p.profiles, 20, 22)
			}
		}
		var out bytes.Buffer
		e := ToStream(p.list, began, &out)
		if toPart {
			part, err := NewPart(began())
			if err != nil {
				t.Fatal(err)
			}
			defer part.Close()
			e = ToPart(p.list, began, part)
			defer func() {
				if err := part.WriteNDJSON(&out); err != nil {
					t.Error(err)
				}
				if strings.Count(out.String(), "\n") != 451 || strings.Contains(out.String(), `{"n":7}`) || !strings.Contains(out.String(), `{"n":"new"}`) {
					t.Errorf("%d lines", strings.Count(out.String(), "\n"))
				}
			}()
		}
		r, err := e.Run(t.Context())
		if want := (Result{Profiles: 451, Changed: 1, Deleted: 2, Compared: true}); err != nil || r != want {
			t.Errorf("part %t: %+v, %v; want %+v", toPart, r, err, want)
		}
		if !toPart && (strings.Count(out.String(), "\n") != 451 || strings.Contains(out.String(), `{"n":"new"}`)) {
			t.Errorf("%d lines", strings.Count(out.String(), "\n"))
		}
	}
}

func TestWhatTheAPIDoesNotTell(t *testing.T) {
	p := projectOf(450)
	p.unsorted = true
	var out bytes.Buffer
	if r, err := ToStream(p.list, began, &out).Run(t.Context()); err != nil || r != (Result{Profiles: 450}) {
		t.Errorf("unsorted: %+v, %v", r, err)
	}
	p = projectOf(450)
	p.silent = true
	if r, err := ToStream(p.list, began, &out).Run(t.Context()); err != nil || r != (Result{Profiles: 450, Compared: true}) || p.asked < 10 {
		t.Errorf("without a total: %+v, %v, %d pages", r, err, p.asked)
	}
	p = projectOf(450)
	p.short = 1
	_, err := ToStream(p.list, began, &out).Run(t.Context())
	if short, ok := errors.AsType[*ShortError](err); !ok || *short != (ShortError{449, 450}) || p.asked != 5*maxPasses {
		t.Errorf("a short list: %v, %d pages", err, p.asked)
	}
	_, err = ToStream(func(q contact.ListQuery) (contact.ListPage, error) {
		page, err := projectOf(450).list(contact.ListQuery{Limit: q.Limit})
		return page, err
	}, began, &out).Run(t.Context())
	if !errors.Is(err, change.ErrEndless) {
		t.Errorf("a list without an end: %v", err)
	}
	// Nobody, and somebody.
	for n := range 2 {
		out.Reset()
		if r, err := ToStream(projectOf(n).list, began, &out).Run(t.Context()); err != nil || r != (Result{Profiles: int64(n), Compared: true}) || strings.Count(out.String(), "\n") != n {
			t.Errorf("of %d: %+v, %v", n, r, err)
		}
	}
}

// Wherever an export was cut off, the next one goes on to the same file.
func TestAPartIsGoneOnWithWhereverItWasCutOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "all.ndjson")
	export := func() (r Result, resumed, asked int, text string) {
		t.Helper()
		part, err := OpenPart(path, "https://api.example.com", "project", began())
		if err != nil {
			t.Fatal(err)
		}
		defer part.Close()
		p := projectOf(230)
		r, err = ToPart(p.list, began, part).Run(t.Context())
		var out bytes.Buffer
		if err = cmp.Or(err, part.WriteNDJSON(&out)); err != nil {
			t.Fatal(err)
		}
		return r, part.Resumed, p.asked, out.String()
	}
	_, _, all, want := export()
	whole, err := os.ReadFile(PartOf(path))
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n <= len(whole); n += 613 {
		if err := os.WriteFile(PartOf(path), whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		r, resumed, asked, got := export()
		if r.Profiles != 230 || got != want || resumed%100 != 0 && resumed != 230 || resumed >= 100 && asked >= all {
			t.Fatalf("cut off at byte %d: %+v, %d resumed, %d pages", n, r, resumed, asked)
		}
	}
	// One at a time.
	part, err := OpenPart(path, "https://api.example.com", "project", began())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenPart(path, "https://api.example.com", "project", began()); err == nil || !errors.As(err, new(*LockedError)) {
		t.Errorf("a second one: %v", err)
	}
	if err := part.Close(); err != nil {
		t.Fatal(err)
	}
	// One that is a day old is not gone on with.
	part, err = OpenPart(path, "https://api.example.com", "project", began().Add(maxAge))
	if err != nil || !part.Outdated || part.Resumed != 0 || !part.Began.Equal(began().Add(maxAge)) {
		t.Errorf("a day later: %+v, %v", part, err)
	}
	if err := part.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(PartOf(path)); !os.IsNotExist(err) {
		t.Error(err)
	}
}

// The API may forget the place at which a list was left.
func TestACursorThatIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "all.ndjson")
	part, err := OpenPart(path, "u", "p", began())
	if err != nil {
		t.Fatal(err)
	}
	p := projectOf(350)
	stopped := errors.New("stopped")
	_, err = ToPart(func(q contact.ListQuery) (contact.ListPage, error) {
		if q.Cursor != "" {
			return contact.ListPage{}, stopped
		}
		return p.list(q)
	}, began, part).Run(t.Context())
	if !errors.Is(err, stopped) || part.Close() != nil {
		t.Fatal(err)
	}
	if part, err = OpenPart(path, "u", "p", began()); err != nil || part.Resumed != 100 {
		t.Fatal(part, err)
	}
	defer part.Close()
	r, err := ToPart(func(q contact.ListQuery) (contact.ListPage, error) {
		if p.asked == 1 && q.Cursor != "" {
			p.asked++
			return contact.ListPage{}, &contact.APIError{Author: contact.API, Class: contact.Permanent, Failure: contact.Failure{HTTP: 400}}
		}
		return p.list(q)
	}, began, part).Run(t.Context())
	if err != nil || r != (Result{Profiles: 350, Compared: true}) {
		t.Errorf("%+v, %v", r, err)
	}
}
