package importer

import (
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"importer/importer/change"
	"importer/importer/contact"
	"importer/importer/whose"
)

// Listing keeps the profiles of a project that were listed. Implemented by
// state.Listing. Find may be called from several goroutines.
type Listing interface {
	// Add takes a page, and returns how many of its profiles are new.
	Add(page []contact.Found) (int, error)
	// Find returns the profiles that hold one of these contact ids, each once.
	Find(contactIDs []string) ([]contact.Found, error)
	// Len is how many profiles it holds.
	Len() int
}

// A presence is what a run knows of who is in the project. The feeder owns it, but
// for what is atomic.
type presence struct {
	asked  bool         // the project was asked how many profiles it holds
	empty  bool         // it held none before the first create
	pages  int64        // what the list costs, in requests
	spent  atomic.Int64 // requests that went into look-ups instead
	listed atomic.Bool
	// held is how many profiles the project held before the first create, as far as is
	// known, less those that this run takes away.
	held atomic.Int64
	// partial: the list ended before its own total. Written before listed.
	partial bool
}

// meet finds out which rows of a batch are in the project, before they are
// announced, and returns those that are left to be sent. So many rows wait to be
// created, those of the batch included.
//
// The list costs a request for each 100 profiles of the project, a look-up one
// for each row; how many rows are to come is not known. So contacts are looked
// up until that has cost as much as the list would have: together never more
// than twice the cheaper of the two.
func (e *engine) meet(batch []*task, waiting int) ([]*task, error) {
	if e.Discovery == whose.DiscoverNobody || e.presence.empty || !slices.ContainsFunc(batch, (*task).asks) {
		e.areAbsent(batch)
		return batch, nil
	}
	if !e.presence.listed.Load() {
		if err := e.learnPresence(waiting); err != nil {
			return batch, err
		}
	}
	switch {
	case e.presence.empty:
		e.areAbsent(batch)
		return batch, nil
	case !e.presence.listed.Load():
		for _, t := range batch {
			t.unmet = t.creates()
		}
		return batch, nil
	}
	var left []*task
	for i, t := range batch {
		if t.creates() {
			found, err := e.Listing.Find(t.Row.Profile.ContactIDs)
			if err != nil {
				return slices.Concat(left, batch[i:]), err
			}
			t.unmet, t.absent = e.presence.partial && len(found) == 0, len(found) == 0
			if len(found) > 0 || e.UpdateOnly && !t.unmet {
				t.did, t.got = find, e.recognize(t, found)
				if e.runLocal(t) {
					continue
				}
			}
		}
		left = append(left, t)
	}
	return left, nil
}

// asks tells whether it is to be found out who holds contact ids of a task that has not
// begun.
func (t *task) asks() bool {
	return t.creates() || t.Row.Earlier != nil && t.next().do == vet
}

// areAbsent notes that nobody was in the project.
func (e *engine) areAbsent(batch []*task) {
	for _, t := range batch {
		t.absent = e.presence.empty
	}
}

// learnPresence asks how large the project is, and reads the list where that is
// the way.
func (e *engine) learnPresence(waiting int) error {
	rows := int64(waiting) + e.presence.spent.Load()
	if e.State != nil && e.State.Len() > 0 && e.looksUp(rows, int64(e.State.Len()/change.PageSize)) {
		return nil // it is known to hold that many
	}
	var first *contact.ListPage
	if !e.presence.asked {
		for page, err := range change.Pages(e.page, contact.ListQuery{}) {
			if err != nil {
				return fmt.Errorf("the project cannot be asked who is in it: %w; --existing ignore skips that", err)
			}
			first = &page
			break
		}
		page := first
		total := max(page.Total, len(page.Profiles))
		e.presence.asked = true
		e.presence.empty = total == 0
		e.presence.held.Store(int64(total))
		e.presence.pages = int64((total + change.PageSize - 1) / change.PageSize)
		if !e.presence.empty {
			e.Log.Info().Int("profiles", total).Msg("the project is not empty: contacts that are there are found before they are created")
		}
	}
	if e.presence.empty {
		return nil
	}
	pages := e.presence.pages
	if first != nil {
		pages-- // the first page is there
	}
	if e.looksUp(rows, pages) {
		return nil
	}
	if err := e.listProject(first); err != nil {
		return fmt.Errorf("the profiles of the project cannot be listed: %w; --existing lookup looks each contact up instead", err)
	}
	e.presence.listed.Store(true)
	return nil
}

// looksUp tells whether so many rows are looked up, because a list of so many
// pages costs more.
func (e *engine) looksUp(rows, pages int64) bool {
	return e.Discovery == whose.DiscoverByLookUp || e.Discovery == whose.DiscoverAuto && rows < pages
}

