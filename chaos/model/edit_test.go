package model

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// An edit is something that a person does to the source or its mapping.
func (p *player) edit() {
	what := p.oneOf("edit", "value", "value", "value", "add", "add", "remove", "other id", "break", "nameless", "refuse", "repair", "repeat", "sort", "town", "age", "back", "back", "spelling", "rule")
	switch what {
	case "add":
		if len(p.lines) < 12 {
			p.lines = append(p.lines, p.newcomer())
		}
		return
	case "town":
		p.mapping.town = !p.mapping.town
		return
	case "age":
		p.mapping.age = !p.mapping.age
		return
	case "rule":
		p.mapping.ids = p.oneOf("id rule", "", "[email]", "[Customer No]", "[Customer No, email]")
		return
	case "back":
		if len(p.past) > 0 {
			p.lines = slices.Clone(p.past[p.below(len(p.past), "to")])
		}
		return
	case "spelling":
		if p.mapping.rule() == "email" {
			p.mapping.ids = map[string]string{"": "[email]", "[email]": ""}[p.mapping.ids]
		}
		return
	}
	if len(p.lines) > 0 {
		p.editLine(what)
	}
}

func (p *player) editLine(what string) {
	n := p.below(len(p.lines), "line")
	l := &p.lines[n]
	version := 1 + p.below(3, "version")
	switch what {
	case "value":
		switch p.below(3, "column") {
		case 0:
			l.name = fmt.Sprint("Name ", version)
		case 1:
			l.town = fmt.Sprint("Town ", version)
		case 2:
			l.age = fmt.Sprint(30 + version)
		}
	case "remove":
		p.lines = slices.Delete(p.lines, n, n+1)
	case "other id":
		other := p.newcomer()
		l.who, l.no, l.email = other.who, other.no, other.email
	case "break":
		l.age = "unknown"
	case "nameless":
		l.no, l.email = "", ""
	case "refuse":
		l.name = fmt.Sprint(refusal, " ", version)
	case "repair":
		p.repair()
	case "repeat":
		if len(p.lines) < 12 {
			again := *l
			if version > 1 {
				again.town = fmt.Sprint("Town ", version)
			}
			p.lines = append(p.lines, again)
		}
	case "sort":
		random := rand.New(rand.NewPCG(uint64(version), 0))
		random.Shuffle(len(p.lines), func(i, j int) { p.lines[i], p.lines[j] = p.lines[j], p.lines[i] })
	}
}

func (p *player) repair() {
	for n := range p.lines {
		l := &p.lines[n]
		if l.age == "unknown" {
			l.age = "33"
		}
		if l.email == "" {
			l.no, l.email = customer(l.who), address(l.who)
		}
		if strings.Contains(l.name, refusal) {
			l.name = "Name 3"
		}
	}
}
