package source

import (
	"errors"
	"fmt"
	"io"
)

// Guess looks at the first file of o, its header and a sample, and writes the
// sections source and mapping of a configuration for it, as guess does.
func Guess(o Options) (string, error) {
	o.Mapping = &Mapping{ContactIDs: []Value{{Value: "guess"}}} // any file will do
	in, err := Open(o)
	if err != nil {
		return "", err
	}
	defer in.Close()
	f := in.files[0]
	next, done, err := in.reader(f)
	if err != nil {
		return "", err
	}
	defer done()
	s := &sample{name: f.Name, paths: o.Paths, format: string(f.Format), delimiter: f.Delimiter, encoding: f.Encoding, json: f.Format == NDJSON, columns: f.Header}
	var rec record
	for !s.full() {
		err := next(&rec)
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", f.Name, err)
		}
		s.add(&rec)
	}
	if len(s.columns) == 0 {
		return "", errors.New(f.Name + ": there is no row to guess from")
	}
	return guess(s), nil
}
