package source

import (
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"importer/source/mapping"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Each export imports with the mapping that is guessed for it, unedited.
func TestGuess(t *testing.T) {
	tests := map[string][]string{
		"hubspot": {
			`2 ["maeve.quillfeather@example.com"],"profile":{"birthday":"1984-02-29","email":"maeve.quillfeather@example.com","firstname":"Maeve","gender":"Female","lastname":"Quillfeather","location":"Leeds"}}`,
			`3 ["juergen.muellerstein@example.net"],"profile":{"email":"juergen.muellerstein@example.net","firstname":"Jürgen","lastname":"Müllerstein","location":"Köln"}}`,
			`4 ["noemie.fauviere@example.org"],"profile":{"birthday":"1991-11-05","email":"noemie.fauviere@example.org","firstname":"Noémie","gender":"Female","lastname":"Fauvière","location":"Nîmes"}}`,
			`5 ["Lukasz.Wroblicz@Example.com"],"profile":{"email":"Lukasz.Wroblicz@Example.com","firstname":"Łukasz","gender":"Male","lastname":"Wróblicz","location":"Łódź"}}`,
			`6 ["jingyi.songfeng@example.com"],"profile":{"birthday":"1979-08-17","email":"jingyi.songfeng@example.com","firstname":"静宜","lastname":"松風","location":"臺北"}}`,
		},
		"salesforce": {
			`2 ["harriet.pemberly-voss@example.com","+447700900201"],"profile":{"birthday":"1977-05-30","email":"harriet.pemberly-voss@example.com","firstname":"Harriet","lastname":"Pemberly-Voss","location":"Bristol"}}`,
			`5 ["goetz.grosskopf@example.net"],"profile":{"email":"goetz.grosskopf@example.net","firstname":"Götz","lastname":"Großkopf","location":"Gießen"}}`,
			`6 ["+447700900203"],"profile":{"birthday":"1990-01-01","firstname":"Aurélien","lastname":"Beauchêne","location":"Orléans"}}`,
			`7 ["idris.dunmarrow@example.org"],"profile":{"birthday":"1965-12-24","email":"idris.dunmarrow@example.org","firstname":"Idris","lastname":"Dunmarrow","location":"Cardiff"}}`,
		},
		"pipedrive": {
			`2 ["barnaby.otarrant@example.com","+447700900301"],"profile":{"birthday":"1980-03-14","email":"barnaby.otarrant@example.com","firstname":"Barnaby","lastname":"O'Tarrant","tasks":["Customer","Hot lead"]}}`,
			`3 ["kaethe.schoenebaum@example.net"],"profile":{"email":"kaethe.schoenebaum@example.net","firstname":"Käthe","lastname":"Schönebaum","tasks":["Warm lead"]}}`,
			`4 ["leonidas.kalliga@example.org"],"profile":{"birthday":"1969-07-20","email":"leonidas.kalliga@example.org","firstname":"Λεωνίδας","lastname":"Καλλιγά"}}`,
			`5 ["+447700900304"],"profile":{"firstname":"Zoé","lastname":"d'Arzac","tasks":["Cold lead"]}}`,
		},
		"zoho": {
			`2 ["saoirse.ashgrove@example.com"],"profile":{"birthday":"1972-10-09","email":"saoirse.ashgrove@example.com","firstname":"Saoirse","lastname":"Ashgrove","location":"Cork","tasks":["vip","newsletter"]}}`,
			`3 ["bjoern.vonderluehe@example.net"],"profile":{"email":"bjoern.vonderluehe@example.net","firstname":"Björn","lastname":"von der Lühe","location":"Leipzig"}}`,
			`4 ["yaroslava.zhuravel@example.org"],"profile":{"birthday":"1995-06-30","email":"yaroslava.zhuravel@example.org","firstname":"Ярослава","lastname":"Журавель","location":"Львів","tasks":["newsletter"]}}`,
		},
		"google": {
			`2 ["callum.pemberly-voss@example.com","+447700900501"],"profile":{"birthday":"1988-04-01","email":"callum.pemberly-voss@example.com","firstname":"Callum","lastname":"Pemberly-Voss","location":"Leeds","profilepic":"https://pictures.example.com/callum.png","tasks":["* myContacts","Customers"]}}`,
			`6 ["yaqin.ouyangxi@example.com"],"profile":{"email":"yaqin.ouyangxi@example.com","firstname":"Yaqin","lastname":"Ouyang-Xi","tasks":["* myContacts"]}}`,
			`7 ["gulcin.ozkirim@example.net","+442079460503"],"profile":{"birthday":"1990-12-31","email":"gulcin.ozkirim@example.net","firstname":"Gülçin","lastname":"Özkırım","location":"İzmir","tasks":["* myContacts","* starred","Partners"]}}`,
			`8 ["+447700900504"],"profile":{"firstname":"Oskar","tasks":["* myContacts"]}}`,
		},
		"outlook": {
			`2 ["joerdis.waeldchen@example.com"],"profile":{"birthday":"1984-02-29","email":"joerdis.waeldchen@example.com","firstname":"Jördis","gender":"Female","lastname":"Wäldchen","tasks":["Kunde","Newsletter"]}}`,
			`4 ["torsten.muellerstein@example.net"],"profile":{"email":"torsten.muellerstein@example.net","firstname":"Torsten","gender":"Unspecified","lastname":"Müllerstein","location":"Köln"}}`,
			`5 ["elodie.lherondelle@example.org"],"profile":{"birthday":"1991-11-05","email":"elodie.lherondelle@example.org","firstname":"Élodie","gender":"Unspecified","lastname":"L'Hérondelle","location":"Besançon","tasks":["Kunde"]}}`,
		},
		"linkedin": {
			`2 ["maren.ostwind@example.com"],"profile":{"email":"maren.ostwind@example.com","firstname":"Maren","lastname":"Ostwind"}}`,
			`3 contactIds: there is no contact id ["Teo" "Valdrini" "https://www.linkedin.com/in/teo-valdrini-example" "" "Valdrini S.p.A." "Buyer" "02 Jan 2020"]`,
		},
		"thunderbird": {
			`2 ["henrike.blaufeld@example.com"],"profile":{"birthday":"1984-02-29","email":"henrike.blaufeld@example.com","firstname":"Henrike","lastname":"Blaufeld","location":"Potsdam"}}`,
			`3 ["anselm@example.org"],"profile":{"email":"anselm@example.org","firstname":"Anselm","lastname":"Grauwald"}}`,
		},
		"shopify": {
			`2 ["femke.vanrietveld@example.com","+31612345681"],"profile":{"email":"femke.vanrietveld@example.com","firstname":"Femke","lastname":"van Rietveld","location":"Utrecht","tasks":["newsletter","vip"]}}`,
			`3 ["+31612345682"],"profile":{"firstname":"Joost","lastname":"Hagemolen","location":"Delft"}}`,
		},
		"mailchimp": {
			`2 ["odile.marchepied@example.com"],"profile":{"email":"odile.marchepied@example.com","firstname":"Odile","lastname":"Marchepied","tasks":["VIP","Blog, weekly"]}}`,
			`3 ["rupert.stillwell@example.com"],"profile":{"email":"rupert.stillwell@example.com","firstname":"Rupert","lastname":"Stillwell","tasks":["Blog"]}}`,
		},
		"brevo": {
			`2 ["solene.kervadec@example.com","+33612345683"],"profile":{"accepted_gdpr":true,"birthday":"1979-03-14","email":"solene.kervadec@example.com","firstname":"Solène","lastname":"Kervadec","location":"Brest"}}`,
			`3 ["+33612345684"],"profile":{"accepted_gdpr":false,"birthday":"1984-02-29","firstname":"Gaël","lastname":"Tournesac","location":"Rodez"}}`,
		},
		"activecampaign": {
			`2 ["ilaria.montefosco@example.com"],"profile":{"birthday":"1990-12-31","email":"ilaria.montefosco@example.com","firstname":"Ilaria","lastname":"Montefosco","location":"Torino","tasks":["cliente","newsletter"]}}`,
			`3 ["nunzio.pratolini@example.com"],"profile":{"email":"nunzio.pratolini@example.com","firstname":"Nunzio","lastname":"Pratolini","location":"Lucca"}}`,
		},
		"klaviyo": {
			`2 ["desmond.farrow@example.com","+14155550171"],"profile":{"birthday":"1972-10-09","email":"desmond.farrow@example.com","firstname":"Desmond","lastname":"Farrow","location":"Reno"}}`,
			`3 ["+14155550172"],"profile":{"firstname":"Lorna","lastname":"Tidewell","location":"Elko"}}`,
		},
		"intercom": {
			`2 ["ines.cardovil@example.com","+351912345678"],"profile":{"email":"ines.cardovil@example.com","firstname":"Inês","lastname":"Cardovil","location":"Porto","tasks":["beta","pro"]}}`,
			`3 ["+351912345679"],"profile":{"firstname":"Rui","lastname":"Almendro","location":"Faro"}}`,
		},
		"constantcontact": {
			`2 ["winona.halloway@example.com"],"profile":{"email":"winona.halloway@example.com","firstname":"Winona","lastname":"Halloway","location":"Bend","tasks":["vip","donor"]}}`,
			`3 ["barrett.quince@example.com"],"profile":{"email":"barrett.quince@example.com","firstname":"Barrett","lastname":"Quince","location":"Salem"}}`,
		},
		"kit": {
			`2 ["lucero.ibarrola@example.com"],"profile":{"email":"lucero.ibarrola@example.com","firstname":"Lucero","lastname":"Ibarrola","tasks":["curso","boletín"]}}`,
			`3 ["nil.fontanals@example.com"],"profile":{"email":"nil.fontanals@example.com","firstname":"Nil"}}`,
		},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			paths := []string{"../testdata/exports/" + name + ".csv"}
			yaml, err := guessFor(Options{Paths: paths})
			if err != nil {
				t.Fatal(err)
			}
			golden := "../testdata/exports/" + name + ".yaml"
			if *update {
				if err := os.WriteFile(golden, []byte(yaml), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			before, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			diff(t, strings.Split(yaml, "\n"), strings.Split(string(before), "\n"))
			m, err := mapping.Decode([]byte(yaml))
			if err != nil {
				t.Fatal(err)
			}
			rows, _ := read(t, Options{Paths: paths, Mapping: m})
			diff(t, rows, want)
		})
	}
}

// What is sure, what is not, and what is left to a person.
func TestGuessUnsure(t *testing.T) {
	tests := []struct {
		name, file, content string
		want                []string
	}{
		{"a name in one column", "x.csv", "Full Name,email\nAda von Love,a@example.com\n", []string{
			`firstname: {expr: 'split(trim(row["Full Name"]), " ")[0]'} # unsure`, `lastname: {expr: 'trim(join(split(`}},
		{"a date that may be read in two ways", "x.csv", "email,DOB\na@example.com,1/2/1984\nb@example.com,3/4/1990\n", []string{
			`birthday: "DOB" # unsure: the month may stand first (M/D) or the day (D/M), and nothing tells`, `# To take them: birthday: {column: "DOB", layouts: ["D/M/YYYY"]}`}},
		{"a date that is sure", "x.csv", "email,DOB\na@example.com,13/2/1984\nb@example.com,3/4/1990\n", []string{`layouts: ["D/M/YYYY"]}` + "\n"}},
		{"dates in several forms", "x.csv", "email,DOB\na@example.com,1984\nb@example.com,3/4/1990\n", []string{`# birthday: "DOB" # unsure`}},
		{"consent in words", "x.csv", "email,Consent\na@example.com,granted\nb@example.com,revoked\n", []string{`# unsure: which of "granted", "revoked" is a yes?`}},
		{"consent", "x.csv", "email,Consent\na@example.com,Ja\nb@example.com,Nein\n", []string{"\n    accepted_gdpr: \"Consent\"\n"}},
		{"numbers of a country", "x.csv", "phone,mobile\n030 23125001,+49 30 23125002\n", []string{"region: DE # unsure: 1 of 1 numbers", `- {column: "mobile", type: phone, keep_incomplete: true} # unsure: people who share`}},
		{"no address and no number", "x.csv", "Record ID,Shoe size\n1,42\n", []string{"  # contact_ids:\n", `# - "Record ID" # the record`, `Left out: "Shoe size"`}},
		{"nothing", "x.csv", "Shoe size\n42\n", []string{"  # contact_ids:\n", "fields:\n    {}\n"}},
		{"an identity of its own", "x.csv", "contactIds,email\nabc,a@example.com\n", []string{`- {column: "contactIds", type: list}`, `- {column: "email", type: email, stand_in: true}`}},
		{"a header without rows", "x.csv", "phone,Shoe size\n", []string{`- {column: "phone", type: phone, keep_incomplete: true} # empty here`, `empty here: "Shoe size"`}},
		{"several addresses in a cell", "x.csv", "email,mobile\na@example.com b@example.com,+447700900123\n", []string{`# email: "email" # unsure: it holds no address, or several that nothing separates`, `- {column: "mobile", type: phone, keep_incomplete: true}` + "\n"}},
		{"nested objects", "x.ndjson", `{"id":1,"contact":{"email":"a@example.com","name":{"given_name":"Ada"}},"x":null}`, []string{
			`- {column: "contact.email", type: email}`, `firstname: "contact.name.given_name"`, `empty here: "x"`}},
		{"the API's own shape", "x.ndjson", `{"contactIds":["a"],"profile":{"firstname":"Ada"}}`, []string{"# No mapping is needed"}},
		{"semicolons", "x.csv", "email;Straße\na@example.com;x\n", []string{`delimiter ';' and the encoding utf-8`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := writeFile(t, tt.file, tt.content)
			yaml, err := guessFor(Options{Paths: []string{path}})
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range tt.want {
				if !strings.Contains(yaml, want) {
					t.Errorf("%q is missing in:\n%s", want, yaml)
				}
			}
			m, err := mapping.Decode([]byte(yaml))
			if err != nil {
				t.Fatalf("%v in:\n%s", err, yaml)
			}
			if strings.Contains(yaml, "  # contact_ids:\n") { // the import refuses to start, and says what to name
				_, err := Open(Options{Paths: []string{path}, Mapping: m})
				if !errors.Is(err, mapping.ErrNoContactID) || !strings.Contains(err.Error(), "contact_ids in the mapping") {
					t.Errorf("without a contact id: %v", err)
				}
				return
			}
			rows, _ := read(t, Options{Paths: []string{path}, Mapping: m})
			for _, row := range rows {
				if !strings.Contains(row, `,"profile":{`) {
					t.Errorf("does not import: %s", row)
				}
			}
		})
	}
	if _, err := guessFor(Options{Paths: []string{writeFile(t, "x.ndjson", "nonsense")}}); err == nil {
		t.Error("a guess from nothing")
	}
}

// guessFor writes the sections source and mapping of a configuration for the first file.
func guessFor(o Options) (string, error) {
	s, err := Sample(o)
	if err != nil {
		return "", err
	}
	return s.Config()
}
