package mapping

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/nyaruka/phonenumbers"
)

// guessed are the targets that a guess looks for columns for, in the order of its
// answer.
var guessed = []string{"firstname", "lastname", "email", "mobile", "phone", "birthday", "gender", "location", "profilepic", "tasks",
	"accepted_gdpr", "prevent_data_collection", "age"}

// recordIDs identify a record of the CRM: no channel knows a contact by them.
var recordIDs = []string{"id", "recordid", "recordidcontact", "contactid", "personid", "leadid", "customerid"}

var fullNames = []string{"name", "fullname", "personname", "contactname", "displayname", "fileas"}

// notes are texts that could become memories.
var notes = []string{"notes", "note", "description", "comments", "personnotes", "bemerkung", "notizen"}

// A Sample is what a guess is based on: the columns of a file and what stands in
// its first rows.
type Sample struct {
	Name      string   // of the file
	Paths     []string // of the source, as they were given
	Format    string   // of the source
	Delimiter rune     // of CSV
	Encoding  string   // of CSV; empty where only ASCII was seen
	JSON      bool     // the columns are the members of objects

	Columns []string
	values  map[int][]string // by column: what is not empty
	rows    int
}

// Full tells whether it holds as many rows as a guess needs.
func (s *Sample) Full() bool { return s.rows >= 1000 }

// Add adds a record. One that cannot be read is left out.
func (s *Sample) Add(rec *Record) {
	switch {
	case rec.Fault != nil, s.JSON && (rec.JSON.Kind() != '{' || !rec.JSON.IsValid()):
		return
	case s.JSON:
		s.addObject("", rec.JSON)
	}
	for i, cell := range rec.Cells {
		s.addValue(i, cell)
	}
	s.rows++
}

func (s *Sample) addObject(prefix string, object jsontext.Value) {
	for m := range members(object) {
		name := prefix + m.name
		if m.kind == '{' {
			s.addObject(name+".", m.json())
			continue
		}
		i := slices.Index(s.Columns, name)
		if i < 0 {
			if i = len(s.Columns); i >= MaxColumns {
				continue
			}
			s.Columns = append(s.Columns, name)
		}
		if m.kind != 'n' {
			s.addValue(i, m.text)
		}
	}
}

func (s *Sample) addValue(column int, value string) {
	if s.values == nil {
		s.values = make(map[int][]string)
	}
	if value = strings.TrimSpace(value); value != "" {
		s.values[column] = append(s.values[column], value)
	}
}

// A guesser guesses what the columns of a sample are for.
type guesser struct {
	*Sample
	used   map[int]bool
	region string
}

func (g *guesser) find(field string) []int {
	t := targets[byName[plainName(field)]]
	var found []int
	for _, name := range slices.Concat([]string{plainName(field)}, t.names, t.exports) {
		for i, column := range g.Columns {
			// The last part of a dotted name is the name of the member.
			last := column[strings.LastIndexByte(column, '.')+1:]
			if !g.used[i] && !strings.HasPrefix(column, "_") && (plainName(column) == name || g.JSON && plainName(last) == name) && !slices.Contains(found, i) {
				found = append(found, i)
			}
		}
	}
	return found
}

// guessRegion takes the country that most numbers with a country code have.
func (g *guesser) guessRegion() {
	votes := make(map[string]int)
	for _, i := range slices.Concat(g.find("mobile"), g.find("phone")) {
		for _, v := range g.values[i] {
			if n, err := phonenumbers.Parse(v, ""); err == nil {
				votes[phonenumbers.GetRegionCodeForCountryCode(int(n.GetCountryCode()))]++
			}
		}
	}
	for region, n := range votes {
		if n > votes[g.region] || n == votes[g.region] && region < g.region {
			g.region = region
		}
	}
}

func (g *guesser) fit(column int, k kind, o options) bool {
	for _, v := range g.values[column] {
		if k == date && noDate(v) {
			continue
		}
		if _, f := valueOf(cell{text: v}, k, &o, ""); f != nil {
			return false
		}
	}
	return true
}
