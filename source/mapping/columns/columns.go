// Package columns knows where a column goes by its name alone, and what people call it.
//
//	"E-Mail-Adresse" ──► Plain ──► Goal: the Target email, by its fourth name
package columns

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"importer/internal/words"
)

// A Target is where a column goes by its name.
type Target struct {
	Name  string // profile field, or one of the last four
	names string // names of columns that go there, as Plain makes them, the best first; Name is the best of all
}

// Indexes of the targets that are not profile fields.
const (
	ContactIDs = iota + 13
	Active
	Mobile
	Phone
)

// Email is the index of the field that gives contact ids by name.
var Email, _ = Field("email")

// Targets are the default fields of a profile, sorted by name, and what else a
// create request takes. Their names are those in English, German, French, Spanish,
// Italian, Dutch and Portuguese, and those in the exports of HubSpot, Salesforce,
// Pipedrive, Zoho, Google, Outlook, Thunderbird, LinkedIn, Shopify, Mailchimp, Brevo,
// ActiveCampaign, Klaviyo, Intercom, Constant Contact and Kit. Tags go to tasks: of
// the default fields it is the only list of texts.
var Targets = []Target{
	{"accepted_gdpr", `gdpr gdpraccepted gdprconsent consent consentgiven dataprocessingconsent dsgvo einwilligung rgpd
		consentement consentimiento consenso toestemming consentimento optin`},
	{"age", "alter âge edad età leeftijd idade"},
	{"birthday", `birthdate dateofbirth dob bday geburtsdatum geburtstag gebdatum datedenaissance datenaissance anniversaire
		fechadenacimiento fechanacimiento cumpleaños datadinascita compleanno geboortedatum verjaardag datadenascimento
		datanascimento aniversário personbirthday contactbirthday`},
	{"email", `emailaddress mail mailaddress primaryemail emailadresse mailadresse epost epostadresse adresseemail adressemail
		adressedemessagerie adressedemessagerieélectronique courriel adressecourriel adressedecourriel adresseélectronique correoelectrónico
		direccióndecorreoelectrónico direccióndecorreo direccióndeemail correo indirizzoemail indirizzomail indirizzodiemail
		indirizzodipostaelettronica indirizzopostaelettronica postaelettronica emailadres mailadres emailadressen endereçodeemail endereçoemail correioeletrónico
		correioeletrônico endereçodecorreioeletrónico emails emailid useremail contactemail customeremail subscriberemail
		emailwork personemailwork workemail businessemail emailbusiness emailgeschäftlich email1 email1value email1address
		personemailhome homeemail emailhome privateemail emailprivat personalemail personemailother otheremail secondaryemail
		additionalemail email2 email2value email2address email3 email3value email3address`},
	{"firstname", `first givenname forename fname vorname prénom nombredepila primernombre nombres primeironome voornaam
		personfirstname contactfirstname customerfirstname`},
	{"gender", "sex geschlecht sexe sexo género genere sesso geslacht gênero"},
	{"lastname", `last surname familyname lname nachname familienname zuname nomdefamille apellidos apellido primerapellido cognome
		sobrenome apelido apelidos últimonome achternaam familienaam personlastname contactlastname customerlastname`},
	{"location", `city town ort stadt wohnort ville localité commune ciudad población localidad municipio città comune località plaats
		woonplaats stad gemeente cidade localidade município mailingcity homecity privatort address1city addresscity
		contactcity defaultaddresscity cityhome businesscity workcity citywork ortgeschäftlich othercity cityother
		personpostaladdresscity cityregion`},
	{"memories", "memory"},
	{"prevent_data_collection", "nodatacollection donottrack"},
	{"privacy_policy", ""},
	{"profilepic", "profilepicture picture pictureurl photo photourl avatar avatarurl profilbild photodeprofil fotodeperfil fotoperfil"},
	{"tasks", `goals tags tag labels label personlabels personlabel categories kategorien étiquettes etiquetas etichette
		schlagwörter catégories categorías categorie categorieën categorias marcadores groupmembership`},
	ContactIDs: {"contactIds", ""},
	Active:     {"active", "isactive aktiv"},
	Mobile: {"mobile", `mobilephone mobilenumber mobilephonenumber cell cellphone cellphonenumber cellnumber mobil mobiltelefon
		mobilnummer mobiltelefonnummer mobilfunk mobilfunknummer handy handynummer telefonmobil portable téléphoneportable
		téléphonemobile télmobile télportable numérodeportable numérodemobile móvil teléfonomóvil celular teléfonocelular númerodemóvil
		númerodecelular cellulare telefonocellulare numerodicellulare telefonomobile mobiel mobielnummer mobielenummer
		mobieletelefoon mobieltelefoonnummer gsm gsmnummer telemóvel telefonecelular númerodetelemóvel telefonemóvel
		personphonemobile phonemobile phonenumbermobile phonecell whatsapp whatsappnumber whatsappphonenumber smsphonenumber sms`},
	Phone: {"phone", `phonenumber telephone telephonenumber tel primaryphone telefon telefonnummer telnr telefonnr rufnummer
		festnetz festnetznummer téléphone tél numérodetéléphone téléphonefixe teléfono númerodeteléfono teléfonofijo telefono
		numeroditelefono telefonofisso telefoon telefoonnummer telnummer vastetelefoon telefone númerodetelefone telefonefixo
		phonenumbers phones contactphone customerphone defaultaddressphone personphonework workphone businessphone phonework
		phonenumberwork phone1 phone1value telefongeschäftlich téléphoneprofessionnel personphonehome homephone phonehome
		phonenumberhome telefonprivat personphoneother otherphone phoneother phonenumberother phone2 phone2value businessphone2
		homephone2 secondaryphone`},
}

