// Package config holds the schema of the configuration against a validator of its own.
package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// What the loader takes is valid to an editor, and what it refuses is marked there.
func TestTheSchemaAgreesWithTheLoader(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("../../../docs/config.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	valid := func(text string) error {
		var value any
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			return err
		}
		return schema.Validate(value)
	}
	example, err := os.ReadFile("../../../config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	taken := map[string]string{"config.example.yaml": string(example), "nothing": "{}", "a key without a value": "mode:\nlease:\n", "a column": "mapping: {fields: {age: Age, size: [A, B]}}"}
	cookbook, err := os.ReadFile("../../../docs/mapping.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllStringSubmatch(string(cookbook), -1) {
		taken[m[1]] = m[1]
	}
	cases, err := filepath.Glob("../../../testdata/cases/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range cases {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		taken[path] = string(text)
	}
	if len(taken) < 20 {
		t.Errorf("only %d configurations were found", len(taken))
	}
	for name, text := range taken {
		if err := valid(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{
		"workerz: 1", "workers: abc", "workers: 1.5", "mode: upsrt", "lease: 5", "lease: 5 seconds", "sync: {guard: {percnt: 1}}", "source: {paths: a.csv}",
		"mapping: {fieldz: {}}", "mapping: {fields: {age: {colum: x}}}", "mapping: {fields: {age: {column: x, type: texts}}}", "mapping: {unnamed: maybe}", "rate_shared: 3", "source: x",
	} {
		if err := valid(text); err == nil || strings.Contains(err.Error(), "yaml") {
			t.Errorf("%s is valid: %v", text, err)
		}
	}
}
