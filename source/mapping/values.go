package mapping

import (
	"crypto/sha256"
	"encoding/csv"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"importer/importer/contact"
	"importer/internal/words"
)

// A cell is one value as the source has it: a text, or a JSON value that is not
// a string.
type cell struct {
	text string        // or the JSON, as it is written
	kind jsontext.Kind // of the JSON; 0 of a text
}

// cellOf is what the mapping gives as a cell: a constant, or what an expression
// computes. Its JSON is what encoding/json writes, escapes of HTML included: digests
// of earlier runs cover it.
func cellOf(v any) (cell, error) {
	switch v := v.(type) {
	case nil:
		return cell{}, nil
	case string:
		return cell{text: v}, nil
	}
	b, err := json.Marshal(v, jsonv1.DefaultOptionsV1())
	return cell{string(b), jsontext.Value(b).Kind()}, err
}

func (c cell) isText() bool { return c.kind == 0 }

func (c cell) json() jsontext.Value { return jsontext.Value(c.text) }

func (c cell) empty() bool {
	if c.isText() {
		return strings.TrimSpace(c.text) == ""
	}
	return c.kind == 'n'
}

// valueOf is c as one compact JSON value of the kind k; nil for a list without
// items. The time is that of a memory.
func valueOf(c cell, k kind, o *options, at string) (jsontext.Value, *Fault) {
	switch k {
	case whole:
		return wholeOf(c, o)
	case number:
		return numberOf(c, o)
	case boolean:
		return boolOf(c, o)
	case object:
		return jsonOf(c, `a JSON object, such as {"accepted":true}`, '{')
	case anyJSON:
		return jsonOf(c, "JSON", 0)
	case memories:
		return memoriesOf(c)
	}
	texts, f := textsOf(c, k, o)
	switch {
	case f != nil || len(texts) == 0:
		return nil, f
	case k == list:
		return contact.AppendStrings(nil, texts), nil
	case k == memory:
		return memoryOf(texts[0], at), nil
	}
	return contact.StringValue(texts[0]), nil
}

// textsOf is the text of a kind that is one, and the items of a list.
func textsOf(c cell, k kind, o *options) ([]string, *Fault) {
	if k == list {
		return itemsOf(c, o)
	}
	s, f := textOf(c, o)
	if f != nil {
		return nil, f
	}
	switch {
	case k.identifies():
		s, f = oneOf(s, k, o)
	case k == date:
		var t time.Time
		t, f = dateOf(s, c.kind == '0', o)
		s = t.Format(o.layout)
	case k == birthday:
		s, f = birthdayOf(s, c.kind == '0', o)
	}
	return []string{s}, f
}

// memoryOf is a list of one memory. Its id depends on its text and time alone, so
// that the same row gives the same profile in every run.
func memoryOf(text, at string) jsontext.Value {
	id := sha256.Sum256([]byte(at + "\x00" + text))
	return fmt.Appendf(nil, `[{"id":"%x","timestamp":%s,"text":%s}]`, id[:8], contact.StringValue(at), contact.StringValue(text))
}

// textOf is the text without the white space around it. A JSON number is taken
// as it is written.
func textOf(c cell, o *options) (string, *Fault) {
	s := c.text
	if !c.isText() && c.kind != '0' {
		return "", &Fault{Reason: "is " + describe(c) + ", not text", Hint: "put it in quotes"}
	}
	if !o.keepSpace {
		s = strings.TrimSpace(s)
	}
	switch {
	case o.lower:
		s = strings.ToLower(s)
	case o.upper:
		s = strings.ToUpper(s)
	}
	return s, nil
}

// notJSON matches what a number may begin with and JSON does not have: a plus sign,
// and zeros before a digit.
var notJSON = regexp.MustCompile(`^(-?)\+?0*(\d)`)

// numberOf is a number as JSON writes it: every digit is kept except for
// leading zeros.
func numberOf(c cell, o *options) (jsontext.Value, *Fault) {
	if !c.isText() && c.kind != '0' {
		return nil, &Fault{Reason: "is " + describe(c) + ", not a number", Hint: "write it in digits, such as 42"}
	}
	s := strings.TrimSpace(c.text)
	n := s
	if o.comma && c.isText() {
		n = strings.NewReplacer(".", "", ",", ".", " ", "", "\u00a0", "").Replace(n)
	}
	v := jsontext.Value(notJSON.ReplaceAllString(n, "$1$2"))
	if v.Kind() != '0' || !v.IsValid() {
		return nil, &Fault{Reason: fmt.Sprintf("%s is not a number", words.Show(s)), Hint: "write it in digits, such as 42, or leave it empty"}
	}
	return v, nil
}

