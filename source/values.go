package source

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// A fault is why a record is spoilt.
type fault struct {
	field, reason, hint string
}

// A cell is one value as the source has it: a text, or a JSON value that is not
// a string.
type cell struct {
	text string
	json jsontext.Value
}

func (c cell) empty() bool {
	if c.json != nil {
		return c.json.Kind() == 'n'
	}
	return strings.TrimSpace(c.text) == ""
}

// appendValue appends c as one compact JSON value of the kind k. Nothing is
// appended for a list without items.
func appendValue(dst []byte, c cell, k kind) ([]byte, *fault) {
	switch k {
	case email:
		s, f := textOf(c)
		if f == nil {
			f = checkEmail(s)
		}
		if f != nil {
			return dst, f
		}
		return appendString(dst, s), nil
	case whole:
		return appendWhole(dst, c)
	case boolean:
		b, f := boolOf(c)
		if f != nil {
			return dst, f
		}
		return strconv.AppendBool(dst, b), nil
	case list:
		items, f := listOf(c)
		if f != nil || len(items) == 0 {
			return dst, f
		}
		dst = append(dst, '[')
		for i, item := range items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendString(dst, item)
		}
		return append(dst, ']'), nil
	case object:
		v, f := jsonOf(c, '{', `a JSON object, such as {"accepted":true}`)
		return append(dst, v...), f
	case memories:
		v, f := jsonOf(c, '[', memoriesForm)
		if f == nil {
			f = checkMemories(v)
		}
		if f != nil {
			return dst, f
		}
		return append(dst, v...), nil
	}
	s, f := textOf(c)
	if f != nil {
		return dst, f
	}
	return appendString(dst, s), nil
}

func appendString(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s) // the readers let only UTF-8 through
	return dst
}

// textOf is the text without the white space around it. A JSON number is taken
// as it is written.
func textOf(c cell) (string, *fault) {
	switch c.json.Kind() {
	case 0:
		return strings.TrimSpace(c.text), nil
	case '0':
		return string(c.json), nil
	}
	return "", &fault{reason: "is " + describe(c) + ", not text", hint: "put it in quotes"}
}

// checkEmail looks for what is surely no address: a placeholder such as n/a
// would make one contact of many people.
func checkEmail(s string) *fault {
	local, domain, ok := strings.Cut(s, "@")
	if ok && local != "" && domain != "" && !strings.ContainsAny(s, " \t\r\n,;<>") && !strings.Contains(domain, "@") {
		return nil
	}
	hint := "correct the address, or leave the field empty"
	if strings.Count(s, "@") > 1 {
		hint = "give one address; further ones can stand in a contactIds column"
	}
	return &fault{reason: fmt.Sprintf("%s is not an e-mail address", show(s)), hint: hint}
}

// checkPhone wants some digits, for the same reason.
func checkPhone(s string) *fault {
	digits := 0
	for _, r := range s {
		if r >= '0' && r <= '9' {
			digits++
		}
	}
	if digits >= 3 {
		return nil
	}
	return &fault{reason: fmt.Sprintf("%s is not a phone number", show(s)), hint: "correct the number, or leave the field empty"}
}

