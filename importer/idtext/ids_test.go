package idtext

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"importer/internal/growth"
)

// told is what a reader of ids gives in one text: the ids, and the reason of a flaw.
func told(ids []string, flaw *Flaw) string {
	s := strings.Join(ids, " ¦ ")
	if flaw != nil {
		s = strings.TrimSpace(s + " !" + flaw.Reason)
	}
	return s
}

func TestID(t *testing.T) {
	const (
		nothing   = "!stands for no contact id"
		noEmail   = "!is not an e-mail address"
		exponent  = "!is a number with an exponent, which has lost its last digits"
		decimals  = "!is a number with decimals"
		cellError = "!is an error of a spreadsheet"
		quote     = "!holds a quote or a bracket that is not around the whole"
		formula   = "!is a formula of a spreadsheet"
		html      = "!holds < or >, as a page of HTML does"
		program   = "!is an object of a program"
		comma     = "!holds a comma, and whether that separates contact ids is not clear"
	)
	tests := []struct {
		in   string
		form Form
		want string
	}{
		{"shop-17", TextForm, "shop-17"},
		{"U123@T456", TextForm, "U123@T456"},
		{"sip:ada@example.com", TextForm, "sip:ada@example.com"},
		{"whatsapp:+4915123456789", TextForm, "whatsapp:+4915123456789"},
		{"auth0|5f7c8ec7c33c6c004bbafe82", TextForm, "auth0|5f7c8ec7c33c6c004bbafe82"},
		{"24012345678901234567", TextForm, "24012345678901234567"},
		{"12E5", TextForm, "12E5"},
		{"customer 17 ", TextForm, "customer 17"},
		{"@ada", TextForm, "@ada"},
		{"", TextForm, ""},
		{"\u200b", TextForm, ""},
		{`""`, TextForm, ""},
		// What stands around it.
		{"\ufeff shop-17\u200b", TextForm, "shop-17"},
		{"\u202ashop-17\u202c\u00ad", TextForm, "shop-17"},
		{"\x1fshop-17\x00", TextForm, "shop-17"},
		{"\u3000shop-17\u00a0", TextForm, "shop-17"},
		{"„shop-17“", TextForm, "shop-17"},
		{"«shop-17»", TextForm, "shop-17"},
		{"`shop-17´", TextForm, "shop-17"},
		{"<\"shop-17\">", TextForm, "shop-17"},
		{"[shop-17]", TextForm, "shop-17"},
		{"（shop-17）", TextForm, "shop-17"},
		{"(030) (17)", TextForm, "(030) (17)"},
		{"'+4915123456789", TextForm, "+4915123456789"},
		{`="+4915123456789"`, TextForm, "+4915123456789"},
		{"tel:+4915123456789", TextForm, "+4915123456789"},
		{"MAILTO:a@example.com", TextForm, "a@example.com"},
		{"mailto://'a@example.com'", TextForm, "a@example.com"},
		{"shop-17\ufe0f", TextForm, "shop-17"},
		{strings.Repeat("(", 9) + "x" + strings.Repeat(")", 9), TextForm, "!has too many quotes or brackets around it"},
		// What stands in it.
		{"shop\u200b17", TextForm, "!holds a character that cannot be seen: U+200B"},
		{"shop\x1f17", TextForm, "!holds a character that cannot be seen: U+001F"},
		{"shop\t17", TextForm, "!holds a character that cannot be seen: U+0009"},
		{"shop\ufe0f17", TextForm, "!holds a character that cannot be seen: U+FE0F"},
		{"shop\u316417", TextForm, "!holds a character that cannot be seen: U+3164"},
		{"shop\ue00017", TextForm, "!holds a character that cannot be seen: U+E000"},
		{"shop\u00a017", TextForm, "!holds a space of an unusual kind: U+00A0"},
		{"\u0301shop", TextForm, "!begins with an accent that belongs to no letter: U+0301"},
		{"sh\ufffdp", TextForm, "!holds bytes that are no text"},
		{"sh\xffp", TextForm, "!holds bytes that are no text"},
		{"mu\u0308ller", TextForm, "müller"},
		{"\u1fefshop-17", TextForm, "shop-17"}, // NFC makes a quote of it
		{"R&amp;D", TextForm, "!holds characters in the spelling of HTML"},
		{strings.Repeat("x", 1001), TextForm, "!is too long to be a contact id"},
		{strings.Repeat("x;", 60_000), TextForm, "!is too long to be a contact id"},
		{"O'Brien", TextForm, "O'Brien"}, {"L’Été-17", TextForm, "L’Été-17"}, {"shop(17)", TextForm, "shop(17)"},
		{`k18 "x"`, TextForm, quote}, {`k18 'x'`, TextForm, quote}, {`"k24"x"`, TextForm, quote}, {"k18 „x“", TextForm, quote}, {"5'", TextForm, "5"}, {"5'10\"", TextForm, "5'10"},
		{"(shop30", TextForm, quote}, {"shop30)", TextForm, quote}, {"[shop30)", TextForm, quote}, {")shop(", TextForm, quote}, {"{shop30", TextForm, program},
		{`{"id":"k1"}`, TextForm, program}, {`[{"id":"k17"}]`, TextForm, program}, {"{id:k1}", TextForm, program}, {"{id=k1}", TextForm, program},
		{"{'id': 'k1'}", TextForm, program}, {`"{""id"":""k1""}"`, TextForm, program}, {"{6f9619ff-8b86-d011-b42d-00c04fc964ff}", TextForm, "6f9619ff-8b86-d011-b42d-00c04fc964ff"},
		{`=HYPERLINK("mailto:a1@x.de","a1@x.de")`, TextForm, formula}, {"=CONCAT(A1)", TextForm, formula}, {"@SUM(A1)", TextForm, formula},
		{"+HYPERLINK(A1)", TextForm, formula}, {"=A1", TextForm, formula}, {"=shop-17", TextForm, formula}, {`'=CONCAT(A1)`, TextForm, formula},
		{"k21<br>", TextForm, html}, {"<b>k23</b>", TextForm, html}, {"k20>", TextForm, html}, {"<k19", TextForm, html}, {"<k19>", TextForm, "k19"}, {"Ada <k19>", TextForm, html},
		// Several, and placeholders.
		{"a;b| c", TextForm, "a ¦ b| c"},
		{"a@example.com|+4915123456789", TextForm, "a@example.com ¦ +4915123456789"},
		{"a\r\nb\u2028c", TextForm, "a ¦ b ¦ c"},
		{"a@example.com ::: b@example.com", TextForm, "a@example.com ¦ b@example.com"},
		{"a@example.com, b@example.com,", TextForm, "a@example.com ¦ b@example.com"},
		{"a@example.com / b@example.com", TextForm, "a@example.com ¦ b@example.com"},
		{"'a'; 'a'", TextForm, "a"},
		{"a;n/a;b", TextForm, "a ¦ b " + nothing},
		{"shop-17, shop-18", TextForm, comma},
		{strings.Repeat("a1;", 51), TextForm, "!holds too many contact ids"},
		{"N/A", TextForm, nothing}, {"na", TextForm, nothing}, {"#N/A", TextForm, cellError}, {"(none)", TextForm, nothing}, {"NULL", TextForm, nothing},
		{"<nil>", TextForm, nothing}, {"-", TextForm, nothing}, {"--", TextForm, nothing}, {"0", TextForm, nothing}, {"000", TextForm, nothing},
		{"00-00", TextForm, nothing}, {"Unknown", TextForm, nothing}, {"undefined", TextForm, nothing}, {"NaN", TextForm, nothing}, {"k. A.", TextForm, nothing},
		{"Unbekannt", TextForm, nothing}, {"?", TextForm, nothing}, {".", TextForm, nothing}, {`\N`, TextForm, nothing}, {"-1", TextForm, nothing},
		{"unspecified", TextForm, nothing}, {"not specified", TextForm, nothing}, {"Nicht angegeben", TextForm, nothing}, {"ohne", TextForm, nothing},
		{"non renseigné", TextForm, nothing}, {"NON RENSEIGNE", TextForm, nothing}, {"NC", TextForm, nothing}, {"não informado", TextForm, nothing},
		{"sin datos", TextForm, nothing}, {"s/o", TextForm, nothing}, {"so", TextForm, "so"}, {"N/D", TextForm, nothing}, {"n.v.t.", TextForm, nothing},
		{"no data", TextForm, nothing}, {"NaT", TextForm, nothing}, {"Nat", TextForm, "Nat"}, {"None None", TextForm, nothing}, {"unknown unknown", TextForm, nothing},
		{"unknown@unknown", TextForm, nothing}, {"N/A (none)", TextForm, nothing}, {"null@example.com", TextForm, "null@example.com"}, {"none of us", TextForm, "none of us"},
		{"noreply@example.com", TextForm, "noreply@example.com"}, {"[object Object]", TextForm, nothing}, {"нет-1", TextForm, "нет-1"}, {"💥", TextForm, nothing}, {"００", TextForm, nothing}, {"Ｎ／Ａ", TextForm, nothing},
		{"{{contact.id}}", TextForm, "!is a template that was not filled in"}, {"*|EMAIL|*", TextForm, "!is a template that was not filled in"},
		{"****1234", TextForm, "!is masked"}, {"TRUE", TextForm, nothing}, {"４９１５１", TextForm, "!is written in wide characters"},
		// What a spreadsheet or a program did to it.
		{"4.91512E+11", TextForm, exponent}, {"4,91512E+11", TextForm, exponent}, {"4.9e11", TextForm, exponent}, {"5E+11", TextForm, exponent},
		{"4.91512 E 11", TextForm, exponent},
		{"491512345678.0", TextForm, decimals}, {"491512345678,00", TextForm, decimals}, {"4915123456.7", TextForm, decimals},
		{"491512345678.", TextForm, decimals}, {"#¡VALOR!", TextForm, cellError}, {"Err:502", TextForm, cellError},
		{"#REF!", TextForm, cellError}, {"#VALUE!", TextForm, cellError}, {"########", TextForm, cellError}, {"#DIV/0!", TextForm, cellError}, {"#NV", TextForm, cellError},
		{"491512345678.0", JSONForm, decimals}, {"4.91512345678e11", JSONForm, exponent}, {"1E5", JSONForm, exponent},
		{"9007199254740992", JSONForm, "9007199254740992"}, {"9007199254740993", JSONForm, "!is a larger number than every program can keep"},
		{"123456789012345", CellForm, "123456789012345"}, {"1234567890123456", CellForm, "!has more than 15 digits, and the workbook keeps it as a number"},
		// An address is held to the rules of one.
		{"a@example.com?subject=x", TextForm, "!is not an e-mail address: a question mark stands in it"},
		{"a@x.deb@y.de", TextForm, noEmail}, {"a@example.com b@example.com", TextForm, noEmail}, {"E-Mail: a@example.com", TextForm, noEmail},
		{"a@example.com:", TextForm, noEmail}, {"Ada <a@example.com>", TextForm, "a@example.com"},
	}
	for _, tt := range tests {
		if got := told(ID(tt.in, tt.form)); got != tt.want {
			t.Errorf("%.80q: %s, want %s", tt.in, got, tt.want)
		}
	}
}

