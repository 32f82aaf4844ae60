package cognigy

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"importer/internal/plain"
)

// A problem is the body of an error, as the API makes it: RFC 7807 with a code and a
// trace id.
type problem struct {
	title   string
	detail  string
	status  string // as it is repeated in the body; empty where it is not
	coded   bool   // it has a code, which is the API's own member and no gateway's with these
	code    int    // a number in the API's examples, a string in its types
	traceID string
	path    string // of the member at fault, as the server names it, such as "profile.age"
	message string // what others than the API have in place of a detail
}

// parseProblem reads the body of an error. It takes what is there: a body may
// come from a proxy, be empty, or be cut off.
func parseProblem(body []byte) problem {
	var members map[string]jsontext.Value
	// The error tells where a body ends early, or is no object: what stands before is read.
	_ = json.Unmarshal(bare(body), &members, lenient, jsontext.AllowDuplicateNames(true))
	p := problem{
		title: text(members["title"]), detail: text(members["detail"]), status: text(members["status"]),
		coded: text(members["code"]) != "", traceID: text(members["traceId"]),
		message: cmp.Or(messageOf(members["message"]), messageOf(members["error"])),
	}
	p.code, _ = strconv.Atoi(text(members["code"]))
	p.path = fieldAtFault(members["details"], p.detail)
	return p
}

// documented tells whether a problem has the API's own form: a code, a title or a
// detail, and the status that it came with where it repeats it. Frameworks and
// gateways have RFC 7807 without a code, or a code with a message.
func (p problem) documented(status int) bool {
	return p.coded && (p.title != "" || p.detail != "") && (p.status == "" || p.status == strconv.Itoa(status))
}

// messageOf is what a gateway says in "message", in "error", or in "message" within
// "error".
func messageOf(v jsontext.Value) string {
	if v.Kind() == '{' {
		return parseProblem(v).message
	}
	return text(v)
}

// text is a JSON string unquoted, a number as it stands, and empty for all else.
func text(v jsontext.Value) string {
	switch v.Kind() {
	case '"':
		b, _ := jsontext.AppendUnquote(nil, v)
		return string(b)
	case '0':
		return string(v)
	}
	return ""
}

// The forms in which "details", whose form is not documented, names a member: under
// one of the names that validators use. And those in which a detail does: "field 'x'
// is not allowed", "profile.age should be number".
var (
	fieldNamed  = regexp.MustCompile(`"(?:field|path|property|param|instancePath|dataPath)"\s*:[\s\[]*("(?:[^"\\]|\\.)+")`)
	fieldQuoted = regexp.MustCompile(`(?i)\b(?:field|property|parameter|param|argument|member|key)s?:? ?['"` + "`" + `‘“]([^'"` + "`" + `’”]{1,100})['"` + "`" + `’”]`)
	fieldRule   = regexp.MustCompile(`(?i)^(?:data|body)?['"` + "`" + `./]*([a-z_][\w./\[\]]{0,99}?)['"` + "`" + `]? (?:should|must|is required|is not allowed|is missing|is invalid|has to)\b`)
)

func fieldAtFault(details jsontext.Value, detail string) string {
	if m := fieldNamed.FindSubmatch(details); m != nil {
		return text(m[1])
	}
	for _, form := range []*regexp.Regexp{fieldQuoted, fieldRule} {
		if m := form.FindStringSubmatch(detail); m != nil {
			return m[1]
		}
	}
	return ""
}

// fieldOf is the name of a field as the mapping knows it: without the way to it,
// and without an index behind it.
func fieldOf(path string) string {
	path = strings.ReplaceAll(strings.Trim(path, "./"), "/", ".")
	for _, way := range []string{"data.", "body.", "profile."} {
		path = strings.TrimPrefix(path, way)
	}
	name, _, _ := strings.Cut(path, "[")
	return name
}

var (
	// What is quoted, and ids, say nothing of whose fault it is.
	quoted         = regexp.MustCompile(`"[^"]*"|'[^']*'|\b[a-z0-9]{24}\b`)
	projectUnknown = regexp.MustCompile(`(?i)^(?:(?:the|a|an|no|such|unknown|invalid|missing|could|can|cannot|not|find) )*project(?: with)?(?: the)?(?: id)? ?(?:$|[.:,]|(?:was |is |could |does |has )?(?:not|no longer|unknown|invalid|missing|been deleted)\b)`)
	projectIDWord  = regexp.MustCompile(`(?i)^\W*(?:(?:the|a|an|unknown|invalid|missing|wrong|malformed|argument|parameter|value|for|of):? )*['"]?project[ _-]?id\b`)
)

