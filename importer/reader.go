package importer

import (
	"context"
	"slices"

	"importer/importer/contact"
)

// A Reader reads profiles by the rules of a run: requests are paced, tried again, and
// ended where nothing works or something on the way answers for the API. Its methods
// may be called from several goroutines.
type Reader struct{ e *engine }

// NewReader returns a Reader until ctx is done. Of the options it needs API, Pacer,
// Log, Progress, Workers, Retries, Settle, GiveUpAfter and GiveUpAtStart. The caller
// calls close.
func NewReader(ctx context.Context, o Options) (r *Reader, close func()) {
	e, cancel := newEngine(ctx, o)
	return &Reader{e}, func() { cancel(nil) }
}

// Ended is why no request is made any more; nil as long as there are any. Any other
// error of a method is about one request.
func (r *Reader) Ended() error { return context.Cause(r.e.ctx) }

// List reads one page of the project's profiles.
func (r *Reader) List(q contact.ListQuery) (page contact.ListPage, err error) {
	err = r.e.ask(r.e.Retries, func() (err error) {
		page, err = r.e.list(q)
		return err
	})
	return page, err
}

// Find returns the profiles that hold exactly this contact id.
func (r *Reader) Find(contactID string) ([]contact.Found, error) {
	return r.e.lookUpEach([]string{contactID})
}

// Get reads one profile, and returns whether it is there. That it is not takes the
// API's own word, and that it is not found by its contact ids either. Without those,
// as where the whole list does not show it, the API's word is enough.
func (r *Reader) Get(id string, contactIDs []string) (f contact.Found, there bool, err error) {
	err = r.e.ask(r.e.Retries, func() (err error) {
		f, err = r.e.get(id)
		return err
	})
	if !contact.IsGone(err) {
		return f, err == nil, err
	}
	for _, contactID := range contactIDs {
		var found, alike []contact.Found
		err = r.e.ask(r.e.Retries, func() (err error) {
			found, alike, _, err = r.e.findExactly(contactID)
			return err
		})
		switch {
		case err != nil:
			return f, false, err
		case slices.ContainsFunc(append(found, alike...), func(f contact.Found) bool { return f.ID == id }):
			return f, false, contact.ListedAndGone(id)
		}
	}
	return f, false, nil
}
