package contact

import "importer/internal/plain"

// Printable is a text as it can stand within one line of a terminal or a page: see
// plain.Line.
func Printable(s string) string { return plain.Line(s) }