func TestEmail(t *testing.T) {
	const no = "!is not an e-mail address"
	for in, want := range map[string]string{
		"a@example.comÂ\u00a0":                    no,
		"ada@example.com":                         "ada@example.com",
		"Ada.L+x_1-2@Mail.Example.co.uk":          "Ada.L+x_1-2@Mail.Example.co.uk",
		"o'brien@example.com":                     "o'brien@example.com",
		"'o'brien@example.com'":                   "o'brien@example.com",
		"mu\u0308ller@mu\u0308ller.example":       "müller@müller.example",
		"用户@例子.广告":                                "用户@例子.广告",
		"a@xn--mller-kva.example":                 "a@xn--mller-kva.example",
		"<mailto:a@example.com>":                  "a@example.com",
		"a@example.com>)":                         "a@example.com",
		"\"a@example.com\"":                       "a@example.com",
		"Ada Love <a@example.com>":                "a@example.com",
		`"Love, Ada" <a@example.com>`:             "a@example.com",
		"a@example.com;b@example.com;;":           "a@example.com ¦ b@example.com",
		"a@example.com|b@example.com":             "a@example.com ¦ b@example.com",
		"a@example.com,b@example.com":             "a@example.com ¦ b@example.com",
		"a@example.com;nobody":                    "a@example.com " + no,
		"":                                        "",
		"\ufeff":                                  "",
		"n/a":                                     no,
		"a@b@example.com":                         no,
		"@example.com":                            no,
		"a@":                                      no,
		"a..b@example.com":                        no,
		"a@example..com":                          no,
		".a@example.com":                          no,
		"a.@example.com":                          no,
		"a@.example.com":                          no,
		"a@example.com.":                          no,
		"a@example.com:":                          no,
		"a:b@example.com":                         no,
		"a b@example.com":                         no,
		"a@exam ple.com":                          no,
		"a@-example.com":                          no,
		"a@example-.com":                          no,
		"a@192.168.1.1":                           no,
		`a"b@example.com`:                         no,
		`a\b@example.com`:                         no,
		"a***@example.com":                        no,
		"{{email}}@example.com":                   "!is a template that was not filled in",
		"=a@example.com":                          no,
		"%20a@example.com":                        no,
		"o’brien@example.com":                     no,
		"a…@example.com":                          no,
		"a@x.de b@y.de":                           no,
		"a@x.de/b@y.de":                           no,
		"Doe, ada@example.com":                    no,
		"Ada <a@example.com>, Bob <b@x.com>":      no,
		"[a@x.com](mailto:a@x.com)":               no,
		"a@" + strings.Repeat("x", 64) + ".com":   no,
		strings.Repeat("x", 244) + "@example.com": no,
		"a@localhost":                             no + ": its domain has no dot",
		"a@example.com?subject=x":                 no + ": a question mark stands in it",
		"ａｄａ＠ｅｘａｍｐｌｅ．ｃｏｍ": no + ": it is written in wide characters",
		"a@ｅxample.com":                                     no + ": it is written in wide characters",
		"a\u00ad@example.com":                               "!holds a character that cannot be seen: U+00AD",
		"a@exa\u00a0mple.com":                               "!holds a space of an unusual kind: U+00A0",
		"a@example.com\nb@example.com":                      "a@example.com ¦ b@example.com",
		"o&#39;brien@example.com":                           "!holds characters in the spelling of HTML",
		strings.Repeat("a@example.com;b@example.com; ", 26): "!holds too many contact ids",
	} {
		if got := told(Email(in)); got != want {
			t.Errorf("%.80q: %s, want %s", in, got, want)
		}
	}
}

