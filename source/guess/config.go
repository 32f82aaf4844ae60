package guess

import (
	"cmp"
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"unicode/utf8"

	"importer/internal/plain"
	"importer/internal/words"
	"importer/source/mapping/columns"
	"importer/source/mapping/dates"
)

//go:embed config.yaml.tmpl
var configText string

var configTemplate = template.Must(template.New("").Parse(configText))

// Config writes the sections source and mapping of a configuration for the sample, in
// YAML with comments. What it is not sure about is marked "unsure".
func (s *Sample) Config() (string, error) {
	for _, path := range s.Paths {
		if !utf8.ValidString(path) {
			return "", fmt.Errorf("the name %q is not UTF-8, and no configuration can hold it: rename the file first", path)
		}
	}
	g := newGuesser(s)
	found := ""
	if s.Delimiter != 0 {
		found = fmt.Sprintf("the delimiter %q", s.Delimiter)
		if s.Encoding != "" {
			found += " and the encoding " + s.Encoding
		}
	}
	sheet := ""
	if s.Sheet != "" {
		sheet = quoteYAML(s.Sheet)
	}
	nulls := slices.Clone(s.NullValues)
	for _, n := range s.nulls {
		if !slices.Contains(nulls, n.text) {
			nulls = append(nulls, n.text)
		}
	}
	// Each takes columns, and those behind it get what is left.
	ids, others := g.contactIDs()
	fields, memories := g.fields(), g.memories()
	fields = append(fields, g.answered()...)
	custom := g.customFields()
	leftOut, empty := g.leftOut()
	var b strings.Builder
	err := configTemplate.Execute(&b, map[string]any{
		"Name": quoteYAML(s.Name), "Rows": words.Plural(s.rows, "row", "rows"), "Paths": quoteYAML(s.Paths...), "Format": s.Format, "Found": found,
		"Sheet": sheet, "HeaderRow": s.HeaderRow, "Nulls": quoteYAML(nulls...), "FoundNulls": places(s.nulls),
		"APIShape": g.apiShape(),
		"Region":   g.region, "RegionWhy": g.regionWhy, "ContactIDs": ids, "OtherIDs": others,
		"Fields": fields, "Memories": memories, "Custom": custom, "LeftOut": leftOut, "Empty": empty,
	})
	return plain.Escape(b.String()), err // what comments quote has been looked at for line breaks alone
}

