package source

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/nyaruka/phonenumbers"
)

// A role is what a column of an export is for.
type role struct {
	field string   // profile field; mobile and phone give contact ids only
	names []string // plain names of columns, the best first
}

// roles are the columns of the exports of HubSpot, Salesforce, Pipedrive, Zoho,
// Google Contacts and Outlook, beside the names of the targets themselves.
var roles = []role{
	{"firstname", []string{"personfirstname", "contactfirstname"}},
	{"lastname", []string{"personlastname", "contactlastname"}},
	{"email", []string{"emailwork", "personemailwork", "workemail", "email1value", "primaryemail", "personemailhome", "homeemail", "personemailother",
		"secondaryemail", "email2value", "email2address", "email3value", "email3address"}},
	{"mobile", []string{"mobilephonenumber", "personphonemobile", "phonemobile", "whatsappphonenumber"}},
	{"phone", []string{"personphonework", "primaryphone", "workphone", "businessphone", "phone1value", "phonework", "personphonehome", "homephone", "personphoneother",
		"otherphone", "phone2value", "businessphone2", "homephone2"}},
	{"birthday", []string{"personbirthday", "dateofbirth"}},
	{"gender", nil},
	{"location", []string{"mailingcity", "homecity", "address1city", "businesscity", "othercity", "personpostaladdresscity", "cityregion"}},
	{"profilepic", nil},
	{"tasks", []string{"tag", "personlabels", "personlabel", "label", "categories", "groupmembership"}},
	{"accepted_gdpr", []string{"marketingconsent", "dataprocessingconsent", "legalbasisforprocessingcontactsdata"}},
	{"prevent_data_collection", nil},
	{"age", nil},
}

// recordIDs identify a record of the CRM: no channel knows a contact by them.
var recordIDs = []string{"id", "recordid", "recordidcontact", "contactid", "personid", "leadid", "customerid"}

// fullNames hold first and last name in one.
var fullNames = []string{"name", "fullname", "personname", "contactname", "displayname", "fileas"}

// notes are texts that could become memories.
var notes = []string{"notes", "note", "description", "comments", "personnotes", "bemerkung", "notizen"}

// A guesser looks at the columns of one file and what stands in them.
type guesser struct {
	file    *file
	columns []string
	values  [][]string // by column: what is in the sample and not empty
	rows    int        // of the sample
	used    map[int]bool
	region  string
	b       strings.Builder
}

// guessRows is how many rows a guess is based on.
const guessRows = 1000

// Guess looks at the first file of o, its header and a sample, and writes the
// sections source and mapping of a configuration for it, in YAML with comments.
// What it is not sure about is marked "unsure".
func Guess(o Options) (string, error) {
	o.Mapping = &Mapping{ContactIDs: []Value{{Value: "guess"}}} // any file will do
	in, err := Open(o)
	if err != nil {
		return "", err
	}
	defer in.Close()
	g := &guesser{file: in.files[0], used: make(map[int]bool)}
	if err := g.sample(in); err != nil {
		return "", err
	}
	g.guessRegion()
	g.write(o.Paths)
	return g.b.String(), nil
}

// sample reads the columns and their values.
func (g *guesser) sample(in *Input) error {
	next, done, err := in.reader(g.file)
	if err != nil {
		return err
	}
	defer done()
	g.columns = g.file.Header
	g.values = make([][]string, len(g.columns))
	at := make(map[string]int)
	add := func(column int, value string) {
		if value = strings.TrimSpace(value); value != "" {
			g.values[column] = append(g.values[column], value)
		}
	}
	var object func(prefix string, v jsontext.Value)
	object = func(prefix string, v jsontext.Value) {
		for m := range members(v) {
			name := prefix + m.name
			if m.json.Kind() == '{' {
				object(name+".", m.json)
				continue
			}
			i, ok := at[name]
			if !ok {
				if len(g.columns) >= maxColumns {
					continue
				}
				i = len(g.columns)
				at[name] = i
				g.columns, g.values = append(g.columns, name), append(g.values, nil)
			}
			value := m.text
			if m.json != nil && m.json.Kind() != 'n' {
				value = string(m.json)
			}
			add(i, value)
		}
	}
	var rec record
	for g.rows < guessRows {
		err := next(&rec)
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("%s: %w", g.file.Name, err)
		}
		if rec.fault != nil {
			continue
		}
		g.rows++
		if rec.cells == nil {
			object("", jsontext.Value(rec.raw[0]))
		}
		for i, cell := range rec.cells {
			add(i, cell)
		}
	}
	if len(g.columns) == 0 {
		return errors.New(g.file.Name + ": there is no row to guess from")
	}
	return nil
}

// find returns the columns for a field, the best first.
func (g *guesser) find(field string, names []string) []int {
	wanted := []string{plainName(field)}
	for _, t := range targets {
		if t.name == field {
			wanted = append(wanted, t.names...)
		}
	}
	wanted = append(wanted, names...)
	var found []int
	for _, name := range wanted {
		for i, column := range g.columns {
			// The last part of a dotted name is the name of the member.
			last := column[strings.LastIndexByte(column, '.')+1:]
			if !g.used[i] && !strings.HasPrefix(column, "_") && (plainName(column) == name || g.file.Format == NDJSON && plainName(last) == name) && !slices.Contains(found, i) {
				found = append(found, i)
			}
		}
	}
	return found
}

