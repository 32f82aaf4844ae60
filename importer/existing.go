package importer

import (
	"errors"
	"fmt"
	"importer/importer/contact"
	"importer/importer/pace"
	"importer/internal/words"
	"math"
	"slices"
	"sync/atomic"
	"time"
)

// Discovery is how a run learns, before its first create, who is in the project
// already. The zero value does not ask.
type Discovery uint8

const (
	DiscoverNobody   Discovery = iota
	DiscoverAuto               // looks contacts up until that has cost as much as the list
	DiscoverByList             // reads the whole list
	DiscoverByLookUp           // looks each contact up
)

var discoveryNames = [...]string{"ignore", "auto", "list", "lookup"}

// ParseDiscovery reads the value of --existing.
func ParseDiscovery(s string) (Discovery, error) {
	i, err := words.Choice(s, discoveryNames[:]...)
	return Discovery(i), err
}

// OnConflict is what becomes of a row whose contact ids belong to several
// profiles. The zero value refuses the row.
type OnConflict uint8

const (
	ConflictReport OnConflict = iota // the row is invalid
	ConflictFirst                    // the row is about the profile with its first contact id
	ConflictMerge                    // the others are merged into that one; not in create mode
)

var onConflictNames = [...]string{"report", "first", "merge"}

// ParseOnConflict reads the setting on_conflict.
func ParseOnConflict(s string) (OnConflict, error) {
	i, err := words.Choice(s, onConflictNames[:]...)
	return OnConflict(i), err
}

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

// An acquaintance is what a run knows of who is in the project. The feeder owns
// it, but for what is atomic.
type acquaintance struct {
	asked  bool         // the project was asked how many profiles it holds
	empty  bool         // it held none before the first create
	pages  int64        // what the list costs, in requests
	spent  atomic.Int64 // requests that went into look-ups instead
	listed atomic.Bool
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
	if e.Discovery == DiscoverNobody || e.known.empty || !slices.ContainsFunc(batch, (*task).creates) {
		return batch, nil
	}
	if !e.known.listed.Load() {
		if err := e.ask(waiting); err != nil {
			return batch, err
		}
	}
	switch {
	case e.known.empty:
		return batch, nil
	case !e.known.listed.Load():
		for _, t := range batch {
			t.lookFirst = t.creates()
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
			if len(found) > 0 && e.recognize(t, found) {
				continue
			}
		}
		left = append(left, t)
	}
	return left, nil
}

// ask learns how large the project is, and reads the list where that is the way.
func (e *engine) ask(waiting int) error {
	if e.State != nil && e.State.Len() > 0 && (e.Discovery == DiscoverByLookUp ||
		e.Discovery == DiscoverAuto && int64(waiting)+e.known.spent.Load() < int64(e.State.Len()/pageSize)) {
		return nil // it is known to hold that many
	}
	var first *contact.ListPage
	if !e.known.asked {
		page, err := e.page(contact.ListQuery{Limit: pageSize})
		if err != nil {
			return fmt.Errorf("the project cannot be asked who is in it: %w; --existing ignore skips that", err)
		}
		first = &page
		total := max(page.Total, len(page.Profiles))
		e.known.asked = true
		e.known.empty = total == 0
		e.known.pages = int64((total + pageSize - 1) / pageSize)
		if !e.known.empty {
			e.Log.Info().Int("profiles", total).Msg("the project is not empty: contacts that are there are found before they are created")
		}
	}
	if e.known.empty {
		return nil
	}
	dear := e.known.pages
	if first != nil {
		dear-- // the first page is there
	}
	if e.Discovery == DiscoverByLookUp || e.Discovery == DiscoverAuto && int64(waiting)+e.known.spent.Load() < dear {
		return nil
	}
	if err := e.listProject(first); err != nil {
		return fmt.Errorf("the profiles of the project cannot be listed: %w; --existing lookup looks each contact up instead", err)
	}
	e.known.listed.Store(true)
	return nil
}

// mostPasses is how often the list is read from its beginning. The order of a
// list is not documented, nor what its cursors do while profiles are added: what
// one pass missed the next one finds.
const mostPasses = 3

// listProject reads the whole list of the project, after its first page where
// that is there.
func (e *engine) listProject(first *contact.ListPage) error {
	for range mostPasses {
		total, added, err := e.listOnce(first)
		if err != nil || e.Listing.Len() >= total || added == 0 {
			return err
		}
		first = nil
	}
	return nil
}

func (e *engine) listOnce(page *contact.ListPage) (total, added int, err error) {
	q := contact.ListQuery{Limit: pageSize}
	for pages := 0; ; pages++ {
		if page == nil {
			p, err := e.page(q)
			if err != nil {
				return 0, 0, err
			}
			page = &p
		}
		n, err := e.Listing.Add(page.Profiles)
		if err != nil {
			return 0, 0, err
		}
		added += n
		if page.Next == "" || len(page.Profiles) == 0 {
			return page.Total, added, nil
		}
		if page.Next == q.Cursor || pages > mostPages {
			return 0, 0, errors.New("the list does not end")
		}
		q.Cursor, page = page.Next, nil
	}
}

// page reads one page of the list, and tries again what may be for as long as
// the breaker does not give up: without the list nothing can go on.
func (e *engine) page(q contact.ListQuery) (contact.ListPage, error) {
	var page contact.ListPage
	err := e.persist(math.MaxInt, func() (err error) {
		page, err = e.list(q)
		return err
	})
	return page, err
}

