package mapping

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"importer/internal/words"
	"importer/source/mapping/columns"
	"importer/source/mapping/notes"
)

// ErrNoContactID says that nothing in a header can identify a contact.
var ErrNoContactID = errors.New("no column gives a contact id")

// A Plan says where the values of a profile come from in the records of one
// file. Of a CSV record the slots are its columns. Of a JSON object they are the
// targets, and behind them the members that the mapping names.
type Plan struct {
	mapping *Mapping
	header  []string // CSV only

	skip   *program // leaves a row out
	ids    []*output
	allIDs bool // the ids of all of them, not of the first that has any
	active *output
	fields []*output // sorted by name

	former   []*output    // as ids, by rule 1
	seen     map[int]bool // of JSON: slots of targets that some of the first objects have
	earlier  []earlier    // as ids, by the mappings before this one
	otherIDs bool         // those are from other columns

	named   map[int]bool    // slots that stand anywhere in the mapping
	used    map[int]bool    // slots that a field of the mapping takes
	members map[string]int  // JSON only: slots of the members that the mapping names
	around  map[string]bool // JSON only: members that those stand within
}

// PlanColumns makes the plan for the columns of a header, and says which of them
// go nowhere. The error is an *Error, or wraps ErrNoContactID.
func PlanColumns(header []string, m *Mapping) (p *Plan, ignored string, err error) {
	p, err = m.compile(func(column string) (int, bool) { return columns.Find(header, column) })
	if err != nil {
		return nil, "", missingColumn(err, header)
	}
	p.header = header
	auto := make(map[int][]int)
	former := noFormer
	names := notes.Ignored{Like: columns.Like}
	var unnamed []string
	has := columns.NamesIn(header)
	best := p.bestColumns(header, has)
	for i, name := range header {
		if t := columns.FormerTarget(name); t >= 0 && former[t] < 0 && p.formerTakes(t, p.used[i]) {
			former[t] = i
		}
		way, to := p.mapping.way(name, p.used[i], p.named[i], has, func(target int) bool { return len(best[target]) > 0 && best[target][0] != i })
		switch way {
		case wayTarget:
			auto[to] = best[to][:1]
			if givesIDs(to) {
				auto[to] = best[to]
			}
		case wayCustom:
			p.fields = append(p.fields, &output{name: InternalName(name), slots: []int{i}})
		case wayRefused:
			unnamed = append(unnamed, columns.Name(header, i))
		case waySecond:
			first := columns.Name(header, best[to][0])
			if !givesIDs(to) || !names.AddFurther(columns.Name(header, i), first) {
				names.Add(columns.Name(header, i), first)
			}
		case wayUnknown:
			names.Add(columns.Name(header, i), "")
		}
	}
	if len(unnamed) > 0 {
		return nil, "", mappingError("$.mapping.unnamed", "columns that the mapping does not name: %s", words.QuoteNames(unnamed, 12))
	}
	p.addTargets(auto)
	p.planFormer(former)
	for i := 1; i < len(p.fields); i++ {
		if a, b := p.fields[i-1], p.fields[i]; a.name == b.name {
			return nil, "", mappingError("$.mapping.unnamed", "two columns would become the custom field %s: name one of them in fields", a.name)
		}
	}
	return p, names.Text(), p.usable()
}

// A way is where a column goes, or a member of an object, by its name.
type way uint8

const (
	wayMapped  way = iota // where the mapping says, or, as _line, nowhere at all
	wayTarget             // to the target of its name
	wayCustom             // to a custom field of its name
	wayRefused            // nowhere: the mapping has to name it
	waySecond             // nowhere: another one goes to its target
	wayUnknown            // nowhere: there is no target of its name
)

// way decides it, and finds the target of the name. The column is used where a field
// of the mapping takes it, and named where it stands anywhere in the mapping; has says
// whether there is one of a plain name beside it, and taken whether another one goes to
// a target.
func (m *Mapping) way(name string, used, named bool, has func(plain string) bool, taken func(target int) bool) (way, int) {
	g, known := columns.GoalOf(name, has)
	to := g.Target
	switch {
	case strings.HasPrefix(name, "_"), used && !(known && isID(to)):
		return wayMapped, to
	case known && !taken(to) && m.goesByName(to):
		return wayTarget, to
	case named:
		return wayMapped, to
	case m.Unnamed == "error":
		return wayRefused, to
	case m.Unnamed == "custom" && !known && InternalName(name) != "":
		return wayCustom, to
	case known && taken(to):
		return waySecond, to
	}
	return wayUnknown, to
}

// isID tells whether a target gives contact ids only.
func isID(target int) bool { return target >= columns.ContactIDs && target != columns.Active }

// goesByName tells whether columns go to a target though the mapping does not name them.
func (m *Mapping) goesByName(target int) bool {
	return isID(target) || m.Unnamed != "ignore" && m.Unnamed != "error"
}

// bestColumns are the columns that may go to each target by their names, those with the
// best names first.
func (p *Plan) bestColumns(header []string, has func(plain string) bool) map[int][]int {
	best, rank := make(map[int][]int), make(map[int]int)
	for i, name := range header {
		g, known := columns.GoalOf(name, has)
		if !known || strings.HasPrefix(name, "_") || p.used[i] && !isID(g.Target) || !p.mapping.goesByName(g.Target) {
			continue
		}
		best[g.Target], rank[i] = append(best[g.Target], i), g.Rank
	}
	for _, columns := range best {
		slices.SortStableFunc(columns, func(a, b int) int { return rank[a] - rank[b] })
	}
	return best
}

