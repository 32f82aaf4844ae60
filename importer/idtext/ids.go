// Package idtext decides what a text may give as contact ids, e-mail addresses and phone
// numbers, for every way in: it takes off what stands around an id and is no part of it, and
// refuses what cannot be one. The version of what it does is contact.IDRule.
package idtext

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// What one value may hold.
const (
	MaxIDs     = 50       // contact ids, addresses or numbers
	maxIDBytes = 1000     // of one contact id
	maxEmail   = 254      // bytes of an address, by RFC 5321
	maxValue   = 64 << 10 // bytes
	maxWraps   = 8        // brackets, quotes and prefixes around each other
)

// A Flaw is why a value, or a part of it, cannot be taken.
type Flaw struct {
	Reason string // goes on behind the value: "is not an e-mail address"
	Hint   string // what to do about it
}

// A Form is how a source keeps a value.
type Form uint8

const (
	TextForm Form = iota
	JSONForm      // a number of JSON
	CellForm      // a cell that a workbook keeps as a number
)

// ID gives the contact ids of a person in one value, whatever their kind. With a flaw
// they are what is left beside it. Each is without what stands around an id and is no
// part of it, in Unicode's form NFC, and ID gives each back as it is.
func ID(s string, form Form) ([]string, *Flaw) { return idsIn(s, form, "|") }

// ListedIDs is as ID, for a value that is a list: it is split at every | as well, which
// may be a part of an id elsewhere, as in auth0|17.
func ListedIDs(s string, form Form) ([]string, *Flaw) { return idsIn(s, form, "") }

func idsIn(s string, form Form, soft string) ([]string, *Flaw) {
	if form == TextForm && isPlainID(s) {
		return []string{s}, nil
	}
	v, flaw := newValue(s)
	if flaw != nil {
		return nil, flaw
	}
	return each(v.pieces(soft, looksAddressed), v.edge, func(piece string) (string, *Flaw) { return piece, idFlaw(piece, form) })
}

// Email gives the e-mail addresses of a person in one value, as ID does. The name in
// "Ada <ada@example.com>" is left out.
func Email(s string) ([]string, *Flaw) {
	if isPlainEmail(s) {
		return []string{s}, nil
	}
	v, flaw := newValue(s)
	if flaw != nil {
		return nil, flaw
	}
	v.edge = func(r rune) bool { return isEdge(r) || isBracket(r) }
	return each(v.pieces("", looksAddressed), v.edge, func(piece string) (string, *Flaw) { return piece, emailFlaw(piece) })
}

// A value is a text without what stands around it. Its pieces are stripped again,
// with the same edge.
type value struct {
	text string
	edge func(rune) bool
}

func newValue(s string) (value, *Flaw) {
	v := value{edge: isEdge}
	if len(s) > maxValue {
		return v, &Flaw{"is too long to be a contact id", "shorten it, or give each contact id a column"}
	}
	if strings.IndexByte(s, '&') >= 0 && htmlEntity.MatchString(s) {
		return v, &Flaw{"holds characters in the spelling of HTML", "write them as they are, such as & instead of &amp;"}
	}
	if strings.ContainsAny(s, "{<%*") && template.MatchString(s) {
		return v, &Flaw{"is a template that was not filled in", "export it again, with the values"}
	}
	text, flaw := strip(norm.NFC.String(s), isEdge)
	if formula.MatchString(text) {
		return v, isFormula
	}
	v.text = displayed(text)
	return v, flaw
}

// each makes the ids of the pieces, each once.
func each[T comparable](pieces []string, edge func(rune) bool, one func(piece string) (T, *Flaw)) (all []T, first *Flaw) {
	if len(pieces) > MaxIDs {
		return nil, &Flaw{"holds too many contact ids", "it may hold 50: correct it, or leave it empty"}
	}
	for _, piece := range pieces {
		piece, flaw := strip(piece, edge)
		if piece == "" && flaw == nil {
			continue
		}
		var id T
		if flaw == nil {
			id, flaw = one(piece)
		}
		switch {
		case flaw != nil && first == nil:
			first = flaw
		case flaw == nil && !slices.Contains(all, id):
			all = append(all, id)
		}
	}
	return all, first
}

