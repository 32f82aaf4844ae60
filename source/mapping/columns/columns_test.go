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
			if to, ok := goal(Plain(name)); !ok || Targets[to.Target].Name != want {
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

// What stands around a name does not hide it.
func TestDerivedNames(t *testing.T) {
	for want, names := range map[string][]string{
		"email": {"E-mailadres 1", "E-Mail 1 – Wert", "E-mail 1 - Valeur", "Person - E-Mail-Adresse - Arbeit", "Persona - Correo electrónico - Trabajo",
			"Personne - E-mail - Bureau", "Persona - E-mail - Lavoro", "Persoon - E-mail - Werk", "Pessoa - E-mail - Trabalho", "E-Mail 2: Adresse", "Email Address 2",
			"Indirizzo posta elettronica", "Indirizzo posta elettronica 2", "Adresse de messagerie 2", "E-mail (personnel)", "Correo electronico 3", "Kontakt E-Mail"},
		"mobile": {"Person - Telefon - Mobil", "Persona - Teléfono - Móvil", "Personne - Téléphone - Portable", "Mobile 2", "Telefoon (mobiel)", "Telefone - Celular",
			"Mobiltelefon 2", "Phone Mobile 2", "Tel. mobile (pro)"},
		"phone": {"Person - Telefon - Arbeit", "Téléphone (domicile)", "Téléphone (bureau)", "Teléfono del trabajo", "Teléfono particular", "Telefono ab.", "Telefono uff.",
			"Telefone residencial", "Telefone comercial", "Telefoon thuis", "Telefoon op werk", "Telefon 1 – Wert", "Telefon 3", "Phone 4 - Value", "Telefon privat 2"},
		"location":  {"Ville (domicile)", "Città (ab.)", "Ciudad de domicilio", "Ciudad del trabajo", "Cidade residencial", "Ort (Postanschrift)", "Ort privat", "Plaats thuisadres", "City 2"},
		"firstname": {"Person - Vorname", "Personne - Prénom"},
	} {
		for _, name := range names {
			if to, ok := goal(Plain(name)); !ok || Targets[to.Target].Name != want {
				t.Errorf("%q goes to target %d (%v), want %s", name, to.Target, ok, want)
			}
		}
	}
	for _, name := range []string{"Phone 1 - Type", "E-mail 1 - Label", "Email opt in 2", "Fax", "Telefax 2", "Phone country", "Company phone", "Spouse email", "Assistant's Phone",
		"Email 2023", "Tags 2", "Age 2", "Active 1", "Person", "Contact", "Home", "Work", "1", "Value", "Contact ID", "Person - ID", "Phone extension", "Mobile country code",
		"Sports", "Import", "Email sent", strings.Repeat("1", 200)} {
		if to, ok := goal(Plain(name)); ok {
			t.Errorf("%q goes to %s", name, Targets[to.Target].Name)
		}
	}
	rank := func(name string) int { g, _ := goal(Plain(name)); return g.Rank }
	order := []string{"E-Mail", "E-Mail (Arbeit)", "E-mail thuis", "E-Mail sonstige", "E-Mail 4", "E-Mail 5"}
	for i := 1; i < len(order); i++ {
		if rank(order[i-1]) >= rank(order[i]) || rank(order[i]) >= lastRank {
			t.Errorf("%s (%d) does not come before %s (%d)", order[i-1], rank(order[i-1]), order[i], rank(order[i]))
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
		"Phone": 0, "Phone (2)": 6, "phone": -1, "column 3": 2, "column 9": -1, "email": -1, "E-Mail": 1, "city": 7, "--": 4, "": 3, "#": -1, "Phone (3)": -1, "phone(2)": 2,
	} {
		if got, ok := Find(header, name); got != want && ok || ok != (want >= 0) {
			t.Errorf("%q is column %d, want %d", name, got, want)
		}
	}
	for _, name := range []string{"Phone (2)", "Phone(2)", "phone (2)", "PHONE( 2 )"} {
		if i, ok := Find(header[:6], name); i != 2 || !ok {
			t.Errorf("%q is column %d", name, i)
		}
	}
}
