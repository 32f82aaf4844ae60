package columns

import (
	"strings"
	"testing"
)

// Columns find their fields whatever the spelling of the header.
func TestHeaderNames(t *testing.T) {
	tests := map[string][]string{
		"accepted_gdpr": {"accepted_gdpr", "Accepted GDPR", "GDPR", "Consent", "DSGVO", "opt-in"},
		"age":           {"AGE", "Alter"},
		"birthday": {"Birth Date", "date_of_birth", "DOB", "Geburtsdatum", "Date de naissance", "Fecha de nacimiento", "Cumpleaños", "Data di nascita",
			"Compleanno", "Geboortedatum", "Verjaardag", "Data de nascimento", "Aniversário"},
		"email": {"E-Mail", "email address", "EMAIL", "e mail", "Mail", "E-MAİL", "Ｅｍａｉｌ", "Adresse e-mail", "Courriel", "Correo electrónico",
			"Correo electronico", "Indirizzo e-mail", "E-mailadres", "Endereço de e-mail", "E-Mail-Adresse", "Primary Email", "E-mail 1 - Value", "email_address"},
		"firstname":               {"First Name", "first_name", "FIRSTNAME", "Given Name", "Vorname", "Prénom", "Pre\u0301nom", "PRENOM", "Voornaam", "Primeiro nome", "FNAME"},
		"gender":                  {"Gender", "sex", "Geschlecht"},
		"lastname":                {"last-name", "Surname", "Family Name", "Nachname", "Nom de famille", "Apellidos", "Cognome", "Achternaam", "Sobrenome", "LNAME"},
		"location":                {"Location", "City", "Ort", "Ville", "Ciudad", "Población", "Città", "Citta", "Plaats", "Woonplaats", "Cidade", "City - Home", "Default Address City"},
		"memories":                {"Memories"},
		"prevent_data_collection": {"Prevent Data Collection"},
		"privacy_policy":          {"privacy-policy"},
		"profilepic":              {"Profile Pic", "Profile Picture", "avatar"},
		"tasks":                   {"Tasks", "goals", "Tags", "Labels", "Étiquettes", "Etiquetas", "Etichette", "Categories"},
		"contactIds":              {"contactIds", "Contact IDs", "contact_ids"},
		"active":                  {"Active", "is active"},
		"mobile":                  {"Mobile", "Mobile Phone", "Cell", "Handy", "Téléphone portable", "Móvil", "Teléfono móvil", "Cellulare", "Mobiel", "Telemóvel", "Celular", "SMS"},
		"phone":                   {"Phone", "Phone Number", "Telephone", "Tel.", "Téléphone", "Téléphone fixe", "Teléfono", "Telefono", "Telefoonnummer", "Telefone", "Phone - work"},
	}
	for want, names := range tests {
		for _, name := range names {
			if to, ok := byName[Plain(name)]; !ok || Targets[to.Target].Name != want {
				t.Errorf("%q goes to target %d (%v), want %s", name, to.Target, ok, want)
			}
		}
	}
	for i := 1; i < ContactIDs; i++ {
		if Targets[i-1].Name >= Targets[i].Name {
			t.Errorf("targets are out of order: %s, %s", Targets[i-1].Name, Targets[i].Name)
		}
	}
	for name, g := range byName { // with or without its accents a name means the same
		if bare, ok := byName[withoutAccents(name)]; !ok || bare.Target != g.Target {
			t.Errorf("without its accents %q goes elsewhere", name)
		}
	}
	seen := map[string]string{}
	for _, target := range Targets {
		for _, name := range append([]string{Plain(target.Name)}, strings.Fields(target.names)...) {
			if seen[name] != "" || Plain(name) != name {
				t.Errorf("name %q of %s: it belongs to %q, or is not plain", name, target.Name, seen[name])
			}
			seen[name] = target.Name
		}
	}
}

// A mapping names each column of a header, and finds it by that name.
func TestFind(t *testing.T) {
	header := []string{"Phone", "E-Mail", "Phone", "", "--", "e mail", "Phone (2)", "City"}
	for i, want := range []string{"Phone", "E-Mail", "Phone (2)", "column 4", "column 5", "e mail", "Phone (2)", "City"} {
		if got := Ref(header, i); got != want {
			t.Errorf("column %d is called %s, want %s", i+1, got, want)
		}
	}
	for name, want := range map[string]int{
		"Phone": 0, "Phone (2)": 6, "phone": -1, "column 3": 2, "column 9": -1, "email": -1, "E-Mail": 1, "city": 7, "--": 4, "": 3, "#": -1, "Phone (3)": -1,
	} {
		if got, ok := Find(header, name); got != want && ok || ok != (want >= 0) {
			t.Errorf("%q is column %d, want %d", name, got, want)
		}
	}
	if i, ok := Find(header[:6], "Phone (2)"); i != 2 || !ok {
		t.Errorf("the second one is column %d", i)
	}
}
