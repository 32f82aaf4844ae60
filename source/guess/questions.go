package guess

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"importer/internal/names"
	"importer/internal/words"
	"importer/source/mapping"
	"importer/source/mapping/columns"
	"importer/source/mapping/dates"
)

// A Question is about a column that a guess is not sure of, or, with the column -1, about
// the country of phone numbers.
type Question struct {
	Column   int
	Name     string   // of the column
	Filled   int      // rows of the sample with a value
	Rows     int      // of the sample
	Examples []string // values, in quotes
	Guess    string   // where it goes if nobody says otherwise
	Why      string   // what is not sure
	Answers  string   // what may be said, for people
}

// What may be said of a column besides the name of a field.
const (
	leaveOut   = "-"
	customWord = "custom"
	standIn    = "stand-in"
	dayFirst   = "D/M"
	monthFirst = "M/D"
)

// An answer is what a person said of a column.
type answer struct {
	target  int    // of columns.Targets; -1: none
	custom  string // name of a custom field; empty: none
	standIn bool
	order   dates.Order
	keeps   bool // the guess, but for the rest
}

// goal is where a column goes by its answer, and the name that stands for it in what is
// guessed by names.
func (a answer) goal(to columns.Goal, plain string) (columns.Goal, string) {
	if a.keeps {
		return to, plain
	}
	return columns.Goal{Target: a.target, Rank: -1}, ""
}

// whatToSay are the answers to any question about a column.
var whatToSay = "a field (" + strings.Join(guessed, ", ") + "), contactIds, mobile or phone for a contact id, custom for a custom field of this name, another name for one of that, - to leave it out"

// unsure finds what is said of an entry that is not sure.
var unsure = regexp.MustCompile(`# unsure: (.*)`)

// Questions are what the guess is unsure about, in the order of the columns.
func (s *Sample) Questions() (all []Question) {
	g := newGuesser(s)
	if g.apiShape() {
		return nil
	}
	ids, _ := g.contactIDs()
	entries := map[string][]string{"contact id": ids, "": append(g.fields(), g.memories())}
	if g.regionWhy != "" {
		all = append(all, Question{
			Column: -1, Name: "the country of phone numbers without a country code", Rows: g.rows, Guess: cmp.Or(g.region, leaveOut), Why: g.regionWhy,
			Answers: "a country such as DE, or - for none",
		})
	}
	for i := range g.Columns {
		if len(g.values[i]) == 0 || strings.HasPrefix(g.Columns[i], "_") {
			continue
		}
		q := Question{Column: i, Name: g.Columns[i], Filled: len(g.values[i]), Rows: g.rows, Answers: whatToSay}
		for _, example := range g.some(i, 3) {
			q.Examples = append(q.Examples, words.Show(example))
		}
		var goes []string
		for _, where := range []string{"contact id", ""} {
			for _, entry := range entries[where] {
				if why := unsure.FindStringSubmatch(entry); why != nil && g.names(entry, i) {
					q.Why = why[1]
					if to := cmp.Or(where, fieldOf(entry)); to != "" {
						goes = append(goes, to)
					}
				}
			}
		}
		switch q.Guess = cmp.Or(strings.Join(goes, " and "), leaveOut); {
		case q.Why == "" && g.used[i]:
			continue
		case q.Why == "":
			q.Why = "no profile field has that name"
			if like := columns.Like(q.Name); like != "" {
				q.Why += "; did you mean " + like + "?"
			}
		case q.Guess == "contact id":
			q.Answers += ", stand-in to take it only where there is no address"
		case q.Guess == "birthday":
			q.Answers += ", D/M or M/D for a birthday with that order"
		}
		all = append(all, q)
	}
	return all
}

// fieldOf is the field of an entry; empty where the entry is a comment.
func fieldOf(entry string) string {
	field, _, _ := strings.Cut(entry, ":")
	if strings.HasPrefix(field, "#") {
		return ""
	}
	return field
}

// names tells whether an entry is of a column, its comment apart.
func (g *guesser) names(entry string, column int) bool {
	entry = strings.TrimPrefix(strings.TrimSpace(entry), "# ")
	before, _, _ := strings.Cut(entry, " # unsure: ")
	return strings.Contains(strings.ReplaceAll(before, "''", "'"), g.name(column))
}

// some are different values of a column, n at most.
func (g *guesser) some(column, n int) (some []string) {
	for _, v := range g.values[column] {
		if !slices.Contains(some, v.text) && len(some) < n {
			some = append(some, v.text)
		}
	}
	return some
}

