package source

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/nyaruka/phonenumbers"
)

// A role is what a column of an export is for.
type role struct {
	field string   // profile field; mobile and phone give contact ids only
	names []string // plain names of columns, the best first
}

// roles are the columns of the exports of HubSpot, Salesforce, Pipedrive, Zoho,
// Google Contacts and Outlook, beside the names of the targets themselves.
var roles = []role{
	{"firstname", []string{"personfirstname", "contactfirstname"}},
	{"lastname", []string{"personlastname", "contactlastname"}},
	{"email", []string{"emailwork", "personemailwork", "workemail", "email1value", "primaryemail", "personemailhome", "homeemail", "personemailother",
		"secondaryemail", "email2value", "email2address", "email3value", "email3address"}},
	{"mobile", []string{"mobilephonenumber", "personphonemobile", "phonemobile", "whatsappphonenumber"}},
	{"phone", []string{"personphonework", "primaryphone", "workphone", "businessphone", "phone1value", "phonework", "personphonehome", "homephone", "personphoneother",
		"otherphone", "phone2value", "businessphone2", "homephone2"}},
	{"birthday", []string{"personbirthday", "dateofbirth"}},
	{"gender", nil},
	{"location", []string{"mailingcity", "homecity", "address1city", "businesscity", "othercity", "personpostaladdresscity", "cityregion"}},
	{"profilepic", nil},
	{"tasks", []string{"tag", "personlabels", "personlabel", "label", "categories", "groupmembership"}},
	{"accepted_gdpr", []string{"marketingconsent", "dataprocessingconsent", "legalbasisforprocessingcontactsdata"}},
	{"prevent_data_collection", nil},
	{"age", nil},
}

// recordIDs identify a record of the CRM: no channel knows a contact by them.
var recordIDs = []string{"id", "recordid", "recordidcontact", "contactid", "personid", "leadid", "customerid"}

// fullNames hold first and last name in one.
var fullNames = []string{"name", "fullname", "personname", "contactname", "displayname", "fileas"}

// notes are texts that could become memories.
var notes = []string{"notes", "note", "description", "comments", "personnotes", "bemerkung", "notizen"}

// A guesser looks at the columns of one file and what stands in them.
type guesser struct {
	file    *file
	columns []string
	values  [][]string // by column: what is in the sample and not empty
	rows    int        // of the sample
	used    map[int]bool
	region  string
	b       strings.Builder
}

// guessRows is how many rows a guess is based on.
const guessRows = 1000

// Guess looks at the first file of o, its header and a sample, and writes the
// sections source and mapping of a configuration for it, in YAML with comments.
// What it is not sure about is marked "unsure".
func Guess(o Options) (string, error) {
	o.Mapping = &Mapping{ContactIDs: []Value{{Value: "guess"}}} // any file will do
	in, err := Open(o)
	if err != nil {
		return "", err
	}
	defer in.Close()
	g := &guesser{file: in.files[0], used: make(map[int]bool)}
	if err := g.sample(in); err != nil {
		return "", err
	}
	g.guessRegion()
	g.write(o.Paths)
	return g.b.String(), nil
}

// sample reads the columns and their values.
func (g *guesser) sample(in *Input) error {
	next, done, err := in.reader(g.file)
	if err != nil {
		return err
	}
	defer done()
	g.columns = g.file.Header
	g.values = make([][]string, len(g.columns))
	at := make(map[string]int)
	add := func(column int, value string) {
		if value = strings.TrimSpace(value); value != "" {
			g.values[column] = append(g.values[column], value)
		}
	}
	var object func(prefix string, v jsontext.Value)
	object = func(prefix string, v jsontext.Value) {
		for m := range members(v) {
			name := prefix + m.name
			if m.kind == '{' {
				object(name+".", m.json())
				continue
			}
			i, ok := at[name]
			if !ok {
				if len(g.columns) >= maxColumns {
					continue
				}
				i = len(g.columns)
				at[name] = i
				g.columns, g.values = append(g.columns, name), append(g.values, nil)
			}
			value := m.text
			if m.kind == 'n' {
				value = ""
			}
			add(i, value)
		}
	}
	var rec record
	for g.rows < guessRows {
		err := next(&rec)
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("%s: %w", g.file.Name, err)
		}
		if rec.fault != nil {
			continue
		}
		g.rows++
		if rec.cells == nil {
			object("", jsontext.Value(rec.raw[0]))
		}
		for i, cell := range rec.cells {
			add(i, cell)
		}
	}
	if len(g.columns) == 0 {
		return errors.New(g.file.Name + ": there is no row to guess from")
	}
	return nil
}

// find returns the columns for a field, the best first.
func (g *guesser) find(field string, names []string) []int {
	wanted := []string{plainName(field)}
	for _, t := range targets {
		if t.name == field {
			wanted = append(wanted, t.names...)
		}
	}
	wanted = append(wanted, names...)
	var found []int
	for _, name := range wanted {
		for i, column := range g.columns {
			// The last part of a dotted name is the name of the member.
			last := column[strings.LastIndexByte(column, '.')+1:]
			if !g.used[i] && !strings.HasPrefix(column, "_") && (plainName(column) == name || g.file.Format == NDJSON && plainName(last) == name) && !slices.Contains(found, i) {
				found = append(found, i)
			}
		}
	}
	return found
}

// guessRegion takes the country that most numbers with a country code have.
func (g *guesser) guessRegion() {
	votes := make(map[string]int)
	for _, field := range []string{"mobile", "phone"} {
		for _, i := range g.find(field, rolesNamed(field)) {
			for _, v := range g.values[i] {
				if n, err := phonenumbers.Parse(v, ""); err == nil {
					votes[phonenumbers.GetRegionCodeForCountryCode(int(n.GetCountryCode()))]++
				}
			}
		}
	}
	for region, n := range votes {
		if n > votes[g.region] || n == votes[g.region] && region < g.region {
			g.region = region
		}
	}
}

func rolesNamed(field string) []string {
	for _, r := range roles {
		if r.field == field {
			return r.names
		}
	}
	return nil
}

// fit tells whether all values of a column are of a kind.
func (g *guesser) fit(column int, k kind, o options) bool {
	for _, v := range g.values[column] {
		if k == date && noDate(v) {
			continue
		}
		if _, f := appendValue(nil, cell{text: v}, k, &o, ""); f != nil {
			return false
		}
	}
	return true
}
