package mapping

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nyaruka/phonenumbers"

	"importer/source/mapping/dates"
)

// An output is one value of the profile: where it comes from and what it has to
// be.
type output struct {
	name  string // of the profile field, for the order and the body
	path  string // of its entry in the mapping; empty without one
	slots []int  // columns
	prog  *program
	kind  kind
	options
	fallback *cell // a constant, or the default
	standIn  bool  // a contact id only where those before it are empty
	// lenient says that its columns give contact ids, or may give one, as the field email:
	// what is wrong with one of their values refuses no row that has another id.
	lenient bool
	// misnamed says that much of what stands in its columns is something else than their
	// name says: by that name alone nothing of it is taken.
	misnamed bool
}

// options refine a kind. The zero value is what holds without a mapping.
type options struct {
	keepSpace    bool
	lower, upper bool
	words        map[string]bool // spellings of yes and no; nil: the usual ones
	separator    string
	comma        bool // the decimal sign is a comma
	commas       bool // separate items, where nothing else does
	layouts      []string
	layout       string // in which a date is written
	past         bool   // a date has to lie behind us
	forms        dates.Forms
	region       string
	asIs         bool   // a number that is not complete stays as it is
	validOnly    bool   // of phones
	timestamp    string // of memories
	timestampAt  []int  // its slot
}

func (v *Value) compile(path, name string, k kind, region string, find resolver) (*output, error) {
	out := &output{name: name, path: path, kind: k}
	if v.Type != "" {
		var ok bool
		if out.kind, ok = types[v.Type]; !ok {
			return nil, mappingError(path+".type", "is %q; want text, email, phone, number, bool, list, date, json or memory", v.Type)
		}
	}
	if err := v.compileFrom(out, find); err != nil {
		return nil, err
	}
	if err := v.compileOptions(out, region, find); err != nil {
		return nil, err
	}
	constant := cmp.Or(v.Value, v.Default)
	if constant == nil {
		return out, nil
	}
	if out.kind == memory && out.timestamp == "" {
		return nil, mappingError(path, "a constant memory needs timestamp")
	}
	c, err := cellOf(constant)
	if err == nil {
		out.fallback = &c
		if _, f := valueOf(c, out.kind, &out.options, out.timestamp); f != nil {
			err = errors.New(f.Reason + "; " + f.Hint)
		}
	}
	if err != nil {
		return nil, mappingError(path, "the constant cannot be used: %s", err)
	}
	return out, nil
}

func (v *Value) compileFrom(out *output, find resolver) error {
	given := []bool{v.Column != "", len(v.Columns) > 0, v.Value != nil, v.Expr != ""}
	if first := slices.Index(given, true); first < 0 || slices.Contains(given[first+1:], true) {
		return mappingError(out.path, "give one of column, columns, value and expr")
	}
	columns := v.Columns
	if v.Column != "" {
		columns = []string{v.Column}
	}
	for _, column := range columns {
		if slot, ok := find(column); ok {
			out.slots = append(out.slots, slot)
		} else if !v.Optional {
			return &noColumn{path: out.path, column: column}
		}
	}
	if v.Expr == "" {
		return nil
	}
	var err error
	out.prog, err = compileExpr(out.path+".expr", v.Expr, false, find)
	return err
}

func (v *Value) compileOptions(out *output, region string, find resolver) (err error) {
	if err := v.checkOptions(out); err != nil {
		return err
	}
	out.keepSpace = v.Trim != nil && !*v.Trim
	out.lower, out.upper, out.separator, out.comma = v.Lower, v.Upper, v.Separator, v.Decimal == ","
	out.commas, out.past = out.name == "tasks", out.name == "birthday"
	out.region, out.asIs, out.standIn, out.validOnly = cmp.Or(v.Region, region), v.KeepIncomplete, v.StandIn, v.ValidOnly
	if err := checkRegion(out.path+".region", out.region); err != nil {
		return err
	}
	if out.words, err = v.words(out.path); err != nil {
		return err
	}
	for i, l := range v.Layouts {
		layout, err := dates.Layout(l)
		if err != nil {
			return mappingError(fmt.Sprintf("%s.layouts[%d]", out.path, i), "%s", err)
		}
		out.layouts = append(out.layouts, layout)
	}
	out.layout = time.DateOnly
	if v.Output != "" {
		if out.layout, err = dates.OutputLayout(v.Output); err != nil {
			return mappingError(out.path+".output", "%s", err)
		}
	}
	if out.kind == memory {
		return v.compileTime(out, find)
	}
	return nil
}