// wholeOf takes 42 and, because spreadsheets write it, 42.0.
func wholeOf(c cell, o *options) (jsontext.Value, *Fault) {
	v, f := numberOf(c, o)
	if f != nil {
		f.Reason = strings.Replace(f.Reason, "not a number", "not a whole number of 0 or more", 1)
		return nil, f
	}
	digits, fraction, _ := strings.Cut(string(v), ".")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > 1<<53-1 || strings.Trim(fraction, "0") != "" {
		return nil, &Fault{Reason: fmt.Sprintf("%s is not a whole number of 0 or more", words.Show(string(v))), Hint: "write it in digits, such as 42, or leave it empty"}
	}
	return jsontext.Value(digits), nil
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

func boolOf(c cell, o *options) (jsontext.Value, *Fault) {
	spellings := o.words
	if spellings == nil {
		spellings = bools
	}
	switch c.kind {
	case 't', 'f':
		return c.json(), nil
	case '{', '[':
		return nil, &Fault{Reason: "is " + describe(c) + ", not yes or no", Hint: "write true or false"}
	}
	b, ok := spellings[plainWord(c.text)]
	if !ok {
		return nil, &Fault{Reason: fmt.Sprintf("%s is neither yes nor no", words.Show(c.text)), Hint: "write yes or no, true or false, 1 or 0"}
	}
	return strconv.AppendBool(nil, b), nil
}

// itemsOf splits a text on its separators, or takes the texts of a JSON array. Empty
// items are left out.
func itemsOf(c cell, o *options) ([]string, *Fault) {
	array := strings.TrimSpace(c.text)
	switch {
	case c.isText() && !strings.HasPrefix(array, "["):
		return splitList(array, o), nil
	case c.kind == '0':
		return []string{array}, nil
	case !c.isText() && c.kind != '[':
		return nil, &Fault{Reason: "is " + describe(c) + ", not a list", Hint: `write a;b or ["a","b"]`}
	}
	var items []string
	for item, err := range elements(jsontext.Value(array)) {
		s, f := textOf(item, o)
		if err == nil && item.kind == 'n' {
			continue
		}
		if err != nil || f != nil {
			return nil, &Fault{Reason: fmt.Sprintf("%s is not a JSON array of texts", words.Show(array)), Hint: `write a;b or ["a","b"]`}
		}
		if s != "" {
			items = append(items, s)
		}
	}
	return items, nil
}

// listSeparators separate the items of a list where the mapping names none.
var listSeparators = strings.NewReplacer("|", ";", " ::: ", ";", "\r\n", ";", "\n", ";", "\r", ";")

// splitList splits a text on the separator, else on those that are usual. A comma is one
// where there is no other, and the list is of words. Mailchimp writes a line of CSV into
// the cell: "VIP","Blog".
func splitList(s string, o *options) []string {
	var texts []string
	switch quoted := quotedItems(s, o.separator); {
	case quoted != nil:
		texts = quoted
	case o.separator != "":
		texts = strings.Split(s, o.separator)
	default:
		separated := listSeparators.Replace(s)
		if o.commas && !strings.Contains(separated, ";") {
			separated = strings.ReplaceAll(s, ",", ";")
		}
		texts = strings.Split(separated, ";")
	}
	var items []string
	for _, item := range texts {
		if item, _ = textOf(cell{text: strings.TrimSpace(item)}, o); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// quotedItems are the items of a line of CSV that begins with a quote; nil where s is
// none.
func quotedItems(s, separator string) []string {
	if !strings.HasPrefix(s, `"`) || separator != "" && separator != "," {
		return nil
	}
	r := csv.NewReader(strings.NewReader(s))
	items, err := r.Read()
	if err != nil || r.InputOffset() < int64(len(s)) {
		return nil
	}
	return items
}

// jsonOf is c as compact JSON of a kind, or of any where that is 0.
func jsonOf(c cell, form string, want jsontext.Kind) (jsontext.Value, *Fault) {
	v := c.json()
	if c.isText() {
		v = jsontext.Value(strings.TrimSpace(c.text))
	}
	if want != 0 && v.Kind() != want {
		return nil, &Fault{Reason: describe(c) + " is not " + form, Hint: "write it as JSON, or leave it empty"}
	}
	// Unlike Compact, Format refuses names that occur twice, and invalid UTF-8.
	if err := v.Format(jsontext.PreserveRawStrings(true)); err != nil {
		return nil, &Fault{Reason: "not valid JSON: " + jsonReason(err), Hint: "it has to be " + form}
	}
	return v, nil
}

const memoriesForm = `a JSON array of memories, such as [{"id":"1","timestamp":"2026-01-31T09:00:00Z","text":"likes tea"}]`

// memoriesOf wants a text in each memory, and texts in id and timestamp.
func memoriesOf(c cell) (jsontext.Value, *Fault) {
	v, f := jsonOf(c, memoriesForm, '[')
	if f != nil {
		return nil, f
	}
	for item := range elements(v) { // valid, as it was read before
		if item.kind != '{' {
			return nil, &Fault{Reason: "holds something that is no memory", Hint: "it has to be " + memoriesForm}
		}
		hasText := false
		for m := range members(item.json()) {
			if slices.Contains([]string{"id", "timestamp", "text"}, m.name) && !m.isText() {
				return nil, &Fault{Reason: fmt.Sprintf("the %s of a memory is %s, not text", m.name, describe(m.cell)), Hint: "put it in quotes"}
			}
			hasText = hasText || m.name == "text"
		}
		if !hasText {
			return nil, &Fault{Reason: "a memory has no text", Hint: "it has to be " + memoriesForm}
		}
	}
	return v, nil
}

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
	return words.Show(c.text)
}