func TestPlainPhone(t *testing.T) {
	const no, several, more = "!is not a phone number", "!is not one phone number", "!is not a phone number: it holds more than digits"
	for in, want := range map[string]string{
		"+49 151 2345678 -":                "+49 151 2345678",
		"+49 151 2345678":                  "+49 151 2345678",
		"(030) 1234-567":                   "(030) 1234-567",
		"(030 1234567)":                    "030 1234567",
		"030/1234567":                      "030/1234567",
		"06.12.34.56.78":                   "06.12.34.56.78",
		"\u202a+49 1512 3456789\u202c":     "+49 1512 3456789",
		"+49\u00a0151\u20112345678":        "+49 151-2345678",
		"٠٣٠ ١٢٣٤٥٦٧":                      "030 1234567",
		"＋４９ １５１ ２３４５６７８":                  "+49 151 2345678",
		"tel:+4915123456789":               "+4915123456789",
		"'+4915123456789":                  "+4915123456789",
		"0301234567; 0307654321":           "0301234567 ¦ 0307654321",
		"0301234567, 0307654321":           "0301234567 ¦ 0307654321",
		"0301234567 / 0307654321":          "0301234567 ¦ 0307654321",
		"0301234567 ::: 0301234567":        "0301234567",
		"":                                 "",
		"n/a":                              no,
		"123":                              no,
		"0000000":                          no,
		"-4915123456":                      no,
		"+49 151 2345678 +49 152 1234567":  several,
		"030 1234567/68":                   several,
		"0301234567/0307654321":            several,
		"030 1234567 030 7654321 89":       no,
		"Tel. +49 151 2345678":             more,
		"+49 151 2345678 (Ada)":            more,
		"1-800-FLOWERS 123":                more,
		"030 1234567 x12":                  more,
		"030 1234567 ext. 5":               more,
		"030 1234567#12":                   more,
		"+4915123456789;ext=5":             "+4915123456789 " + no,
		"4.91512E+11":                      "!is a number with an exponent, which has lost its last digits",
		"49e11":                            "!is a number with an exponent, which has lost its last digits",
		"491512345678.0":                   "!is a number with decimals",
		"#REF!":                            "!is an error of a spreadsheet",
		"030\u200b1234567":                 "!holds a character that cannot be seen: U+200B",
		"491,512,345,678":                  several,
		strings.Repeat("0301234567;", 100): "0301234567",
	} {
		if strings.Count(in, ";") > MaxIDs {
			want = "!holds too many contact ids"
		}
		if got := told(PlainPhone(in, TextForm)); got != want {
			t.Errorf("%.80q: %s, want %s", in, got, want)
		}
	}
}