// separators become line breaks.
var separators = strings.NewReplacer(":::", "\n", ";", "\n", "\r", "\n", "\v", "\n", "\f", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")

// pieces splits at what always separates, and at commas, slashes with space around
// them and the characters of soft where all that they separate looks like something
// of its own. It stops when there are too many.
func (v value) pieces(soft string, looks func(string) bool) []string {
	if !strings.ContainsAny(v.text, ";|,/:\n\r\v\f\u0085\u2028\u2029") {
		return []string{v.text}
	}
	text := separators.Replace(v.text)
	if soft == "" {
		text = strings.ReplaceAll(text, "|", "\n")
	}
	var all []string
	for line := range strings.SplitSeq(text, "\n") {
		for _, part := range softPieces(line, soft, looks) {
			if strings.TrimSpace(part) != "" {
				all = append(all, part)
			}
			if len(all) > MaxIDs {
				return all
			}
		}
	}
	return all
}

func softPieces(line, soft string, looks func(string) bool) []string {
	marked := strings.ReplaceAll(strings.ReplaceAll(line, " / ", "\n"), ",", "\n")
	if soft != "" {
		marked = strings.ReplaceAll(marked, soft, "\n")
	}
	parts := strings.Split(marked, "\n")
	for _, part := range parts {
		if part = strings.TrimSpace(part); part != "" && !looks(part) {
			return []string{line}
		}
	}
	return parts
}

// looksAddressed tells whether a text can be an address or a phone number.
func looksAddressed(s string) bool {
	return strings.IndexByte(s, '@') > 0 || looksDialled(s)
}

// idFlaw is what is wrong with one contact id, of whatever kind.
func idFlaw(s string, form Form) *Flaw {
	if flaw := damage(s, form); flaw != nil {
		return flaw
	}
	if IsPlaceholder(s) {
		return &Flaw{"stands for no contact id", "give the contact id, or leave it empty"}
	}
	if flaw := hidden(s); flaw != nil {
		return flaw
	}
	at := strings.IndexByte(s, '@')
	switch {
	case len(s) > maxIDBytes:
		return &Flaw{"is too long to be a contact id", "shorten it"}
	case at > 0 && (strings.ContainsAny(s, " <>") || strings.Count(s, "@") > 1):
		return notEmail(s)
	case at > 0 && !strings.Contains(s[:at], ":"): // such as sip:ada@example.com
		return addressFlaw(s, false)
	case strings.IndexFunc(s, isFullWidth) >= 0:
		return &Flaw{"is written in wide characters", "write it in ordinary ones"}
	case s[0] == '=':
		return isFormula
	case s[0] == '{':
		return &Flaw{"is an object of a program", "give the contact id alone"}
	case strings.ContainsAny(s, "<>"):
		return &Flaw{"holds < or >, as a page of HTML does", "give the contact id alone"}
	case hasQuote(s) || !isBalanced(s):
		return &Flaw{"holds a quote or a bracket that is not around the whole", "give the contact id alone, without quotes and brackets"}
	case strings.Contains(s, "**") || strings.Contains(s, "••"):
		return &Flaw{"is masked", "export it again, with all characters"}
	case strings.Contains(s, ","):
		return &Flaw{"holds a comma, and whether that separates contact ids is not clear", "separate them with ;"}
	}
	return nil
}

// placeholders are what people and programs write where there is nothing, in lower
// case and of letters and digits only, with their accents and without.
var placeholders = func() map[string]bool {
	m := make(map[string]bool)
	for _, s := range strings.Fields(`na none null nil unknown undefined unspecified unassigned nan tbd tba tbc nv nc nd nvt notavailable notapplicable
		notprovided notspecified notknown notgiven notset notentered noemail noemailaddress nomail nophone nophonenumber nonumber noid noname nodata
		novalue nothing nonegiven noneprovided empty blank missing void anonymous objectobject
		ka keine kein keiner keineangabe keineangaben keinedaten keinwert keineemail keineemailadresse keinemail keintelefon keinenummer leer unbekannt
		ohne ohneangabe nichts nichtvorhanden nichtangegeben nichtbekannt nichtverfügbar nichtverfuegbar nichtgesetzt entfällt entfaellt
		inconnu inconnue aucun aucune vide rien néant nonrenseigné nonrenseignée nonspécifié nonspécifiée noncommuniqué noncommuniquée nonconnu
		nonconnue nondéfini nondéfinie nondisponible nonapplicable indisponible sansobjet sans pasdemail pasdemel pasdetéléphone
		desconocido desconocida ninguno ninguna vacío sindato sindatos sininformación sincorreo sinemail sinteléfono noinformado noespecificado
		nodefinido nodisponible noaplica noaplicable noconocido
		sconosciuto sconosciuta nessuno nessuna nulla vuoto assente nondisponibile nonspecificato nondefinito nonnoto nonpresente noninserito
		nonapplicabile nessundato nessunaemail nessuntelefono
		onbekend geen geenemail geentelefoon geengegevens leeg niets nietbekend nietopgegeven nietingevuld nietbeschikbaar nietvantoepassing
		desconhecido desconhecida nenhum nenhuma vazio indefinido nãoinformado nãodisponível nãoaplicável nãoespecificado nãodefinido nãoconsta
		semdados seminformação sememail semtelefone
		xxx true false yes no ja nein loading infinity nullnull undefinedundefined`) {
		m[s], m[withoutMarks(s)] = true, true
	}
	return m
}()

// shortForms stand for nothing as they are written. Without their dots, or in another
// case, they may be somebody's.
var shortForms = strings.Fields(`\N -1 NaT s/o S/O s.o. o.a. o.A. o. A. n.b. n.b n/b n/k n.k.`)

func withoutMarks(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsMark(r) {
			return -1
		}
		return r
	}, norm.NFD.String(s))
}

