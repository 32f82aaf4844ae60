package source

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"importer/source/mapping"
)

// mappingOf decodes the YAML of a mapping, which is given without its indentation.
func mappingOf(t *testing.T, yaml string) *mapping.Mapping {
	t.Helper()
	m, err := mapping.Decode([]byte("mapping:\n  " + strings.ReplaceAll(yaml, "\n", "\n  ")))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMapping(t *testing.T) {
	tests := []struct {
		name, yaml, csv string
		want            []string
	}{
		{"rename",
			"fields:\n  firstname: Rufname\n  location: wohn ort",
			"E-Mail,Rufname,Wohn-Ort,Vorname\na@example.com,Ada,Köln,Augusta\n",
			[]string{`2 ["a@example.com"],"profile":{"email":"a@example.com","firstname":"Ada","location":"Köln"}}`}},
		{"several columns into contact ids",
			"contact_ids: [E-Mail, {column: Mobil, type: phone, region: DE}, {column: Codes, type: list}]",
			"E-Mail,Mobil,Codes\na@example.com,030 23125001,x;y;a@example.com\n,,z\n, ,;\n",
			[]string{
				`2 ["a@example.com","+493023125001","x","y"],"profile":{"email":"a@example.com"}}`,
				`3 ["z"],"profile":{}}`,
				`4 contactIds: there is no contact id ["" " " ";"]`}},
		{"the first column that is not empty",
			"contact_ids:\n- columns: [Work, Home]\nfields:\n  email: [Work, Home]",
			"Work,Home\n,h@example.com\nw@example.com,h@example.com\n",
			[]string{
				`2 ["h@example.com"],"profile":{"email":"h@example.com"}}`,
				`3 ["w@example.com"],"profile":{"email":"w@example.com"}}`}},
		{"the mapped e-mail field is the contact id where nothing else is",
			"fields:\n  email: {column: Adresse, lower: true}",
			"Adresse\n A@Example.COM \n",
			[]string{`2 ["a@example.com"],"profile":{"email":"a@example.com"}}`}},
		{"constants and defaults",
			"active: {value: true}\nfields:\n  origin: {value: crm}\n  score: {value: 1.5, type: number}\n  location: {column: City, default: unknown}\n  tasks: {value: [a, b]}",
			"email,City\na@example.com,\nb@example.com,Köln\n",
			[]string{
				`2 ["a@example.com"],"active":true,"profile":{"email":"a@example.com","location":"unknown","origin":"crm","score":1.5,"tasks":["a","b"]}}`,
				`3 ["b@example.com"],"active":true,"profile":{"email":"b@example.com","location":"Köln","origin":"crm","score":1.5,"tasks":["a","b"]}}`}},
		// The bytes go into the digest: a sync sends anew what is written otherwise.
		{"lists and objects of the mapping",
			"fields:\n  made: {value: {z: \"<&>\\u2028\", a: [1, 1.5, null, {}]}, type: json}\n  list: {expr: '[row.City, \"<&>\", 1e21, 0.1, nil, true]', type: json}\n  map: {expr: '{z: 1, a: duration(\"1m\")}', type: json}",
			"email,City\na@example.com,R&B\n",
			[]string{`2 ["a@example.com"],"profile":{"email":"a@example.com","list":["R\u0026B","\u003c\u0026\u003e",1e+21,0.1,null,true],` +
				`"location":"R&B","made":{"a":[1,1.5,null,{}],"z":"\u003c\u0026\u003e\u2028"},"map":{"a":60000000000,"z":1}}}`}},
		{"numbers",
			"fields:\n  plain: {column: A, type: number}\n  comma: {column: B, type: number, decimal: \",\"}\n  age: {column: C, type: number}",
			"email,A,B,C\na@example.com,1.50,\"1.234,5\",042\nb@example.com,007,-3,\nc@example.com,x,,\nd@example.com,1.,,\n",
			[]string{
				`2 ["a@example.com"],"profile":{"age":42,"comma":1234.5,"email":"a@example.com","plain":1.50}}`,
				`3 ["b@example.com"],"profile":{"comma":-3,"email":"b@example.com","plain":7}}`,
				`4 A: "x" is not a number ["c@example.com" "x" "" ""]`,
				`5 A: "1." is not a number ["d@example.com" "1." "" ""]`}},
		{"own spellings of yes and no",
			"fields:\n  vip: {column: VIP, type: bool, true_values: [Gold, Platin], false_values: [Blech, x]}",
			"email,VIP\na@example.com,GOLD\nb@example.com,blech\nc@example.com,ja\nd@example.com,x\ne@example.com,Holz\n",
			[]string{
				`2 ["a@example.com"],"profile":{"email":"a@example.com","vip":true}}`,
				`3 ["b@example.com"],"profile":{"email":"b@example.com","vip":false}}`,
				`4 ["c@example.com"],"profile":{"email":"c@example.com","vip":true}}`,
				`5 ["d@example.com"],"profile":{"email":"d@example.com","vip":false}}`,
				`6 VIP: "Holz" is neither yes nor no ["e@example.com" "Holz"]`}},
		{"lists",
			"fields:\n  tasks: {columns: [T1, T2], separator: \",\", lower: true}\n  langs: {column: L, type: list, separator: \" / \"}",
			"email,T1,T2,L\na@example.com,\"A, b\",C;D,de / fr\n",
			[]string{`2 ["a@example.com"],"profile":{"email":"a@example.com","langs":["de","fr"],"tasks":["a","b","c;d"]}}`}},
		{"dates",
			"fields:\n  birthday: {column: B, type: date, layouts: [DD.MM.YYYY, M/D/YY, excel]}\n  since: {column: S, type: date, layouts: [unix_ms], output: YYYY-MM-DD HH:mm}",
			"email,B,S\na@example.com,29.02.1984,1709210096000\nb@example.com,2/9/84,\nc@example.com,36925,\nd@example.com,30.02.1984,\n",
			[]string{
				`2 ["a@example.com"],"profile":{"birthday":"1984-02-29","email":"a@example.com","since":"2024-02-29 12:34"}}`,
				`3 ["b@example.com"],"profile":{"birthday":"1984-02-09","email":"b@example.com"}}`,
				`4 ["c@example.com"],"profile":{"birthday":"2001-02-03","email":"c@example.com"}}`,
				`5 B: "30.02.1984" is not a date in the form that is expected ["d@example.com" "30.02.1984" ""]`}},
		{"phone numbers",
			"region: DE\nfields:\n  tel: {column: Tel, type: phone}\n  us: {column: US, type: phone, region: US}",
			"email,Tel,US\na@example.com,(030) 23125-001,202-555-0123\nb@example.com,+44 7700 900123,\nc@example.com,call me,\nd@example.com,,call me\n",
			[]string{
				`2 ["a@example.com"],"profile":{"email":"a@example.com","tel":"+493023125001","us":"+12025550123"}}`,
				`3 ["b@example.com"],"profile":{"email":"b@example.com","tel":"+447700900123"}}`,
				`4 ["c@example.com"],"profile":{"email":"c@example.com"}}`, // a column Tel gives contact ids
				`5 US: "call me" is not a phone number ["d@example.com" "" "call me"]`}},
		{"e-mail addresses",
			"fields:\n  second: {column: Mail2, type: email}",
			"email,Mail2\na@example.com,b@example.com\nb@example.com,none\n",
			[]string{
				`2 ["a@example.com"],"profile":{"email":"a@example.com","second":"b@example.com"}}`,
				`3 Mail2: "none" is not an e-mail address ["b@example.com" "none"]`}},
		{"JSON",
			"fields:\n  extra: {column: X, type: json}\n  privacy_policy: {column: P, type: json}",
			"email,X,P\na@example.com,\"[1.0, {\"\"a\"\": \"\"b\"\"}]\",\"{\"\"accepted\"\":true}\"\nb@example.com,nope,\nc@example.com,,[]\n",
			[]string{
				`2 ["a@example.com"],"profile":{"email":"a@example.com","extra":[1.0,{"a":"b"}],"privacy_policy":{"accepted":true}}}`,
				`3 X: not valid JSON: a word that begins like null and goes on with 'o'; a text stands in double quotes, at byte 2 ["b@example.com" "nope" ""]`,
				`4 P: "[]" is not a JSON object, such as {"accepted":true} ["c@example.com" "" "[]"]`}},
		{"memories",
			"fields:\n  memories: {columns: [Note 1, Note 2], type: memory, timestamp_column: At, layouts: [DD.MM.YYYY]}",
			"email,Note 1,Note 2,At\na@example.com,likes tea,\"has a \"\"dog\"\"\",31.01.2026\nb@example.com,,,\nc@example.com,x,,\nd@example.com,x,,soon\n",
			[]string{
				`2 ["a@example.com"],"profile":{"email":"a@example.com","memories":[{"id":"4aae65f9638f8a30","timestamp":"2026-01-31T00:00:00Z","text":"likes tea"},{"id":"04f89a304e817d34","timestamp":"2026-01-31T00:00:00Z","text":"has a \"dog\""}]}}`,
				`3 ["b@example.com"],"profile":{"email":"b@example.com"}}`,
				`4 At: is empty, and a memory needs its time ["c@example.com" "x" "" ""]`,
				`5 At: "soon" is not a date in the form that is expected ["d@example.com" "x" "" "soon"]`}},
		{"trim, lower, upper",
			"fields:\n  firstname: {column: A, trim: false}\n  lastname: {column: B, upper: true}\n  gender: {column: C, lower: true}",
			"email,A,B,C\na@example.com, Ada ,Straße, F \nb@example.com,  ,ß,\n",
			[]string{
				`2 ["a@example.com"],"profile":{"email":"a@example.com","firstname":" Ada ","gender":"f","lastname":"STRAßE"}}`,
				`3 ["b@example.com"],"profile":{"email":"b@example.com","lastname":"ß"}}`}},
		{"skip_if",
			"skip_if: row[\"Status\"] in [\"deleted\", \"spam\"] or lower(row.email) endsWith \"@test.example\"",
			"email,Status\na@example.com,deleted\nb@example.com,\nc@TEST.example,x\n",
			[]string{`3 ["b@example.com"],"profile":{"email":"b@example.com"}}`}},
		{"computed fields",
			"fields:\n  location: {expr: 'join(filter([row[\"City\"], row[\"Country\"]], # != \"\"), \", \")'}\n  age: {expr: 'row[\"Born\"] == \"\" ? nil : 2026 - int(row[\"Born\"])'}\n  adult: {expr: 'row[\"Born\"] != \"\" && int(row[\"Born\"]) < 2008', type: bool}\n  tasks: {expr: 'split(row[\"City\"], \"\")', default: [none]}",
			"email,City,Country,Born\na@example.com,Ulm,DE,1984\nb@example.com,,DE,\nc@example.com,,,x\n",
			[]string{
				`2 ["a@example.com"],"profile":{"adult":true,"age":42,"email":"a@example.com","location":"Ulm, DE","tasks":["U","l","m"]}}`,
				`3 ["b@example.com"],"profile":{"adult":false,"email":"b@example.com","location":"DE","tasks":["none"]}}`,
				`4 adult: the expression of the mapping fails: invalid operation: int(x) (1:22) ["c@example.com" "" "" "x"]`}},
		{"unnamed columns are ignored",
			"unnamed: ignore\nfields:\n  email: email\n  firstname: A",
			"email,A,Last Name\na@example.com,Ada,L\n",
			[]string{`2 ["a@example.com"],"profile":{"email":"a@example.com","firstname":"Ada"}}`}},
		{"unnamed columns become custom fields",
			"unnamed: custom",
			"email,Shoe size (EU),Last Name,_x\na@example.com,42,L,\n",
			[]string{`2 ["a@example.com"],"profile":{"email":"a@example.com","lastname":"L","shoe_size_eu":"42"}}`}},
		{"optional columns",
			"fields:\n  nick: {columns: [Nick, Spitzname], optional: true}\n  none: {column: Gone, optional: true, default: x}",
			"email,Spitzname\na@example.com,Adi\n",
			[]string{`2 ["a@example.com"],"profile":{"email":"a@example.com","nick":"Adi","none":"x"}}`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows, _ := read(t, Options{Paths: []string{writeFile(t, "x.csv", tt.csv)}, Mapping: mappingOf(t, tt.yaml)})
			diff(t, rows, tt.want)
		})
	}
}

func TestMappingOfJSON(t *testing.T) {
	m := mappingOf(t, `skip_if: row["status.code"] == "410"
contact_ids: [mail]
fields:
  firstname: name.first
  score: {column: score, type: number}
  email: mail
  plan: {expr: 'upper(row["status.plan"])'}`)
	in := `{"mail":"a@example.com","name":{"first":"Ada","last":"L"},"score":1.10,"status":{"code":200,"plan":"pro"},"lastname":"Love"}
{"mail":"b@example.com","status":{"code":410}}
{"mail":"c@example.com","score":"x"}
{"contactIds":["d"],"mail":"d@example.com","profile":{"firstname":"D","score":"7","vip":true},"name":{"first":"Dora"},"score":8}
{"mail":"e@example.com","profile":{"firstname":"E","score":"7","email":"other@example.com","age":"x"}}
{"mail":"f@example.com","profile":{"firstname":"F","score":"7","age":5}}
`
	rows, input := read(t, Options{Paths: []string{writeFile(t, "x.ndjson", in)}, Mapping: m})
	diff(t, rows, []string{
		`1 ["a@example.com"],"profile":{"email":"a@example.com","firstname":"Ada","lastname":"Love","plan":"PRO","score":1.10}}`,
		`3 score: "x" is not a number ["{\"mail\":\"c@example.com\",\"score\":\"x\"}"]`,
		`4 ["d@example.com"],"profile":{"email":"d@example.com","firstname":"Dora","score":8,"vip":true}}`,
		`5 age: "x" is not a whole number of 0 or more ["{\"mail\":\"e@example.com\",\"profile\":{\"firstname\":\"E\",\"score\":\"7\",\"email\":\"other@example.com\",\"age\":\"x\"}}"]`,
		`6 ["f@example.com"],"profile":{"age":5,"email":"f@example.com","firstname":"F","score":"7"}}`,
	})
	if input.Skipped() != 1 {
		t.Errorf("%d rows skipped, want 1", input.Skipped())
	}
	rows, _ = read(t, Options{
		Paths:   []string{writeFile(t, "x.ndjson", `{"email":"a@example.com","Shoe size":42,"x":null}`+"\n"+`{"email":"b@example.com","shoe_size":1,"shoe-size":2}`)},
		Mapping: mappingOf(t, "unnamed: custom")})
	diff(t, rows, []string{
		`1 ["a@example.com"],"profile":{"email":"a@example.com","shoe_size":42}}`,
		`2 shoe-size: another member goes to the field shoe_size too ["{\"email\":\"b@example.com\",\"shoe_size\":1,\"shoe-size\":2}"]`,
	})
	rows, _ = read(t, Options{Paths: []string{writeFile(t, "x.ndjson", `{"email":"a@example.com","x":42}`)}, Mapping: mappingOf(t, "unnamed: error\nfields: {email: email}")})
	diff(t, rows, []string{`1 x: the mapping does not name it ["{\"email\":\"a@example.com\",\"x\":42}"]`})
}

// What does not fit a file is told when it is opened.
func TestMappingOfAnotherFile(t *testing.T) {
	config := "mapping:\n  fields:\n    age:\n      column: Alter (Jahre)\n"
	m, err := mapping.Decode([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(Options{Paths: []string{writeFile(t, "x.csv", "email,Alter\n")}, Mapping: m})
	var bad *mapping.Error
	if !errors.As(err, &bad) || bad.Path != "$.mapping.fields.age" || !strings.HasSuffix(bad.Source, "x.csv") {
		t.Fatalf("%#v", err)
	}
	for _, want := range []string{`no column "Alter (Jahre)"`, `"email", "Alter"`, ">  4 |"} {
		if got := bad.Annotate([]byte(config)).Error(); !strings.Contains(got, want) {
			t.Errorf("%q is missing in:\n%s", want, got)
		}
	}
	for yaml, want := range map[string]string{
		"unnamed: error": `does not name: "email", "Shoe size"`,
		"unnamed: custom\nfields: {shoe_size: {value: 1}}": "shoe_size",
		"fields: {x: Tel}": `no column "Tel"`, // two are spelled like it
	} {
		_, err := Open(Options{Paths: []string{writeFile(t, "x.csv", "email,Shoe size,tel,TEL\n")}, Mapping: mappingOf(t, yaml)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", yaml, err)
		}
	}
}

func TestCustomFields(t *testing.T) {
	m := mappingOf(t, "unnamed: custom\nfields:\n  n: {column: N, type: number}\n  b: {column: N, type: bool}\n  l: {column: N, type: list}\n  d: {column: N, type: date}\n  firstname: N")
	_, in := read(t, Options{Paths: []string{writeFile(t, "x.csv", "email,N,Shoe size\n"), writeFile(t, "y.csv", "email,N\n")}, Mapping: m})
	want := []mapping.CustomField{
		{Name: "b", Type: "boolean"}, {Name: "d", Type: "string"},
		{Name: "l", Type: "object"}, {Name: "n", Type: "number"},
		{Name: "shoe_size", Type: "string"},
	}
	if got := in.CustomFields(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}