// recognize decides about a row of which profiles were found that hold one of
// its contact ids. It is true where the row is settled by that.
func (e *engine) recognize(t *task, found []contact.Found) bool {
	found = slices.DeleteFunc(found, func(f contact.Found) bool { return f.ID == t.gone })
	if len(found) == 0 {
		return false
	}
	holder, others := holderOf(t.Row.Profile.ContactIDs, found)
	if len(others) > 0 && e.OnConflict == ConflictReport {
		e.hand(result{release: !t.announced.IsZero(), outcome: &contact.Outcome{
			Row: t.Row, Status: contact.Invalid, Failure: conflictOf(holder, others), At: time.Now(),
		}})
		return true
	}
	if e.State == nil {
		e.settle(t, contact.Existing, holder.ID, true, nil)
		return true
	}
	if e.OnConflict == ConflictMerge {
		t.merge = toMerge(t.Row.Profile.ContactIDs, holder, others)
	}
	return e.adopt(t, holder, contact.Unchanged)
}

// holderOf picks the profile that a row with these contact ids is about, of
// those that hold at least one of them: the oldest that holds the first of them
// that anybody holds. The others are those that hold contact ids of the row which
// it lacks.
func holderOf(contactIDs []string, found []contact.Found) (holder contact.Found, others []contact.Found) {
	slices.SortStableFunc(found, func(a, b contact.Found) int { return a.LastChanged.Compare(b.LastChanged) })
	picked := false
	for _, id := range contactIDs {
		holds := func(f contact.Found) bool { return slices.Contains(f.ContactIDs, id) }
		i := slices.IndexFunc(found, holds)
		switch {
		case i < 0 || picked && holds(holder):
		case !picked:
			holder, picked = found[i], true
		case !slices.ContainsFunc(others, holds):
			others = append(others, found[i])
		}
	}
	return holder, others
}

// toMerge names each of the other profiles by a contact id of the row.
func toMerge(contactIDs []string, holder contact.Found, others []contact.Found) (merge []string) {
	for _, f := range others {
		i := slices.IndexFunc(contactIDs, func(id string) bool {
			return slices.Contains(f.ContactIDs, id) && !slices.Contains(holder.ContactIDs, id)
		})
		merge = append(merge, contactIDs[i])
	}
	return merge
}

func conflictOf(holder contact.Found, others []contact.Found) *contact.Failure {
	ids := holder.ID
	for _, f := range others {
		ids += ", " + f.ID
	}
	return &contact.Failure{
		Field:  "contactIds",
		Detail: fmt.Sprintf("the contact ids of this row belong to %d profiles: %s", len(others)+1, ids),
		Hint:   "merge the profiles or take contact ids out of the row; on_conflict: first takes the profile with the first of them, merge (with --mode upsert or mirror) merges them",
	}
}

// lookUpFirst looks for the contact of a row before it is created, in the list
// where that was read. It is true where the row is settled.
func (e *engine) lookUpFirst(t *task) bool {
	if e.known.listed.Load() {
		found, err := e.Listing.Find(t.Row.Profile.ContactIDs)
		if err != nil {
			e.stop(err)
			e.notSent(t)
			return true
		}
		return len(found) > 0 && e.recognize(t, found)
	}
	var found []contact.Found
	for _, id := range t.Row.Profile.ContactIDs {
		if slices.ContainsFunc(found, func(f contact.Found) bool { return slices.Contains(f.ContactIDs, id) }) {
			continue
		}
		e.known.spent.Add(lookUpCost(id))
		var more []contact.Found
		err := e.persist(e.Retries, func() (err error) {
			more, err = e.find(id)
			return err
		})
		if err != nil {
			e.unsettled(t, err, "the contact could not be looked up")
			return true
		}
		found = append(found, more...)
	}
	if len(found) == 0 {
		return false
	}
	return e.recognize(t, found)
}

// lookUpCost is how many requests it takes to find nobody with a contact id.
func lookUpCost(contactID string) int64 {
	plain := longestPlain(contactID)
	switch {
	case plain == contactID:
		return 1
	case len(plain) >= shortestFilter:
		return 3
	}
	return 2
}

// persist makes requests again that may be repeated, whatever became of them,
// until they succeed or so many retries are used up. Its error is then that of the
// last, or errNotSent. A fatal one stops the run.
func (e *engine) persist(retries int, request func() error) error {
	delays, failures := pace.RetryBackOff(), 0
	for {
		err := request()
		if err == nil || errors.Is(err, errNotSent) {
			return err
		}
		problem := contact.AsAPIError(err)
		if problem.Class != contact.Throttled && !e.breaker.IsOpen() {
			failures++
		}
		switch problem.Class {
		case contact.Throttled:
			continue
		case contact.Fatal:
			e.stop(withHint(problem))
			return errNotSent
		case contact.Permanent, contact.Conflict:
			return problem
		}
		if failures > retries {
			return problem
		}
		if !pace.Sleep(e.ctx.Done(), delays.NextBackOff()) {
			return errNotSent
		}
		e.Progress.Retries.Add(1)
	}
}

// unsettled ends a row that was announced and certainly not created, for a
// request about it failed for good.
func (e *engine) unsettled(t *task, err error, what string) {
	if errors.Is(err, errNotSent) {
		e.notSent(t)
		return
	}
	f := contact.AsAPIError(err).Failure
	f.Detail = fmt.Sprintf("%s: %s", what, f.Detail)
	f.Hint = "the next run of the same command tries it again"
	e.settle(t, contact.Failed, "", false, &f)
}