func TestPhone(t *testing.T) {
	const no, ambiguous, more = "!is not a phone number", "or one with another country code", "!is not a phone number: it holds more than digits"
	for _, tt := range []struct{ in, region, want string }{
		{"+49 151 23456789", "", "+4915123456789"},
		{"+49 (0) 151 23456789", "", "+4915123456789"},
		{"(+49) 151 23456789", "", "+4915123456789"},
		{"+39 (0) 6 1234567", "", "+39061234567"},
		{"0151 23456789", "DE", "+4915123456789"},
		{"15123456789", "DE", "+4915123456789"}, // a spreadsheet took the zero
		{"0049 151 23456789", "DE", "+4915123456789"},
		{"0049 151 23456789", "", "+4915123456789"},
		{"\u202a+49 1512 3456789\u202c", "", "+4915123456789"},
		{"+44 7700 900123", "", "+447700900123 possible"},
		{"7700 900123", "GB", "+447700900123 possible"},
		{"447700900123", "GB", "+447700900123 possible"},
		{"12025550123", "US", "+12025550123"},
		{"202-555-0123", "US", "+12025550123"},
		{"33612345678", "FR", "+33612345678"},
		{"4915123456781", "DE", "!can be a number of DE " + ambiguous},
		{"447911123456", "NG", "!can be a number of NG " + ambiguous},
		{"+49 151 23456789; 0151 23456780", "DE", "+4915123456789 ¦ +4915123456780"},
		{"123", "DE", no},
		{"49123", "DE", no},
		{"555 0123", "US", no}, // local
		{"030 23125001", "", no},
		{"030 23125001 x12", "DE", more},
		{"030 23125001 ext. 5", "DE", more},
		{"Tel. +49 151 23456789", "", more},
		{"1-800-FLOWERS", "US", no},
		{"call me", "DE", no},
		{"030 23125001/02", "DE", "!is not one phone number"},
		{"+49/151/23456787", "", "+4915123456787"},
		{"0049/151/23456787", "DE", "+4915123456787"},
		{"+49/30/23125001/02", "DE", "!is not one phone number"},
		{"00447700900123", "", "+447700900123 possible"},
		{"00447700900123", "US", "+447700900123 possible"},
		{"0012", "", no},
	} {
		numbers, flaw := Phone(tt.in, TextForm, PhoneOptions{Region: tt.region})
		var texts []string
		for _, n := range numbers {
			s := n.E164
			if !n.Valid {
				s += " possible"
			}
			texts = append(texts, s)
			if _, flaw := Phone(tt.in, TextForm, PhoneOptions{Region: tt.region, ValidOnly: true}); (flaw == nil) != n.Valid {
				t.Errorf("%q where only valid numbers are taken: %v", tt.in, flaw)
			}
		}
		if got := told(texts, flaw); got != tt.want {
			t.Errorf("%q in %s: %s, want %s", tt.in, tt.region, got, tt.want)
		}
	}
}