// maxPasses is how often the list is read from its beginning. The order of a list
// is not documented, nor what its cursors do while profiles are added: what one
// pass missed the next one finds.
const maxPasses = 3

// listProject reads the whole list of the project, after its first page where
// that is there.
func (e *engine) listProject(first *contact.ListPage) error {
	list := func(q contact.ListQuery) (contact.ListPage, error) {
		if first != nil {
			page := *first
			first = nil
			return page, nil
		}
		return e.page(q)
	}
	total := 0
	for range maxPasses {
		added := 0
		for page, err := range change.Pages(list, contact.ListQuery{}) {
			if err != nil {
				return err
			}
			n, err := e.Listing.Add(page.Profiles)
			if err != nil {
				return err
			}
			total, added = max(total, page.Total), added+n
		}
		if e.Listing.Len() >= total || added == 0 {
			break
		}
	}
	if held := e.Listing.Len(); held < total {
		e.presence.partial = true
		e.Log.Warn().Int("profiles", held).Int("total", total).
			Msg("the list of the project is not whole: it ends before its own total; who is not in it is looked up before anybody is created")
	}
	return nil
}

// page reads one page of the list, and tries again what may be for as long as
// the breaker does not give up: without the list nothing can go on.
func (e *engine) page(q contact.ListQuery) (contact.ListPage, error) {
	var page contact.ListPage
	err := e.ask(math.MaxInt, func() (err error) {
		page, err = e.list(q)
		return err
	})
	return page, err
}

// find looks for the contact of a row before it is created.
func (e *engine) find(t *task) answer {
	if !t.unmet {
		return nobody
	}
	t.unmet = false
	if t.holders != nil {
		found := t.holders
		t.holders = nil
		return e.recognize(t, found)
	}
	found, err := e.holdersOf(t.Row.Profile.ContactIDs)
	if got := e.lookFailed(t, err); got != ok {
		return got
	}
	t.absent = len(found) == 0
	return e.recognize(t, found)
}

// holdersOf are the profiles that hold any of these contact ids: of the list, where
// that was read. A list that is not whole tells who is there, and not who is not.
func (e *engine) holdersOf(contactIDs []string) (found []contact.Found, err error) {
	if e.presence.listed.Load() {
		if found, err = e.Listing.Find(contactIDs); err != nil || len(found) > 0 || !e.presence.partial {
			return found, err
		}
	}
	for _, id := range contactIDs {
		e.presence.spent.Add(whose.LookUpCost(id))
	}
	return e.lookUpEach(contactIDs)
}

// recognize decides which of the profiles that hold one of its contact ids is the
// row's.
func (e *engine) recognize(t *task, found []contact.Found) answer {
	if len(found) == 0 {
		return nobody
	}
	holder, others := whose.HolderOf(t.Row.Profile.ContactIDs, found)
	if e.conflicts(t, holder, others) {
		return several
	}
	t.adopt(holder)
	return somebody
}

// conflicts tells whether other profiles that hold contact ids of a row are in its way.
func (e *engine) conflicts(t *task, holder contact.Found, others []contact.Found) bool {
	switch {
	case len(others) == 0:
	case e.OnConflict == whose.ConflictReport:
		t.problem = &contact.APIError{Class: contact.Permanent, Failure: whose.ConflictOf(holder, others)}
		return true
	case e.OnConflict == whose.ConflictMerge:
		t.merging = whose.ToMerge(t.Row.Profile.ContactIDs, holder, others)
	}
	return false
}

// vet looks for who holds the contact ids that the profile of a row is to be given: by a
// rule before this one it is known by others, or it was found by the first of them.
func (e *engine) vet(t *task) answer {
	own := t.found
	if own.ID != t.ID {
		if t.Row.Earlier == nil {
			return nobody
		}
		own = contact.Found{ID: t.ID, ContactIDs: t.Row.SentAs()[0]}
	}
	ids := slices.DeleteFunc(slices.Clone(t.Row.Profile.ContactIDs), func(id string) bool { return slices.Contains(own.ContactIDs, id) })
	if len(ids) == 0 {
		return nobody
	}
	found, err := e.holdersOf(ids)
	if got := e.lookFailed(t, err); got != ok {
		return got
	}
	if i := slices.IndexFunc(found, func(f contact.Found) bool { return f.ID == t.ID }); i >= 0 {
		own = found[i]
	}
	if e.conflicts(t, own, whose.OthersOf(own, ids, found)) {
		return several
	}
	return nobody
}

// adopt makes a profile that holds the contact of a row the row's own.
func (t *task) adopt(f contact.Found) {
	t.ID, t.found, t.Found, t.touched, t.entry = f.ID, f, true, f.LastChanged, change.Entry{}
}
