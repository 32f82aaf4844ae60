package source

import (
	"fmt"
	"strings"
	"testing"
)

func TestContactIDs(t *testing.T) {
	content := "contactIds,email,phone,mobile,active,firstname\n" +
		"a|b;a,a@example.com,+49 151 0,,yes,\n" +
		" ; ,a@example.com,1,,,\n" +
		",,030 1234,+491511234567,,\n" +
		",,0301234,,,\n" +
		",,,,,Ada\n" +
		",,n/a,,,Ada\n" +
		",nobody,030 1234,,,Ada\n" +
		"a,nobody,,,,Ada\n" +
		"n/a,nobody,,,,Ada\n"
	rows, in := read(t, Options{Paths: []string{writeFile(t, "x.csv", content)}})
	diff(t, rows, []string{
		`2 ["a","b"],"active":true,"profile":{"email":"a@example.com"}}`,
		`3 ["a@example.com"],"profile":{"email":"a@example.com"}}`,
		`4 ["+491511234567"],"profile":{}}`,
		`5 ["0301234"],"profile":{}}`,
		`6 contactIds: there is no contact id ["" "" "" "" "" "Ada"]`,
		`7 phone: "n/a" is not a phone number ["" "" "n/a" "" "" "Ada"]`,
		`8 ["030 1234"],"profile":{"firstname":"Ada"}}`,
		`9 ["a"],"profile":{"firstname":"Ada"}}`,
		`10 contactIds: "n/a" stands for no contact id ["n/a" "nobody" "" "" "" "Ada"]`,
	})
	diff(t, noticesOf(in), []string{
		`1 row: what stands in "email" was left out, because it cannot be a contact id (line 8: "nobody")`,
		`1 row: what stands in "email" was left out of the field email, because it is no e-mail address (line 9: "nobody")`,
	})
}

func TestBodyBytes(t *testing.T) {
	row := func(n int) string { return "a@example.com," + strings.Repeat("é", n/2) + "\n" }
	// What is around the name, and a project id of 24 characters.
	const around = len(`{"projectId":"","contactIds":["a@example.com"],"profile":{"email":"a@example.com","firstname":""}}`) + 24
	const fits = (60_000 - around) / 2 * 2
	rows, _ := read(t, Options{Paths: []string{writeFile(t, "x.csv", "email,firstname\n"+row(fits)+row(fits+2))}})
	if !strings.HasPrefix(rows[0], `2 ["a@`) {
		t.Errorf("%d bytes: %.200s", fits+around, rows[0])
	}
	want := fmt.Sprintf("3 : the profile is %d bytes long as JSON, and the API takes 60000", fits+2+around)
	if !strings.HasPrefix(rows[1], want) {
		t.Errorf("%d bytes: %.200s", fits+2+around, rows[1])
	}
}