// A Goal is the index of a target, and how good a name is for it: 0 is the best.
type Goal struct{ Target, Rank int }

var byName = func() map[string]Goal {
	m := make(map[string]Goal)
	for i, t := range Targets {
		for rank, name := range append([]string{Plain(t.Name)}, strings.Fields(t.names)...) {
			m[name] = Goal{i, rank}
		}
	}
	for name, g := range maps.Clone(m) { // many write them without accents
		if _, taken := m[withoutAccents(name)]; !taken {
			m[withoutAccents(name)] = g
		}
	}
	return m
}()

// besides are names that mean something only beside another column: Nom is a last
// name beside Prénom, and else mostly a whole name. What goes to no target is one of
// several columns of a date.
var besides = []struct{ name, other, target string }{
	{"nom", "prénom", "lastname"}, {"nom", "prenom", "lastname"}, {"name", "vorname", "lastname"},
	{"naam", "voornaam", "lastname"}, {"name", "voornaam", "lastname"},
	{"nombre", "apellidos", "firstname"}, {"nombre", "apellido", "firstname"}, {"nombre", "primerapellido", "firstname"},
	{"nome", "cognome", "firstname"}, {"nome", "sobrenome", "firstname"}, {"nome", "apelido", "firstname"}, {"nome", "apelidos", "firstname"},
	{"birthday", "birthyear", ""},
}

// lastRank is behind those of all names that need no other beside them.
const lastRank = 1000

// fullNames are columns with the whole name of a person. They go nowhere by
// themselves: which part is which is a guess.
var fullNames = strings.Fields(`name fullname personname contactname displayname customername fileas vollständigername anzeigename nom nomcomplet
	nometprénom nomdaffichage nombre nombrecompleto nombreyapellidos nome nomecompleto nomecognome nomeecognome naam volledigenaam`)

// recordIDs identify a record of the CRM: no channel knows a contact by them. The API's
// own contactIds is another word.
var recordIDs = strings.Fields(`id recordid recordidcontact contactid contactid18 personid leadid accountid customerid subscriberid userid
	memberid klaviyoid externalid uid uuid guid kundennummer kundennr idcontact idcontacto identifiant idcontatto`)

// Field is the index of a profile field of that name; false where there is no default
// one.
func Field(name string) (target int, ok bool) {
	target = slices.IndexFunc(Targets[:ContactIDs], func(t Target) bool { return t.Name == name })
	return target, target >= 0
}

// Like is the target whose name a column is almost called by; empty where there is none.
func Like(column string) string {
	if utf8.RuneCountInString(column) < 5 || IsRecordID(column) || IsFullName(column) { // it would be like too many, or is something else
		return ""
	}
	var all []string
	for _, t := range Targets {
		if Plain(t.Name) != Plain(column) { // else it is known, and left out for a reason
			all = append(all, t.Name)
		}
	}
	return words.Nearest(column, all)
}

