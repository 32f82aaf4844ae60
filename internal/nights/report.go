package nights

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"importer/internal/plain"
	"importer/sink/journal"
)

// PurgeReport removes contact data from a report, and says on w where there is more;
// verdicts is as in Nights.
func PurgeReport(w io.Writer, path, verdicts string) error {
	if _, err := os.Stat(path); err != nil { // before a lock is left beside nothing
		return fmt.Errorf("opening the report: %w", err)
	}
	rows, err := journal.Purge(path)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s: contact data removed from %d rows; the accounts are kept, and the same import resumes from it.\n", plain.Line(path), rows)
	rejected, rejectedErr := filepath.Glob(globQuote.Replace(strings.TrimSuffix(path, ".report.ndjson")) + ".rejects.*")
	verified, verifiedErr := filepath.Glob(globQuote.Replace(path) + verdicts)
	aside, err := journal.Aside(path)
	if err := errors.Join(rejectedErr, verifiedErr, err); err != nil {
		return err
	}
	aside = slices.DeleteFunc(aside, func(path string) bool {
		purged, err := journal.IsPurged(path)
		return err == nil && purged
	})
	for _, other := range slices.Concat(rejected, verified, aside) {
		fmt.Fprintf(w, "%s still holds contact data: delete it when it is no longer needed.\n", plain.Line(other))
	}
	return nil
}

var globQuote = strings.NewReplacer(`*`, `[*]`, `?`, `[?]`, `[`, `[[]`)
