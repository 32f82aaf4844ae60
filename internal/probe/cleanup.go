package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"importer/importer/contact"
	"importer/internal/cognigy"
)

// errOpen is that a profile may turn up yet.
var errOpen = errors.New("it is not known whether a create whose answer was lost made a profile")

// cleanUp deletes all profiles that the probe has made or may have made. It goes on
// after ctx has ended, for so long as a person waits.
func (p *prober) cleanUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), cleanUpTime, errors.New("that takes too long"))
	defer cancel()
	p.cleaning = true
	err := p.deleteKnown(ctx)
	if err == nil {
		err = p.deleteFound(ctx)
	}
	switch {
	case err != nil:
		return fmt.Errorf("not all profiles of the probe are deleted, and the next importer doctor goes on with that; their contact ids begin with %s: %w", p.contactID(""), err)
	case p.record.Open > 0:
		return fmt.Errorf("%w: its contact ids would begin with %s; run importer doctor again after %v, which deletes it if it is there", errOpen, p.contactID(""), settleTime)
	}
	return nil
}

// deleteKnown deletes the profiles whose ids are known. What does not succeed is tried
// once more.
func (p *prober) deleteKnown(ctx context.Context) (err error) {
	for range 2 {
		err = nil
		for _, id := range slices.Clone(p.record.Profiles) {
			err = errors.Join(err, p.delete(ctx, id))
		}
		if err == nil {
			return nil
		}
	}
	return err
}

// delete deletes a profile. One that is not there is as good as deleted.
func (p *prober) delete(ctx context.Context, id string) error {
	_, err := p.ask(ctx, cognigy.Ask{Operation: "delete", ID: id})
	switch {
	case err == nil:
		p.deleted++
	case !contact.IsGone(err):
		return err
	}
	return p.record.gone(id)
}

// deleteFound looks for profiles of the probe that it does not know of: those whose
// create was not answered, or that an answer did not show. Where such a create of its
// own is open, it looks several times, because reads may lag behind writes.
func (p *prober) deleteFound(ctx context.Context) error {
	waits := []time.Duration{0}
	if p.record.Open > 0 && p.own { // else there is a next time
		waits = []time.Duration{0, max(p.listLag, breath), 2 * breath}
	}
	for _, wait := range waits {
		if err := pause(ctx, wait); err != nil {
			return err
		}
		found, err := p.lookUp(ctx)
		if err != nil {
			return err
		}
		for _, f := range found {
			if err := p.delete(ctx, f.ID); err != nil {
				return err
			}
		}
		if p.record.Open = max(0, p.record.Open-len(found)); p.record.Open == 0 {
			return nil
		}
	}
	if time.Since(p.record.Sent) >= settleTime {
		p.record.Open = 0
	}
	return nil
}

// lookUp finds the profiles of the probe that are shown and not deleted. A filter may
// not look into the fields, and one of them may have no contact id: it is among those
// that were changed last.
func (p *prober) lookUp(ctx context.Context) (left []profile, err error) {
	queries := []map[string]string{{"filter": p.id, "limit": "100"}}
	if p.record.Open > 0 {
		queries = append(queries, map[string]string{"sort": "lastChanged:desc", "limit": "100"})
	}
	for _, query := range queries {
		mine, _, err := p.list(ctx, query)
		if err != nil && !isRefused(err) { // there may be no such filter or order
			return nil, err
		}
		for _, f := range mine {
			if f.ID != "" && !slices.Contains(p.record.deleted, f.ID) {
				left = append(left, f)
			}
		}
		if len(left) > 0 {
			return left, nil
		}
	}
	return nil, nil
}
