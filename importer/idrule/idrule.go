// Package idrule knows by which rule contact ids are taken from a source: from which
// columns, in which order, and what is done to them. By another rule the same people have
// other contact ids, and an import that goes on with it creates them a second time. So
// reports and states keep the rule that they were made by.
//
//	"contactIds", else "E-Mail", else "Mobile Phone" (as it is written)
package idrule

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// A Column is where a part finds its values.
type Column struct {
	// Target is what the column is for by its name, such as email: all columns that are
	// the first of their file for it are the same one. Empty of other columns.
	Target string `json:"target,omitempty"`
	Name   string `json:"name,omitempty"` // as the file spells it; empty where it is not to be known
	Hash   string `json:"hash,omitempty"` // HashOf the plain name of a column without a target
}

// A Part is one place that contact ids come from.
type Part struct {
	Columns []Column `json:"columns,omitempty"` // the first of them that gives any
	Expr    string   `json:"expr,omitempty"`    // an expression; empty where it is not to be known
	Hash    string   `json:"hash,omitempty"`    // HashOf the expression
	Value   string   `json:"value,omitempty"`   // HashOf what stands for an empty value
	// Optional of a source whose records have names of their own: none of the first ones
	// has it.
	Optional bool `json:"optional,omitzero"`
	And      bool `json:"and,omitzero"` // beside the parts before it; else only where those gave none

	Type       string `json:"type,omitempty"` // list or phone; Written; empty of a text or an e-mail address
	Lower      bool   `json:"lower,omitzero"`
	Upper      bool   `json:"upper,omitzero"`
	KeepSpace  bool   `json:"keep_space,omitzero"`
	Separator  string `json:"separator,omitempty"`
	Region     string `json:"region,omitempty"`
	Incomplete bool   `json:"keep_incomplete,omitzero"`
	ValidOnly  bool   `json:"valid_only,omitzero"`
}

// Written is the type of a phone number that is taken as it is written.
const Written = "written"

// A Rule is where the contact ids of one source come from.
type Rule struct {
	Words  string   `json:"words"`  // for people
	Digest string   `json:"digest"` // of all parts: the same of two spellings of a rule
	Begins []string `json:"begins"` // digests of what it begins with, where the rest only stands in
	Parts  []Part   `json:"parts"`
}

// HashOf is what is kept of a text that may not be.
func HashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:6])
}

// New makes the rule of parts, in their order. It owns them.
func New(parts []Part) Rule {
	r := Rule{Parts: parts}
	if len(parts) > 0 {
		parts[0].And = false
	}
	digests := make([]string, len(parts))
	digest := ""
	for i := range parts {
		digest = HashOf(digest + parts[i].text())
		digests[i] = digest
	}
	r.Digest = digest
	// A rule that begins alike gives who has an id by it the same one.
	for i := len(parts) - 1; i > 0 && !parts[i].And; i-- {
		r.Begins = append(r.Begins, digests[i-1])
	}
	r.Words = r.words()
	return r
}

// text is what a part is, however it is spelled.
func (p *Part) text() string {
	plain := p.redacted()
	plain.Optional = false
	b, err := json.Marshal(plain)
	if err != nil {
		panic(err) // texts and flags can always be written
	}
	return string(b)
}

// redacted are the rules without column names of the source and expressions.
func (rs Rules) redacted() (all Rules) {
	for _, r := range rs {
		r.Parts = slices.Clone(r.Parts)
		for i := range r.Parts {
			r.Parts[i] = r.Parts[i].redacted()
		}
		r.Words = r.words()
		all = append(all, r)
	}
	return all
}

func (p Part) redacted() Part {
	p.Expr, p.Columns = "", slices.Clone(p.Columns)
	for i := range p.Columns {
		p.Columns[i].Name = ""
	}
	return p
}

func (r *Rule) words() string {
	var b strings.Builder
	for i, p := range r.Parts {
		switch {
		case i > 0 && p.And:
			b.WriteString(", and ")
		case i > 0:
			b.WriteString(", else ")
		}
		b.WriteString(p.words())
	}
	return b.String()
}

