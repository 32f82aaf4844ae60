package mapping

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"time"

	"importer/importer/contact"
	"importer/internal/words"
)

//go:embed guess.yaml.tmpl
var guessText string

var guessTemplate = template.Must(template.New("").Parse(guessText))

// Guess writes the sections source and mapping of a configuration for a sample, in
// YAML with comments. What it is not sure about is marked "unsure".
func Guess(s *Sample) (string, error) {
	g := &guesser{Sample: s, used: make(map[int]bool)}
	g.guessRegion()
	found := ""
	if s.Delimiter != 0 {
		found = fmt.Sprintf("the delimiter %q", s.Delimiter)
		if s.Encoding != "" {
			found += " and the encoding " + s.Encoding
		}
	}
	// Each takes columns, and those behind it get what is left.
	ids, fields, memories := g.contactIDs(), g.fields(), g.memories()
	leftOut, empty := g.leftOut()
	var b strings.Builder
	err := guessTemplate.Execute(&b, map[string]any{
		"Name": s.Name, "Rows": words.Plural(s.rows, "row", "rows"), "Paths": quoteYAML(s.Paths...), "Format": s.Format, "Found": found,
		"APIShape": s.JSON && slices.Contains(s.Columns, "contactIds") &&
			slices.ContainsFunc(s.Columns, func(c string) bool { return strings.HasPrefix(c, "profile.") }),
		"Region": g.region, "ContactIDs": ids, "Fields": fields, "Memories": memories, "LeftOut": leftOut, "Empty": empty,
	})
	return b.String(), err
}

func quoteYAML(texts ...string) string {
	quoted := make([]string, len(texts))
	for i, s := range texts {
		quoted[i] = string(contact.StringValue(s))
	}
	return strings.Join(quoted, ", ")
}

func (g *guesser) name(column int) string { return quoteYAML(g.Columns[column]) }

func (g *guesser) from(columns []int) string {
	if len(columns) == 1 {
		return "column: " + g.name(columns[0])
	}
	var names []string
	for _, c := range columns {
		names = append(names, g.Columns[c])
	}
	return "columns: [" + quoteYAML(names...) + "]"
}

func (g *guesser) use(columns ...int) {
	for _, i := range columns {
		g.used[i] = true
	}
}

// contactIDs chooses what identifies a contact: an address or a number that a
// channel knows them by. Ids of the CRM, or the first column, are for where there
// are none.
func (g *guesser) contactIDs() (lines []string) {
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	own := slices.DeleteFunc(g.find("contactIds"), func(i int) bool { return slices.Contains(recordIDs, plainName(g.Columns[i])) })
	emails := g.fitting(g.find("email"), email, options{})
	phones := options{region: g.region}
	mobiles := g.fitting(g.find("mobile"), phone, phones)
	others := g.fitting(g.find("phone"), phone, phones)
	g.use(slices.Concat(own, mobiles, others)...)

	comment := ""
	if len(own) > 0 {
		add("- {column: %s, type: list}", g.name(own[0]))
		comment = "# "
	}
	if len(emails) > 0 {
		add("%s- {%s, type: email, lower: true}", comment, g.from(emails))
	}
	// A number is an identity of its own where it stands in for the address.
	known := slices.Concat(own, emails)
	needed := len(known) == 0 || slices.ContainsFunc(known, func(i int) bool { return len(g.values[i]) < g.rows })
	numbers := mobiles
	if len(numbers) == 0 {
		numbers = others
	}
	switch {
	case len(numbers) == 0:
	case needed:
		add("- {%s, type: phone} # unsure: people who share a number cannot both be imported", g.from(numbers))
	default:
		add("# - {%s, type: phone} # also known by this number", g.from(numbers))
	}
	for i, column := range g.Columns {
		switch {
		case !slices.Contains(recordIDs, plainName(column)):
			continue
		case len(lines) > 0:
			add("# - %s # the record in the CRM: no channel knows a contact by it", g.name(i))
		default:
			add("- %s # unsure: no channel knows a contact by it", g.name(i))
		}
		g.use(i)
	}
	if len(lines) == 0 {
		add("- %s # unsure: no column looks like an address or a number", g.name(0))
	}
	return lines
}

// fitting are the columns that hold something, all of it of a kind.
func (g *guesser) fitting(columns []int, k kind, o options) []int {
	return slices.DeleteFunc(slices.Clone(columns), func(i int) bool { return len(g.values[i]) == 0 || !g.fit(i, k, o) })
}

