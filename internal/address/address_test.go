package address

import (
	"strings"
	"testing"
)

// Nothing that may be a secret is shown, and the name of a report is that of a file.
func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		source string
		kind   Kind
		shown  string
		base   string
	}{
		{"contacts.csv", None, "contacts.csv", "contacts.csv"},
		{"a/b:c://d.csv", None, "a/b:c://d.csv", "d.csv"},
		{`C:\x\contacts.csv`, None, `C:\x\contacts.csv`, `C:\x\contacts.csv`},
		{"-", None, "-", "-"},
		{"https://example.com/x/contacts.csv", Web, "https://example.com/x/contacts.csv", "contacts.csv"},
		{"HTTPS://u:s3cret@example.com:8443/x/contacts.csv?X-Amz-Signature=s3cret#s3cret", Web, "https://…@example.com:8443/x/contacts.csv?…", "contacts.csv"},
		{"https://s3cret@example.com/x?", Web, "https://…@example.com/x?…", "x"},
		{"https://example.com", Web, "https://example.com", "example.com"},
		{"http://127.0.0.1:80/", Web, "http://127.0.0.1:80/", "127.0.0.1_80"},
		{"https://example.com/a%2Fb%0a.csv", Web, "https://example.com/a%2Fb%0a.csv", "a_b_.csv"},
		{"https://example.com/x/..", Web, "https://example.com/x/..", "source"},
		{"https://u:s3cret/x@example.com/a", Web, "https://…", "a"},
		{"https://u:s3cret%zz@example.com/a", Web, "https://…", "a"},
		{"s3://bucket/exports/*.csv", S3, "s3://bucket/exports/*.csv", "_.csv"},
		{"s3://bucket/exports/a?b#c.csv", S3, "s3://bucket/exports/a?b#c.csv", "a_b#c.csv"},
		{"s3://key:s3cret@bucket/a.csv", S3, "s3://…/a.csv", "a.csv"},
		{"postgres://user@host:5432/crm?sslmode=verify-full", Database, "postgres://user@host:5432/crm?sslmode=verify-full", "crm"},
		{"postgresql://user:s3cret@host/crm?password=s3cret&sslpassword=s3cret&a=b", Database, "postgresql://user:…@host/crm?password=…&sslpassword=…&a=b", "crm"},
		{"postgres://user:s3cret@s3cret@host/crm", Database, "postgres://…@host/crm", "crm"},
		{"postgres://user@", Database, "postgres://user@", "source"},
		{"ftp://u:s3cret@host/a.csv", Other, "ftp://…", "…"},
	} {
		if kind, shown, base := KindOf(c.source), Shown(c.source), Base(c.source); kind != c.kind || shown != c.shown || base != c.base && kind != Other {
			t.Errorf("%s is %q, shown as %s, named %s", c.source, kind, shown, base)
		}
		shown := Shown(c.source)
		if strings.Contains(shown, "s3cret") || Shown(shown) != shown || kindless(c.kind) != IsPartial(shown) && strings.Contains(shown, Hidden) {
			t.Errorf("%s is shown as %s, and that as %s; partial: %t", c.source, shown, Shown(shown), IsPartial(shown))
		}
		if c.kind != None && c.kind != Other && IsPartial(c.source) {
			t.Errorf("%s is taken for one that was shown", c.source)
		}
	}
}

// kindless tells whether what is hidden of an address of a kind can be told.
func kindless(k Kind) bool { return k != None && k != Other }
