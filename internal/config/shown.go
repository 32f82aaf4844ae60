package config

import (
	"bytes"
	"errors"
	"regexp"

	"github.com/goccy/go-yaml"

	"importer/internal/plain"
	"importer/internal/yamlwords"
)

// secrets find what may hold a password in the text of a configuration: the values of the
// keys store and url, with the lines that go on with them, and in any other value an
// address with somebody's name in it, what stands behind the ? of an address and behind
// password=, and the values of headers.
var secrets = []*regexp.Regexp{
	regexp.MustCompile(`(?m)(?:^|[{,\s])["']?(?:store|url)["']?[ \t]*:(?:[ \t]+|$)([^\n]*(?:\n[ \t]+[^\n]*)*)`),
	regexp.MustCompile(`://([^\n]*)@`),
	regexp.MustCompile(`(?i)https?://[^\s?]*\?([^\s'"]*)`),
	regexp.MustCompile(`(?im)["']?\b(?:authorization|cookie|x-[a-z-]*)["']?[ \t]*:([^\n]*)`),
	regexp.MustCompile(`(?i)passw[a-z]*["']?[ \t]*[=:]([^\n]*)`),
}

// Shown is the text of a configuration as an error may quote it: byte for byte as long,
// and without passwords.
func Shown(text []byte) []byte {
	shown := bytes.Clone(text)
	for _, secret := range secrets {
		for _, at := range secret.FindAllSubmatchIndex(text, -1) {
			for i := at[2]; i < at[3]; i++ {
				if c := shown[i]; c != ' ' && c != '\t' && c != '\n' && c != '\r' {
					shown[i] = 'x'
				}
			}
		}
	}
	return shown
}

// lineOf is the line of a text of YAML that an error is about; 0 where it names none.
func lineOf(err error) int {
	if bad, ok := errors.AsType[yaml.Error](err); ok && bad.GetToken() != nil {
		return bad.GetToken().Position.Line
	}
	return 0
}

// explain says what is wrong with a text of YAML that gave an error. It quotes the text as
// it may be shown.
func explain(path string, text []byte, err error) error {
	shown := Shown(text)
	if !bytes.Equal(shown, text) {
		var c Config
		covered := yaml.UnmarshalWithOptions(shown, &c, yaml.Strict())
		if lineOf(covered) != lineOf(err) || covered == nil {
			return Errorf("%s:%d: this cannot be read; the line is not shown, because there is an address in the file that may hold a password: if it is in the line, put it into single quotes", path, lineOf(err))
		}
		err = covered
	}
	if lines, ok := yamlwords.Explain(err, plain.Line, nearestKey(text)); ok {
		err = plain.Lines(lines)
	} else if wrong := wrongTime(path, text, shown); wrong != nil {
		return wrong
	}
	return Errorf("%s: %w", path, err)
}
