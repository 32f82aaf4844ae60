package cli

import (
	"os"
	"testing"

	"importer/source/mapping"
)

// The mapping of the example is one that the source accepts.
func TestExampleMapping(t *testing.T) {
	text, err := os.ReadFile("../../config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m, err := mapping.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	if m == nil || len(m.Fields) == 0 {
		t.Error("the example has no mapping")
	}
}