// quoteYAML writes texts from outside, such as names of columns and files: in double
// quotes, with everything escaped that is not printable, so that no text can be taken
// for anything else. Expressions read the same form.
func quoteYAML(texts ...string) string {
	quoted := make([]string, len(texts))
	for i, s := range texts {
		var b strings.Builder
		for _, r := range s {
			switch {
			case r == '"' || r == '\\':
				b.WriteString(`\` + string(r))
			case plain.Is(r):
				b.WriteRune(r)
			case r > 0xFFFF:
				fmt.Fprintf(&b, `\U%08X`, r)
			default:
				fmt.Fprintf(&b, `\u%04X`, r)
			}
		}
		quoted[i] = `"` + b.String() + `"`
	}
	return strings.Join(quoted, ", ")
}

// name is what a mapping calls a column, in quotes.
func (g *guesser) name(column int) string {
	if g.JSON {
		return quoteYAML(g.Columns[column])
	}
	return quoteYAML(columns.Ref(g.Columns, column))
}

func (g *guesser) from(columns []int) string {
	if len(columns) == 1 {
		return "column: " + g.name(columns[0])
	}
	var names []string
	for _, c := range columns {
		names = append(names, g.name(c))
	}
	return "columns: [" + strings.Join(names, ", ") + "]"
}

func (g *guesser) use(columns ...int) {
	for _, i := range columns {
		g.used[i] = true
	}
}

// contactIDs chooses what identifies a contact, as an import without a mapping does: an
// id of the API, else an address, else a number. Each further column stands in for those
// before it, so that none refuses a row that would be in without it. The others are what
// could be named as well.
func (g *guesser) contactIDs() (lines, others []string) {
	add := func(line string, ok bool) {
		if ok {
			lines = append(lines, line)
		}
	}
	own, emails, numbers := g.find(columns.ContactIDs), g.find(columns.Email), slices.Concat(g.find(columns.Mobile), g.find(columns.Phone))
	for _, i := range own {
		add(g.contactID(i, taken("contactIds"), "", "list", len(lines) > 0, ""))
	}
	for _, i := range emails {
		add(g.contactID(i, taken("email"), "no address", "email", len(lines) > 0, ""))
	}
	// A number that is somebody's own is an identity beside the address, where it is one
	// for others.
	beside := slices.IndexFunc(numbers, func(i int) bool { return len(g.values[i]) > 0 })
	if g.withoutAny(slices.Concat(own, emails)) == 0 || !g.ownNumbers(numbers) {
		beside = -1
	}
	for n, i := range numbers {
		comment := ""
		if n == beside {
			comment = "unsure: people who share a number cannot both be imported; stand_in: true takes it only where there is no address"
		}
		standIn := g.answers[i].standIn
		if standIn {
			comment = ""
		}
		add(g.number(i, len(lines) > 0 && (n != beside || standIn), comment))
	}
	g.use(slices.Concat(own, numbers)...)
	if len(lines) == 0 {
		others = g.proposed()
	}
	for i, plain := range g.plain {
		if columns.IsRecordID(plain) && g.goals[i].Target < 0 {
			others = append(others, fmt.Sprintf("# - %s # the record in the CRM: no channel knows a contact by it", g.name(i)))
			g.use(i)
		}
	}
	return lines, others
}

// proposed are columns that hold addresses or numbers, whatever their names say. Which
// of them are the contact's own is for a person to say.
func (g *guesser) proposed() (lines []string) {
	for i := range g.Columns {
		values := g.values[i]
		for _, typ := range []string{"email", "phone"} {
			fits := taken(typ)
			if typ == "phone" {
				fits = func(v sampleValue) bool { return strings.HasPrefix(v.text, "+") && len(g.complete(v.text)) > 0 }
			}
			if n := len(values) - len(g.misfits(i, fits)); !g.used[i] && dates.Mostly(n, len(values)) {
				lines = append(lines, fmt.Sprintf("#   - {column: %s, type: %s} # %d of %d values look like it", g.name(i), typ, n, len(values)))
			}
		}
	}
	return lines
}

// contactID is the entry of a column, unless all that it holds is something else.
func (g *guesser) contactID(column int, fits func(sampleValue) bool, misfit, typ string, standIn bool, comment string) (string, bool) {
	bad, values := g.misfits(column, fits), len(g.values[column])
	if values == 0 {
		comment = "empty here"
	}
	if standIn {
		typ += ", stand_in: true"
	}
	comment = join(comment, g.told(bad, values, misfit))
	return fmt.Sprintf("- {column: %s, type: %s}", g.name(column), typ) + behind(comment), values == 0 || len(bad) < values
}

// number is the entry of a column of phone numbers. They are kept where they cannot be
// completed.
func (g *guesser) number(column int, standIn bool, comment string) (string, bool) {
	const typ = "phone, keep_incomplete: true"
	complete := func(v sampleValue) bool { return len(g.complete(v.text)) > 0 }
	if line, ok := g.contactID(column, complete, "not a complete number", typ, standIn, comment); ok {
		return line, ok
	}
	return g.contactID(column, taken("phone"), "no number", typ, standIn, join(comment, "unsure: no number has a country code"))
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

// behind is a comment behind an entry; empty without a text.
func behind(comment string) string {
	if comment == "" {
		return ""
	}
	return " # " + comment
}

// told says which values of a column do not fit.
func (g *guesser) told(bad []sampleValue, of int, what string) string {
	if len(bad) == 0 {
		return ""
	}
	s := fmt.Sprintf("%s in %d of %d: %s", what, len(bad), of, places(bad))
	if !dates.Mostly(of-len(bad), of) {
		s = "unsure: " + s
	}
	return s
}

// places are the first values of several with their lines.
func places(values []sampleValue) string {
	var all []string
	for _, v := range values[:min(len(values), 5)] {
		all = append(all, fmt.Sprintf("line %d %s", v.line, words.Show(v.text)))
	}
	if len(values) > 5 {
		all = append(all, "…")
	}
	return strings.Join(all, ", ")
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
	target, _ := columns.Field(field)
	found := g.find(target)
	if len(found) == 0 {
		return cmp.Or(g.partOfName(field), g.partsOfDate(field))
	}
	g.use(found...)
	best := found[max(0, slices.IndexFunc(found, func(i int) bool { return len(g.values[i]) > 0 }))]
	name, bad, values := g.name(best), g.misfits(best, taken(field)), len(g.values[best])
	fits := values == 0 || dates.Mostly(values-len(bad), values)
	switch {
	case field == "birthday":
		return g.birthday(best)
	case field == "tasks":
		if g.plain[best] != "tasks" {
			name += " # unsure: of the default fields, tasks is the only list of texts"
		}
		return "tasks: " + name
	case field == "email":
		return g.email(found, best)
	case field == "age" && !fits:
		return fmt.Sprintf("# %s: %s # unsure: not whole numbers: %s", field, name, g.examples(best))
	case !fits:
		return fmt.Sprintf("# unsure: which of %s is a yes?\n    # %s: {column: %s, true_values: [], false_values: []}", g.examples(best), field, name)
	}
	return field + ": " + name + behind(g.told(bad, values, "another value, which refuses its row,"))
}

func (g *guesser) email(columns []int, best int) string {
	var fit []int
	for _, i := range columns {
		if n := len(g.values[i]); n == 0 || len(g.misfits(i, taken("email"))) < n {
			fit = append(fit, i)
		}
	}
	if len(fit) == 0 {
		return fmt.Sprintf("# email: %s # unsure: it holds no address, or several that nothing separates: %s", g.name(best), g.examples(best))
	}
	return fmt.Sprintf("email: {%s}", g.from(fit))
}

var lastFirst = regexp.MustCompile(`^[^,]+,[^,]+$`)

// partOfName takes a name apart where there is no column for its parts.
func (g *guesser) partOfName(field string) string {
	parts := map[string]string{"firstname": `split(trim(%s), " ")[0]`, "lastname": `trim(join(split(trim(%s), " ")[1:], " "))`}
	behindComma := map[string]int{"firstname": 1, "lastname": 0}
	for i := range g.Columns {
		if parts[field] == "" || g.goals[i].Target >= 0 || !columns.IsFullName(g.plain[i]) || len(g.values[i]) == 0 {
			continue
		}
		g.use(i)
		commas := 0
		for _, v := range g.values[i] {
			if lastFirst.MatchString(v.text) {
				commas++
			}
		}
		row, why := "row["+g.name(i)+"]", "the first word is taken for the first name"
		code := fmt.Sprintf(parts[field], row)
		if dates.Mostly(commas, len(g.values[i])) {
			code = fmt.Sprintf(`%s contains "," ? trim(split(%s, ",")[%d]) : %s`, row, row, behindComma[field], code)
			why = "the last name stands before the comma"
		}
		return fmt.Sprintf("%s: {expr: '%s'} # unsure: %s", field, strings.ReplaceAll(code, "'", "''"), why)
	}
	return ""
}

// partsOfDate puts a birthday together of its year, month and day.
func (g *guesser) partsOfDate(field string) string {
	var parts []string
	for _, part := range []string{"birthyear", "birthmonth", "birthday"} {
		i := slices.Index(g.plain, part)
		if field != "birthday" || i < 0 {
			return ""
		}
		g.use(i)
		parts = append(parts, "row["+g.name(i)+"]")
	}
	code := fmt.Sprintf(`%s == "" ? "" : join([%s], "-")`, parts[0], strings.Join(parts, ", "))
	return fmt.Sprintf("birthday: {expr: '%s'}", strings.ReplaceAll(code, "'", "''"))
}

// slashLayouts pin the order of day and month.
var slashLayouts = map[dates.Order][]string{
	dates.DayFirst:   {"D/M/YYYY", "D/M/YY", "D-M-YYYY", "D-M-YY", "D/M/YYYY HH:mm", "D/M/YYYY HH:mm:ss", "D/M/YYYY h:mm A", "D/M/YYYY h:mm:ss A"},
	dates.MonthFirst: {"M/D/YYYY", "M/D/YY", "M-D-YYYY", "M-D-YY", "M/D/YYYY HH:mm", "M/D/YYYY HH:mm:ss", "M/D/YYYY h:mm A", "M/D/YYYY h:mm:ss A"},
}

// birthday is the entry of a birthday: what is no date is left out of its row.
func (g *guesser) birthday(column int) string {
	name, values := g.name(column), g.values[column]
	if len(values) == 0 {
		return fmt.Sprintf("birthday: %s # unsure: it is empty here", name)
	}
	var d dates.Sample
	for _, v := range values {
		d.Add(v.text)
	}
	forms, why := d.Forms(), ""
	if none := len(g.misfits(column, isBirthday(nil, forms))); forms.Order == dates.Unsettled && none > 0 {
		if forms.Order, why = g.usualOrder(column); d.Mixed() {
			forms.Order, why = dates.Unsettled, "the day stands first in some and the month in others"
		}
		if open := g.misfits(column, hasAnOrder); forms.Order == dates.Unsettled && len(open) > 0 && (none-len(open))*2 < len(values) {
			return g.openBirthday(column, why, open)
		}
	}
	layouts := g.layouts(column, forms)
	if !slices.ContainsFunc(layouts, func(l string) bool { return l[0] == 'D' || l[0] == 'M' }) {
		why = "" // the order was not needed
	}
	var compiled []string
	for _, l := range layouts {
		layout, _ := dates.Layout(l) // cannot fail: they are our own
		compiled = append(compiled, layout)
	}
	bad := g.misfits(column, isBirthday(compiled, forms))
	if len(bad)*2 >= len(values) {
		return fmt.Sprintf("# birthday: %s # unsure: not dates that are known: %s", name, g.examples(column))
	}
	if g.shortYears(column) {
		why = join(why, "two digits of a year are taken for the last one that is past")
	}
	if why != "" {
		why = "unsure: " + why
	}
	comment := behind(join(why, g.told(bad, len(values), "left out as no date")))
	if len(layouts) == 0 {
		return "birthday: " + name + comment
	}
	return fmt.Sprintf("birthday: {column: %s, layouts: [%s]}%s", name, quoteYAML(layouts...), comment)
}

// openBirthday is the entry of a birthday some values of which can be read with the day
// first and with the month first, when nothing tells which. They are left out, as
// without a configuration.
func (g *guesser) openBirthday(column int, why string, open []sampleValue) string {
	return fmt.Sprintf("birthday: %s # unsure: %s, so these are left out: %s\n    # To take them: birthday: {column: %[1]s, layouts: [\"D/M/YYYY\"]}, or [\"M/D/YYYY\"]",
		g.name(column), why, places(open))
}

// hasAnOrder tells of a value whether it is clear which number is the day.
func hasAnOrder(v sampleValue) bool {
	order, against := dates.ByOrder(v.text, nil, dates.Forms{Order: dates.DayFirst})
	return order == dates.Unsettled || against || dates.HasDots(v.text)
}

// isBirthday tells of values whether they are birthdays, or stand for none.
func isBirthday(layouts []string, forms dates.Forms) func(sampleValue) bool {
	return func(v sampleValue) bool {
		_, why := dates.Birthday(v.text, v.number, layouts, forms)
		return why == "" || dates.None(v.text)
	}
}

// usualOrder is the order of day and month where no value tells it, but something else.
func (g *guesser) usualOrder(column int) (dates.Order, string) {
	switch {
	case g.answers[column].order != dates.Unsettled:
		return g.answers[column].order, ""
	case g.region == "US":
		return dates.MonthFirst, "the month may stand first or the day: the first, because the phone numbers are of the US"
	case g.region != "":
		return dates.DayFirst, "the month may stand first or the day: the second, because the phone numbers are not of the US"
	case g.language.Name != "English":
		return dates.DayFirst, "the month may stand first or the day: the second, because the names of the columns are " + g.language.Name
	}
	return dates.Unsettled, "the month may stand first (M/D) or the day (D/M), and nothing tells"
}

// layouts are those that a column needs beside what is read by itself.
func (g *guesser) layouts(column int, forms dates.Forms) (needed []string) {
	candidates := slashLayouts[forms.Order]
	dotsToo := forms.Dots == dates.MonthFirst
	if dotsToo {
		candidates = append(slices.Clone(candidates), "M.D.YYYY", "M.D.YY")
	}
	if forms.Numbers != "" {
		candidates = append(slices.Clone(candidates), forms.Numbers)
	}
	bare := isBirthday(nil, dates.Forms{YearFirst: forms.YearFirst})
	for _, v := range g.values[column] {
		_, _, _, ordered := dates.BothWays(v.text)
		if ordered = ordered && (dotsToo || !dates.HasDots(v.text)); bare(v) && !ordered || dates.None(v.text) {
			continue
		}
		for _, l := range candidates {
			layout, _ := dates.Layout(l) // cannot fail: they are our own
			if _, _, ok := dates.ByLayout(v.text, []string{layout}); ok && !slices.Contains(needed, l) {
				needed = append(needed, l)
				break
			}
		}
	}
	slices.SortStableFunc(needed, func(a, b string) int { return slices.Index(candidates, a) - slices.Index(candidates, b) })
	return needed
}

var endsShort = regexp.MustCompile(`^\d{1,2}[./-](\d{1,2}|[A-Za-z]{3})[./-]\d\d\b`)

func (g *guesser) shortYears(column int) bool {
	return slices.ContainsFunc(g.values[column], func(v sampleValue) bool {
		return !dates.None(v.text) && endsShort.MatchString(v.text)
	})
}

func (g *guesser) memories() string {
	for i := range g.Columns {
		if !g.used[i] && slices.Contains(notes, g.plain[i]) && len(g.values[i]) > 0 {
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
		isEmpty := len(g.values[i]) == 0
		switch {
		case g.used[i] || strings.HasPrefix(column, "_") || isEmpty && columns.Plain(column) == "":
		case isEmpty:
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
		if s := words.Show(v.text); !slices.Contains(some, s) && len(some) < 4 {
			some = append(some, s)
		}
	}
	return strings.Join(some, ", ")
}
