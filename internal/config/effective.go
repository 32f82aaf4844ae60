package config

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
)

// userInfo is what stands before the host of an address.
var userInfo = regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*://)[^/@\s]*@`)

// Effective are the settings as JSON, under the names of the file: those that hold, wherever
// they come from. Secrets and what an address says of its user are left out, and with
// report.redact the mapping, which names columns of the source.
func (c Config) Effective() ([]byte, error) {
	if c.Report.Redact {
		c.Mapping = nil
	}
	text, err := yaml.Marshal(c)
	var settings any
	if err == nil {
		err = yaml.Unmarshal(text, &settings)
	}
	var b []byte
	if err == nil {
		b, err = json.Marshal(withoutUsers(settings))
	}
	if err != nil {
		return nil, fmt.Errorf("writing down the settings of the run: %w", err)
	}
	return b, nil
}

// withoutUsers takes the users out of all addresses in a value, and what has no value.
func withoutUsers(v any) any {
	switch v := v.(type) {
	case string:
		return userInfo.ReplaceAllString(strings.ReplaceAll(v, "\x00", ""), "${1}") // NUL no jsonb can hold
	case []any:
		for i := range v {
			v[i] = withoutUsers(v[i])
		}
	case map[string]any:
		for name := range v {
			if v[name] = withoutUsers(v[name]); v[name] == nil || v[name] == "" || strings.Contains(name, "\x00") {
				delete(v, name)
			}
		}
	}
	return v
}