func (p *Part) words() string {
	var from, how []string
	for _, c := range p.Columns {
		switch {
		case c.Name != "":
			from = append(from, fmt.Sprintf("%q", c.Name))
		case c.Target != "":
			from = append(from, c.Target)
		default:
			from = append(from, "a column "+c.Hash)
		}
	}
	switch {
	case p.Expr != "":
		from = append(from, "the expression "+p.Expr)
	case p.Hash != "":
		from = append(from, "an expression "+p.Hash)
	}
	if p.Value != "" {
		from = append(from, "a constant")
	}
	add := func(is bool, words string) {
		if is {
			how = append(how, words)
		}
	}
	ofTarget := len(p.Columns) == 1 && p.Columns[0].Target == "contactIds"
	add(p.Type == "list" && !ofTarget, "a list")
	add(p.Type == "" && ofTarget, "as one text")
	add(p.Type == Written, "as it is written")
	add(p.Type == "phone", "a phone number in full")
	add(p.Region != "", "of "+p.Region+" without a country code")
	add(p.Incomplete, "as it is written where it is not complete")
	add(p.Optional, "where there is one")
	add(p.ValidOnly, "valid ones only")
	add(p.Lower, "in lower case")
	add(p.Upper, "in upper case")
	add(p.KeepSpace, "with the space around it")
	add(p.Separator != "", fmt.Sprintf("separated by %q", p.Separator))
	text := strings.Join(from, " or else ")
	if len(how) > 0 {
		text += " (" + strings.Join(how, ", ") + ")"
	}
	return text
}

// fits tells whether who has a contact id by both rules has the same one, as far as that
// can be told: a table has no column of what is optional.
func (r *Rule) fits(other *Rule) bool {
	if a, b := r.optional(), other.optional(); a != b {
		r, other = r.seen(), other.seen()
	}
	return r.begins(other)
}

func (r *Rule) optional() bool {
	return slices.ContainsFunc(r.Parts, func(p Part) bool { return p.Optional })
}

// seen is the rule without what is optional.
func (r *Rule) seen() *Rule {
	seen := New(slices.DeleteFunc(slices.Clone(r.Parts), func(p Part) bool { return p.Optional }))
	return &seen
}

func (r *Rule) begins(other *Rule) bool {
	return r.Digest == other.Digest || slices.Contains(r.Begins, other.Digest) || slices.Contains(other.Begins, r.Digest)
}

// Rules are those of an import, each once: its sources may have a rule each.
type Rules []Rule

// With adds a rule. Of two that begin alike the longer one stays.
func (rs Rules) With(r Rule) Rules {
	for i := range rs {
		if rs[i].fits(&r) {
			if len(r.Begins) > len(rs[i].Begins) && !r.optional() {
				rs = slices.Clone(rs)
				rs[i] = r
			}
			return rs
		}
	}
	return append(slices.Clip(rs), r)
}

// Union adds all of them.
func (rs Rules) Union(more Rules) Rules {
	for _, r := range more {
		rs = rs.With(r)
	}
	return rs
}

// Holds tells whether all of these rules are among those, so that an import by those can
// go on by these.
func (rs Rules) Holds(these Rules) bool {
	for i := range these {
		if !slices.ContainsFunc(rs, func(r Rule) bool { return r.fits(&these[i]) }) {
			return false
		}
	}
	return true
}

// Within tells whether these rules are what is left of some of those in a source out of
// which columns were taken: they have parts of them, in their order.
func (rs Rules) Within(those Rules) bool {
	for i := range rs {
		if !slices.ContainsFunc(those, func(r Rule) bool { return r.has(rs[i].Parts) }) {
			return false
		}
	}
	return true
}

// has tells whether a rule has these parts, among others, in their order.
func (r *Rule) has(parts []Part) bool {
	for _, p := range r.Parts {
		if len(parts) > 0 && p.text() == parts[0].text() {
			parts = parts[1:]
		}
	}
	return len(parts) == 0
}

// String is all of them for people.
func (rs Rules) String() string {
	all := make([]string, len(rs))
	for i, r := range rs {
		all[i] = r.Words
	}
	return strings.Join(all, "; or ")
}

// A Lineage is what a report or a state keeps: the rules that it is of, and those
// that it was of before it was adopted, by which it may know contacts still.
type Lineage struct {
	Now    Rules `json:"now,omitempty"`
	Before Rules `json:"before,omitempty"`
}

// Known tells whether anything is known of it: nothing is of reports and states that were
// made before they kept it.
func (l Lineage) Known() bool { return len(l.Now) > 0 }

// Follows is the lineage of an import by these rules that goes on with this one; false
// where they are others, and it is not adopted.
func (l Lineage) Follows(these Rules, adopt bool) (Lineage, bool) {
	switch {
	case !l.Known():
		return Lineage{Now: these, Before: l.Before}, true
	case l.Now.Holds(these):
		return Lineage{Now: l.Now.Union(these), Before: l.Before}, true
	case !adopt:
		return l, false
	}
	return Lineage{Now: these, Before: l.Before.Union(l.Now)}, true
}

// Merge is what an import has to know that goes on with both.
func (l Lineage) Merge(other Lineage) Lineage {
	return Lineage{Now: l.Now.Union(other.Now), Before: l.Before.Union(other.Before)}
}

// Redacted is the lineage without what stands in the source.
func (l Lineage) Redacted() Lineage {
	return Lineage{Now: l.Now.redacted(), Before: l.Before.redacted()}
}
