package change

import (
	"errors"
	"fmt"
	"iter"

	"importer/importer/contact"
)

// PageSize is how many profiles a page of the list holds: the most that the API
// gives.
const PageSize = 100

// maxPages is beyond any project: of ten million profiles. A list that is longer
// has no end.
const maxPages = 100_000

// ErrEndless is what Pages says of a list whose cursors lead nowhere.
var ErrEndless = errors.New("the list of profiles does not end")

// Pages ranges over the pages of a list, from the one that the cursor of q names
// to the last. It asks list for each of them, PageSize profiles at a time, and for
// fewer where that many are too large for one answer. After an error, which is that
// of list or an *APIError that wraps ErrEndless, it ends.
func Pages(list func(contact.ListQuery) (contact.ListPage, error), q contact.ListQuery) iter.Seq2[contact.ListPage, error] {
	q.Limit = PageSize
	return func(yield func(contact.ListPage, error) bool) {
		first, mark, seen, total := "", "", 0, -1
		for n := 1; ; n++ {
			page, err := list(q)
			if errors.Is(err, contact.ErrTooLarge) && q.Limit > 1 {
				q.Limit = max(1, q.Limit/4)
				continue
			}
			if !yield(page, err) || err != nil || page.Next == "" || len(page.Profiles) == 0 {
				return
			}
			if seen += len(page.Profiles); total < 0 {
				total = page.Total
			}
			switch id := page.Profiles[0].ID; {
			case n == 1:
				first = id
			case id == first, page.Next == q.Cursor, page.Next == mark, n > maxPages, total >= 0 && seen > allowed(total):
				yield(contact.ListPage{}, &contact.APIError{Author: contact.Way, Class: contact.Permanent, Err: ErrEndless, Failure: contact.Failure{
					Detail: fmt.Sprintf("%v: page %d brings nothing new, points to itself, or is beyond what the list says it holds", ErrEndless, n),
				}})
				return
			}
			if n&(n-1) == 0 { // of a circle, whatever leads into it, one cursor is marked before it comes again
				mark = page.Next
			}
			q.Cursor = page.Next
		}
	}
}

// allowed is how many profiles a list may show whose first page says that it holds so
// many: others write to the project while it is listed.
func allowed(total int) int { return total + total/10 + 10*PageSize }
