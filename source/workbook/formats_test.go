package workbook

import "testing"

func TestFormats(t *testing.T) {
	tests := map[cellFormat][]string{
		calendar: {"dddd", "mmm-yy", "dd/mm/yy", "yyyy-mm-dd h:mm:ss", "dd.mm.yyyy", "[$-409]d-mmm-yy;@", `yyyy"年"m"月"d"日"`, "yyyy年m月d日", `[$-F800]dddd\,\ mmmm\ dd\,\ yyyy`,
			"m/d/yy h:mm", "d", "YYYY-MM-DD", "mmmmm", "yyyy-mm-dd hh:mm:ss.000", `dd\.mm\.yyyy;;`, `d\ "de"\ mmmm`, "[$-411]ggge\"年\"m\"月\"d\"日\"", "[Red]dd.mm.yyyy"},
		clock: {"h:mm", "hh:mm:ss", "h:mm AM/PM", "mm:ss.0", "[$-409]h:mm:ss AM/PM;@", "h:mm:ss a/p"},
		plainNumber: {"General", "Standard", "0", "0.00", "[Red]0", `"days" 0`, `0 "days"`, `0\ \d`, "#,##0.00", "0 days", "@", "", "0.00E+00", "# ?/?", "[h]:mm", "[mm]:ss", "[ss].00",
			`_-* #,##0.00\ "€"_-;\-* #,##0.00\ "€"_-`, "[$USD] #,##0", `[<=9999999]###\-####;\(###\)\ ###\-####`, "00000", "0%", "General;[Red]-General", `"y"`, "[Yellow]General", `0_d`, `*d0`},
	}
	for want, codes := range tests {
		for _, code := range codes {
			if got := formatOfCode(code); got != want {
				t.Errorf("%q: %d, want %d", code, got, want)
			}
		}
	}
	for id, want := range map[int]cellFormat{0: plainNumber, 2: plainNumber, 13: plainNumber, 14: calendar, 17: calendar, 18: clock, 21: clock, 22: calendar, 23: plainNumber, 27: calendar,
		36: calendar, 37: plainNumber, 44: plainNumber, 45: clock, 46: plainNumber, 47: clock, 48: plainNumber, 49: plainNumber, 50: calendar, 58: calendar, 59: plainNumber, 999: plainNumber} {
		if got := builtinFormat(id); got != want {
			t.Errorf("%d: %d, want %d", id, got, want)
		}
	}
}

func TestDays(t *testing.T) {
	tests := []struct {
		days   float64
		format cellFormat
		from04 bool
		want   string // empty: refused
	}{
		{8826, calendar, false, "1924-02-29"},
		{8826, clock, false, "1924-02-29"},
		{46053.6278356481, calendar, false, "2026-01-31T15:04:05"},
		{46053.99999999, calendar, false, "2026-02-01"},
		{46053.00000001, calendar, false, "2026-01-31"},
		{1, calendar, false, "1900-01-01"},
		{59, calendar, false, "1900-02-28"},
		{60, calendar, false, ""}, // 1900-02-29
		{60.5, calendar, false, ""},
		{61, calendar, false, "1900-03-01"},
		{2958465, calendar, false, "9999-12-31"},
		{2958465.9999999, calendar, false, ""},
		{2958466, calendar, false, ""},
		{1e300, calendar, false, ""},
		{0, calendar, false, ""},
		{0.5, calendar, false, ""},
		{-1, calendar, false, ""},
		{-0.5, clock, false, ""},
		{0, clock, false, "00:00:00"},
		{0.5, clock, false, "12:00:00"},
		{0.99999999, clock, false, "23:59:59"},
		{1.0625, clock, false, ""}, // 25:30 hours
		{0, calendar, true, "1904-01-01"},
		{30742 - 1462, calendar, true, "1984-03-01"},
		{0.5, clock, true, "12:00:00"},
		{2958465 - 1462, calendar, true, "9999-12-31"},
		{2958465, calendar, true, ""},
	}
	for _, tt := range tests {
		if got, ok := isoOf(tt.days, tt.format, tt.from04); got != tt.want || ok != (tt.want != "") {
			t.Errorf("%v as %d, from 1904 %v: %q, %v", tt.days, tt.format, tt.from04, got, ok)
		}
	}
	for s, want := range map[string]string{
		"2026-01-31": "2026-01-31", "2026-01-31T00:00:00": "2026-01-31", "2026-01-31T00:00:00.000": "2026-01-31", "2026-01-31T15:04:05": "2026-01-31T15:04:05",
		"2026-01-31T00:00:00Z": "2026-01-31T00:00:00Z", "1899-12-30T15:04:05": "15:04:05", "15:04:05": "15:04:05", "2026-02-30": "", "2026": "", "46053": "",
	} {
		if got, ok := isoText(s); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", s, got, ok)
		}
	}
}

func TestStoredNumbers(t *testing.T) {
	for s, want := range map[string]string{
		"0": "0", "42": "42", "-42": "-42", "+42": "42", "0042": "42", "000": "0", "-0": "0", "24187593847561234": "24187593847561234",
		"30.6": "30.6", "1234.5678": "1234.5678", "1.50": "1.50", ".5": "0.5", "-.5": "-0.5", "7.": "7", "491512345678.0": "491512345678", "12345.000": "12345",
		"4.91512345678E11": "491512345678", "4.91512345678E+11": "491512345678", "4.91512345678e+11": "491512345678", "4.9151234567E11": "491512345670", "1.0E7": "10000000",
		"4.91512E+11": "4.91512E+11", "1E+20": "1E+20", "1.2345678901234501E+17": "1.2345678901234501E+17", "2.4187593847561234E16": "24187593847561234",
		"1.5E-3": "1.5E-3", "1E999": "1E999", ".5E-3": "0.5E-3", "4.95E1": "49.5", "0E0": "0",
		"4.3499999999999996": "4.35", "0.10000000000000001": "0.1", "0.30000000000000004": "0.30000000000000004", "29.999999999999996": "29.999999999999996", "491512345678.00001": "491512345678.00001",
		"": "", ".": "", "E5": "", "1e": "", "NaN": "", "Infinity": "", "0x10": "", "1,5": "", "1_000": "", "١": "", "1E1000000": "", "--1": "",
	} {
		if got, ok := storedNumber(s); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %v; want %q", s, got, ok, want)
		}
	}
}