// blamesProject tells whether a problem is the project's, which every row has in
// common, and not that of one row. A row may hold the word, or have a field of
// that name: a member that is "not allowed" is nobody's project, and neither is
// one within the profile.
func (p problem) blamesProject() bool {
	if strings.Contains(p.detail, "not allowed") {
		return false
	}
	if p.path != "" {
		return strings.Trim(p.path, "./") == "projectId"
	}
	plain := strings.Join(strings.Fields(quoted.ReplaceAllString(p.detail, "")), " ")
	return projectUnknown.MatchString(plain) || projectIDWord.MatchString(p.detail)
}

var (
	htmlTitle  = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)
	htmlHidden = regexp.MustCompile(`(?is)<(?:script|style)[^>]*>.*?</(?:script|style)>|<[^>]*>`)
)

// htmlText is what a person would read of a page: its title, or else its text.
func htmlText(page []byte) (s string, isTitle bool) {
	if m := htmlTitle.FindSubmatch(page); m != nil && len(bytes.TrimSpace(m[1])) > 0 {
		return html.UnescapeString(string(m[1])), true
	}
	return html.UnescapeString(string(htmlHidden.ReplaceAll(page, []byte(" ")))), false
}

// maxDetailBytes bounds what is passed on of a server's words.
const maxDetailBytes = 500

// clean makes a text fit to be shown: in one line, printable, and bounded.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			return ' '
		case !plain.Is(r):
			return -1
		}
		return r
	}, s)
	return shorten(strings.Join(strings.Fields(s), " "), maxDetailBytes)
}

// shorten is the beginning of a text.
func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + " …"
}

// excerpt is the beginning of what something on the way says, fit to be shown.
func (x exchange) excerpt(s string) string { return shorten(clean(x.redact(s)), 200) }

// minKeyBytes is the length from which on a key is looked for: the keys that the
// API gives out are longer, and shorter ones stand in other words.
const minKeyBytes = 8

// redact takes the API key out of a text that came from outside: a server may repeat it,
// also encoded, in other case, or with characters in it that are not shown. Sentences of
// our own hold no key, and are not to be changed.
func (x exchange) redact(s string) string {
	if len(x.key) < minKeyBytes {
		return s
	}
	seen, begins, ends := shownOf(s)
	var b strings.Builder
	done := 0 // of s
	for from := 0; from < len(seen); {
		first, end := -1, 0
		for _, form := range formsOf(x.key) {
			if i := strings.Index(seen[from:], form); i >= 0 && (first < 0 || from+i < first) {
				first, end = from+i, from+i+len(form)
			}
		}
		if first < 0 {
			break
		}
		b.WriteString(s[done:begins[first]])
		b.WriteString("[API key]")
		done, from = ends[end-1], end
	}
	return b.String() + s[done:]
}

// shownOf is what is seen of a text, without spaces and in lower case, and where the
// character of each byte of that begins and ends in the text.
func shownOf(s string) (seen string, begins, ends []int) {
	shown := make([]byte, 0, len(s))
	for i, r := range s {
		if unicode.IsSpace(r) || !plain.Is(r) {
			continue
		}
		before := len(shown)
		shown = utf8.AppendRune(shown, unicode.ToLower(r))
		for range len(shown) - before {
			begins, ends = append(begins, i), append(ends, i+utf8.RuneLen(r))
		}
	}
	return string(shown), begins, ends
}

// formsOf are the key as it may be repeated, as shownOf shows it. What is encoded in
// three bytes a time stands without its last characters, which may be others.
func formsOf(key string) []string {
	quoted := strings.Trim(strconv.Quote(key), `"`)
	reversed := []byte(key)
	slices.Reverse(reversed)
	whole := key[:len(key)-len(key)%3]
	forms := []string{key, quoted, url.QueryEscape(key), url.PathEscape(key), html.EscapeString(key), string(reversed), hex.EncodeToString([]byte(key)),
		base64.StdEncoding.EncodeToString([]byte(whole)), base64.URLEncoding.EncodeToString([]byte(whole))}
	for _, each := range []string{`\u%04x`, `\x%02x`, "%%%02x", "&#%d;", "&#x%x;"} { // every character escaped
		var form strings.Builder
		for _, c := range []byte(key) {
			fmt.Fprintf(&form, each, c)
		}
		forms = append(forms, form.String())
	}
	for i, form := range forms {
		forms[i] = strings.ToLower(form)
	}
	return forms
}

// redactError is err, or its text alone where that holds the key: a transport
// quotes what it could not understand.
func (x exchange) redactError(err error) error {
	if s := x.redact(err.Error()); s != err.Error() {
		return errors.New(clean(s))
	}
	return err
}