// guessRegion takes the country that most numbers with a country code have.
func (g *guesser) guessRegion() {
	votes := make(map[string]int)
	for _, field := range []string{"mobile", "phone"} {
		for _, i := range g.find(field, rolesNamed(field)) {
			for _, v := range g.values[i] {
				if n, err := phonenumbers.Parse(v, ""); err == nil {
					votes[phonenumbers.GetRegionCodeForCountryCode(int(n.GetCountryCode()))]++
				}
			}
		}
	}
	for region, n := range votes {
		if n > votes[g.region] || n == votes[g.region] && region < g.region {
			g.region = region
		}
	}
}

func rolesNamed(field string) []string {
	for _, r := range roles {
		if r.field == field {
			return r.names
		}
	}
	return nil
}

// fit tells whether all values of a column are of a kind.
func (g *guesser) fit(column int, k kind, o options) bool {
	for _, v := range g.values[column] {
		if k == date && noDate(v) {
			continue
		}
		if _, f := appendValue(nil, cell{text: v}, k, &o, ""); f != nil {
			return false
		}
	}
	return true
}

func (g *guesser) line(format string, args ...any) { fmt.Fprintf(&g.b, format+"\n", args...) }

// name is a column in YAML.
func (g *guesser) name(column int) string { return quoteYAML(g.columns[column]) }

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

func quoteYAML(s string) string { return string(appendString(nil, s)) }

func (g *guesser) write(paths []string) {
	quoted := make([]string, len(paths))
	for i, p := range paths {
		quoted[i] = quoteYAML(p)
	}
	g.line("# Guessed from the header of %s and its first %s. What is marked", g.file.Name, plural(g.rows, "row"))
	g.line("# \"unsure\" wants a look. Show what becomes of a row: importer preview --row 1")
	g.line("source:")
	g.line("  paths: [%s]", strings.Join(quoted, ", "))
	g.line("  format: %s", g.file.Format)
	if g.file.Format == CSV {
		g.line("  # Found by itself in each file: the delimiter %q%s.", g.file.Delimiter, g.encodingFound())
	}
	g.line("")
	if g.file.Format == NDJSON && slices.Contains(g.columns, "contactIds") && slices.ContainsFunc(g.columns, func(c string) bool { return strings.HasPrefix(c, "profile.") }) {
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
			g.writeField(r)
		}
	}
	if g.b.Len() == fields {
		g.line("    {}")
	}
	g.writeRest()
}

func (g *guesser) encodingFound() string {
	if g.file.Encoding == "" {
		return ""
	}
	return " and the encoding " + g.file.Encoding
}

// writeIDs chooses what identifies a contact: an address or a number that a
// channel knows them by.
func (g *guesser) writeIDs() {
	emails := g.fitting(g.find("email", rolesNamed("email")), email, options{})
	phones := options{region: g.region}
	mobiles := g.fitting(g.find("mobile", rolesNamed("mobile")), phone, phones)
	others := g.fitting(g.find("phone", rolesNamed("phone")), phone, phones)
	own := g.find("contactIds", nil)
	own = slices.DeleteFunc(own, func(i int) bool { return slices.Contains(recordIDs, plainName(g.columns[i])) })

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
	for i := range g.columns {
		if slices.Contains(recordIDs, plainName(g.columns[i])) {
			if !some {
				g.line("    - %s # unsure: no channel knows a contact by it", g.name(i))
				some = true
			} else {
				g.line("    # - %s # the record in the CRM: no channel knows a contact by it", g.name(i))
			}
			g.used[i] = true
		}
	}
	if !some {
		g.line("    - %s # unsure: no column looks like an address or a number", g.name(0))
	}
	for _, i := range slices.Concat(own, mobiles, others) {
		g.used[i] = true
	}
}

// fitting are the columns that hold something, all of it of a kind.
func (g *guesser) fitting(columns []int, k kind, o options) []int {
	return slices.DeleteFunc(slices.Clone(columns), func(i int) bool { return len(g.values[i]) == 0 || !g.fit(i, k, o) })
}

func (g *guesser) writeField(r role) {
	columns := g.find(r.field, r.names)
	if len(columns) == 0 {
		if r.field == "firstname" || r.field == "lastname" {
			g.writeFullName(r.field)
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
	switch r.field {
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
			g.line("    %s: %s", r.field, name)
		default:
			g.line("    # unsure: which of %s is a yes?", g.examples(best))
			g.line("    # %s: {column: %s, true_values: [], false_values: []}", r.field, name)
		}
	case "age":
		if g.fit(best, whole, options{}) {
			g.line("    age: %s", name)
		} else {
			g.line("    # age: %s # unsure: not whole numbers: %s", name, g.examples(best))
		}
	default:
		g.line("    %s: %s", r.field, name)
	}
}

// writeFullName takes a name apart where there is no column for its parts.
func (g *guesser) writeFullName(field string) {
	for i, column := range g.columns {
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
	if plainName(g.columns[column]) == "tasks" {
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
	for i, column := range g.columns {
		if !g.used[i] && slices.Contains(notes, plainName(column)) && len(g.values[i]) > 0 {
			g.used[i] = true
			g.line("    # memories: {column: %s, type: memory, timestamp: 2026-01-31T00:00:00Z} # unsure: texts that a bot would see", g.name(i))
			break
		}
	}
	var rest, empty []string
	for i, column := range g.columns {
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
		if v = show(v); !slices.Contains(some, v) {
			some = append(some, v)
		}
		if len(some) == 4 {
			break
		}
	}
	return strings.Join(some, ", ")
}
