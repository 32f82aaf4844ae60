package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"importer/internal/config"
	"importer/internal/yamlwords"
	"importer/source/mapping"
)

const schemaFile = "docs/config.schema.json"

var updateSchema = flag.Bool("update-schema", false, "write "+schemaFile+" from the keys and what documents them")

// The schema that editors complete a configuration from is made of the keys and types that
// the loader reads, the table of their values, and the comments of config.example.yaml.
func TestSchemaOfTheConfiguration(t *testing.T) {
	var want bytes.Buffer
	encoder := json.NewEncoder(&want)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(schemaOf(t)); err != nil {
		t.Fatal(err)
	}
	if *updateSchema {
		if err := os.WriteFile(schemaFile, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%s is not that of the keys: go test -run SchemaOfTheConfiguration . -update-schema", schemaFile)
	}
}

type object = map[string]any

func schemaOf(t *testing.T) object {
	t.Helper()
	comments := commentsOf(t)
	defaults := defaultsOf(t)
	root := object{
		"$schema": "http://json-schema.org/draft-07/schema#", "title": "Configuration of importer",
		"type": "object", "additionalProperties": false, "properties": object{},
	}
	sections := map[string]object{"": root}
	for _, key := range config.Keys {
		section, name := "", key.Name
		if i := strings.LastIndexByte(key.Name, '.'); i >= 0 {
			section, name = key.Name[:i], key.Name[i+1:]
		}
		s := typeOf(key.Type)
		switch i := slices.IndexFunc(config.Choices, func(c config.Choice) bool { return c.Key == key.Name }); {
		case key.Name == "mapping":
			s = mappingSchema(t)
		case i >= 0:
			s = object{"enum": config.Choices[i].Of}
		}
		if key.Type.Kind() == reflect.Struct {
			sections[key.Name] = s
		} else if value, ok := defaults[key.Name]; ok {
			s["default"] = value
		}
		if comments[key.Name] == "" && !documentedBySection[key.Name] {
			t.Errorf("config.example.yaml does not say what %s is", key.Name)
		}
		orNothing(s)
		if comments[key.Name] != "" {
			s["description"] = comments[key.Name]
		}
		sections[section]["properties"].(object)[name] = s
	}
	return root
}

// documentedBySection are keys whose section, or the key before them, says what they are.
var documentedBySection = map[string]bool{"sync.guard.max": true, "sync.guard.percent": true, "in_doubt": true, "stamp": true, "report": true, "metrics": true, "notify": true, "log": true, "api.client_key_file": true}

// orNothing lets a key stand without a value, which is its default.
func orNothing(s object) {
	switch typ := s["type"].(type) {
	case string:
		s["type"] = []string{typ, "null"}
	case []string:
		s["type"] = append(typ, "null")
	}
	if of, ok := s["enum"].([]string); ok {
		values := []any{}
		for _, word := range of {
			values = append(values, word)
		}
		s["enum"] = append(values, nil)
	}
}

// typeOf is the schema of the values of a type.
func typeOf(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return object{"type": "string", "pattern": `^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`}
	case t == reflect.TypeFor[yamlwords.Words](): // each as it is written
		return object{"type": "array", "items": object{"type": []string{"string", "number", "boolean", "null"}}}
	case t == reflect.TypeFor[mapping.Value]():
		return object{"$ref": "#/properties/mapping/definitions/value"}
	}
	switch t.Kind() {
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.String:
		return object{"type": []string{"string", "number"}}
	case reflect.Slice:
		return object{"type": "array", "items": typeOf(t.Elem())}
	case reflect.Pointer:
		return typeOf(t.Elem())
	case reflect.Map:
		return object{"type": "object", "additionalProperties": typeOf(t.Elem())}
	case reflect.Struct:
		return object{"type": "object", "additionalProperties": false, "properties": object{}}
	}
	return object{} // anything
}

