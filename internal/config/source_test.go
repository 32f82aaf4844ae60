package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Settings of sources on other machines are refused where they hold a secret, or nothing
// can be done with them; nothing that is refused is shown.
func TestSourcesOnOtherMachines(t *testing.T) {
	for _, c := range []struct{ text, says string }{
		{"source: {paths: ['https://example.com/a.csv'], headers: {Authorization: Bearer $TOKEN, X-Key: '${KEY}', Accept: text/csv}}", ""},
		{"source: {paths: ['s3://bucket/*.csv'], s3: {endpoint: 'https://minio.example.com', region: x}}", ""},
		{"source: {paths: ['postgres://u@h/d'], query: select 1}", ""},
		{"source: {paths: [a.csv], headers: {Authorization: Bearer s3cret}}", "from the environment"},
		{"source: {paths: [a.csv], headers: {X-Key: s3cret$TOKEN}}", "from the environment"},
		{"source: {paths: [a.csv], headers: {X-Key: ''}}", "from the environment"},
		{"source: {paths: [a.csv], headers: {'X Key': $A}}", "not the name of a header"},
		{"source: {paths: [a.csv], headers: {Range: $A}}", "by importer itself"},
		{"source: {paths: ['postgres://u@h/d']}", "source.query"},
		{"source: {paths: ['ftp://u:s3cret@h/d']}", "begins with ftp://"},
		{"source: {paths: ['https://u:s3cret@h/d?s3cret']}\nnonsense: 1", "nonsense"},
		{"source: {paths: ['https://h/d?sig=s3cret'], nonsense: 1}", "nonsense"},
		{"source:\n  paths: ['https://h/d?sig=s3cret']\n  headers:\n    Authorization: s3cret\n  nonsense: 1", "nonsense"},
		{"source: {s3: {key: x}}", "there is no key"},
	} {
		path := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Load(path, func(string) string { return "" })
		if err == nil {
			err = got.Validate()
		}
		if (err == nil) != (c.says == "") || err != nil && (!strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "s3cret")) {
			t.Errorf("%s: %v, want %q", c.text, err, c.says)
		}
	}
}
