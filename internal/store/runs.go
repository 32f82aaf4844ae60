package store

import (
	"bytes"
	"encoding/json"
)

// ending is what the last line of a chunk says of how its run ended; nil: it goes on.
func ending(chunk []byte) (status *string, summary []byte) {
	last := bytes.TrimSuffix(chunk, []byte("\n"))
	last = last[bytes.LastIndexByte(last, '\n')+1:]
	if !bytes.HasPrefix(last, []byte(`{"kind":"end"`)) {
		return nil, nil
	}
	var end struct {
		Status  string          `json:"status"`
		Summary json.RawMessage `json:"summary"`
	}
	if json.Unmarshal(last, &end) != nil || end.Status == "" {
		return nil, nil
	}
	return &end.Status, end.Summary
}
