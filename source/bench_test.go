package source

import (
	"bytes"
	"os"
	"testing"

	"importer/source/mapping"
)

// One row from the bytes of the file to the profile, its key and its digest.
func BenchmarkCSV(b *testing.B) {
	content, err := os.ReadFile("../testdata/contacts.csv")
	if err != nil {
		b.Fatal(err)
	}
	header, rows, _ := bytes.Cut(content, []byte("\n"))
	benchmark(b, "x.csv", header, rows, nil)
}

// The same of a row of few and short columns, which the sandbox and the
// benchmarks of whole imports use.
func BenchmarkCSVPlain(b *testing.B) {
	header := []byte("email,firstname,lastname,age,location,gender,accepted_gdpr\n")
	rows := []byte("contact0.b7219997@example.com,Emmy,\"Hopper\",19,Paris,female,true\n" +
		"contact1.21a957e3@example.com,Zoë,\"O'Neill\",52,Düsseldorf,female,false\n")
	benchmark(b, "x.csv", header, bytes.Repeat(rows, 500), nil)
}

func BenchmarkCSVWithMapping(b *testing.B) {
	header := []byte("E-Mail;Name;DOB;Tel;VIP;Status;Tags;City;Country\n")
	row := []byte("ada.lovelock@example.com;Ada Lovelock;29.02.1984;030 23125001;Gold;active;a,b,c;Ulm;DE\n")
	m, err := mapping.Decode([]byte(`mapping:
  region: DE
  skip_if: row["Status"] == "deleted"
  contact_ids: [{column: E-Mail, type: email, lower: true}]
  fields:
    firstname: {expr: 'split(row["Name"], " ")[0]'}
    birthday: {column: DOB, type: date, layouts: [DD.MM.YYYY]}
    tel: {column: Tel, type: phone}
    vip: {column: VIP, type: bool, true_values: [gold]}
    tasks: {column: Tags, separator: ","}
    location: City
`))
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, "x.csv", header, bytes.Repeat(row, 1000), m)
}

func BenchmarkNDJSON(b *testing.B) {
	content, err := os.ReadFile("../testdata/contacts.ndjson")
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, "x.ndjson", nil, content, nil)
}

func benchmark(b *testing.B, name string, header, rows []byte, m *mapping.Mapping) {
	path := b.TempDir() + "/" + name
	const times = 30
	content := append(append([]byte(nil), append(header, '\n')...), bytes.Repeat(rows, times)...)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		b.Fatal(err)
	}
	in, err := Open(Options{Paths: []string{path}, Mapping: m})
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	b.SetBytes(int64(len(content)) / int64(bytes.Count(rows, []byte("\n"))*times))
	b.ReportAllocs()
	n := 0
	for n < b.N {
		for _, err := range in.Rows() {
			if err != nil {
				b.Fatal(err)
			}
			if n++; n == b.N {
				break
			}
		}
	}
}