// Digits that begin with another country's code may have lost a plus sign, or be a
// number of the region that has lost its zero.
func TestDigitsOfTwoCountries(t *testing.T) {
	regions := []string{"DE", "AT", "CH", "FR", "GB", "IT", "NL"}
	for digits, want := range map[string]string{ // by region: its number, one of the code it begins with, ambiguous, or none
		"15123456781":   "own ? - - - ? ?",
		"447911123456":  "? ? ? - code ? -",
		"41791234567":   "? ? code - - ? ?",
		"436641234567":  "? code ? - - ? -",
		"33612345678":   "? ? - code - ? ?",
		"393401234567":  "? ? ? - - code -",
		"34612345678":   "? ? - - - ? ?",
		"31612345678":   "? ? - - - ? code",
		"12025550123":   "? ? - - - ? ?",
		"380501234567":  "? ? ? - - ? -",
		"919876543210":  "? ? ? - - ? -",
		"612345678":     "own own own own own own own",
		"791234567":     "own own own own own own own",
		"3023125001":    "own own - - own own own",
		"3401234567":    "own own - - own own own",
		"7911123456":    "own own - - own own own",
		"4915123456781": "? ? - - - - -",
	} {
		var got []string
		for _, region := range regions {
			numbers, flaw := Phone(digits, TextForm, PhoneOptions{Region: region})
			switch {
			case flaw != nil && strings.HasPrefix(flaw.Reason, "can be"):
				got = append(got, "?")
			case flaw != nil:
				got = append(got, "-")
			case numbers[0].E164 == "+"+digits:
				got = append(got, "code")
			default:
				got = append(got, "own")
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %s, want %s", digits, s, want)
		}
	}
}

// The digits of all scripts begin with a zero in their ranges.
func TestDigits(t *testing.T) {
	for _, zero := range "0٠۰߀०০੦૦୦௦౦೦൦๐໐༠၀០᠐０𝟎𞥐" {
		for i := range rune(10) {
			if got := asDialled(zero + i); got != '0'+i {
				t.Errorf("%q is %q, want %d", zero+i, got, i)
			}
		}
	}
	for _, table := range unicode.Nd.R16 {
		if (table.Hi-table.Lo+1)%10 != 0 || table.Stride != 1 {
			t.Errorf("%+v is no range of tens", table)
		}
	}
	for _, table := range unicode.Nd.R32 {
		if (table.Hi-table.Lo+1)%10 != 0 || table.Stride != 1 {
			t.Errorf("%+v is no range of tens", table)
		}
	}
}

// No value of 64 KB takes long, whatever is in it.
func TestHostileValues(t *testing.T) {
	for _, piece := range []string{"(", "\"", "a@b.de,", ";", "mailto:", "<", "\u0301", "&amp;", "a@b.de / ", "9", "|", " ", "+1/", ":::", "{}", "=\""} {
		growth.Check(t, maxValue/len(piece)/4, func(n int) {
			s := strings.Repeat(piece, n)
			for _, s := range []string{s, s + "x", "x" + s, "(" + s + ")"} {
				ID(s, TextForm)
				Email(s)
				PlainPhone(s, TextForm)
				Phone(s, TextForm, PhoneOptions{Region: "DE"})
			}
		})
	}
}

func FuzzIdentity(f *testing.F) {
	for _, s := range []string{
		"a@example.com", "\u202a+49 1512 3456789\u202c", `="+4915123456789"`, "Ada <a@example.com>; 'b@example.com'", "mailto:(a@example.com)\u200b",
		"4.91512E+11", "n/a", "a, b", "a@example.com / b@example.com", "mu\u0308ller@例子.广告", "030/1234567", "４９１５１", "a\u037eb", "(a)(b)", "+49 (0) 151 23456789 ::: 12",
		"+490000 0000 00000000", // read again, it loses a zero
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ids, _ := ID(s, TextForm)
		for _, id := range ids {
			accepted(t, s, id, func(s string) ([]string, *Flaw) { return ID(s, TextForm) })
		}
		emails, _ := Email(s)
		for _, id := range emails {
			accepted(t, s, id, Email)
			if again, flaw := ID(id, TextForm); flaw != nil || !slices.Equal(again, []string{id}) {
				t.Errorf("the address %q of %q is not a contact id: %q, %v", id, s, again, flaw)
			}
		}
		numbers, _ := PlainPhone(s, TextForm)
		for _, id := range numbers {
			accepted(t, s, id, func(s string) ([]string, *Flaw) { return PlainPhone(s, TextForm) })
		}
		phones, _ := Phone(s, TextForm, PhoneOptions{Region: "DE"})
		for _, n := range phones {
			accepted(t, s, n.E164, func(s string) (ids []string, flaw *Flaw) {
				again, flaw := Phone(s, TextForm, PhoneOptions{})
				for _, n := range again {
					ids = append(ids, n.E164)
				}
				return ids, flaw
			})
		}
	})
}

