package mapping

import (
	"fmt"
	"importer/importer/contact"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// A cell is one value as the source has it: a text, or a JSON value that is not
// a string.
type cell struct {
	text string        // or the JSON, as it is written
	kind jsontext.Kind // of the JSON; 0 of a text
}

func jsonCell(v jsontext.Value) cell { return cell{string(v), v.Kind()} }

func (c cell) isText() bool { return c.kind == 0 }

// json is a copy of the JSON.
func (c cell) json() jsontext.Value { return jsontext.Value(c.text) }

func (c cell) empty() bool {
	if c.isText() {
		return strings.TrimSpace(c.text) == ""
	}
	return c.kind == 'n'
}

// appendValue appends c as one compact JSON value of the kind k. Nothing is
// appended for a list without items. The time is that of a memory.
func appendValue(dst []byte, c cell, k kind, o *options, at string) ([]byte, *Fault) {
	switch k {
	case whole, number:
		s, f := numberOf(c, o)
		switch {
		case k == number:
		case f == nil:
			s, f = wholeOf(s)
		default:
			f.Reason = strings.Replace(f.Reason, "not a number", "not a whole number of 0 or more", 1)
		}
		return append(dst, s...), f
	case boolean:
		b, f := boolOf(c, o)
		if f != nil {
			return dst, f
		}
		return strconv.AppendBool(dst, b), nil
	case list:
		items, f := listOf(c, o)
		if f != nil {
			return dst, f
		}
		return appendList(dst, items), nil
	case object:
		v, f := jsonOf(c, `a JSON object, such as {"accepted":true}`, '{')
		return append(dst, v...), f
	case anyJSON:
		v, f := jsonOf(c, "JSON")
		return append(dst, v...), f
	case memories:
		v, f := jsonOf(c, memoriesForm, '[')
		if f == nil {
			f = checkMemories(v)
		}
		if f != nil {
			return dst, f
		}
		return append(dst, v...), nil
	case memory:
		s, f := textOf(c, o)
		if f != nil {
			return dst, f
		}
		return appendMemory(append(dst, '['), s, at, ']'), nil
	}
	s, f := stringOf(c, k, o)
	if f != nil {
		return dst, f
	}
	return contact.AppendString(dst, s), nil
}

// stringOf is the value of a kind that is a text in JSON.
func stringOf(c cell, k kind, o *options) (string, *Fault) {
	s, f := textOf(c, o)
	if f != nil {
		return "", f
	}
	switch k {
	case email:
		f = checkEmail(s)
	case plainPhone:
		f = checkPhone(s)
	case phone:
		return phoneOf(s, o)
	case date:
		t, f := dateOf(s, o)
		if f != nil {
			return "", f
		}
		return t.Format(o.layout), nil
	}
	return s, f
}

func appendList(dst []byte, items []string) []byte {
	if len(items) == 0 {
		return dst
	}
	return contact.AppendStrings(dst, items)
}

// textOf is the text without the white space around it. A JSON number is taken
// as it is written.
func textOf(c cell, o *options) (string, *Fault) {
	s := c.text
	switch c.kind {
	case 0:
		if !o.keepSpace {
			s = strings.TrimSpace(s)
		}
	case '0':
	default:
		return "", &Fault{Reason: "is " + describe(c) + ", not text", Hint: "put it in quotes"}
	}
	switch {
	case o.lower:
		s = strings.ToLower(s)
	case o.upper:
		s = strings.ToUpper(s)
	}
	return s, nil
}

// checkEmail refuses what cannot be an address: a placeholder such as n/a would make
// one contact of many people.
func checkEmail(s string) *Fault {
	ats := strings.Count(s, "@")
	if ats == 1 && !strings.ContainsAny(s, " \t\r\n,;<>") && s[0] != '@' && s[len(s)-1] != '@' {
		return nil
	}
	hint := "correct the address, or leave the field empty"
	if ats > 1 {
		hint = "give one address; further ones can stand in a contactIds column"
	}
	return &Fault{Reason: fmt.Sprintf("%s is not an e-mail address", Show(s)), Hint: hint}
}

// checkPhone wants some digits, for the same reason.
func checkPhone(s string) *Fault {
	digits := 0
	for _, r := range s {
		if r >= '0' && r <= '9' {
			digits++
		}
	}
	if digits >= 3 {
		return nil
	}
	return &Fault{Reason: fmt.Sprintf("%s is not a phone number", Show(s)), Hint: "correct the number, or leave the field empty"}
}

// numberOf is a number as JSON writes it: every digit is kept except for
// leading zeros.
func numberOf(c cell, o *options) (string, *Fault) {
	s := c.text
	switch c.kind {
	case 0:
		s = strings.TrimSpace(s)
	case '0':
	default:
		return "", &Fault{Reason: "is " + describe(c) + ", not a number", Hint: "write it in digits, such as 42"}
	}
	n := s
	if o.comma && c.isText() {
		n = strings.NewReplacer(".", "", ",", ".", " ", "", "\u00a0", "").Replace(n)
	}
	sign := ""
	if strings.HasPrefix(n, "-") {
		sign = "-"
	}
	n = strings.TrimPrefix(strings.TrimPrefix(n, sign), "+")
	for len(n) > 1 && n[0] == '0' && isDigit(n[1]) {
		n = n[1:]
	}
	if n = sign + n; jsontext.Value(n).Kind() != '0' || !jsontext.Value(n).IsValid() {
		return "", &Fault{Reason: fmt.Sprintf("%s is not a number", Show(s)), Hint: "write it in digits, such as 42, or leave it empty"}
	}
	return n, nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// wholeOf takes 42 and, because spreadsheets write it, 42.0.
func wholeOf(s string) (string, *Fault) {
	digits := s
	if before, after, ok := strings.Cut(s, "."); ok && strings.Trim(after, "0") == "" {
		digits = before
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > 1<<53-1 {
		return "", &Fault{Reason: fmt.Sprintf("%s is not a whole number of 0 or more", Show(s)), Hint: "write it in digits, such as 42, or leave it empty"}
	}
	return digits, nil
}

// bools are the usual spellings of yes and no, in lower case.
var bools = map[string]bool{
	"true": true, "t": true, "yes": true, "y": true, "on": true, "1": true, "x": true,
	"ja": true, "j": true, "wahr": true, "oui": true, "vrai": true, "si": true, "sí": true, "sì": true,
	"false": false, "f": false, "no": false, "n": false, "off": false, "0": false,
	"nein": false, "falsch": false, "non": false, "faux": false,
}

// plainWord is a spelling of yes or no without regard to case and space.
func plainWord(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

func boolOf(c cell, o *options) (bool, *Fault) {
	s, words := c.text, o.words
	if words == nil {
		words = bools
	}
	switch c.kind {
	case 't':
		return true, nil
	case 'f':
		return false, nil
	case '{', '[':
		return false, &Fault{Reason: "is " + describe(c) + ", not yes or no", Hint: "write true or false"}
	}
	b, ok := words[plainWord(s)]
	if !ok {
		return false, &Fault{Reason: fmt.Sprintf("%s is neither yes nor no", Show(s)), Hint: "write yes or no, true or false, 1 or 0"}
	}
	return b, nil
}

// listOf splits a text on ; and | or on the separator, or takes the texts of a
// JSON array. Empty items are left out.
func listOf(c cell, o *options) ([]string, *Fault) {
	array := c.text
	switch c.kind {
	case 0:
		array = strings.TrimSpace(array)
		if !strings.HasPrefix(array, "[") {
			return splitList(array, o), nil
		}
	case '0':
		return []string{array}, nil
	case '[':
	default:
		return nil, &Fault{Reason: "is " + describe(c) + ", not a list", Hint: `write a;b or ["a","b"]`}
	}
	var items []string
	for item, err := range elements(jsontext.Value(array)) {
		s, f := textOf(item, o)
		if err != nil || f != nil {
			return nil, &Fault{Reason: fmt.Sprintf("%s is not a JSON array of texts", Show(array)), Hint: `write a;b or ["a","b"]`}
		}
		if s != "" {
			items = append(items, s)
		}
	}
	return items, nil
}

func splitList(s string, o *options) []string {
	var items []string
	if o.separator != "" {
		items = strings.Split(s, o.separator)
	} else {
		items = strings.FieldsFunc(s, func(r rune) bool { return r == ';' || r == '|' })
	}
	kept := items[:0]
	for _, item := range items {
		if item, _ = textOf(cell{text: strings.TrimSpace(item)}, o); item != "" {
			kept = append(kept, item)
		}
	}
	return kept
}

// jsonOf is c as compact JSON of one of the given kinds, or of any.
func jsonOf(c cell, form string, want ...jsontext.Kind) (jsontext.Value, *Fault) {
	v := c.json()
	if c.isText() {
		v = jsontext.Value(strings.TrimSpace(c.text))
	}
	if len(want) > 0 && !slices.Contains(want, v.Kind()) {
		return nil, &Fault{Reason: describe(c) + " is not " + form, Hint: "write it as JSON, or leave it empty"}
	}
	// Unlike Compact, Format refuses names that occur twice, and invalid UTF-8.
	if err := v.Format(jsontext.PreserveRawStrings(true)); err != nil {
		return nil, &Fault{Reason: "not valid JSON: " + jsonReason(err), Hint: "it has to be " + form}
	}
	return v, nil
}

const memoriesForm = `a JSON array of memories, such as [{"id":"1","timestamp":"2026-01-31T09:00:00Z","text":"likes tea"}]`

// checkMemories wants a text in each memory, and texts in id and timestamp.
func checkMemories(v jsontext.Value) *Fault {
	for item, err := range elements(v) {
		if err != nil || item.kind != '{' {
			return &Fault{Reason: "holds something that is no memory", Hint: "it has to be " + memoriesForm}
		}
		hasText := false
		for m := range members(item.json()) { // valid, as the array is
			switch m.name {
			case "text", "id", "timestamp":
				if !m.isText() {
					return &Fault{Reason: fmt.Sprintf("the %s of a memory is %s, not text", m.name, describe(m.cell)), Hint: "put it in quotes"}
				}
				hasText = hasText || m.name == "text"
			}
		}
		if !hasText {
			return &Fault{Reason: "a memory has no text", Hint: "it has to be " + memoriesForm}
		}
	}
	return nil
}

// describe says what a value is, for people.
func describe(c cell) string {
	switch c.kind {
	case 'n':
		return "null"
	case 't', 'f', '0':
		return c.text
	case '{':
		return "an object"
	case '[':
		return "a list"
	}
	return Show(c.text)
}

// Show quotes a value for a message and cuts it where it is long.
func Show(s string) string {
	const keep = 60
	if r := []rune(s); len(r) > keep {
		s = string(r[:keep]) + "…"
	}
	return strconv.Quote(s)
}