// GoalOf is where a column goes by its name; has tells whether there is a column of a
// plain name beside it.
func GoalOf(name string, has func(plain string) bool) (Goal, bool) {
	plain := Plain(name)
	for _, b := range besides {
		if b.name == plain && has(b.other) {
			to, ok := byName[b.target]
			return Goal{to.Target, lastRank}, ok
		}
	}
	return goal(plain)
}

func goal(plain string) (Goal, bool) {
	if g, ok := byName[plain]; ok {
		return g, true
	}
	return derived(plain)
}

// First is the column with the best name for a target; false where there is none.
func First(header []string, target int) (first int, ok bool) {
	has, best := NamesIn(header), 0
	for i, name := range header {
		if g, known := GoalOf(name, has); known && g.Target == target && (!ok || g.Rank < best) {
			first, best, ok = i, g.Rank, true
		}
	}
	return first, ok
}

// NamesIn tells which plain names the columns of a header have.
func NamesIn(header []string) func(plain string) bool {
	names := make(map[string]bool, len(header))
	for _, name := range header {
		names[Plain(name)] = true
	}
	return func(plain string) bool { return names[plain] }
}

// IsKnown tells whether a column goes somewhere by its name, alone or beside others.
func IsKnown(column string) bool {
	_, ok := goal(Plain(column))
	return ok || IsFullName(column)
}

// IsFullName tells whether a column holds the whole name of a person.
func IsFullName(column string) bool { return slices.Contains(fullNames, Plain(column)) }

// IsRecordID tells whether a column identifies a record of the CRM.
func IsRecordID(column string) bool { return slices.Contains(recordIDs, Plain(column)) }

// foldLetters are letters that have more than one capital or small form.
var foldLetters = strings.NewReplacer("İ", "i", "ı", "i", "ß", "ss", "ẞ", "ss")

// Plain is the name of a column without regard to case, spaces, underscores,
// hyphens and other punctuation, and to how its accents are encoded.
func Plain(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return r >= utf8.RuneSelf }) {
		name = foldLetters.Replace(norm.NFKC.String(name))
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

// numbered is the column that Ref calls by a name with a number in brackets, whatever its
// case and spaces are; -1 where there is none, or more than one.
func numbered(header []string, name string) int {
	plain := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, " ", "")) }
	found := -1
	if !strings.HasSuffix(name, ")") {
		return found
	}
	before := make(map[string]int)
	for i, column := range header {
		if before[column] > 0 && plain(ref(column, i, before[column])) == plain(name) {
			if found >= 0 {
				return -1
			}
			found = i
		}
		before[column]++
	}
	return found
}

func withoutAccents(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsMark(r) {
			return -1
		}
		return r
	}, norm.NFD.String(name))
}

// Name is what people call a column.
func Name(header []string, i int) string {
	if i < len(header) && strings.TrimSpace(header[i]) != "" {
		return header[i]
	}
	return place(i)
}

// Ref is what a mapping calls a column: its name, "Phone (2)" where it is the
// second of that name, or "column 3" where it has none.
func Ref(header []string, i int) string {
	before := 0
	for _, other := range header[:i] {
		if other == header[i] {
			before++
		}
	}
	return ref(header[i], i, before)
}

func ref(name string, i, before int) string {
	switch {
	case Plain(name) == "":
		return place(i)
	case before > 0:
		return fmt.Sprintf("%s (%d)", name, before+1)
	}
	return name
}

func place(i int) string { return fmt.Sprintf("column %d", i+1) }

// Find finds a column by its exact name, else by what Ref calls it or by
// its place, else by its plain name where only one column has it.
func Find(header []string, name string) (int, bool) {
	if i := slices.Index(header, name); i >= 0 {
		return i, true
	}
	before := make(map[string]int)
	for i, column := range header {
		if ref(column, i, before[column]) == name || place(i) == name {
			return i, true
		}
		before[column]++
	}
	if i := numbered(header, name); i >= 0 {
		return i, true
	}
	alike := func(column string) bool { return Plain(column) == Plain(name) }
	i := slices.IndexFunc(header, alike)
	if i < 0 || Plain(name) == "" || slices.ContainsFunc(header[i+1:], alike) {
		return -1, false
	}
	return i, true
}
