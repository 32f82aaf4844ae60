// Package guess writes a configuration for a file that nobody has described: which
// column is for what, by its name and by what stands in its first rows.
//
//	rows ──► Sample ──► Config
package guess

import (
	"cmp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"importer/importer/idtext"
	"importer/source/guess/region"
	"importer/source/mapping"
	"importer/source/mapping/columns"
)

// guessed are the fields that a guess looks for columns for, in the order of its
// answer.
var guessed = []string{"firstname", "lastname", "email", "birthday", "gender", "location", "profilepic", "tasks",
	"accepted_gdpr", "prevent_data_collection", "age"}

// notes are texts that could become memories.
var notes = strings.Fields("notes note description comments comment personnotes bemerkung bemerkungen notizen remarques notas note opmerkingen")

// nullWords are what programs write where there is nothing, in these spellings: Null
// and Nan are names of people.
var nullWords = []string{"NULL", "null", "(null)", "<null>", "[null]", `\N`, "N/A", "n/a", "N/a", "n.a.", "N.A.", "#N/A", "NONE", "None", "none",
	"nil", "NaN", "nan", "undefined", "-", "--", "–", "—"}

// A Sample is what a guess is based on: the columns of a file and what stands in
// its first rows.
type Sample struct {
	Name       string   // of the file
	Paths      []string // of the source, as they were given
	Format     string   // of the source
	Delimiter  rune     // of CSV
	Encoding   string   // of CSV; empty where only ASCII was seen
	Sheet      string   // of a workbook, as it was given
	HeaderRow  int      // as it was given; 0: none was
	NullValues []string // as they were given
	JSON       bool     // the columns are the members of objects
	Complete   bool     // it holds all rows of the file

	Columns []string
	index   map[string]int // of JSON: the columns by name
	values  map[int][]sampleValue
	nulls   []sampleValue // each word that stands for nothing, where it stood first
	rows    int
	bytes   int

	answers map[int]answer // what a person said, by column
	country string         // and of the phone numbers without one; "-": none
}

// A sampleValue is what stands in a column, and where.
type sampleValue struct {
	text   string
	number bool // a workbook, or JSON, has a number there
	line   int
	row    int // from 0
}

// Bounds of a sample. A longer value is cut.
const (
	maxSampleRows  = 1000
	maxSampleBytes = 8 << 20
	maxSampleValue = 1 << 10
	maxSampleName  = 1 << 10 // of a member and those around it: a longer one is no column
)

// Full tells whether it holds as much as a guess needs.
func (s *Sample) Full() bool { return s.rows >= maxSampleRows || s.bytes >= maxSampleBytes }

// Add adds a record. One that cannot be read is left out.
func (s *Sample) Add(rec *mapping.Record) {
	switch {
	case rec.Fault != nil, s.JSON && (rec.JSON.Kind() != '{' || !rec.JSON.IsValid()):
		return
	case s.JSON:
		s.addObject("", rec.JSON, rec.Line)
	}
	for i, text := range rec.Cells {
		s.addValue(i, sampleValue{text, rec.Numbers != nil && rec.Numbers[i], rec.Line, s.rows})
	}
	s.rows++
}

func (s *Sample) addObject(prefix string, object jsontext.Value, line int) {
	if s.index == nil {
		s.index = make(map[string]int)
	}
	mapping.Members(object, func(name, text string, kind jsontext.Kind) {
		if len(prefix)+len(name) > maxSampleName {
			return
		}
		name = prefix + name
		if kind == '{' && strings.Count(name, ".") < 10 {
			s.addObject(name+".", jsontext.Value(text), line)
			return
		}
		i, ok := s.index[name]
		if !ok {
			if i = len(s.Columns); i >= mapping.MaxColumns {
				return
			}
			s.Columns = append(s.Columns, name)
			s.index[name] = i
		}
		if kind != 'n' {
			s.addValue(i, sampleValue{text, kind == '0', line, s.rows})
		}
	})
}

func (s *Sample) addValue(column int, v sampleValue) {
	if s.values == nil {
		s.values = make(map[int][]sampleValue)
	}
	v.text = strings.TrimSpace(v.text)
	switch {
	case v.text == "":
	case slices.Contains(nullWords, v.text) || slices.Contains(s.NullValues, v.text):
		if !slices.ContainsFunc(s.nulls, func(n sampleValue) bool { return n.text == v.text }) {
			s.nulls = append(s.nulls, v)
		}
	default:
		if len(v.text) > maxSampleValue {
			v.text = strings.ToValidUTF8(v.text[:maxSampleValue], "")
		}
		v.text = strings.Clone(v.text) // and not the whole row that it stands in
		s.values[column] = append(s.values[column], v)
		s.bytes += len(v.text) + 50
	}
}