// checkOptions refuses what does nothing for a type, and what contradicts itself.
func (v *Value) checkOptions(out *output) error {
	for _, o := range []struct {
		name  string
		set   bool
		kinds []kind
	}{
		{"lower", v.Lower, []kind{text, email, list}},
		{"upper", v.Upper, []kind{text, list}},
		{"true_values", len(v.True) > 0, []kind{boolean}},
		{"false_values", len(v.False) > 0, []kind{boolean}},
		{"separator", v.Separator != "", []kind{list}},
		{"decimal", v.Decimal != "", []kind{number, whole}},
		{"layouts", len(v.Layouts) > 0, []kind{date, birthday, memory}},
		{"output", v.Output != "", []kind{date, birthday}},
		{"region", v.Region != "", []kind{phone}},
		{"keep_incomplete", v.KeepIncomplete, []kind{phone}},
		{"stand_in", v.StandIn && out.name != "contactIds", nil},
		{"valid_only", v.ValidOnly, []kind{phone}},
		{"timestamp", v.Timestamp != "", []kind{memory}},
		{"timestamp_column", v.TimestampColumn != "", []kind{memory}},
	} {
		if o.set && !slices.Contains(o.kinds, out.kind) {
			return mappingError(out.path+"."+o.name, "does nothing for this type of value")
		}
	}
	if v.Lower && v.Upper {
		return mappingError(out.path+".upper", "goes against lower")
	}
	if !slices.Contains([]string{"", ".", ","}, v.Decimal) {
		return mappingError(out.path+".decimal", `is %q; want "." or ","`, v.Decimal)
	}
	return nil
}

// words are the spellings of yes and no, beside the usual ones.
func (v *Value) words(path string) (map[string]bool, error) {
	words, yes := maps.Clone(bools), map[string]bool{}
	for _, word := range v.True {
		words[plainWord(word)], yes[plainWord(word)] = true, true
	}
	for _, word := range v.False {
		if yes[plainWord(word)] {
			return nil, mappingError(path+".false_values", "%q stands in true_values too", word)
		}
		words[plainWord(word)] = false
	}
	return words, nil
}

func (v *Value) compileTime(out *output, find resolver) error {
	if (v.Timestamp != "") == (v.TimestampColumn != "") {
		return mappingError(out.path, "a memory has a time: give timestamp, such as 2026-01-31T09:00:00Z, or timestamp_column")
	}
	if v.TimestampColumn != "" {
		slot, ok := find(v.TimestampColumn)
		if !ok {
			return &noColumn{path: out.path + ".timestamp_column", column: v.TimestampColumn}
		}
		out.timestampAt = []int{slot}
		return nil
	}
	if _, err := time.Parse(time.RFC3339, v.Timestamp); err != nil {
		return mappingError(out.path+".timestamp", "is %q; want RFC 3339, such as 2026-01-31T09:00:00Z", v.Timestamp)
	}
	out.timestamp = v.Timestamp
	return nil
}

// noColumn is a column of the mapping that a file does not have.
type noColumn struct{ path, column string }

func (e *noColumn) Error() string { return fmt.Sprintf("there is no column %q", e.column) }

func checkRegion(path, region string) error {
	if region != "" && phonenumbers.GetCountryCodeForRegion(region) == 0 {
		return mappingError(path, "is %q; want the two capital letters of a country, such as DE", region)
	}
	return nil
}
