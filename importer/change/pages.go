package change

import (
	"errors"
	"fmt"
	"importer/importer/contact"
	"iter"
)

// PageSize is how many profiles a page of the list holds: the most that the API
// gives.
const PageSize = 100

// maxPages is beyond any project: of ten million profiles. A list that is longer
// goes in a circle.
const maxPages = 100_000

// ErrEndless is what Pages says of a list whose cursors lead nowhere.
var ErrEndless = errors.New("the list of profiles does not end")

// Pages ranges over the pages of a list, from the one that the cursor of q names
// to the last. It asks list for each of them, PageSize profiles at a time. After
// an error, which is that of list or an *APIError that wraps ErrEndless, it ends.
func Pages(list func(contact.ListQuery) (contact.ListPage, error), q contact.ListQuery) iter.Seq2[contact.ListPage, error] {
	q.Limit = PageSize
	return func(yield func(contact.ListPage, error) bool) {
		for n := 1; ; n++ {
			page, err := list(q)
			if !yield(page, err) || err != nil || page.Next == "" || len(page.Profiles) == 0 {
				return
			}
			if page.Next == q.Cursor || n > maxPages {
				yield(contact.ListPage{}, &contact.APIError{Class: contact.Permanent, Err: ErrEndless, Failure: contact.Failure{
					Detail: fmt.Sprintf("%v: page %d points to itself or beyond %d pages", ErrEndless, n, maxPages),
				}})
				return
			}
			q.Cursor = page.Next
		}
	}
}
