package mapping

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A kind is what a value has to be.
type kind uint8

const (
	text       kind = iota // any text
	birthday               // a date that lies behind us, which becomes text; what is none is left out
	email                  // one e-mail address
	whole                  // a whole number
	boolean                // yes or no
	list                   // several texts
	object                 // a JSON object
	memories               // a JSON array of memories
	plainPhone             // a phone number as it stands: contact ids only

	// With a mapping only.
	phone   // a phone number, which becomes E.164
	number  // any number
	date    // a date, which becomes text
	anyJSON // any JSON
	memory  // a text, which becomes a memory
)

// A target is where a column goes by its name.
type target struct {
	name  string // profile field, or one of the last four
	kind  kind
	names string // names of columns that go there, as plainName makes them, the best first; name is the best of all
}

// Indexes of the targets that are not profile fields.
const (
	toContactIDs = iota + 13
	toActive
	toMobile
	toPhone
)

// targets are the default fields of a profile, sorted by name, and what else a
// create request takes. Their names are those in English, German, French, Spanish,
// Italian, Dutch and Portuguese, and those in the exports of HubSpot, Salesforce,
// Pipedrive, Zoho, Google, Outlook, Thunderbird, LinkedIn, Shopify, Mailchimp, Brevo,
// ActiveCampaign, Klaviyo, Intercom, Constant Contact and Kit. Tags go to tasks: of
// the default fields it is the only list of texts.
var targets = []target{
	{"accepted_gdpr", boolean, `gdpr gdpraccepted gdprconsent consent consentgiven dataprocessingconsent dsgvo einwilligung rgpd
		consentement consentimiento consenso toestemming consentimento optin`},
	{"age", whole, "alter âge edad età leeftijd idade"},
	{"birthday", birthday, `birthdate dateofbirth dob bday geburtsdatum geburtstag gebdatum datedenaissance datenaissance anniversaire
		fechadenacimiento fechanacimiento cumpleaños datadinascita compleanno geboortedatum verjaardag datadenascimento
		datanascimento aniversário personbirthday contactbirthday`},
	{"email", email, `emailaddress mail mailaddress primaryemail emailadresse mailadresse epost epostadresse adresseemail adressemail
		adressedemessagerie adressedemessagerieélectronique courriel adressecourriel adressedecourriel adresseélectronique correoelectrónico
		direccióndecorreoelectrónico direccióndecorreo direccióndeemail correo indirizzoemail indirizzomail indirizzodiemail
		indirizzodipostaelettronica postaelettronica emailadres mailadres emailadressen endereçodeemail endereçoemail correioeletrónico
		correioeletrônico endereçodecorreioeletrónico emails emailid useremail contactemail customeremail subscriberemail
		emailwork personemailwork workemail businessemail emailbusiness emailgeschäftlich email1 email1value email1address
		personemailhome homeemail emailhome privateemail emailprivat personalemail personemailother otheremail secondaryemail
		additionalemail email2 email2value email2address email3 email3value email3address`},
	{"firstname", text, `first givenname forename fname vorname prénom nombredepila primernombre nombres primeironome voornaam
		personfirstname contactfirstname customerfirstname`},
	{"gender", text, "sex geschlecht sexe sexo género genere sesso geslacht gênero"},
	{"lastname", text, `last surname familyname lname nachname familienname zuname nomdefamille apellidos apellido primerapellido cognome
		sobrenome apelido apelidos últimonome achternaam familienaam personlastname contactlastname customerlastname`},
	{"location", text, `city town ort stadt wohnort ville localité commune ciudad población localidad municipio città comune località plaats
		woonplaats stad gemeente cidade localidade município mailingcity homecity privatort address1city addresscity
		contactcity defaultaddresscity cityhome businesscity workcity citywork ortgeschäftlich othercity cityother
		personpostaladdresscity cityregion`},
	{"memories", memories, "memory"},
	{"prevent_data_collection", boolean, "nodatacollection donottrack"},
	{"privacy_policy", object, ""},
	{"profilepic", text, "profilepicture picture pictureurl photo photourl avatar avatarurl profilbild photodeprofil fotodeperfil fotoperfil"},
	{"tasks", list, `goals tags tag labels label personlabels personlabel categories kategorien étiquettes etiquetas etichette
		schlagwörter catégories categorías categorie categorieën categorias marcadores groupmembership`},
	toContactIDs: {"contactIds", list, ""},
	toActive:     {"active", boolean, "isactive aktiv"},
	toMobile: {"mobile", plainPhone, `mobilephone mobilenumber mobilephonenumber cell cellphone cellphonenumber cellnumber mobil mobiltelefon
		mobilnummer mobiltelefonnummer mobilfunk mobilfunknummer handy handynummer telefonmobil portable téléphoneportable
		téléphonemobile télmobile télportable numérodeportable numérodemobile móvil teléfonomóvil celular teléfonocelular númerodemóvil
		númerodecelular cellulare telefonocellulare numerodicellulare telefonomobile mobiel mobielnummer mobielenummer
		mobieletelefoon mobieltelefoonnummer gsm gsmnummer telemóvel telefonecelular númerodetelemóvel telefonemóvel
		personphonemobile phonemobile phonenumbermobile phonecell whatsapp whatsappnumber whatsappphonenumber smsphonenumber sms`},
	toPhone: {"phone", plainPhone, `phonenumber telephone telephonenumber tel primaryphone telefon telefonnummer telnr telefonnr rufnummer
		festnetz festnetznummer téléphone tél numérodetéléphone téléphonefixe teléfono númerodeteléfono teléfonofijo telefono
		numeroditelefono telefonofisso telefoon telefoonnummer telnummer vastetelefoon telefone númerodetelefone telefonefixo
		phonenumbers phones contactphone customerphone defaultaddressphone personphonework workphone businessphone phonework
		phonenumberwork phone1 phone1value telefongeschäftlich téléphoneprofessionnel personphonehome homephone phonehome
		phonenumberhome telefonprivat personphoneother otherphone phoneother phonenumberother phone2 phone2value businessphone2
		homephone2 secondaryphone`},
}

