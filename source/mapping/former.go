package mapping

import (
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/nyaruka/phonenumbers"

	"importer/source/mapping/columns"
)

// This file keeps rule 1 of contact ids (see contact.IDRule) as it was, and package columns
// its names of columns: reports and states that were made by it hold its ids. It is not
// to be improved.

// formerKinds are those of columns.FormerTargets.
var formerKinds = [len(columns.FormerTargets)]kind{list, email, plainPhone, plainPhone}

var noFormer = [len(columns.FormerTargets)]int{-1, -1, -1, -1}

// formerTakes tells whether a column went where its name says. The field email may
// have been mapped, and columns without a mapping may have been left out.
func (p *Plan) formerTakes(target int, used bool) bool {
	return target != columns.FormerEmail || !used && p.mapping.Unnamed != "ignore" && p.mapping.Unnamed != "error"
}

// planFormer plans where the contact ids came from by rule 1; slots are those of
// columns.FormerTargets, -1 where there is none.
func (p *Plan) planFormer(slots [len(columns.FormerTargets)]int) {
	if p.allIDs {
		p.former = p.ids
		return
	}
	for i, t := range columns.FormerTargets {
		o := &output{name: columns.Targets[t.To].Name, kind: formerKinds[i], slots: []int{slots[i]}}
		if mapped := p.field("email"); i == columns.FormerEmail && mapped != nil && mapped.path != "" {
			o = mapped
		} else if slots[i] < 0 {
			continue
		}
		p.former = append(p.former, o)
	}
	same := func(a, b *output) bool { return a == b || a.kind == b.kind && slices.Equal(a.slots, b.slots) }
	p.otherIDs = !slices.EqualFunc(p.former, p.ids, same)
}

// formerIDs are the contact ids of the record by rule 1, nil where they are these, or
// rule 1 refused the record. Where nobody can tell them the record is unread.
func (m *Mapper) formerIDs(ids []string) []string {
	m.rounded = true
	if !m.odd && !m.plan.otherIDs && !m.membersMoved() && !m.showsOther() && m.before+m.after == "" {
		return nil
	}
	if m.before+m.after != "" { // nothing reads the cells behind this
		first, last := &m.cells[0], &m.cells[len(m.cells)-1]
		first.text = m.before + first.text
		last.text += m.after
	}
	var former []string
	for _, o := range m.plan.former {
		if o.standIn && len(former) > 0 {
			continue
		}
		texts, ok := m.formerOutput(o)
		if !ok {
			return nil
		}
		for _, id := range texts {
			if id != "" && !slices.Contains(former, id) {
				former = append(former, id)
			}
			if len(former) > maxFormer {
				return nil
			}
		}
		if len(former) > 0 && !m.plan.allIDs {
			break
		}
	}
	if slices.Equal(former, ids) {
		return nil
	}
	return former
}

// maxFormer bounds the contact ids by rule 1, which had no bound itself: a row of more
// is not looked for by them.
const maxFormer = 1000

// formerTarget is formerTarget of a member, which most objects have in common.
func (m *Mapper) formerTarget(name string) int {
	t, known := m.former[name]
	if !known {
		if t = columns.FormerTarget(name); len(m.former) < MaxColumns {
			if m.former == nil {
				m.former = make(map[string]int)
			}
			m.former[name] = t
		}
	}
	return t
}

// membersMoved tells whether a member of the object goes elsewhere than by rule 1.
func (m *Mapper) membersMoved() bool {
	if m.names == nil || m.plan.allIDs {
		return false
	}
	for i, t := range columns.FormerTargets {
		if m.cells[m.plan.formerSlot(i)] != m.cells[t.To] {
			return true
		}
	}
	return false
}

// formerSlot is where an object's member for a former target is kept.
func (p *Plan) formerSlot(target int) int { return len(columns.Targets) + len(p.members) + target }

func (m *Mapper) formerOutput(o *output) (ids []string, ok bool) {
	all := o.kind == list || o.kind == memory
	var cells []cell
	at := m.cellsOf(o, formerCell)
	add := func(c cell) {
		if (all || len(cells) == 0) && !c.empty() {
			cells = append(cells, c)
			m.unread = m.unread || c.kind == unknown
		}
	}
	if o.prog != nil {
		fromRounded := false
		for _, slot := range o.prog.slots {
			fromRounded = fromRounded || at[slot].kind == rounded
			if at[slot].kind == unknown {
				m.unread = true
				return nil, false
			}
		}
		c, f := o.prog.cell(at)
		if f != nil {
			return nil, false
		}
		if fromRounded && c.isText() {
			c.kind = rounded
		}
		add(c)
	}
	for _, slot := range o.slots {
		add(at[slot])
	}
	if len(cells) == 0 && o.fallback != nil {
		cells = []cell{*o.fallback}
	}
	for _, c := range cells {
		if c.kind == rounded {
			c.kind = 0
		} else {
			m.rounded = false
		}
		texts, ok := formerTexts(c, o.kind, &o.options)
		if !ok {
			return nil, false
		}
		ids = append(ids, texts...)
	}
	return ids, true
}

func formerTexts(c cell, k kind, o *options) ([]string, bool) {
	if k == list {
		return formerItems(c, o)
	}
	s, ok := formerText(c, o)
	switch {
	case !ok:
	case k == email:
		ok = strings.Count(s, "@") == 1 && !strings.ContainsAny(s, " \t\r\n,;<>") && s[0] != '@' && s[len(s)-1] != '@'
	case k == plainPhone:
		ok = threeDigits.MatchString(s)
	case k == phone:
		n, err := phonenumbers.Parse(s, o.region)
		if ok = err == nil && phonenumbers.IsPossibleNumber(n); ok {
			s = phonenumbers.Format(n, phonenumbers.E164)
		}
	}
	return []string{s}, ok
}

var threeDigits = regexp.MustCompile(`(?s)\d.*\d.*\d`)

func formerText(c cell, o *options) (string, bool) {
	s := c.text
	if !o.keepSpace {
		s = strings.TrimSpace(s)
	}
	switch {
	case o.lower:
		s = strings.ToLower(s)
	case o.upper:
		s = strings.ToUpper(s)
	}
	return s, c.isText() || c.kind == '0'
}

func formerItems(c cell, o *options) (items []string, ok bool) {
	array := strings.TrimSpace(c.text)
	switch {
	case c.isText() && !strings.HasPrefix(array, "["):
		separator := o.separator
		if separator == "" {
			separator, array = ";", strings.ReplaceAll(array, "|", ";")
		}
		for item := range strings.SplitSeq(array, separator) {
			item, _ = formerText(cell{text: strings.TrimSpace(item)}, o)
			items = append(items, item)
		}
		return items, true
	case c.kind == '0':
		return []string{array}, true
	case !c.isText() && c.kind != '[':
		return nil, false
	}
	for item, err := range elements(jsontext.Value(array)) {
		s, ok := formerText(item, o)
		if err != nil || !ok {
			return nil, false
		}
		items = append(items, s)
	}
	return items, true
}