// PlanJSON makes the plan for JSON objects.
func PlanJSON(m *Mapping) (*Plan, error) {
	members, around, deep := make(map[string]int), make(map[string]bool), ""
	p, err := m.compile(func(column string) (int, bool) {
		slot, within := nameMember(members, around, column)
		if within > maxWithin {
			deep = column
		}
		return slot, true
	})
	if err == nil && deep != "" {
		err = mappingError("$.mapping", "the member %s stands within more than %d others", words.Show(deep), maxWithin)
	}
	if err != nil {
		return nil, err
	}
	p.members, p.around = members, around
	auto := make(map[int][]int)
	for i := range columns.Targets {
		auto[i] = []int{i}
	}
	p.addTargets(auto)
	former := noFormer
	for i := range former {
		former[i] = p.formerSlot(i)
	}
	p.planFormer(former)
	p.otherIDs = false // each object has its own members
	return p, nil
}

// Members are the names by which the mapping calls members, of a plan for JSON objects.
func (p *Plan) Members() []string { return slices.Sorted(maps.Keys(p.members)) }

// nameMember returns the slot of a member that a mapping names, and how many others it
// stands within, up to one more than may be.
func nameMember(members map[string]int, around map[string]bool, name string) (slot, within int) {
	outer := strings.SplitN(name, ".", maxWithin+2)
	if _, ok := members[name]; !ok {
		members[name] = len(columns.Targets) + len(members)
		for i := 1; i < len(outer); i++ {
			around[strings.Join(outer[:i], ".")] = true
		}
	}
	return members[name], len(outer) - 1
}

// addTargets adds what goes to a target by its name alone, where the mapping says
// nothing else; auto are the slots by target.
func (p *Plan) addTargets(auto map[int][]int) {
	direct := make(map[int]*output)
	for to, slots := range auto {
		o := &output{name: columns.Targets[to].Name, slots: slots, kind: kinds[columns.Targets[to].Name]}
		o.layout, o.commas = time.DateOnly, o.name == "tasks"
		direct[to] = o
	}
	if p.active == nil {
		p.active = direct[columns.Active]
	}
	for to, t := range columns.Targets[:columns.ContactIDs] {
		if direct[to] != nil && p.field(t.Name) == nil {
			p.fields = append(p.fields, direct[to])
		}
	}
	slices.SortFunc(p.fields, func(a, b *output) int { return strings.Compare(a.name, b.name) })
	if !p.allIDs {
		for _, o := range []*output{direct[columns.ContactIDs], p.field("email"), direct[columns.Mobile], direct[columns.Phone]} {
			if o != nil {
				p.ids = append(p.ids, o)
			}
		}
	}
	for _, f := range p.fields {
		sure := f.name != "email" || p.mapping.Fields[f.name].Type != ""
		f.lenient = f.kind.identifies() && (!sure || slices.ContainsFunc(p.ids, func(o *output) bool { return o == f || o.sharesSlot(f) }))
	}
}

func (o *output) sharesSlot(other *output) bool {
	return slices.ContainsFunc(o.slots, func(slot int) bool { return slices.Contains(other.slots, slot) })
}

// givesIDs tells whether the columns of a target give contact ids by name. Such a
// target may have several columns: of each row the first counts that has any.
func givesIDs(target int) bool {
	return target == columns.Email || target == columns.ContactIDs || target == columns.Mobile || target == columns.Phone
}

func (p *Plan) field(name string) *output {
	for _, o := range p.fields {
		if o.name == name {
			return o
		}
	}
	return nil
}

func missingColumn(err error, header []string) error {
	missing, ok := errors.AsType[*noColumn](err)
	if !ok {
		return err
	}
	return mappingError(missing.path, "there is no column %q (or more than one that is spelled like it%s); the columns are %s", missing.column, words.DidYouMean(missing.column, header), words.QuoteNames(header, 50))
}

var notInternal = regexp.MustCompile(`[^a-z0-9]+`)

// InternalName is the name of a custom field for a column: shoe_size for "Shoe
// size". It is empty where nothing is left of it.
func InternalName(column string) string {
	return strings.Trim(notInternal.ReplaceAllString(strings.ToLower(column), "_"), "_")
}

// A CustomField is a field that a project has to have in its schema.
type CustomField struct {
	Name string // internal name
	Type string // of the schema: string, number, boolean or object
}

// CustomFields are the custom fields that the plans of several files write, sorted
// by name. Members of NDJSON in the API's own shape are not among them.
func CustomFields(plans ...*Plan) []CustomField {
	var all []CustomField
	for _, p := range plans {
		for _, o := range p.fields {
			if !isDefault(o.name) {
				all = append(all, CustomField{o.name, cmp.Or(schemaTypes[o.kind], "string")})
			}
		}
	}
	slices.SortFunc(all, func(a, b CustomField) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(all, func(a, b CustomField) bool { return a.Name == b.Name })
}

// schemaTypes are the types of the schema by kind; all others are string.
var schemaTypes = map[kind]string{
	whole: "number", number: "number", boolean: "boolean",
	list: "object", object: "object", anyJSON: "object", memories: "object", memory: "object",
}

// maps tells whether the mapping has an entry for a field.
func (p *Plan) maps(name string) bool {
	_, ok := p.mapping.Fields[name]
	return ok
}

func (p *Plan) usable() error {
	if len(p.ids) > 0 {
		return nil
	}
	var records []string
	for _, column := range p.header {
		if columns.IsRecordID(column) {
			records = append(records, column)
		}
	}
	hint := ""
	if len(records) > 0 {
		hint = fmt.Sprintf("; by the id of a record in a CRM (%s) no channel knows anybody", words.QuoteNames(records, 3))
	}
	return fmt.Errorf("%w: looked for a column named contactIds, email, phone or mobile and found %s%s; is the first line the header? Other columns can be named in contact_ids in the mapping",
		ErrNoContactID, words.QuoteNames(p.header, 12), hint)
}
