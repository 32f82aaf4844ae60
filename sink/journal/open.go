package journal

import (
	"errors"
	"fmt"
	"time"

	"importer/importer/contact"
)

// Options are what Open has to know besides the name.
type Options struct {
	// Header is that of the run to come. A report of another mode, base URL, project or
	// id rule is refused, unless it holds no row that is in or may be in.
	Header Header
	// Adopt goes on with a report of another id rule.
	Adopt bool
	// Over says that what earlier runs of this base URL sent is gone, as from a sandbox that
	// ended with its run: by another id rule nobody is there twice.
	Over bool
	// Rehearsal tells of a base URL and a project whether they are a sandbox: its report
	// is not refused elsewhere, whatever it holds. Nil: none is.
	Rehearsal func(baseURL, projectID string) bool
	// Successor allows a report of another mode whose last run went to its end: the
	// caller is going to set it aside, or goes on with it to update what an import has in.
	Successor bool
	// Unnamed is that nobody chose the name, but it goes by the source: a file that is a
	// symbolic link is refused and not followed.
	Unnamed bool
	// Restart sets the old report aside, under <report>.1 or the next free number.
	Restart bool
	// After is the report that Restart sets aside, where it was open just now: what
	// it says of requests in the window need not be read again. May be nil.
	After *Journal
	// Redact keeps every contact id, name and value of the source out.
	Redact bool
	// Window is how far back Sent looks; 0 for not at all.
	Window time.Duration
}

// Open opens the journal that a keeper has under a name, or makes it, holds it, and
// replays it. Its errors are a *LockedError where another run holds it, a *MismatchError
// where it belongs to another import, a *CorruptError where it cannot be read, or one of
// the keeper. One of another import that nobody will miss is set aside instead, and
// Replaced says so. The report is changed only when there is no error.
//
// The caller owns the Journal and closes it.
func Open(k Keeper, name string, o Options) (*Journal, error) {
	held, err := k.Hold(name, o.Unnamed)
	if err != nil {
		return nil, err
	}
	j, err := openHeld(k, name, held, o)
	spent := isSpent(err)
	if o.Header.Corrects {
		spent = "" // its rows belong to this very report
	}
	if spent != "" {
		o.Restart = true
		j, err = openHeld(k, name, held, o)
	}
	if err != nil {
		return nil, errors.Join(err, held.Release())
	}
	if j.Because = spent; spent == "" {
		j.Replaced = ""
	}
	return j, nil
}

func openHeld(k Keeper, name string, held Held, o Options) (_ *Journal, err error) {
	now := time.Now()
	var earlier *contents
	aside := ""
	if o.Restart {
		if o.After != nil {
			earlier = o.After.contents
		} else {
			earlier = earlierContents(k, name, o, now)
		}
		if aside, err = held.SetAside(); err != nil {
			return nil, err
		}
	}
	f, err := held.Open()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	c, err := replay(name, f, o.Window, now)
	if err != nil {
		return nil, err
	}
	c.file, c.alive = f, held.Alive()
	if earlier != nil {
		c.rejects = earlier.rejects
		if earlier.first != nil && earlier.first.BaseURL == o.Header.BaseURL && o.Window > 0 {
			c.sent = earlier.sent
		}
	}
	if err := c.matches(o); err != nil {
		return nil, err
	}
	if c.torn {
		if err := held.Cut(c.bytes); err != nil {
			return nil, err
		}
	}
	o.Header.IDs = c.lineage
	return &Journal{contents: c, Replaced: aside, options: o, held: held, file: f, size: c.bytes, count: c.lines, synced: c.bytes}, nil
}

// matches tells whether the journal belongs to the run to come.
func (c *contents) matches(o Options) error {
	c.lineage = o.Header.IDs
	if c.first == nil {
		return nil
	}
	held := c.held()
	for _, m := range []MismatchError{
		{What: "project", Was: c.first.ProjectID, Now: o.Header.ProjectID},
		{What: "base URL", Was: c.first.BaseURL, Now: o.Header.BaseURL},
		{What: "mode", Was: c.first.Mode, Now: o.Header.Mode},
	} {
		goesOn := o.Successor && (c.whole || updates(c.first.Mode, o.Header.Mode) && c.last.Mode == o.Header.Mode)
		if m.Was == m.Now || m.What == "mode" && goesOn {
			continue
		}
		m.Report, m.Held = c.report, held
		if o.Rehearsal != nil {
			m.rehearsed = m.What != "mode" && o.Rehearsal(c.first.BaseURL, c.first.ProjectID)
			m.Rehearsal = o.Rehearsal(o.Header.BaseURL, o.Header.ProjectID)
		}
		// Of what earlier nights of a sync left, its report need not say anything.
		m.partly = m.What == "mode" && c.first.Mode != "create"
		return &m
	}
	return c.follow(o, held)
}

// follow has the run to come go on with the id rule of the last one, which has to be its
// own, or is adopted.
func (c *contents) follow(o Options, held int) error {
	lineage, follows := c.last.IDs.Follows(o.Header.IDs.Now, o.Adopt)
	if !follows {
		was, now := c.last.IDs, o.Header.IDs
		if o.Redact {
			was, now = was.Redacted(), now.Redacted()
		}
		return &MismatchError{Report: c.report, What: idRule, Was: was.Now.String(), Now: now.Now.String(), Held: held, rehearsed: o.Over}
	}
	c.lineage = lineage
	return nil
}

// held is of how many contacts the journal says that they are in, or may be.
func (c *contents) held() int {
	n := c.keys.Len()
	for _, s := range []contact.Status{contact.Rejected, contact.Failed, contact.Absent, contact.Deleted} {
		n -= c.keys.Count(s)
	}
	return n
}

// isSpent says why a journal that was refused will not be missed, and can be set aside:
// it was a rehearsal, or holds no row that is in or may be in, as a first run with a
// wrong address leaves it. It is empty of one that has to be kept.
func isSpent(err error) string {
	m, ok := errors.AsType[*MismatchError](err)
	switch {
	case !ok:
	case m.rehearsed:
		return "it was of a rehearsal in a sandbox"
	case m.Held == 0 && !m.partly:
		return fmt.Sprintf("it was of another %s, and held no row that is in or may be in", m.What)
	}
	return ""
}

// earlierContents is a journal that is about to be set aside: a restart does not give the
// quota back, and its reject file is replaced as ever. It is nil of one that cannot be
// read, and --restart is the way out of that.
func earlierContents(k Keeper, name string, o Options, now time.Time) *contents {
	r, err := k.Read(name, o.Unnamed)
	if err != nil {
		return nil
	}
	defer r.Close()
	c, err := replay(name, r, o.Window, now)
	if err != nil {
		return nil
	}
	return c
}
