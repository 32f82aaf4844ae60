package cli

import (
	"strings"
	"testing"

	"importer/internal/config"
	"importer/internal/sandbox"
	"importer/internal/session"
)

// The sandbox inside an import has a key that nobody else knows: while it runs, whoever
// finds its port is no further.
func TestTheKeyOfTheSandboxInsideIsNobodyElses(t *testing.T) {
	keys := map[config.Secret]bool{}
	for range 2 {
		c := config.Default()
		c.Sandbox, c.Rate = true, "unlimited"
		s, err := session.New(c, Env{Stdout: new(strings.Builder), Stderr: new(strings.Builder), Getenv: func(string) string { return "" }})
		if err == nil {
			err = s.StartSandbox()
		}
		if err != nil {
			t.Fatal(err)
		}
		keys[s.Config.API.Key] = true
		if k := string(s.Config.API.Key); k == sandbox.DefaultAPIKey || len(k) < 20 {
			t.Errorf("the key is %q", k)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if len(keys) != 2 {
		t.Error("two of them have the same key")
	}
}