// appendWhole takes 42 and, for spreadsheets write that, 42.0.
func appendWhole(dst []byte, c cell) ([]byte, *fault) {
	s := strings.TrimSpace(c.text)
	if c.json.Kind() == '0' {
		s = string(c.json)
	} else if c.json != nil {
		return dst, &fault{reason: "is " + describe(c) + ", not a whole number", hint: "write it in digits, such as 42"}
	}
	digits := s
	if before, after, ok := strings.Cut(s, "."); ok && after != "" && strings.Trim(after, "0") == "" {
		digits = before
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > 1<<53-1 {
		return dst, &fault{reason: fmt.Sprintf("%s is not a whole number of 0 or more", show(s)), hint: "write it in digits, such as 42, or leave it empty"}
	}
	return strconv.AppendInt(dst, n, 10), nil
}

// bools are the usual spellings of yes and no, in lower case.
var bools = map[string]bool{
	"true": true, "t": true, "yes": true, "y": true, "on": true, "1": true, "x": true,
	"ja": true, "j": true, "wahr": true, "oui": true, "vrai": true, "si": true, "sí": true, "sì": true,
	"false": false, "f": false, "no": false, "n": false, "off": false, "0": false,
	"nein": false, "falsch": false, "non": false, "faux": false,
}

func boolOf(c cell) (bool, *fault) {
	s := c.text
	switch c.json.Kind() {
	case 't':
		return true, nil
	case 'f':
		return false, nil
	case '0':
		s = string(c.json)
	case '{', '[':
		return false, &fault{reason: "is " + describe(c) + ", not yes or no", hint: "write true or false"}
	}
	b, ok := bools[strings.ToLower(strings.TrimSpace(s))]
	if !ok {
		return false, &fault{reason: fmt.Sprintf("%s is neither yes nor no", show(s)), hint: "write yes or no, true or false, 1 or 0"}
	}
	return b, nil
}

// listOf splits a text on ; and |, or takes the texts of a JSON array. Empty
// items are left out.
func listOf(c cell) ([]string, *fault) {
	array := c.json
	if array == nil {
		s := strings.TrimSpace(c.text)
		if !strings.HasPrefix(s, "[") {
			items := strings.FieldsFunc(s, func(r rune) bool { return r == ';' || r == '|' })
			kept := items[:0]
			for _, item := range items {
				if item = strings.TrimSpace(item); item != "" {
					kept = append(kept, item)
				}
			}
			return kept, nil
		}
		array = jsontext.Value(s)
	}
	switch array.Kind() {
	case '0':
		return []string{string(array)}, nil
	case '[':
	default:
		return nil, &fault{reason: "is " + describe(c) + ", not a list", hint: `write a;b or ["a","b"]`}
	}
	var items []string
	for item, err := range elements(array) {
		s, f := textOf(item)
		if err != nil || f != nil {
			return nil, &fault{reason: fmt.Sprintf("%s is not a JSON array of texts", show(string(array))), hint: `write a;b or ["a","b"]`}
		}
		if s != "" {
			items = append(items, s)
		}
	}
	return items, nil
}

// jsonOf is c as compact JSON that begins with the given character.
func jsonOf(c cell, want jsontext.Kind, form string) (jsontext.Value, *fault) {
	v := c.json
	if v == nil {
		v = jsontext.Value(strings.TrimSpace(c.text))
	}
	if v.Kind() != want {
		return nil, &fault{reason: describe(c) + " is not " + form, hint: "write it as JSON, or leave it empty"}
	}
	v = v.Clone()
	// Unlike Compact, Format refuses names that occur twice, and invalid UTF-8.
	if err := v.Format(jsontext.PreserveRawStrings(true)); err != nil {
		return nil, &fault{reason: "not valid JSON: " + jsonReason(err), hint: "it has to be " + form}
	}
	return v, nil
}

const memoriesForm = `a JSON array of memories, such as [{"id":"1","timestamp":"2026-01-31T09:00:00Z","text":"likes tea"}]`

// checkMemories wants a text in each memory, and texts in id and timestamp.
func checkMemories(v jsontext.Value) *fault {
	for item, err := range elements(v) {
		if err != nil || item.json.Kind() != '{' {
			return &fault{reason: "holds something that is no memory", hint: "it has to be " + memoriesForm}
		}
		hasText := false
		for m := range members(item.json) { // valid, for the array is
			switch m.name {
			case "text", "id", "timestamp":
				if m.json != nil {
					return &fault{reason: fmt.Sprintf("the %s of a memory is %s, not text", m.name, describe(m.cell)), hint: "put it in quotes"}
				}
				hasText = hasText || m.name == "text"
			}
		}
		if !hasText {
			return &fault{reason: "a memory has no text", hint: "it has to be " + memoriesForm}
		}
	}
	return nil
}

// describe says what a value is, for people.
func describe(c cell) string {
	switch c.json.Kind() {
	case 'n':
		return "null"
	case 't', 'f', '0':
		return string(c.json)
	case '{':
		return "an object"
	case '[':
		return "a list"
	}
	return show(c.text)
}

// show quotes a value for a message and cuts it where it is long.
func show(s string) string {
	const keep = 60
	if r := []rune(s); len(r) > keep {
		s = string(r[:keep]) + "…"
	}
	return strconv.Quote(s)
}

// plural is "1 field" or "2 fields".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
