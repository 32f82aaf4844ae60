package config

import (
	"strings"
	"testing"
)

// What is kept of the settings holds no secret, wherever it stands.
func TestEffective(t *testing.T) {
	c := Default()
	c.Store, c.Notify.URL, c.API.Key = "postgres://u:s3cret@db/x", "https://hook/s3cret", "s3cret"
	c.Source.Paths = []string{"https://u:s3cret@files/c.csv", "c.csv"}
	c.Mapping = map[string]any{"fields": map[string]any{"firstName": "Vorname"}}
	b, err := c.Effective()
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for _, want := range []string{`"https://files/c.csv"`, `"c.csv"`, `"mode":"create"`, `"Vorname"`, `"lease":"30s"`, `"store":"[hidden]"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
	if strings.Contains(text, "s3cret") || strings.Contains(text, "Text") {
		t.Error(text)
	}
	c.Report.Redact = true
	if b, err := c.Effective(); err != nil || strings.Contains(string(b), "Vorname") {
		t.Errorf("%v: %s", err, b)
	}
}
