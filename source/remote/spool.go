package remote

import (
	"errors"
	"os"
)

// nameless makes a temporary file that goes with the process, however it ends, where the
// system has such files. The caller discards it.
func nameless() (*os.File, error) {
	f, err := os.CreateTemp("", ".importer-*.tmp") // readable by its owner alone
	if err != nil {
		return nil, err
	}
	_ = os.Remove(f.Name()) // Windows removes no open file: discard does
	return f, nil
}

func discard(f *os.File) error {
	err := f.Close()
	if removed := os.Remove(f.Name()); removed != nil && !errors.Is(removed, os.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	return err
}