// A guesser guesses what the columns of a sample are for.
type guesser struct {
	*Sample
	goals     []columns.Goal // by column; those that go nowhere have the target -1
	plain     []string
	used      map[int]bool
	custom    []int // columns that are to be custom fields
	language  region.Language
	region    string
	regionWhy string // or why there is none
}

func newGuesser(s *Sample) *guesser {
	g := &guesser{Sample: s, used: make(map[int]bool)}
	lastPart := func(column string) string { // that of a dotted name is the name of the member
		if s.JSON {
			column = column[strings.LastIndexByte(column, '.')+1:]
		}
		return column
	}
	var parts []string
	for _, column := range s.Columns {
		parts = append(parts, lastPart(column))
	}
	has := columns.NamesIn(slices.Concat(s.Columns, parts))
	for i, column := range s.Columns {
		to, ok := columns.GoalOf(column, has)
		if !ok {
			to, ok = columns.GoalOf(parts[i], has)
		}
		if !ok || strings.HasPrefix(column, "_") {
			to.Target = -1
		}
		plain := columns.Plain(parts[i])
		if a, ok := s.answers[i]; ok {
			to, plain = a.goal(to, plain)
			if a.custom != "" {
				g.custom = append(g.custom, i)
			}
		}
		g.goals, g.plain = append(g.goals, to), append(g.plain, plain)
	}
	g.language = region.LanguageOf(g.plain)
	g.guessRegion()
	return g
}

// find are the columns of a target that are not used yet, those with the best names
// first.
func (g *guesser) find(target int) []int {
	var found []int
	for i, to := range g.goals {
		if to.Target == target && !g.used[i] {
			found = append(found, i)
		}
	}
	slices.SortStableFunc(found, func(a, b int) int { return cmp.Compare(g.goals[a].Rank, g.goals[b].Rank) })
	return found
}

// guessRegion lets the first numbers vote for their country.
func (g *guesser) guessRegion() {
	var numbers []string
	for _, i := range slices.Concat(g.find(columns.Mobile), g.find(columns.Phone)) {
		for _, v := range g.values[i] {
			if len(numbers) < region.MaxNumbers {
				numbers = append(numbers, asTheyStand(v.text)...)
			}
		}
	}
	switch g.region, g.regionWhy = region.Vote(numbers, g.language.Regions); g.country {
	case "":
	case "-":
		g.region, g.regionWhy = "", "no country was named"
	default:
		g.region, g.regionWhy = g.country, ""
	}
}

// asTheyStand are the phone numbers that a text holds, by name.
func asTheyStand(s string) []string {
	ids, _ := idtext.PlainPhone(s, idtext.TextForm)
	return ids
}

// complete are the phone numbers that a text holds and that are complete, in E.164.
func (g *guesser) complete(s string) (complete []string) {
	numbers, _ := idtext.Phone(s, idtext.TextForm, idtext.PhoneOptions{Region: g.region})
	for _, n := range numbers {
		complete = append(complete, n.E164)
	}
	return complete
}

// ownNumbers tells whether each number is that of one row, as far as it can be known:
// then people can be known by it beside their address.
func (g *guesser) ownNumbers(columns []int) bool {
	owner := make(map[string]int)
	for _, i := range columns {
		for _, v := range g.values[i] {
			numbers := g.complete(v.text)
			if len(numbers) == 0 {
				numbers = asTheyStand(v.text)
			}
			for _, number := range numbers {
				if row, ok := owner[number]; ok && row != v.row {
					return false
				}
				owner[number] = v.row
			}
		}
	}
	return g.Complete
}

// withoutAny counts the rows that have nothing in several columns.
func (g *guesser) withoutAny(columns []int) int {
	rows := make(map[int]bool)
	for _, i := range columns {
		for _, v := range g.values[i] {
			rows[v.row] = true
		}
	}
	return g.rows - len(rows)
}

// misfits are the values of a column that do not fit.
func (g *guesser) misfits(column int, fits func(sampleValue) bool) (bad []sampleValue) {
	for _, v := range g.values[column] {
		if !fits(v) {
			bad = append(bad, v)
		}
	}
	return bad
}

// taken tells of values whether they fit what a name stands for.
func taken(name string) func(sampleValue) bool {
	return func(v sampleValue) bool { return mapping.Takes(name, v.text, v.number) }
}
