package mapping

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// A kind is what a value has to be.
type kind uint8

const (
	text       kind = iota // any text
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

// A target is where a column goes without a mapping.
type target struct {
	name    string   // profile field, or one of the last four
	kind    kind     //
	names   []string // names of columns that go there, as plainName makes them; name is one of them
	exports []string // for a guess only: names in exports of HubSpot, Salesforce, Pipedrive, Zoho, Google Contacts and Outlook, the best first
}

// Indexes of the targets that are not profile fields.
const (
	toContactIDs = iota + 13
	toActive
	toMobile
	toPhone
)

// targets are the default fields of a profile, sorted by name, and what else a
// create request takes. Tags go to tasks: of the default fields it is the only
// list of texts.
var targets = []target{
	{"accepted_gdpr", boolean, []string{"gdpr", "gdpraccepted", "gdprconsent", "consent", "consentgiven", "dsgvo", "einwilligung", "optin"},
		[]string{"marketingconsent", "dataprocessingconsent", "legalbasisforprocessingcontactsdata"}},
	{"age", whole, []string{"alter", "âge", "edad"}, nil},
	{"birthday", text, []string{"birthdate", "dateofbirth", "dob", "geburtsdatum", "geburtstag"}, []string{"personbirthday"}},
	{"email", email, []string{"mail", "emailaddress", "mailaddress", "emailadresse", "mailadresse", "correoelectrónico"},
		[]string{"emailwork", "personemailwork", "workemail", "email1value", "primaryemail", "personemailhome", "homeemail", "personemailother",
			"secondaryemail", "email2value", "email2address", "email3value", "email3address"}},
	{"firstname", text, []string{"first", "givenname", "forename", "vorname", "prénom", "prenom"}, []string{"personfirstname", "contactfirstname"}},
	{"gender", text, []string{"sex", "geschlecht"}, nil},
	{"lastname", text, []string{"last", "surname", "familyname", "nachname", "familienname", "apellidos"}, []string{"personlastname", "contactlastname"}},
	{"location", text, []string{"city", "town", "ort", "stadt", "wohnort"},
		[]string{"mailingcity", "homecity", "address1city", "businesscity", "othercity", "personpostaladdresscity", "cityregion"}},
	{"memories", memories, []string{"memory"}, nil},
	{"prevent_data_collection", boolean, []string{"nodatacollection", "donottrack"}, nil},
	{"privacy_policy", object, nil, nil},
	{"profilepic", text, []string{"profilepicture", "picture", "pictureurl", "photo", "photourl", "avatar", "avatarurl"}, nil},
	{"tasks", list, []string{"goals", "tags", "labels"}, []string{"tag", "personlabels", "personlabel", "label", "categories", "groupmembership"}},
	toContactIDs: {"contactIds", list, []string{"contactid"}, nil},
	toActive:     {"active", boolean, []string{"isactive", "aktiv"}, nil},
	toMobile: {"mobile", plainPhone, []string{"mobilephone", "mobilenumber", "mobil", "cell", "cellphone", "handy", "handynummer"},
		[]string{"mobilephonenumber", "personphonemobile", "phonemobile", "whatsappphonenumber"}},
	toPhone: {"phone", plainPhone, []string{"phonenumber", "telephone", "telephonenumber", "tel", "telefon", "telefonnummer"},
		[]string{"personphonework", "primaryphone", "workphone", "businessphone", "phone1value", "phonework", "personphonehome", "homephone", "personphoneother",
			"otherphone", "phone2value", "businessphone2", "homephone2"}},
}

var byName = func() map[string]int {
	m := make(map[string]int)
	for i, t := range targets {
		m[plainName(t.name)] = i
		for _, name := range t.names {
			m[name] = i
		}
	}
	return m
}()

// IsKnown tells whether a column goes somewhere by its name alone.
func IsKnown(column string) bool {
	_, ok := byName[plainName(column)]
	return ok
}

// plainName is the name of a column without regard to case, spaces, underscores,
// hyphens and other punctuation.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
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
	return strings.Join(parts, "; ")
}

// QuoteNames lists names for a message, n at most.
func QuoteNames(names []string, n int) string {
	var quoted []string
	for _, name := range names[:min(n, len(names))] {
		quoted = append(quoted, fmt.Sprintf("%q", name))
	}
	if len(names) > n {
		quoted = append(quoted, fmt.Sprintf("and %d more", len(names)-n))
	}
	return strings.Join(quoted, ", ")
}