// Answer takes what a person said to a question. Its error says what may be said.
func (s *Sample) Answer(q Question, said string) error {
	if s.answers == nil {
		s.answers = make(map[int]answer)
	}
	said = strings.TrimSpace(said)
	if said == "" || strings.EqualFold(said, q.Guess) {
		return nil
	}
	if q.Column < 0 {
		country := strings.ToUpper(said)
		if err := (&mapping.Mapping{Region: country}).Validate(); err != nil && said != leaveOut {
			return fmt.Errorf("%s is no country; want %s", words.Show(said), q.Answers)
		}
		s.country = country
		return nil
	}
	a := answer{target: -1}
	switch strings.ToLower(said) {
	case leaveOut:
	case customWord:
		if a.custom = mapping.InternalName(q.Name); a.custom == "" {
			return fmt.Errorf("no letter of %s can stand in the name of a field: say a name, such as shoe_size", words.Show(q.Name))
		}
		if field, ok := columns.Field(a.custom); ok {
			a.target, a.custom = field, ""
		}
	case standIn:
		a.standIn, a.keeps = true, true
	case strings.ToLower(dayFirst):
		a.order, a.keeps = dates.DayFirst, true
	case strings.ToLower(monthFirst):
		a.order, a.keeps = dates.MonthFirst, true
	default:
		var err error
		if a.target, a.custom, err = named(said); err != nil {
			return err
		}
	}
	if a.keeps && !strings.Contains(q.Answers, strings.ToLower(said)) && !strings.Contains(q.Answers, strings.ToUpper(said)) {
		return fmt.Errorf("%s says nothing of this column; want %s", words.Show(said), q.Answers)
	}
	if err := s.checkTaken(a, q.Column); err != nil {
		return err
	}
	s.answers[q.Column] = a
	return nil
}

// checkTaken refuses that two columns go where one can.
func (s *Sample) checkTaken(a answer, column int) error {
	if a.keeps || a.target < 0 && a.custom == "" || a.target == columns.Email || a.target > columns.Active || a.target == columns.ContactIDs {
		return nil
	}
	for i, other := range s.answers {
		if i != column && !other.keeps && other.target == a.target && other.custom == a.custom {
			return fmt.Errorf("%s goes there already: say another field, or - to leave this column out", words.Show(s.Columns[i]))
		}
	}
	return nil
}

// answered are the entries of default fields that are never guessed, and that a person
// named.
func (g *guesser) answered() (lines []string) {
	for i := range g.Columns {
		if a := g.answers[i]; !a.keeps && !g.used[i] && g.goals[i].Rank < 0 && a.target >= 0 && a.target < columns.ContactIDs {
			lines = append(lines, columns.Targets[a.target].Name+": "+g.name(i))
			g.use(i)
		}
	}
	return lines
}

// named is the default field that a person named, else the custom one.
func named(said string) (target int, custom string, err error) {
	plain := columns.Plain(said)
	var all []string
	for i, t := range columns.Targets {
		if columns.Plain(t.Name) == plain {
			if i == columns.Active {
				return 0, "", errors.New("active is no field of a profile: leave the column out here, and name it in the mapping afterwards, as in active: COLUMN")
			}
			return i, "", nil
		}
		all = append(all, t.Name)
	}
	if like := words.Nearest(said, all); like != "" {
		return 0, "", fmt.Errorf("there is no default field %s; did you mean %s? Say a custom field by another name, or custom", words.Show(said), like)
	}
	if !names.IsField(said) {
		return 0, "", fmt.Errorf("%s is no name of a field: letters, digits and underscores only", words.Show(said))
	}
	return -1, said, nil
}

var (
	wholeNumber = regexp.MustCompile(`^(0|-?[1-9]\d{0,14})$`)
	yesOrNo     = regexp.MustCompile(`(?i)^(true|false|yes|no)$`)
)

// customFields are the entries of columns that a person wants as custom fields. Where
// somebody was asked, those that were left out stand there as well, ready to be taken.
func (g *guesser) customFields() (lines []string) {
	for _, i := range g.custom {
		lines = append(lines, g.customField(i, g.answers[i].custom))
	}
	g.use(g.custom...)
	if g.answers == nil {
		return lines
	}
	for i := range g.Columns {
		name := mapping.InternalName(g.Columns[i])
		_, isDefault := columns.Field(name)
		if !g.used[i] && len(g.values[i]) > 0 && !strings.HasPrefix(g.Columns[i], "_") && name != "" && !isDefault {
			lines = append(lines, "# "+g.customField(i, name)+fmt.Sprintf(" # filled in %d of %d", len(g.values[i]), g.rows))
		}
	}
	return lines
}

// customField is the entry of a column as a custom field, with the type that all its
// values have.
func (g *guesser) customField(column int, name string) string {
	all := func(form *regexp.Regexp) bool {
		return !slices.ContainsFunc(g.values[column], func(v sampleValue) bool { return !form.MatchString(v.text) })
	}
	typ := "text"
	switch {
	case len(g.values[column]) == 0:
	case all(wholeNumber):
		typ = "number"
	case all(yesOrNo):
		typ = "bool"
	}
	return fmt.Sprintf("%s: {column: %s, type: %s}", name, g.name(column), typ)
}

// apiShape tells whether the objects are in the API's own form, which needs no mapping.
func (g *guesser) apiShape() bool {
	return g.JSON && slices.Contains(g.Columns, "contactIds") && slices.ContainsFunc(g.Columns, func(c string) bool { return strings.HasPrefix(c, "profile.") })
}
