// Package nights takes contact data out of what earlier runs of an import left behind:
// reports that were set aside, and the files of refused and verified rows that belong to
// them.
package nights

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"importer/sink/journal"
	"importer/sink/rejects"
)

// maxPurged is how many reports stay that hold no contact data any more. The oldest of
// more are removed: their accounts are of years ago, and names cost time.
const maxPurged = 1000

// Nights are the runs of an import, under the name of its report.
type Nights struct {
	Reports journal.Keeper
	Report  string          // the name of the report that is written now, which stays as it is
	Header  journal.Header  // of its runs: the project
	Before  journal.Outline // what it held before this run
	Began   time.Time       // when this run did
	Keep    int             // how many runs keep their contact data, with this one; from 1
	// Verdicts is what the name of a report has behind it in that of the file with what
	// was verified by it.
	Verdicts string
	// Drop removes the reject files that a store keeps with a report; nil: they are files.
	Drop func(report string) error
	// Rehearsal tells whether a base URL and a project are a sandbox, whose reports are
	// purged as well. Those of other projects are not.
	Rehearsal func(baseURL, projectID string) bool
	Log       zerolog.Logger

	began []time.Time // of the runs, the last first, one more than are kept where there were more
	old   []string    // the reports of the runs before those that are kept, the newest first

	purged, removed int // of those
}

// Purge does it, or as much of it as the context lets it; the next run does the rest. What
// it cannot do it logs: the run has ended well all the same. Files that a person may have
// edited are named in the log when they are removed.
func (n *Nights) Purge(ctx context.Context) {
	if err := n.look(); err != nil {
		n.Log.Warn().Err(err).Msg("what earlier nights left behind keeps its contact data (report.keep_nights)")
		return
	}
	for i, path := range n.old {
		if ctx.Err() != nil {
			break
		}
		if err := n.purge(path, i); err != nil {
			n.Log.Warn().Err(err).Str("report", path).Msg("this old report keeps its contact data (report.keep_nights)")
		}
	}
	if n.purged+n.removed > 0 {
		n.Log.Info().Int("reports", n.purged).Int("removed", n.removed).Int("keep_nights", n.Keep).
			Msg("contact data of old reports was removed, their accounts are kept; of these the oldest were removed")
	}
	if len(n.began) > n.Keep {
		n.removeFiles()
	}
}

// look finds the old reports: those of no run that is kept.
func (n *Nights) look() error {
	aside, err := n.Reports.Aside(n.Report)
	if err != nil {
		return err
	}
	n.began = append(n.began[:0], n.Began)
	n.count(n.Before)
	for _, path := range slices.Backward(aside) {
		if n.Reports.Foreign(path) != nil {
			continue
		}
		header, err := journal.ReadHeader(n.Reports, path)
		if err != nil || !n.owns(header) {
			continue // it is no report, or of another import
		}
		if len(n.began) >= n.Keep {
			n.old = append(n.old, path)
		}
		if len(n.began) > n.Keep {
			continue
		}
		outline, err := journal.ReadOutline(n.Reports, path)
		if err != nil { // which purge will say
			outline = journal.Outline{Runs: []journal.Header{header}}
		}
		n.count(outline)
	}
	return nil
}

// count takes note of the runs of a report.
func (n *Nights) count(o journal.Outline) {
	for _, run := range slices.Backward(o.Runs) {
		n.began = append(n.began, run.When())
	}
}

// owns tells whether a report that was set aside is of this import, or of a rehearsal.
func (n *Nights) owns(h journal.Header) bool {
	return h.BaseURL == n.Header.BaseURL && h.ProjectID == n.Header.ProjectID || n.Rehearsal(h.BaseURL, h.ProjectID)
}

// purge takes the contact data out of the old report at path, the i-th from the newest,
// and what was verified by it away. One of very long ago is removed in the night after.
func (n *Nights) purge(path string, i int) error {
	if err := n.remove(path + n.Verdicts); err != nil {
		return err
	}
	purged, err := journal.IsPurged(n.Reports, path)
	switch {
	case err != nil:
		return err
	case !purged:
		if n.Drop != nil {
			if err := n.Drop(path); err != nil {
				return err
			}
		}
		if _, err = journal.Purge(n.Reports, path); err == nil {
			n.purged++
		}
	case i >= maxPurged:
		if err = journal.Remove(n.Reports, path); err == nil {
			n.removed++
		}
	}
	return err
}

// removeFiles removes the files that are older than the runs that are kept.
func (n *Nights) removeFiles() {
	first, before := n.began[n.Keep-1], n.began[n.Keep]
	// One that was set aside is of the run before that: a person has worked on it since.
	aside, err := rejects.SetAside(n.Report)
	if err != nil {
		n.Log.Warn().Err(err).Msg("old reject files are not looked for")
	}
	for _, path := range aside {
		n.removeOlder(path, before)
	}
	base := rejects.Base(n.Report)
	for _, path := range []string{base + ".check.csv", base + ".check.ndjson"} { // of a check before a run
		n.removeOlder(path, before)
	}
	if runs := n.Before.Runs; len(runs) > 0 && runs[0].When().Before(first) { // what is younger is of the report that is written now
		first = runs[0].When()
	}
	n.removeOlder(n.Report+n.Verdicts, first)
}

// removeOlder removes a file that was written before a time.
func (n *Nights) removeOlder(path string, than time.Time) {
	info, err := os.Lstat(path)
	if err == nil && info.Mode().IsRegular() && info.ModTime().Before(than) {
		err = n.remove(path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		n.Log.Warn().Err(err).Msg("this old file keeps its contact data (report.keep_nights)")
	}
}

// remove removes a file, where it is there, and says so.
func (n *Nights) remove(path string) error {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("removing what an earlier night left: %w", err)
	}
	n.Log.Warn().Str("file", path).Int("keep_nights", n.Keep).Msg("this file of an earlier night was removed")
	return nil
}
