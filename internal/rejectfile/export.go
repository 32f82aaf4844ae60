package rejectfile

import (
	"slices"
	"strings"
)

// ExportColumns are the first columns of an export as CSV, behind which the fields stand.
// Its cells are guarded as those of a reject file.
var ExportColumns = [...]string{"_id", "contactIds", "active", "_createdAt", "_lastChanged"}

// IsExport tells whether a header is that of an export, whose columns a spreadsheet may
// have moved.
func IsExport(header []string) bool {
	return !slices.ContainsFunc(ExportColumns[:], func(name string) bool {
		return !slices.ContainsFunc(header, func(column string) bool { return strings.TrimSpace(column) == name })
	})
}
