package change

import (
	"errors"
	"fmt"
	"strconv"
	"testing"

	"importer/importer/contact"
)

func TestPages(t *testing.T) {
	profiles := []contact.Found{{ID: "one"}}
	broken := errors.New("broken")
	for _, c := range []struct {
		name   string
		next   func(n int) string // the cursor in page n, from 1
		empty  int                // the page without profiles
		fails  int                // the page that cannot be read
		total  int                // what each page says that the list holds; 0: it does not
		grows  int                // by so much more with each page
		circle int                // so many pages come again and again
		want   int                // pages
		err    error
	}{
		{name: "one page", next: func(int) string { return "" }, want: 1},
		{name: "three pages", next: func(n int) string { return []string{"b", "c", ""}[n-1] }, want: 3},
		{name: "an empty page is the last", next: strconv.Itoa, empty: 2, want: 2},
		{name: "a page that points to itself", next: func(n int) string { return "b" }, want: 2, err: ErrEndless},
		{name: "cursors without end", next: strconv.Itoa, want: maxPages + 1, err: ErrEndless},
		{name: "a list that begins anew", next: strconv.Itoa, circle: 3, want: 4, err: ErrEndless},
		{name: "a list that passes its total", next: strconv.Itoa, total: 50, want: 55 + 10*PageSize + 1, err: ErrEndless},
		{name: "a list whose total runs away", next: strconv.Itoa, total: 50, grows: 100, want: 55 + 10*PageSize + 1, err: ErrEndless},
		{name: "a list of nobody", next: strconv.Itoa, total: -1, want: 10*PageSize + 1, err: ErrEndless},
		{name: "a list that grows while it is read", next: func(n int) string { return []string{"", strconv.Itoa(n)}[min(1, 900/n)] }, total: 50, want: 901},
		{name: "cursors that go in a circle further on", next: func(n int) string { return strconv.Itoa(min(n, 5+n%7)) }, want: 15, err: ErrEndless},
		{name: "an error", next: strconv.Itoa, fails: 3, want: 2, err: broken},
	} {
		asked, cursor := 0, ""
		list := func(q contact.ListQuery) (contact.ListPage, error) {
			asked++
			if q.Limit != PageSize || q.Filter != "x" || q.Cursor != cursor {
				t.Fatalf("%s: page %d is asked for with %+v, want the cursor %q", c.name, asked, q, cursor)
			}
			if asked == c.fails {
				return contact.ListPage{}, broken
			}
			cursor = c.next(asked)
			page := contact.ListPage{Profiles: []contact.Found{{ID: fmt.Sprint("p", asked)}}, Total: max(0, c.total) + c.grows*(asked-1), Next: cursor}
			if c.total == 0 {
				page.Total = -1 // as of an API that does not say
			}
			if c.circle > 0 {
				page.Profiles[0].ID = fmt.Sprint("p", asked%c.circle)
			}
			if asked == c.empty {
				page.Profiles = nil
			}
			return page, nil
		}
		pages := 0
		var last error
		for _, err := range Pages(list, contact.ListQuery{Filter: "x"}) {
			if last = err; err == nil {
				pages++
			}
		}
		if pages != c.want || !errors.Is(last, c.err) {
			t.Errorf("%s: %d pages and %v, want %d and %v", c.name, pages, last, c.want, c.err)
		}
		if c.err == ErrEndless && contact.AsAPIError(last).Class != contact.Permanent {
			t.Errorf("%s: the class is %s", c.name, contact.AsAPIError(last).Class)
		}
	}
	// Pages that are too large are asked for in smaller parts.
	var limits []int
	var ids []string
	for page, err := range Pages(func(q contact.ListQuery) (contact.ListPage, error) {
		limits = append(limits, q.Limit)
		if q.Limit > 10 {
			return contact.ListPage{}, &contact.APIError{Err: contact.ErrTooLarge}
		}
		return contact.ListPage{Profiles: []contact.Found{{ID: "p" + q.Cursor}}, Next: map[string]string{"": "b"}[q.Cursor]}, nil
	}, contact.ListQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, page.Profiles[0].ID)
	}
	if fmt.Sprint(limits, ids) != "[100 25 6 6] [p pb]" {
		t.Errorf("asked for %v, got %v", limits, ids)
	}
	// Who stops early asks for nothing more.
	asked := 0
	for range Pages(func(contact.ListQuery) (contact.ListPage, error) {
		asked++
		return contact.ListPage{Profiles: profiles, Next: fmt.Sprint(asked)}, nil
	}, contact.ListQuery{}) {
		break
	}
	if asked != 1 {
		t.Errorf("%d pages were asked for", asked)
	}
}