// mappingSchema is that of the section mapping, documented by the tables of its cookbook.
func mappingSchema(t *testing.T) object {
	t.Helper()
	text, err := os.ReadFile("docs/mapping.md")
	if err != nil {
		t.Fatal(err)
	}
	_, tables, _ := strings.Cut(string(text), "## All keys")
	ofMapping, ofValue, found := strings.Cut(tables, "Of a value;")
	if !found {
		t.Fatal("docs/mapping.md has no tables of all keys")
	}
	value := structSchema(t, reflect.TypeFor[mapping.Value](), ofValue)
	section := structSchema(t, reflect.TypeFor[mapping.Mapping](), ofMapping)
	section["definitions"] = object{"value": object{"anyOf": []any{
		object{"type": []string{"string", "number"}, "description": "the name of a column"},
		object{"type": "array", "items": object{"type": "string"}, "description": "names of columns"},
		value,
	}}}
	return section
}

var (
	tableRow = regexp.MustCompile("(?m)^\\| (`[^|]*) \\|(.*)\\|$")
	quoted   = regexp.MustCompile("`([a-z_0-9]+)`")
	oneOf    = regexp.MustCompile("^(`[a-z]+`(, `[a-z]+`)+)(;|$)")
)

func structSchema(t *testing.T, of reflect.Type, table string) object {
	t.Helper()
	meaning := map[string]string{}
	for _, row := range tableRow.FindAllStringSubmatch(table, -1) {
		cells := strings.Split(row[2], "|")
		for _, key := range quoted.FindAllStringSubmatch(row[1], -1) {
			if meaning[key[1]] == "" {
				meaning[key[1]] = strings.TrimSpace(cells[len(cells)-1])
			}
		}
	}
	s := typeOf(reflect.TypeFor[struct{}]())
	for i := range of.NumField() {
		key := of.Field(i).Tag.Get("yaml")
		property := typeOf(of.Field(i).Type)
		if words := oneOf.FindStringSubmatch(meaning[key]); words != nil {
			var values []string
			for _, word := range quoted.FindAllStringSubmatch(words[1], -1) {
				values = append(values, word[1])
			}
			property = object{"enum": values}
		}
		if meaning[key] == "" {
			t.Errorf("docs/mapping.md does not say what %s is", key)
		}
		if property["$ref"] == nil {
			property["description"] = strings.ReplaceAll(meaning[key], "`", "")
		}
		s["properties"].(object)[key] = property
	}
	return s
}

// commentsOf are the comments that stand above the keys of config.example.yaml.
func commentsOf(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	comments := map[string]string{}
	var path, lines []string
	key := regexp.MustCompile(`^( *)(?:# )?([a-z_0-9]+):`)
	leftOut := regexp.MustCompile(`^ *# [a-z_0-9]+: \S+$`) // because another key says the same
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		trimmed := strings.TrimSpace(line)
		if comment, ok := strings.CutPrefix(trimmed, "#"); ok && !leftOut.MatchString(line) {
			lines = append(lines, strings.TrimSpace(comment))
			continue
		}
		if m := key.FindStringSubmatch(line); m != nil {
			path = append(path[:min(len(m[1])/2, len(path))], m[2])
			comments[strings.Join(path, ".")] = strings.Join(lines, " ")
		}
		lines = nil
	}
	return comments
}

// defaultsOf are the values of keys that are not set.
func defaultsOf(t *testing.T) map[string]any {
	t.Helper()
	text, err := yaml.Marshal(config.Default())
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := yaml.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	defaults := map[string]any{}
	var walk func(prefix string, section map[string]any)
	walk = func(prefix string, section map[string]any) {
		for name, value := range section {
			switch value := value.(type) {
			case map[string]any:
				walk(prefix+name+".", value)
			case nil, []any:
			default:
				if value != "" && value != "[hidden]" {
					defaults[prefix+name] = value
				}
			}
		}
	}
	walk("", all)
	return defaults
}