func (g *guesser) fields() (lines []string) {
	for _, field := range guessed {
		if line := g.field(field); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// field is the entry of a field; empty where there is no column for it.
func (g *guesser) field(field string) string {
	t := defaultField(field)
	columns := g.find(field)
	if t == nil { // mobile and phone give contact ids only
		return ""
	}
	if len(columns) == 0 {
		return g.partOfName(field)
	}
	g.use(columns...)
	best := columns[max(0, slices.IndexFunc(columns, func(i int) bool { return len(g.values[i]) > 0 }))]
	name, fits := g.name(best), g.fit(best, t.kind, options{})
	switch {
	case field == "birthday":
		return g.date(best)
	case t.kind == list:
		return g.list(best)
	case t.kind == email:
		if fit := g.fitting(columns, email, options{}); len(fit) > 0 {
			return fmt.Sprintf("email: {%s, lower: true}", g.from(fit))
		}
		return fmt.Sprintf("# email: %s # unsure: it holds more than one address, or none: %s", name, g.examples(best))
	case t.kind == boolean && !fits:
		return fmt.Sprintf("# unsure: which of %s is a yes?\n    # %s: {column: %s, true_values: [], false_values: []}", g.examples(best), field, name)
	case !fits:
		return fmt.Sprintf("# %s: %s # unsure: not whole numbers: %s", field, name, g.examples(best))
	}
	return field + ": " + name
}

// partOfName takes a name apart where there is no column for its parts.
func (g *guesser) partOfName(field string) string {
	words := map[string]string{"firstname": `split(trim(%s), " ")[0]`, "lastname": `trim(join(split(trim(%s), " ")[1:], " "))`}[field]
	for i, column := range g.Columns {
		if words != "" && slices.Contains(fullNames, plainName(column)) && len(g.values[i]) > 0 {
			g.use(i)
			code := fmt.Sprintf(words, "row["+g.name(i)+"]")
			return fmt.Sprintf("%s: {expr: '%s'} # unsure: the first word is taken for the first name", field, strings.ReplaceAll(code, "'", "''"))
		}
	}
	return ""
}

// guessLayouts are tried in this order: where two fit, the first one wins and is
// unsure.
var guessLayouts = []string{"YYYY-MM-DD", "D.M.YYYY", "M/D/YYYY", "D/M/YYYY", "M/D/YY", "D-M-YYYY", "YYYY/MM/DD", "MMM D, YYYY", "D MMM YYYY",
	"YYYY-MM-DD HH:mm", "YYYY-MM-DD HH:mm:ss", "unix_ms"}

func (g *guesser) date(column int) string {
	var fit []string
	for _, l := range guessLayouts {
		layout, err := goLayout(l)
		if err == nil && g.fit(column, date, options{layouts: []string{layout}, layout: time.DateOnly}) {
			fit = append(fit, l)
		}
	}
	name := g.name(column)
	switch {
	case len(g.values[column]) == 0:
		return fmt.Sprintf("birthday: {column: %s, type: date} # unsure: it is empty here", name)
	case len(fit) == 0:
		return fmt.Sprintf("birthday: %s # unsure: not dates in one form: %s", name, g.examples(column))
	}
	entry := fmt.Sprintf("birthday: {column: %s, type: date, layouts: [%s]}", name, quoteYAML(fit[0]))
	if len(fit) > 1 {
		entry += " # unsure: or " + fit[1]
	}
	return entry
}

func (g *guesser) list(column int) string {
	values := "\n" + strings.Join(g.values[column], "\n")
	entry := "tasks: " + g.name(column)
	switch {
	case strings.Contains(values, " ::: "):
		entry = fmt.Sprintf("tasks: {column: %s, separator: %s}", g.name(column), quoteYAML(" ::: "))
	case strings.Contains(values, ",") && !strings.ContainsAny(values, ";|") && !strings.Contains(values, "\n["):
		entry = fmt.Sprintf("tasks: {column: %s, separator: %s}", g.name(column), quoteYAML(","))
	}
	if plainName(g.Columns[column]) != "tasks" {
		entry += " # unsure: of the default fields, tasks is the only list of texts"
	}
	return entry
}

func (g *guesser) memories() string {
	for i, column := range g.Columns {
		if !g.used[i] && slices.Contains(notes, plainName(column)) && len(g.values[i]) > 0 {
			g.use(i)
			return fmt.Sprintf("# memories: {column: %s, type: memory, timestamp: 2026-01-31T00:00:00Z} # unsure: texts that a bot would see", g.name(i))
		}
	}
	return ""
}

// leftOut names the other columns, and those of them that are empty.
func (g *guesser) leftOut() (rest, empty string) {
	var names, emptyNames []string
	for i, column := range g.Columns {
		switch {
		case g.used[i] || strings.HasPrefix(column, "_") || strings.TrimSpace(column) == "":
		case len(g.values[i]) == 0:
			emptyNames = append(emptyNames, g.name(i))
		default:
			names = append(names, g.name(i))
		}
	}
	return wrapped("# Left out: ", names), wrapped("# Left out, and empty here: ", emptyNames)
}

// wrapped writes names into comment lines of 100 characters or so; nothing where
// there are none.
func wrapped(start string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	var lines []string
	line := "  " + start
	for i, name := range names {
		if i < len(names)-1 {
			name += ", "
		}
		if len(line)+len(name) > 100 {
			lines = append(lines, strings.TrimRight(line, " "))
			line = "  #   "
		}
		line += name
	}
	return strings.TrimSpace(strings.Join(append(lines, line), "\n"))
}

func (g *guesser) examples(column int) string {
	var some []string
	for _, v := range g.values[column] {
		if v = Show(v); !slices.Contains(some, v) && len(some) < 4 {
			some = append(some, v)
		}
	}
	return strings.Join(some, ", ")
}
