package mapping

import (
	"github.com/go-json-experiment/json/jsontext"
)

// MaxColumns bounds the columns of a file: a first line of more is hardly a header.
const MaxColumns = 2000

// A Record is one record of a file, as its reader gives it.
type Record struct {
	Line  int            // on which it begins, from 1
	Raw   []string       // as read: the cells, or the one JSON text
	Fault *Fault         // where it cannot be read
	Cells []string       // of CSV and of workbooks, by column
	JSON  jsontext.Value // of NDJSON; valid until the next record is read
}

// A Fault is why a record is invalid.
type Fault struct {
	Field, Reason, Hint string
}
