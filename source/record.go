package source

import (
	"github.com/go-json-experiment/json/jsontext"
)

// maxColumns bounds the columns of a file: a first line of more is hardly a header.
const maxColumns = 2000

// A record is one record of a file, as its reader gives it.
type record struct {
	line  int            // on which it begins, from 1
	raw   []string       // as read: the cells, or the one JSON text
	fault *fault         // where it cannot be read
	cells []string       // of CSV and of workbooks, by column
	json  jsontext.Value // of NDJSON; valid until the next record is read
}

// A fault is why a record is spoilt.
type fault struct {
	field, reason, hint string
}
