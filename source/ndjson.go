package source

import (
	"bytes"
	"errors"
	"fmt"
	"importer/source/mapping"
)

// A jsonReader reads one JSON object a line.
type jsonReader struct{ text *lineReader }

// next reads one line that is not blank.
func (r jsonReader) next(rec *mapping.Record) error {
	for {
		end, err := r.text.end(0)
		long := errors.Is(err, errTooLong)
		if err != nil && !long {
			return err
		}
		*rec = mapping.Record{Line: r.text.taken + 1}
		if long {
			rec.Raw = []string{r.text.skip()}
			rec.Fault = &mapping.Fault{Reason: fmt.Sprintf("the line is longer than %d MiB", maxRecord>>20), Hint: "shorten it or leave it out"}
			return nil
		}
		if line := bytes.TrimSpace(r.text.take(end)); len(line) > 0 {
			rec.Raw, rec.JSON = []string{string(line)}, line
			return nil
		}
	}
}