// IsPlaceholder tells whether a text stands for nothing: a word for that, several of
// them as in "None None" and unknown@unknown, or no letter and no digit but zeros.
func IsPlaceholder(s string) bool {
	if isPlaceholder(s) {
		return true
	}
	between := func(r rune) bool { return r == ' ' || r == '@' }
	if strings.IndexFunc(s, between) < 0 {
		return false
	}
	for word := range strings.FieldsFuncSeq(s, between) {
		if !isPlaceholder(word) {
			return false
		}
	}
	return true
}

func isPlaceholder(s string) bool {
	const longest = 24
	var word [longest]byte
	n, nothing := 0, true
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			continue
		}
		if r >= 0xff01 && r <= 0xff5e { // wide
			r -= 0xfee0
		}
		nothing = nothing && r == '0'
		r = unicode.ToLower(r)
		if n+utf8.RuneLen(r) > longest {
			if !nothing {
				return false
			}
			continue
		}
		n += utf8.EncodeRune(word[n:], r)
	}
	return nothing || placeholders[string(word[:n])] || slices.Contains(shortForms, s)
}

// hidden refuses what cannot be seen in a text, and what no text is made of.
func hidden(s string) *Flaw {
	for i, r := range s {
		switch {
		case r >= ' ' && r < utf8.RuneSelf-1:
		case r == utf8.RuneError:
			return &Flaw{"holds bytes that are no text", "correct it, or name the encoding of the file"}
		case isInvisible(r), !unicode.IsGraphic(r):
			return &Flaw{"holds a character that cannot be seen: " + codePoint(r), "take it out: paste the value into a plain editor and write it again"}
		case unicode.IsSpace(r):
			return &Flaw{"holds a space of an unusual kind: " + codePoint(r), "write an ordinary space, or none"}
		case i == 0 && unicode.IsMark(r):
			return &Flaw{"begins with an accent that belongs to no letter: " + codePoint(r), "correct it"}
		}
	}
	return nil
}
