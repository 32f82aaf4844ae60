package mapping

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/nyaruka/phonenumbers"
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
	maxSampleBytes = 32 << 20
	maxSampleValue = 1 << 10
)

// Full tells whether it holds as much as a guess needs.
func (s *Sample) Full() bool { return s.rows >= maxSampleRows || s.bytes >= maxSampleBytes }

// Add adds a record. One that cannot be read is left out.
func (s *Sample) Add(rec *Record) {
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
	for m := range members(object) {
		name := prefix + m.name
		if m.kind == '{' && strings.Count(name, ".") < 10 {
			s.addObject(name+".", m.json(), line)
			continue
		}
		i, ok := s.index[name]
		if !ok {
			if i = len(s.Columns); i >= MaxColumns {
				continue
			}
			s.Columns = append(s.Columns, name)
			s.index[name] = i
		}
		if m.kind != 'n' {
			s.addValue(i, sampleValue{m.text, m.kind == '0', line, s.rows})
		}
	}
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
		s.values[column] = append(s.values[column], v)
		s.bytes += len(v.text) + 50
	}
}

// A guesser guesses what the columns of a sample are for.
type guesser struct {
	*Sample
	goals     []goal // by column; those that go nowhere have the target -1
	plain     []string
	used      map[int]bool
	language  language
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
	has := namesIn(slices.Concat(s.Columns, parts))
	for i, column := range s.Columns {
		to, ok := goalOf(column, has)
		if !ok {
			to, ok = goalOf(parts[i], has)
		}
		if !ok || strings.HasPrefix(column, "_") {
			to.target = -1
		}
		g.goals, g.plain = append(g.goals, to), append(g.plain, plainName(parts[i]))
	}
	g.language = languageOf(g.plain)
	g.guessRegion()
	return g
}

// find are the columns of a target that are not used yet, those with the best names
// first.
func (g *guesser) find(target int) []int {
	var found []int
	for i, to := range g.goals {
		if to.target == target && !g.used[i] {
			found = append(found, i)
		}
	}
	slices.SortStableFunc(found, func(a, b int) int { return cmp.Compare(g.goals[a].rank, g.goals[b].rank) })
	return found
}

// A language is told by the names of columns, and says where its people are.
type language struct {
	name    string
	regions []string
	columns []string
}

var languages = []language{
	{"German", []string{"DE", "AT", "CH"}, strings.Fields("vorname nachname telefon telefonnummer mobiltelefon handynummer geburtsdatum wohnort ort stadt strasse plz firma mobil handy anrede")},
	{"French", []string{"FR", "BE", "CH", "CA"}, strings.Fields("prénom prenom téléphone téléphoneportable téléphonemobile adresseemail ville datedenaissance codepostal courriel")},
	{"Spanish", []string{"ES", "MX", "AR", "CO", "CL", "PE"}, strings.Fields("nombre apellidos teléfono teléfonomóvil ciudad correoelectrónico correo fechadenacimiento población móvil")},
	{"Italian", []string{"IT", "CH"}, strings.Fields("cognome cellulare città datadinascita compleanno indirizzoemail")},
	{"Dutch", []string{"NL", "BE"}, strings.Fields("voornaam achternaam telefoonnummer telefoon woonplaats plaats geboortedatum mobiel emailadres")},
	{"Portuguese", []string{"PT", "BR"}, strings.Fields("sobrenome apelido telefone telemóvel celular cidade datadenascimento aniversário")},
}

// languageOf is the language of most columns; English where none tells another.
func languageOf(columns []string) language {
	best, most := language{"English", []string{"US", "GB", "AU", "IE", "NZ", "ZA", "IN"}, nil}, 0
	for _, l := range languages {
		n := 0
		for _, column := range columns {
			if slices.Contains(l.columns, column) {
				n++
			}
		}
		if n > most {
			best, most = l, n
		}
	}
	return best
}

// maxNumbers is how many phone numbers vote for a region, and maxRegions between how many.
const maxNumbers, maxRegions = 200, 20

// votes are what speaks for the country of phone numbers.
type votes struct{ valid, abroad, mobile int }

func (v votes) compare(w votes) int {
	return cmp.Or(v.valid-w.valid, v.abroad-w.abroad, v.mobile-w.mobile)
}

