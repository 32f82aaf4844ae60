package region

import (
	"slices"
	"strings"
)

// A Language is told by the names of columns, and says where its people are.
type Language struct {
	Name    string
	Regions []string // the likeliest first
	columns []string
}

var languages = []Language{
	{"German", []string{"DE", "AT", "CH"}, strings.Fields("vorname nachname telefon telefonnummer mobiltelefon handynummer geburtsdatum wohnort ort stadt strasse plz firma mobil handy anrede")},
	{"French", []string{"FR", "BE", "CH", "CA"}, strings.Fields("prénom prenom téléphone téléphoneportable téléphonemobile adresseemail ville datedenaissance codepostal courriel")},
	{"Spanish", []string{"ES", "MX", "AR", "CO", "CL", "PE"}, strings.Fields("nombre apellidos teléfono teléfonomóvil ciudad correoelectrónico correo fechadenacimiento población móvil")},
	{"Italian", []string{"IT", "CH"}, strings.Fields("cognome cellulare città datadinascita compleanno indirizzoemail")},
	{"Dutch", []string{"NL", "BE"}, strings.Fields("voornaam achternaam telefoonnummer telefoon woonplaats plaats geboortedatum mobiel emailadres")},
	{"Portuguese", []string{"PT", "BR"}, strings.Fields("sobrenome apelido telefone telemóvel celular cidade datadenascimento aniversário")},
}

// LanguageOf is the language of most columns, which are plain names; English where none tells another.
func LanguageOf(columns []string) Language {
	best, most := Language{"English", []string{"US", "GB", "AU", "IE", "NZ", "ZA", "IN"}, nil}, 0
	for _, l := range languages {
		n := 0
		for _, column := range columns {
			if slices.Contains(l.columns, column) {
				n++
			}
		}
		if n > most {
			best, most = l, n
		}
	}
	return best
}