// A goal is a target, and how good a name is for it: 0 is the best.
type goal struct{ target, rank int }

var byName = func() map[string]goal {
	m := make(map[string]goal)
	for i, t := range targets {
		for rank, name := range append([]string{plainName(t.name)}, strings.Fields(t.names)...) {
			m[name] = goal{i, rank}
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

// goalOf is where a column goes by its name; has tells whether there is a column of a
// plain name beside it.
func goalOf(name string, has func(plain string) bool) (goal, bool) {
	plain := plainName(name)
	for _, b := range besides {
		if b.name == plain && has(b.other) {
			to, ok := byName[b.target]
			return goal{to.target, lastRank}, ok
		}
	}
	g, ok := byName[plain]
	return g, ok
}

// namesIn tells which plain names the columns of a header have.
func namesIn(header []string) func(plain string) bool {
	names := make(map[string]bool, len(header))
	for _, name := range header {
		names[plainName(name)] = true
	}
	return func(plain string) bool { return names[plain] }
}

// IsKnown tells whether a column goes somewhere by its name, alone or beside others.
func IsKnown(column string) bool {
	_, ok := byName[plainName(column)]
	return ok || slices.Contains(fullNames, plainName(column))
}

// foldLetters are letters that have more than one capital or small form.
var foldLetters = strings.NewReplacer("İ", "i", "ı", "i", "ß", "ss", "ẞ", "ss")

// plainName is the name of a column without regard to case, spaces, underscores,
// hyphens and other punctuation, and to how its accents are encoded.
func plainName(name string) string {
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

func withoutAccents(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsMark(r) {
			return -1
		}
		return r
	}, norm.NFD.String(name))
}

// ColumnName is what people call a column.
func ColumnName(header []string, i int) string {
	if i < len(header) && strings.TrimSpace(header[i]) != "" {
		return header[i]
	}
	return fmt.Sprintf("column %d", i+1)
}

// ignoredNames are the columns that go nowhere, each once.
type ignoredNames struct {
	unknown []string
	second  []string // "B (A comes first)"
	further []string // of those that take several columns
	seen    []string
}

// maxIgnored bounds what is remembered of names that each JSON line may choose.
const maxIgnored = 200

// add notes a column that is ignored, because of another one if first is set.
func (n *ignoredNames) add(name, first string) {
	if len(n.seen) >= maxIgnored || slices.Contains(n.seen, name) {
		return
	}
	n.seen = append(n.seen, name)
	if first != "" {
		n.second = append(n.second, fmt.Sprintf("%q (%q comes first)", name, first))
	} else {
		n.unknown = append(n.unknown, fmt.Sprintf("%q", name))
	}
}

func (n *ignoredNames) text() string {
	var parts []string
	if len(n.unknown) > 0 {
		parts = append(parts, "not imported, because no profile field has that name: "+strings.Join(n.unknown, ", "))
	}
	if len(n.second) > 0 {
		parts = append(parts, "not imported, because another column goes to the same field: "+strings.Join(n.second, ", "))
	}
	if len(n.further) > 0 {
		parts = append(parts, "taken only where another column for the same is empty: "+strings.Join(n.further, ", "))
	}
	return strings.Join(parts, "; ")
}
