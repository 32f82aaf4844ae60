package nights

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"importer/internal/plain"
	"importer/sink/journal"
)

// PurgeReport removes contact data from a report, and says on w where there is more;
// verdicts is as in Nights. Drop removes the reject files that a store keeps with it, and
// returns their names.
func PurgeReport(w io.Writer, k journal.Keeper, path, verdicts string, drop func() ([]string, error)) error {
	r, err := journal.OpenReader(k, path) // before a lock is left beside nothing
	if err == nil {
		err = r.Close()
	}
	if err != nil {
		return err
	}
	dropped, err := drop()
	if err != nil {
		return err
	}
	for _, name := range dropped {
		fmt.Fprintf(w, "%s was removed from the store.\n", plain.Line(name))
	}
	rows, err := journal.Purge(k, path)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s: contact data removed from %d rows; the accounts are kept, and the same import resumes from it.\n", plain.Line(path), rows)
	rejected, rejectedErr := filepath.Glob(globQuote.Replace(strings.TrimSuffix(path, ".report.ndjson")) + ".rejects.*")
	verified, verifiedErr := filepath.Glob(globQuote.Replace(path) + verdicts)
	aside, err := k.Aside(path)
	if err := errors.Join(rejectedErr, verifiedErr, err); err != nil {
		return err
	}
	aside = slices.DeleteFunc(aside, func(path string) bool {
		purged, err := journal.IsPurged(k, path)
		return err == nil && purged
	})
	for _, other := range slices.Concat(rejected, verified, aside) {
		fmt.Fprintf(w, "%s still holds contact data: delete it when it is no longer needed.\n", plain.Line(other))
	}
	return nil
}

var globQuote = strings.NewReplacer(`*`, `[*]`, `?`, `[?]`, `[`, `[[]`)
