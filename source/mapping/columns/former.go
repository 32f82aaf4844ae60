package columns

import (
	"slices"
	"strings"
	"unicode"
)

// This file keeps the names of columns of rule 1 of contact ids (see contact.IDRule) as they
// were. They are not to be improved.

// FormerTargets are the columns that gave contact ids by name, in the order in which
// they were looked at, with names as formerPlainName makes them.
var FormerTargets = [...]struct {
	To    int // the target of today
	names []string
}{
	{ContactIDs, []string{"contactids", "contactid"}},
	{Email, []string{"email", "mail", "emailaddress", "mailaddress", "emailadresse", "mailadresse", "correoelectrónico"}},
	{Mobile, []string{"mobile", "mobilephone", "mobilenumber", "mobil", "cell", "cellphone", "handy", "handynummer"}},
	{Phone, []string{"phone", "phonenumber", "telephone", "telephonenumber", "tel", "telefon", "telefonnummer"}},
}

// FormerEmail is the index of the e-mail address in FormerTargets.
const FormerEmail = 1

// FormerTarget is the index in FormerTargets of the column of a name, or -1.
func FormerTarget(column string) int {
	if strings.HasPrefix(column, "_") {
		return -1
	}
	plain := formerPlainName(column)
	for i, t := range FormerTargets {
		if slices.Contains(t.names, plain) {
			return i
		}
	}
	return -1
}

func formerPlainName(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}
