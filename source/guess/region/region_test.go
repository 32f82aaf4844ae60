package region

import "testing"

// Where the numbers are from that have no country code.
func TestVote(t *testing.T) {
	for _, tt := range []struct {
		name, column string
		numbers      []string
		want         string // "?" where a person is asked
	}{
		{"all with a code", "phone", []string{"+49 151 23456789", "+4915123456780"}, "DE"},
		{"with a code, of two countries", "phone", []string{"+4915123456789", "+33612345678"}, ""},
		{"French", "téléphone", []string{"06 12 34 56 78", "0612345679"}, "FR"},
		{"Spanish", "teléfonomóvil", []string{"612 34 56 78", "912 345 678"}, "ES"},
		{"Brazilian", "celular", []string{"(11) 96123-4567", "11 96123 4568"}, "BR"},
		{"those without a code decide", "telefon", []string{"+33612345678", "+33612345679", "0151 23456789"}, "DE"},
		{"without its zero", "telefon", []string{"151 23456789"}, "?"},
		{"without its plus", "téléphone", []string{"33612345678"}, "FR"},
		{"told by others with a code", "phone", []string{"+41 79 123 45 67", "079 123 45 68"}, "CH"},
		{"mixed", "phone", []string{"+4915123456789", "0151 23456789", "(212) 456-7890", "+12124567890"}, "?"},
		{"one in twenty is odd", "handy", append(many("0151 23456789", 19), "12"), "DE"},
		{"one in four is odd", "handy", append(many("0151 23456789", 3), "12"), "?"},
		{"valid nowhere", "phone", []string{"12345", "0000000"}, "?"},
		{"none", "phone", nil, ""},
	} {
		got, why := Vote(tt.numbers, LanguageOf([]string{tt.column}).Regions)
		if (tt.want == "?") != (got == "" && why != "") || tt.want != "?" && got != tt.want {
			t.Errorf("%s: %q (%s), want %s", tt.name, got, why, tt.want)
		}
	}
}

func many(s string, n int) (all []string) {
	for range n {
		all = append(all, s)
	}
	return all
}