// accepted holds an id of s to what every one promises.
func accepted(t *testing.T, s, id string, read func(string) ([]string, *Flaw)) {
	t.Helper()
	if id == "" || !utf8.ValidString(id) || !norm.NFC.IsNormalString(id) || len(id) > maxIDBytes {
		t.Errorf("%q of %q", id, s)
	}
	for _, r := range id {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			t.Errorf("%q of %q holds %U", id, s, r)
		}
	}
	first, _ := utf8.DecodeRuneInString(id)
	last, _ := utf8.DecodeLastRuneInString(id)
	for _, r := range []rune{first, last} {
		if unicode.IsSpace(r) || unicode.In(r, unicode.Quotation_Mark) {
			t.Errorf("%q of %q has %q at an end", id, s, r)
		}
	}
	if again, flaw := read(id); flaw != nil || !slices.Equal(again, []string{id}) {
		t.Errorf("%q of %q becomes %q, %v", id, s, again, flaw)
	}
}

func BenchmarkIDs(b *testing.B) {
	for _, bb := range []struct {
		name string
		read func()
	}{
		{"Email", func() { Email("contact0.b7219997@example.com") }},
		{"ID", func() { ID("shop-17", TextForm) }},
		{"PlainPhone", func() { PlainPhone("+49 151 23456789", TextForm) }},
		{"Phone", func() { Phone("+49 151 23456789", TextForm, PhoneOptions{}) }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				bb.read()
			}
		})
	}
}
