package columns

import (
	"slices"
	"strings"
)

// Programs put more around a name than they can all be listed with: whose it is in front,
// and behind it the place and a number, as in "Person - E-Mail - Arbeit", "E-Mail 2 – Wert",
// "Téléphone (domicile)". What stands there is known for these targets.
var (
	withPlaces = []int{Email, Mobile, Phone, location}
	withOwners = append([]int{firstname, lastname, birthday}, withPlaces...)
)

var (
	location  = index("location")
	firstname = index("firstname")
	lastname  = index("lastname")
	birthday  = index("birthday")
)

func index(field string) int { i, _ := Field(field); return i }

// derivedRank is behind those of all names that are listed.
const derivedRank = 200

// owners stand in front: the person that the row is about, if anybody.
var owners = append([]string{""}, bothSpellings(`person personne persona persoon pessoa contact contacto contatto contato kontakt`)...)

// A place stands behind, in the order in which they are preferred.
var places = [][]string{
	bothSpellings(`value wert valeur valor valore waarde address adresse adres indirizzo dirección endereço main primary principal principale
		haupt preferred hoofd`),
	bothSpellings(`work business office arbeit geschäftlich geschaeftlich beruflich büro buero dienstlich bureau travail professionnel
		professionnelle pro trabajo deltrabajo oficina laboral profesional lavoro ufficio uff werk opwerk werkadres zakelijk kantoor trabalho
		comercial escritório profissional`),
	bothSpellings(`home personal private privat privatanschrift domicile personnel personnelle maison casa particular domicilio dedomicilio
		abitazione ab privato personale thuis thuisadres huisadres privé residencial residência pessoal`),
	bothSpellings(`postanschrift postadresse adressepostale direcciónpostal indirizzopostale postadres endereçopostal postaladdress mailing`),
	bothSpellings(`other sonstige weitere andere anderes autre otro otra altro altra ander anders overig overige outro outra`),
}

// mobiles stand behind a phone that is a mobile one.
var mobiles = bothSpellings(`mobil mobile móvil mobiel mobiele celular portable cellulare cell gsm handy telemóvel móvel`)

func bothSpellings(names string) (all []string) {
	for _, name := range strings.Fields(names) {
		all = append(all, name)
		if bare := withoutAccents(name); bare != name {
			all = append(all, bare)
		}
	}
	return all
}

// derived is the goal of a plain name that is a listed one with more around it.
func derived(plain string) (Goal, bool) {
	const longest = 100
	if len(plain) > longest {
		return Goal{}, false
	}
	for _, owner := range owners {
		rest, ok := strings.CutPrefix(plain, owner)
		if !ok || rest == "" {
			continue
		}
		if g, ok := byName[rest]; ok && owner != "" && slices.Contains(withOwners, g.Target) {
			return g, true
		}
		if g, ok := placed(rest, derivedRank, 0); ok {
			return g, true
		}
	}
	return Goal{}, false
}

// placed takes places and a number off the end of a name.
func placed(name string, rank, depth int) (Goal, bool) {
	const deepest = 3
	if g, ok := byName[name]; ok && depth > 0 {
		return Goal{g.Target, rank}, slices.Contains(withPlaces, g.Target)
	}
	if depth == deepest || name == "" {
		return Goal{}, false
	}
	if c := name[len(name)-1]; c >= '1' && c <= '9' {
		return placed(name[:len(name)-1], rank+10*int(c-'0'), depth+1)
	}
	for i, words := range places {
		for _, word := range words {
			if rest, ok := strings.CutSuffix(name, word); ok {
				if g, ok := placed(rest, rank+i, depth+1); ok {
					return g, true
				}
			}
		}
	}
	for _, word := range mobiles {
		if rest, ok := strings.CutSuffix(name, word); ok {
			if g, ok := placed(rest, rank, depth+1); ok && (g.Target == Phone || g.Target == Mobile) {
				return Goal{Mobile, g.Rank}, true
			}
		}
	}
	return Goal{}, false
}
