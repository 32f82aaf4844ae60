package words

import (
	"regexp"
	"strings"
)

// unexpected is how a parser of JSON says that a character stands in the wrong place.
var unexpected = regexp.MustCompile(`^invalid character ('.*'|".*"|'\\.+') (at start of value|after [a-z-]+ [a-z]+|in [a-z]+|in literal [a-z]+)(?: \(.*\))?$`)

// places are what should stand where another character does.
var places = map[string]string{
	"at start of value":     "a value should begin: a text in double quotes, a number, true, false, null, [ or {",
	"after object name":     "a colon should stand behind the name of a member",
	"after object value":    "a comma or } should stand",
	"after array element":   "a comma or ] should stand",
	"after array value":     "a comma or ] should stand",
	"after string value":    "the text has ended",
	"after top-level value": "nothing more should stand",
	"in number":             "a digit should stand",
}

// OfJSON says what a parser of JSON found wrong, in words for whoever wrote the text. The
// message is that of the parser, without its name.
func OfJSON(message string) string {
	message = strings.TrimPrefix(message, "jsontext: ")
	if m := unexpected.FindStringSubmatch(message); m != nil {
		literal, isLiteral := strings.CutPrefix(m[2], "in literal ")
		switch {
		case isLiteral:
			return "a word that begins like " + literal + " and goes on with " + m[1] + "; a text stands in double quotes"
		case m[2] == "in string":
			return "the control character " + m[1] + ` in a text, where it has to be written as \n, \t or \u0000`
		case places[m[2]] != "":
			return m[1] + " stands where " + places[m[2]]
		}
	}
	switch message {
	case "object member name must be a string":
		return "the name of a member has to stand in double quotes"
	case "missing value after object name":
		return "a value is missing behind the name of a member"
	case "mismatching structural token for object or array":
		return "a bracket is closed by one of another kind"
	case "exceeded max depth":
		return "objects and lists are nested too deep"
	case "invalid UTF-8":
		return "bytes that are not UTF-8"
	}
	if sequence, ok := strings.CutPrefix(message, "invalid escape sequence "); ok {
		sequence, _, _ = strings.Cut(sequence, " in string")
		return sequence + ` in a text: behind \ stands one of " \ / b f n r t, or u and four digits`
	}
	return message
}
