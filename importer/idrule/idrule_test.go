package idrule

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

func column(target string) Part { return Part{Columns: []Column{{Target: target, Name: target}}} }

func and(p Part) Part      { p.And = true; return p }
func optional(p Part) Part { p.Optional = true; return p }
func of(p Part, change func(*Part)) Part {
	change(&p)
	return p
}

var (
	ids, email, phone = column("contactIds"), column("email"), column("phone")
	member            = Part{Columns: []Column{{Name: "Member", Hash: HashOf("member")}}}
)

// Two rules fit where who has an id by both has the same one.
func TestFits(t *testing.T) {
	for name, tt := range map[string]struct {
		a, b []Part
		want bool
	}{
		"the same":                     {[]Part{ids, email}, []Part{ids, email}, true},
		"one more stands in":           {[]Part{email}, []Part{email, phone}, true},
		"two more stand in":            {[]Part{email}, []Part{email, phone, member}, true},
		"one more comes first":         {[]Part{email}, []Part{ids, email}, false},
		"one more is beside":           {[]Part{email}, []Part{email, and(phone)}, false},
		"one more behind one beside":   {[]Part{email, and(phone)}, []Part{email, and(phone), member}, true},
		"no more beside":               {[]Part{email, and(phone), member}, []Part{email, phone}, false},
		"another order":                {[]Part{email, phone}, []Part{phone, email}, false},
		"another column":               {[]Part{email, phone}, []Part{email, member}, false},
		"in lower case":                {[]Part{email}, []Part{of(email, func(p *Part) { p.Lower = true })}, false},
		"a region":                     {[]Part{phone}, []Part{of(phone, func(p *Part) { p.Region = "DE" })}, false},
		"an expression":                {[]Part{{Expr: "a", Hash: HashOf("a")}}, []Part{{Expr: "b", Hash: HashOf("b")}}, false},
		"renamed":                      {[]Part{email}, []Part{{Columns: []Column{{Target: "email", Name: "E-Mail"}}}}, true},
		"not seen in objects":          {[]Part{email}, []Part{optional(ids), email, optional(phone)}, true},
		"seen in objects":              {[]Part{email}, []Part{ids, email, optional(phone)}, false},
		"seen in others":               {[]Part{ids, email, optional(phone)}, []Part{optional(ids), email, phone}, true},
		"not seen, and another column": {[]Part{phone}, []Part{optional(ids), email, optional(phone)}, false},
	} {
		a, b := New(tt.a), New(tt.b)
		if a.fits(&b) != tt.want || b.fits(&a) != tt.want {
			t.Errorf("%s: %s and %s fit: %t, %t; want %t", name, a.Words, b.Words, a.fits(&b), b.fits(&a), tt.want)
		}
	}
}

// A report goes on by its own rules, by fewer and by longer ones, and by others where it
// is adopted; then it keeps those of before.
func TestFollows(t *testing.T) {
	byEmail, longer, byMember := New([]Part{email}), New([]Part{email, phone}), New([]Part{member})
	var l Lineage
	step := func(want, adopt bool, rules ...Rule) {
		t.Helper()
		next, ok := l.Follows(rules, adopt)
		if ok != want {
			t.Fatalf("%v follows %+v: %t, want %t", rules, l, ok, want)
		}
		l = next
	}
	step(true, false, byEmail)
	step(true, false, longer)
	step(true, false, byEmail)
	if len(l.Now) != 1 || l.Now[0].Digest != longer.Digest {
		t.Errorf("of a shorter rule the longer one is kept: %+v", l)
	}
	step(false, false, longer, byMember)
	step(true, true, longer, byMember)
	if len(l.Now) != 2 || len(l.Before) != 1 {
		t.Errorf("adopted: %+v", l)
	}
	step(true, false, byMember)
	step(true, true)
	if len(l.Now) != 2 {
		t.Errorf("a run without a source takes none away: %+v", l)
	}
}

// What is redacted names nothing of the source, and is the same rule; so is what was
// written and read.
func TestRedacted(t *testing.T) {
	secret := Part{Expr: `row["Secret"]`, Hash: HashOf(`row["Secret"]`)}
	r := New([]Part{{Columns: []Column{{Name: "Secret", Hash: HashOf("secret")}, {Target: "email", Name: "Secret mail"}}}, and(secret)})
	redacted := Lineage{Now: Rules{r}}.Redacted()
	text, err := json.Marshal(redacted)
	if err != nil || strings.Contains(string(text), "ecret") {
		t.Errorf("%s, %v", text, err)
	}
	var again Lineage
	if err := json.Unmarshal(text, &again); err != nil || !again.Now.Holds(Rules{r}) {
		t.Errorf("%+v, %v", again, err)
	}
	if want := `"Secret" or else "Secret mail", and the expression row["Secret"]`; r.Words != want {
		t.Errorf("%s, want %s", r.Words, want)
	}
}
