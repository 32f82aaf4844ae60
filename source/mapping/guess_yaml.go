package mapping

import (
	"fmt"
	"importer/importer/contact"
	"importer/internal/words"
	"slices"
	"strings"
	"time"
)

func (g *guesser) line(format string, args ...any) { fmt.Fprintf(&g.b, format+"\n", args...) }

// name is a column in YAML.
func (g *guesser) name(column int) string { return quoteYAML(g.Columns[column]) }

func (g *guesser) names(columns []int) string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = g.name(c)
	}
	return strings.Join(all, ", ")
}

// from says in YAML where a value comes from.
func (g *guesser) from(columns []int) string {
	if len(columns) == 1 {
		return "column: " + g.name(columns[0])
	}
	return "columns: [" + g.names(columns) + "]"
}

func quoteYAML(s string) string { return string(contact.StringValue(s)) }

func (g *guesser) write() {
	quoted := make([]string, len(g.Paths))
	for i, p := range g.Paths {
		quoted[i] = quoteYAML(p)
	}
	g.line("# Guessed from the header of %s and its first %s. What is marked", g.Sample.Name, words.Plural(g.rows, "row", "rows"))
	g.line("# \"unsure\" wants a look. Show what becomes of a row: importer preview --row 1")
	g.line("source:")
	g.line("  paths: [%s]", strings.Join(quoted, ", "))
	g.line("  format: %s", g.Format)
	if g.Delimiter != 0 {
		found := ""
		if g.Encoding != "" {
			found = " and the encoding " + g.Encoding
		}
		g.line("  # Found by itself in each file: the delimiter %q%s.", g.Delimiter, found)
	}
	g.line("")
	if g.JSON && slices.Contains(g.Columns, "contactIds") && slices.ContainsFunc(g.Columns, func(c string) bool { return strings.HasPrefix(c, "profile.") }) {
		g.line("# No mapping is needed: the objects are in the API's own shape.")
		return
	}
	g.line("mapping:")
	if g.region != "" {
		g.line("  # The country of phone numbers without a country code.")
		g.line("  region: %s # unsure: the one that most numbers with a country code have", g.region)
	}
	g.writeIDs()
	g.line("  fields:")
	fields := g.b.Len()
	for _, r := range roles {
		if r.field != "mobile" && r.field != "phone" {
			g.writeField(r.field)
		}
	}
	if g.b.Len() == fields {
		g.line("    {}")
	}
	g.writeRest()
}

// writeIDs chooses what identifies a contact: an address or a number that a
// channel knows them by.
func (g *guesser) writeIDs() {
	emails := g.fitting(g.find("email"), email, options{})
	phones := options{region: g.region}
	mobiles := g.fitting(g.find("mobile"), phone, phones)
	others := g.fitting(g.find("phone"), phone, phones)
	own := g.find("contactIds")
	own = slices.DeleteFunc(own, func(i int) bool { return slices.Contains(recordIDs, plainName(g.Columns[i])) })

	g.line("  # What a contact is known by in the channels. All that are not empty are taken.")
	g.line("  contact_ids:")
	some := false
	if len(own) > 0 {
		g.line("    - {column: %s, type: list}", g.name(own[0]))
		some = true
	}
	if len(emails) > 0 {
		comment := ""
		if some {
			comment = "# "
		}
		g.line("    %s- {%s, type: email, lower: true}", comment, g.from(emails))
		some = true
	}
	// A number is an identity of its own where it stands in for the address.
	needed := !some
	for _, i := range append(slices.Clone(emails), own...) {
		needed = needed || len(g.values[i]) < g.rows
	}
	numbers := mobiles
	if len(numbers) == 0 {
		numbers = others
	}
	switch {
	case len(numbers) == 0:
	case needed:
		g.line("    - {%s, type: phone} # unsure: people who share a number cannot both be imported", g.from(numbers))
		some = true
	default:
		g.line("    # - {%s, type: phone} # also known by this number", g.from(numbers))
	}
	g.writeRecordIDs(some)
	for _, i := range slices.Concat(own, mobiles, others) {
		g.used[i] = true
	}
}

// writeRecordIDs offers the ids of the CRM, or the first column, where there are
// none that a channel knows.
func (g *guesser) writeRecordIDs(some bool) {
	for i, column := range g.Columns {
		switch {
		case !slices.Contains(recordIDs, plainName(column)):
			continue
		case some:
			g.line("    # - %s # the record in the CRM: no channel knows a contact by it", g.name(i))
		default:
			g.line("    - %s # unsure: no channel knows a contact by it", g.name(i))
			some = true
		}
		g.used[i] = true
	}
	if !some {
		g.line("    - %s # unsure: no column looks like an address or a number", g.name(0))
	}
}

// fitting are the columns that hold something, all of it of a kind.
func (g *guesser) fitting(columns []int, k kind, o options) []int {
	return slices.DeleteFunc(slices.Clone(columns), func(i int) bool { return len(g.values[i]) == 0 || !g.fit(i, k, o) })
}

