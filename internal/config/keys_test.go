package config

import (
	"strings"
	"testing"
)

// What is wrong in a configuration is said in the words of its keys, and asks for the one
// that was meant.
func TestWhatIsWrongInAConfiguration(t *testing.T) {
	for text, want := range map[string]string{
		"workerz: 1":                        `[1:1] there is no key "workerz"; did you mean workers?`,
		"timeout: 5s":                       `there is no key "timeout"; did you mean api.timeout?`,
		"api: {base-url: x}":                `did you mean base_url?`,
		"sync: {guard: {percnt: 5}}":        `did you mean percent?`,
		"zzzzzz: 1":                         `there is no key "zzzzzz"` + "\n",
		"workers: abc":                      "want a whole number, and this is a text\n>  1 | workers: abc",
		"workers: 1.5":                      ":1: workers is 1.5; want a whole number",
		"workers: 99999999999999999999":     "want a whole number, and this is too large",
		"sync: {guard: {max: x}}":           "want a whole number, and this is a text",
		"sync: {guard: {percent: x}}":       "want a number, and this is a text",
		"lease: 5":                          "want a time with its unit, such as 30s, 5m or 1h, and this is a number",
		"mode: create\nlease: abc\nrate: 1": "lease: want a time with its unit, such as 30s, 5m or 1h\n   1 | mode: create\n>  2 | lease: abc",
		"rate_shared: maybe":                "want true or false, and this is a text",
		"source: x":                         "want a section, with keys and values, and this is a text",
		"source: {paths: {a: b}}":           "want a list, such as [a, b], and this is a section",
		"mode: [a]":                         "want a text, and this is a list",
		"- a":                               "want a section, with keys and values, and this is a list",
	} {
		_, err := load(t, text, nil)
		if err == nil || !strings.Contains(err.Error()+"\n", want) {
			t.Errorf("%s: %v\nwant %s", text, err, want)
		}
		for _, foreign := range []string{"Go ", "unmarshal", "time: ", "Config.", "int64", "mapping was", "interface"} {
			if err != nil && strings.Contains(err.Error(), foreign) {
				t.Errorf("%s: %q in %v", text, foreign, err)
			}
		}
	}
	c := valid()
	c.Mode = "upsrt"
	if err := c.Validate(); err == nil || err.Error() != `--mode (mode) is "upsrt"; want one of create, update, upsert, mirror; did you mean "upsert"?` {
		t.Error(err)
	}
}

// A value that a flag or a key may have is one that its own check takes.
func TestChoicesNameKeysAndFlags(t *testing.T) {
	c := Default()
	flags := Flags(&c)
	keys := map[string]bool{}
	for _, k := range Keys {
		keys[k.Name] = true
	}
	for _, choice := range Choices {
		if !keys[choice.Key] || choice.Flag != "" && flags.Lookup(choice.Flag) == nil {
			t.Errorf("there is no key %s or no flag %s", choice.Key, choice.Flag)
		}
	}
	if ChoiceOf("mode") == nil || ChoiceOf("rate") != nil || ChoiceOf("") != nil {
		t.Error("the choices of flags are wrong")
	}
}
