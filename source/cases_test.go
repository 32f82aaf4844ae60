package source

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"importer/importer/contact"
	"importer/source/decode"
	"importer/source/mapping"
)

// guessed is the input as the configuration that is guessed for a file reads it, and the
// configuration.
func guessed(t *testing.T, path string) (Options, string) {
	t.Helper()
	text, err := guessFor(Options{Paths: []string{path}})
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Source struct {
			Paths      []string `yaml:"paths"`
			NullValues []string `yaml:"null_values"`
		} `yaml:"source"`
	}
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	m, err := mapping.Decode([]byte(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return Options{Paths: config.Source.Paths, NullValues: config.Source.NullValues, Mapping: m}, text
}

// Files that once went wrong, by name and with the configuration that is guessed for
// them, unedited.
func TestCases(t *testing.T) {
	tests := []struct {
		file         string
		byName, init []string // rows; nil is not looked at
		config       []string // what the configuration holds
	}{
		{"04-shopify.csv", []string{
			`2 ["+31612345678"],"profile":{"firstname":"Ada","lastname":"Love"}}`,
			`3 ["bob@example.com"],"profile":{"email":"bob@example.com","firstname":"Bob","lastname":"Code","tasks":["newsletter","vip"]}}`,
		}, []string{
			`2 ["+31612345678"],"profile":{"firstname":"Ada","lastname":"Love"}}`,
			`3 ["bob@example.com","+31612345679"],"profile":{"email":"bob@example.com","firstname":"Bob","lastname":"Code","tasks":["newsletter","vip"]}}`,
		}, nil},
		{"06-birthday-serial.csv", nil, []string{
			`2 ["a@example.com"],"profile":{"birthday":"1984-03-01","email":"a@example.com"}}`,
			`3 ["b@example.com"],"profile":{"birthday":"1987-08-11","email":"b@example.com"}}`,
		}, []string{`layouts: ["excel"]`}},
		{"06-birthday-year.csv", []string{
			`2 ["a@example.com"],"profile":{"email":"a@example.com"}}`,
			`3 ["b@example.com"],"profile":{"email":"b@example.com"}}`,
		}, []string{
			`2 ["a@example.com"],"profile":{"email":"a@example.com"}}`,
			`3 ["b@example.com"],"profile":{"email":"b@example.com"}}`,
		}, []string{`# birthday: "birthday" # unsure`}},
		{"07-two-digit-year.csv", nil, []string{
			`2 ["a@example.com"],"profile":{"birthday":"1952-03-14","email":"a@example.com"}}`,
			`3 ["b@example.com"],"profile":{"birthday":"1984-12-31","email":"b@example.com"}}`,
		}, []string{`layouts: ["M/D/YY"]} # unsure: two digits`}},
		{"08-one-bad-email.csv", nil, []string{
			`2 ["a@example.com","+447700900123"],"profile":{"email":"a@example.com","firstname":"Ada"}}`,
			`3 ["b@example.com","+447700900124"],"profile":{"email":"b@example.com","firstname":"Bob"}}`,
			`4 ["+447700900125"],"profile":{"firstname":"Cyd"}}`,
		}, []string{`line 4 "none"`}},
		{"08-one-bad-email-only.csv", nil, []string{
			`2 ["a@example.com"],"profile":{"email":"a@example.com","firstname":"Ada"}}`,
			`3 ["b@example.com"],"profile":{"email":"b@example.com","firstname":"Bob"}}`,
			`4 contactIds: there is no contact id ["N/A" "Cyd"]`,
			`5 contactIds: there is no contact id ["N/A" "Dov"]`,
		}, []string{`line 4 "N/A"`, `- {column: "Email", type: email`}},
		{"11-salesforce-contact-id.csv",
			[]string{`2 ["ada@example.com"],"profile":{"email":"ada@example.com","firstname":"Ada","lastname":"Love"}}`},
			[]string{`2 ["ada@example.com"],"profile":{"email":"ada@example.com","firstname":"Ada","lastname":"Love"}}`}, nil},
		{"22-dup-header-email.csv",
			[]string{`2 ["b@example.com"],"profile":{"email":"b@example.com","firstname":"Bob"}}`},
			[]string{`2 ["b@example.com"],"profile":{"email":"b@example.com","firstname":"Bob"}}`}, []string{`"Email (2)"`}},
		{"25-null-words.csv", nil, []string{
			`2 ["+447700900123"],"profile":{}}`,
			`3 ["b@example.com"],"profile":{"email":"b@example.com","firstname":"Bob"}}`,
		}, []string{`null_values: ["N/A", "NULL", "n/a", "None"]`}},
		{"26-mailchimp-tags.csv", []string{
			`2 ["a@example.com"],"profile":{"email":"a@example.com","firstname":"Ada","tasks":["VIP","Blog"]}}`,
			`3 ["b@example.com"],"profile":{"email":"b@example.com","firstname":"Bob","tasks":["VIP"]}}`,
		}, []string{
			`2 ["a@example.com"],"profile":{"email":"a@example.com","firstname":"Ada","tasks":["VIP","Blog"]}}`,
			`3 ["b@example.com"],"profile":{"email":"b@example.com","firstname":"Bob","tasks":["VIP"]}}`,
		}, nil},
		{"27-french.csv", []string{
			`2 ["a@example.com"],"profile":{"birthday":"1984-02-29","email":"a@example.com","firstname":"Ada","lastname":"Love","location":"Lyon"}}`,
			`3 ["+33612345679"],"profile":{"firstname":"Bob","lastname":"Code","location":"Metz"}}`,
		}, []string{
			`2 ["a@example.com","+33612345678"],"profile":{"birthday":"1984-02-29","email":"a@example.com","firstname":"Ada","lastname":"Love","location":"Lyon"}}`,
			`3 ["+33612345679"],"profile":{"firstname":"Bob","lastname":"Code","location":"Metz"}}`,
		}, []string{"region: FR # unsure: 1 of 1"}},
		{"28-iso-timestamp-birthday.csv", nil, []string{`2 ["a@example.com"],"profile":{"birthday":"1984-02-29","email":"a@example.com"}}`}, nil},
		{"30-last-first.csv", nil, []string{`2 ["a@example.com"],"profile":{"email":"a@example.com","firstname":"Ada","lastname":"Love"}}`}, nil},
		{"31-phone-column-dropped.csv", nil, []string{
			`2 ["a@example.com","+4915123456781"],"profile":{"email":"a@example.com","firstname":"Ada"}}`,
			`3 ["+4915123456784"],"profile":{"firstname":"Bob"}}`,
			`4 ["c@example.com"],"profile":{"email":"c@example.com","firstname":"Cyd"}}`,
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			path := "../testdata/cases/" + tt.file
			if tt.byName != nil {
				rows, _ := read(t, Options{Paths: []string{path}})
				diff(t, rows, tt.byName)
			}
			o, text := guessed(t, path)
			for _, want := range tt.config {
				if !strings.Contains(text, want) {
					t.Errorf("%q is missing in\n%s", want, text)
				}
			}
			rows, _ := read(t, o)
			diff(t, rows, tt.init)
		})
	}
}

// refused counts the rows of an input that are refused: for what they hold, and because
// they share a contact id with another.
func refused(t *testing.T, o Options) (n int) {
	t.Helper()
	in, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	identity := contact.NewIdentity(contact.NewKeys(), contact.FirstWins, &contact.Remarks{})
	for row, err := range in.Rows() {
		if _, invalid := errors.AsType[*contact.RowError](err); invalid {
			n++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if out := identity.Admit(&row); out != nil && out.Status != contact.Duplicate {
			n++
		}
	}
	return n
}

// With the configuration that is guessed no more rows are refused than without one.
func TestGuessIsNeverWorse(t *testing.T) {
	paths, err := filepath.Glob("../testdata/*/*.csv")
	if err != nil || len(paths) < 20 {
		t.Fatal(paths, err)
	}
	rows, err := strconv.Atoi(cmp.Or(os.Getenv("GUESS_ROWS"), "5000")) // $GUESS_ROWS in a run that is given the time for it
	if err != nil {
		t.Fatal(err)
	}
	hubspot := filepath.Join(t.TempDir(), "hubspot.csv")
	f, err := os.Create(hubspot)
	if err != nil {
		t.Fatal(err)
	}
	writeHubSpot(f, rows)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range append(paths, hubspot) {
		if _, err := guessFor(Options{Paths: []string{path}}); errors.Is(err, decode.ErrEncoding) {
			continue // an import does not start either
		}
		o, text := guessed(t, path)
		guess, byName := refused(t, o), refused(t, Options{Paths: []string{path}})
		if guess > byName {
			t.Errorf("%s: %d rows are refused with the guess, and %d by name:\n%s", path, guess, byName, text)
		}
		if path == hubspot && (guess == 0 || guess > rows/20) {
			t.Errorf("%d of %d rows of HubSpot are refused", guess, rows)
		}
	}
}

// writeHubSpot writes an export of HubSpot with the dirt that such files have: addresses
// that are missing or are none, numbers of several countries in all forms, with
// extensions, shared by an office, or made up, and dates in HubSpot's form.
func writeHubSpot(w io.Writer, rows int) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	digits := func(n int) string { return fmt.Sprintf("%0*d", n, r.Uint64N(uint64(pow10(n)))) }
	phone := func() string {
		switch r.IntN(16) {
		case 0, 1, 2:
			return fmt.Sprintf("(%d) 555-%s", 201+r.IntN(700), digits(4))
		case 3:
			return "+1 415-555-" + digits(4) + " ext. " + digits(2)
		case 4, 5:
			return "+49 151 " + digits(8)
		case 6, 7:
			return "0151 " + digits(8)
		case 8:
			return "+44 7700 900" + digits(3)
		case 9:
			return "020 7946 0" + digits(3)
		case 10:
			return pick("n/a", "N/A", "-", "none", "call me", "0000000000", "123456")
		case 11:
			return "+49 30 23125-0" // of the office
		}
		return ""
	}
	fmt.Fprintln(w, "Record ID,First Name,Last Name,Email,Phone Number,Mobile Phone Number,City,Contact owner,Lifecycle Stage,Lead Status,Create Date,Date of birth")
	for i := range rows {
		email := fmt.Sprintf("%s.%d@example.com", pick("ada", "Bob", "cyd"), i)
		switch r.IntN(40) {
		case 0, 1, 2:
			email = ""
		case 3:
			email = pick("n/a", "none", "unknown", "ada(at)example.com", "-", "ada@example.com; bob@example.com")
		}
		birthday := ""
		if r.IntN(3) == 0 {
			birthday = pick("1984-02-29", "1991-11-05", "02/03/1970", "0/0/00", "1984", "n/a", "446860800000")
		}
		fmt.Fprintf(w, "%d,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s\n", 15101+i, pick("Ada", "Bob", "NULL", ""), pick("Love", "Code", "None"), email,
			phone(), phone(), pick("Ulm", "Bath", "n/a", ""), pick("Imogen Ashgrove", ""), pick("lead", "customer"), pick("Open", ""),
			"2025-03-02 09:14", birthday)
	}
}

func pow10(n int) (p int) {
	for p = 1; n > 0; n-- {
		p *= 10
	}
	return p
}