func (g *guesser) writeField(field string) {
	columns := g.find(field)
	if len(columns) == 0 {
		if field == "firstname" || field == "lastname" {
			g.writeFullName(field)
		}
		return
	}
	for _, i := range columns {
		g.used[i] = true
	}
	best := columns[0]
	for _, i := range columns {
		if len(g.values[i]) > 0 {
			best = i
			break
		}
	}
	name := g.name(best)
	switch field {
	case "email":
		if fit := g.fitting(columns, email, options{}); len(fit) > 0 {
			g.line("    email: {%s, lower: true}", g.from(fit))
		} else {
			g.line("    # email: %s # unsure: it holds more than one address, or none: %s", name, g.examples(best))
		}
	case "birthday":
		g.writeDate(best)
	case "tasks":
		g.writeList(best)
	case "accepted_gdpr", "prevent_data_collection":
		switch {
		case g.fit(best, boolean, options{}):
			g.line("    %s: %s", field, name)
		default:
			g.line("    # unsure: which of %s is a yes?", g.examples(best))
			g.line("    # %s: {column: %s, true_values: [], false_values: []}", field, name)
		}
	case "age":
		if g.fit(best, whole, options{}) {
			g.line("    age: %s", name)
		} else {
			g.line("    # age: %s # unsure: not whole numbers: %s", name, g.examples(best))
		}
	default:
		g.line("    %s: %s", field, name)
	}
}

// writeFullName takes a name apart where there is no column for its parts.
func (g *guesser) writeFullName(field string) {
	for i, column := range g.Columns {
		if !slices.Contains(fullNames, plainName(column)) || len(g.values[i]) == 0 {
			continue
		}
		// Both parts come from it: it is not looked for again.
		g.used[i] = true
		row := "row[" + quoteYAML(column) + "]"
		code := `split(trim(` + row + `), " ")[0]`
		if field == "lastname" {
			code = `trim(join(split(trim(` + row + `), " ")[1:], " "))`
		}
		g.line("    %s: {expr: '%s'} # unsure: the first word is taken for the first name", field, strings.ReplaceAll(code, "'", "''"))
		return
	}
}

// guessLayouts are tried in this order: where two fit, the first one wins and is
// unsure.
var guessLayouts = []string{"YYYY-MM-DD", "D.M.YYYY", "M/D/YYYY", "D/M/YYYY", "M/D/YY", "D-M-YYYY", "YYYY/MM/DD", "MMM D, YYYY", "D MMM YYYY",
	"YYYY-MM-DD HH:mm", "YYYY-MM-DD HH:mm:ss", "unix_ms"}

func (g *guesser) writeDate(column int) {
	var fit []string
	for _, l := range guessLayouts {
		layout, err := goLayout(l)
		if err == nil && g.fit(column, date, options{layouts: []string{layout}, layout: time.DateOnly}) {
			fit = append(fit, l)
		}
	}
	switch {
	case len(g.values[column]) == 0:
		g.line("    birthday: {column: %s, type: date} # unsure: it is empty here", g.name(column))
	case len(fit) == 0:
		g.line("    birthday: %s # unsure: not dates in one form: %s", g.name(column), g.examples(column))
	case len(fit) > 1:
		g.line("    birthday: {column: %s, type: date, layouts: [%s]} # unsure: or %s", g.name(column), quoteYAML(fit[0]), fit[1])
	default:
		g.line("    birthday: {column: %s, type: date, layouts: [%s]}", g.name(column), quoteYAML(fit[0]))
	}
}

func (g *guesser) writeList(column int) {
	separator := ""
	for _, v := range g.values[column] {
		switch {
		case strings.Contains(v, " ::: "):
			separator = " ::: "
		case strings.ContainsAny(v, ";|"), strings.HasPrefix(v, "["):
			if separator == "," {
				separator = ""
			}
		case strings.Contains(v, ",") && separator == "":
			separator = ","
		}
	}
	comment := " # unsure: of the default fields, tasks is the only list of texts"
	if plainName(g.Columns[column]) == "tasks" {
		comment = ""
	}
	if separator == "" {
		g.line("    tasks: %s%s", g.name(column), comment)
	} else {
		g.line("    tasks: {column: %s, separator: %s}%s", g.name(column), quoteYAML(separator), comment)
	}
}

// writeRest says what becomes of the other columns.
func (g *guesser) writeRest() {
	for i, column := range g.Columns {
		if !g.used[i] && slices.Contains(notes, plainName(column)) && len(g.values[i]) > 0 {
			g.used[i] = true
			g.line("    # memories: {column: %s, type: memory, timestamp: 2026-01-31T00:00:00Z} # unsure: texts that a bot would see", g.name(i))
			break
		}
	}
	var rest, empty []string
	for i, column := range g.Columns {
		switch {
		case g.used[i] || strings.HasPrefix(column, "_") || strings.TrimSpace(column) == "":
		case len(g.values[i]) == 0:
			empty = append(empty, g.name(i))
		default:
			rest = append(rest, g.name(i))
		}
	}
	g.line("  # Columns that are not named above are left out. To keep one, create a custom")
	g.line("  # field for it and name that under fields, as in shoe_size: Shoe size")
	g.line("  unnamed: ignore")
	g.wrapped("  # Left out: ", rest)
	g.wrapped("  # Left out, and empty here: ", empty)
}

// wrapped writes names into comment lines of 100 characters or so.
func (g *guesser) wrapped(start string, names []string) {
	if len(names) == 0 {
		return
	}
	line := start
	for i, name := range names {
		if i < len(names)-1 {
			name += ", "
		}
		if len(line)+len(name) > 100 {
			g.line("%s", strings.TrimRight(line, " "))
			line = "  #   "
		}
		line += name
	}
	g.line("%s", line)
}

// examples are some values of a column.
func (g *guesser) examples(column int) string {
	var some []string
	for _, v := range g.values[column] {
		if v = Show(v); !slices.Contains(some, v) {
			some = append(some, v)
		}
		if len(some) == 4 {
			break
		}
	}
	return strings.Join(some, ", ")
}
