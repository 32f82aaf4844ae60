package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"importer/internal/address"
	"importer/source/guess"
	"importer/source/mapping"
)

// learn shows the plan the rows in the head of a text, where it has something to learn
// from them.
func (f *file) learn(head []byte) {
	if !f.plan.WantsSample() {
		return
	}
	told := len(f.in.Notices()) // what the rows give notice of is told when they are read
	if next, err := f.records(bytes.NewReader(head)); err == nil {
		f.plan.Sample(next, f.options.NullValues)
	}
	f.in.forget(told)
}

// Sample looks at the first file of o: its header and its first rows.
func Sample(o Options) (*guess.Sample, error) {
	o.Mapping = &mapping.Mapping{ContactIDs: []mapping.Value{{Value: "guess"}}} // any file will do
	in, err := Open(o)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	f := in.files[0]
	next, done, err := f.reader()
	if err != nil {
		return nil, err
	}
	defer done()
	s := &guess.Sample{
		Name: f.Name, Paths: address.AllShown(o.Paths), Format: string(f.Format), Delimiter: f.Delimiter, Encoding: f.Encoding,
		Sheet: o.Sheet, HeaderRow: o.HeaderRow, NullValues: o.NullValues, JSON: f.Format == NDJSON, Columns: f.Header,
	}
	var rec mapping.Record
	for !s.Full() {
		err := next(&rec)
		if err == io.EOF {
			s.Complete = true
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		s.Add(&rec)
	}
	if len(s.Columns) == 0 {
		return nil, errors.New(f.Name + ": there is no row to guess from")
	}
	return s, nil
}