// guessRegion lets the numbers vote for the country in which they are valid. Those
// without a country code decide where there are any, because the region is for them;
// between two countries the others decide, and then in which more of them are mobile.
func (g *guesser) guessRegion() {
	abroad, national, seen := g.numbers()
	if seen+len(national) == 0 {
		return
	}
	tally, of := make(map[int]votes), len(national)
	for code, n := range abroad {
		tally[code] = votes{abroad: n}
		if len(national) == 0 {
			tally[code] = votes{valid: n}
		}
	}
	if of == 0 {
		of = seen
	} else {
		g.count(national, tally)
	}
	codes := slices.SortedFunc(maps.Keys(tally), func(a, b int) int { return cmp.Or(tally[b].compare(tally[a]), a-b) })
	first, tie := tally[codes[0]], len(codes) > 1 && tally[codes[0]].compare(tally[codes[1]]) == 0
	what := "numbers"
	if len(national) > 0 {
		what = "numbers without a country code"
	}
	switch {
	case mostly(first.valid, of) && !tie:
		g.region = phonenumbers.GetRegionCodeForCountryCode(codes[0])
		g.regionWhy = fmt.Sprintf("%d of %d %s are valid there", first.valid, of, what)
	case len(national) > 0:
		g.regionWhy = fmt.Sprintf("name the country of the %d of %d numbers without a country code: most are valid in none, or in several", len(national), seen+len(national))
	}
}

// numbers are the valid ones with a country code, by that, and those without one.
func (g *guesser) numbers() (abroad map[int]int, national []string, seen int) {
	abroad = make(map[int]int)
	for _, i := range slices.Concat(g.find(toMobile), g.find(toPhone)) {
		for _, v := range g.values[i] {
			if seen+len(national) == maxNumbers {
				return abroad, national, seen
			}
			n, err := phonenumbers.Parse(v.text, "")
			switch {
			case err == nil && phonenumbers.IsValidNumber(n):
				abroad[int(n.GetCountryCode())]++
				seen++
			case err != nil && isNumber(v.text):
				national = append(national, v.text)
			}
		}
	}
	return abroad, national, seen
}

// isNumber tells whether a text would do as a phone number, by name.
func isNumber(s string) bool {
	_, f := oneOf(s, plainPhone, &options{})
	return f == nil
}

// count counts by country code how many numbers are valid there: in the countries of the
// language, and in those that other numbers are from.
func (g *guesser) count(national []string, tally map[int]votes) {
	regions := slices.Clone(g.language.regions)
	for _, code := range slices.Sorted(maps.Keys(tally)) {
		if region := phonenumbers.GetRegionCodeForCountryCode(code); !slices.Contains(regions, region) && len(regions) < maxRegions {
			regions = append(regions, region)
		}
	}
	for _, region := range regions {
		code := phonenumbers.GetCountryCodeForRegion(region)
		v := tally[code]
		for _, s := range national {
			n, ok := validIn(s, region)
			if !ok || int(n.GetCountryCode()) != code {
				continue
			}
			v.valid++
			if kind := phonenumbers.GetNumberType(n); kind == phonenumbers.MOBILE || kind == phonenumbers.FIXED_LINE_OR_MOBILE {
				v.mobile++
			}
		}
		tally[code] = v
	}
}

// validIn reads a number as one of a region. Where people write a zero before their
// numbers, one without it is not from there, unless it begins with the country code.
func validIn(s, region string) (*phonenumbers.PhoneNumber, bool) {
	n, err := phonenumbers.Parse(s, region)
	if err != nil || !phonenumbers.IsValidNumber(n) {
		return nil, false
	}
	zero := func(s string) bool { return strings.HasPrefix(strings.TrimLeft(s, "( "), "0") }
	code := fmt.Sprint(n.GetCountryCode())
	return n, zero(s) || !zero(phonenumbers.Format(n, phonenumbers.NATIONAL)) || strings.HasPrefix(s, code)
}

// ownNumbers tells whether each number is that of one row, as far as it can be known:
// then people can be known by it beside their address.
func (g *guesser) ownNumbers(columns []int) bool {
	owner := make(map[string]int)
	for _, i := range columns {
		for _, v := range g.values[i] {
			number, f := oneOf(v.text, phone, &options{region: g.region, asIs: true})
			if row, ok := owner[number]; f == nil && ok && row != v.row {
				return false
			}
			owner[number] = v.row
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

// misfits are the values of a column that are not of a kind.
func (g *guesser) misfits(column int, k kind, o options) (bad []sampleValue) {
	for _, v := range g.values[column] {
		c := cell{text: v.text}
		if v.number {
			c.kind = '0'
		}
		if k == birthday && noDate(v.text) {
			continue
		}
		if _, f := valueOf(c, k, &o, ""); f != nil {
			bad = append(bad, v)
		}
	}
	return bad
}
