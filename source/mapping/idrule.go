package mapping

import (
	"slices"

	"importer/importer/contact"
	"importer/importer/idrule"
	"importer/importer/idtext"
	"importer/source/mapping/columns"
)

// IDRule is where the contact ids of the file come from.
func (p *Plan) IDRule() idrule.Rule {
	var parts []idrule.Part
	for _, o := range p.ids {
		and := p.allIDs && !o.standIn
		part := idrule.Part{
			And: and, Type: ruleTypes[o.kind], Lower: o.lower, Upper: o.upper, KeepSpace: o.keepSpace, Separator: o.separator,
			Incomplete: o.asIs, ValidOnly: o.validOnly,
		}
		if o.kind == phone {
			part.Region = o.region
		}
		if o.fallback != nil {
			part.Value = idrule.HashOf(o.fallback.text)
		}
		if o.prog != nil {
			part.Expr, part.Hash = o.prog.text, idrule.HashOf(o.prog.text)
		}
		for _, slot := range o.slots {
			part.Columns = append(part.Columns, p.idColumn(slot))
		}
		if o.kind == list && o.path != "" || o.prog != nil || o.fallback != nil || and && len(parts) > 0 {
			parts = append(parts, part)
			continue
		}
		part.Optional = p.members != nil && o.path == "" && !p.seen[o.slots[0]]
		for i, column := range part.Columns { // each where those before it give none
			one := part
			one.Columns, one.And = []idrule.Column{column}, and && i == 0
			parts = append(parts, one)
		}
	}
	return idrule.New(parts)
}

// seeTargets notes which of the targets an object has that contact ids come from by name.
func (p *Plan) seeTargets(cells []cell) {
	if p.seen == nil {
		p.seen = make(map[int]bool)
	}
	for to := range columns.Targets {
		if p.members != nil && givesIDs(to) && !cells[to].empty() {
			p.seen[to] = true
		}
	}
}

// ruleTypes are the types of parts by kind. A text and an e-mail address give the same
// contact ids where both give any.
var ruleTypes = map[kind]string{list: "list", phone: "phone", plainPhone: idrule.Written}

// idColumn is the column of a slot, as a rule knows it.
func (p *Plan) idColumn(slot int) idrule.Column {
	if p.members == nil {
		name := columns.Name(p.header, slot)
		for to := range columns.Targets {
			if first, ok := columns.First(p.header, to); givesIDs(to) && ok && first == slot {
				return idrule.Column{Target: columns.Targets[to].Name, Name: name}
			}
		}
		return idrule.Column{Name: name, Hash: idrule.HashOf(columns.Plain(name))}
	}
	if slot < len(columns.Targets) {
		return idrule.Column{Target: columns.Targets[slot].Name, Name: columns.Targets[slot].Name}
	}
	for member, at := range p.members {
		if at != slot {
			continue
		}
		for _, t := range columns.Targets {
			if columns.Plain(member) == columns.Plain(t.Name) {
				return idrule.Column{Target: t.Name, Name: member}
			}
		}
		return idrule.Column{Name: member, Hash: idrule.HashOf(columns.Plain(member))}
	}
	return idrule.Column{}
}

// An earlier mapping gave the contact ids of these outputs.
type earlier struct {
	ids   []*output
	lacks bool // a part of it is not in the file: nobody can tell all of them
}

// KnowBy has the rows of the file have the contact ids that they had by other rules too. It
// is false where the file lacks columns of a rule: nobody can tell all of them then.
func (p *Plan) KnowBy(rules idrule.Rules) (whole bool) {
	own := p.IDRule()
	p.earlier, whole = nil, true
	for _, r := range rules {
		if r.Digest == own.Digest {
			continue
		}
		e := earlier{}
		for _, part := range r.Parts {
			o, ok := p.outputOf(part)
			e.lacks = e.lacks || !ok
			if o != nil {
				e.ids = append(e.ids, o)
			}
		}
		p.earlier, whole = append(p.earlier, e), whole && !e.lacks
	}
	if p.members != nil { // that are more by now, and what rule 1 took stands behind them
		former := noFormer
		for i := range former {
			former[i] = p.formerSlot(i)
		}
		p.planFormer(former)
		p.otherIDs = false
	}
	return whole
}

// outputOf is a part of another rule in this file; false where the file lacks some of it.
func (p *Plan) outputOf(part idrule.Part) (o *output, whole bool) {
	o = &output{name: "contactIds", path: "$.mapping.contact_ids", kind: text, standIn: !part.And}
	o.options = options{
		keepSpace: part.KeepSpace, lower: part.Lower, upper: part.Upper, separator: part.Separator, region: part.Region,
		asIs: part.Incomplete, validOnly: part.ValidOnly,
	}
	for k, name := range ruleTypes {
		if name == part.Type {
			o.kind = k
		}
	}
	whole = part.Value == ""
	for _, column := range part.Columns {
		slot, ok := p.find(column)
		if p.members != nil && column.Target != "" && column.Name != "" && column.Name != column.Target {
			named, _ := nameMember(p.members, p.around, column.Name) // an object in the API's own shape has it by that name alone
			o.slots = append(o.slots, named)
		}
		if ok {
			o.slots = append(o.slots, slot)
		} else {
			whole = false
		}
	}
	if part.Hash != "" {
		prog, err := compileExpr(o.path, part.Expr, false, func(name string) (int, bool) { return p.find(idrule.Column{Name: name}) })
		if part.Expr == "" || err != nil {
			return nil, false
		}
		o.prog = prog
	}
	if part.Type == "" && len(part.Columns) == 1 && part.Columns[0].Target == "email" {
		o.kind = email
	}
	return o, whole
}

// find is the slot of a column of another rule.
func (p *Plan) find(c idrule.Column) (slot int, ok bool) {
	target := slices.IndexFunc(columns.Targets, func(t columns.Target) bool { return t.Name == c.Target })
	switch {
	case p.members == nil && target >= 0:
		return columns.First(p.header, target)
	case p.members == nil && c.Hash == "":
		return columns.Find(p.header, c.Name)
	case p.members == nil:
		for i := range p.header {
			if idrule.HashOf(columns.Plain(columns.Name(p.header, i))) == c.Hash {
				return i, true
			}
		}
		return 0, false
	case target >= 0:
		return target, true
	case c.Name == "":
		return 0, false
	}
	slot, _ = nameMember(p.members, p.around, c.Name)
	return slot, true
}

// earlierIDs are the contact ids of the record by the mappings before this one, where they
// are others than these.
func (m *Mapper) earlierIDs(ids []string) (all [][]string) {
	if len(m.plan.earlier) == 0 {
		return nil
	}
	notices, odd, unread := m.notices, m.odd, m.unread
	for _, e := range m.plan.earlier {
		m.notices = nil
		unread = unread || e.lacks
		were, _, f := m.idsOf(e.ids, true)
		if f == nil && len(were) > 0 && len(were) <= idtext.MaxIDs && contact.KeyOf(were) != contact.KeyOf(ids) {
			all = append(all, were)
		}
	}
	m.notices, m.odd, m.unread = notices, odd, unread
	return all
}
