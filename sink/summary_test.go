package sink

import (
	"strings"
	"testing"
	"time"

	"importer/importer/contact"
)

// The object is that of the contract, member for member.
func TestSummaryJSON(t *testing.T) {
	for _, c := range []struct {
		s    contact.Summary
		want string
	}{
		{contact.Summary{}, `{"run":"","status":"","reason":"","read":0,"created":0,"updated":0,"unchanged":0,"existing":0,"absent":0,` +
			`"duplicate":0,"deactivated":0,"deleted":0,"invalid":0,"rejected":0,"failed":0,"unknown":0,"done_before":0,"pending":0,` +
			`"requests":0,"retries":0,"throttled":0,"looked_up":0,"duration_s":0.000,"report":"","rejects":"","left_out":0,"duplicates_differ":0,"changed_since":0,"tolerated":0,"limited":false}`},
		{contact.Summary{
			Run: "01J", Status: contact.Stopped, Reason: "<no & more>",
			Counts: contact.Counts{Read: 1, Created: 2, Updated: 3, Unchanged: 4, Existing: 5, Duplicate: 6, Deactivated: 7, Deleted: 8,
				Invalid: 9, Rejected: 10, Failed: 11, Unknown: 12, DoneBefore: 13, Pending: 14},
			Requests: 15, Retries: 16, Throttled: 17, LookedUp: 18, Duration: contact.Seconds(1234567 * time.Microsecond), Report: "r\xff", Rejects: "x\u2028", LeftOut: 19, DuplicatesDiffer: 20, ChangedSince: 21, ChangedRows: []contact.Place{{Source: "c.csv", Line: 3}},
		}, `{"run":"01J","status":"stopped","reason":"<no & more>","read":1,"created":2,"updated":3,"unchanged":4,"existing":5,"absent":0,` +
			`"duplicate":6,"deactivated":7,"deleted":8,"invalid":9,"rejected":10,"failed":11,"unknown":12,"done_before":13,"pending":14,` +
			`"requests":15,"retries":16,"throttled":17,"looked_up":18,"duration_s":1.235,"report":"r�","rejects":"x\u2028","left_out":19,"duplicates_differ":20,"changed_since":21,"changed_rows":[{"source":"c.csv","line":3}],"tolerated":0,"limited":false}`},
	} {
		var b strings.Builder
		must(t, WriteJSON(&b, c.s))
		if b.String() != c.want+"\n" {
			t.Errorf("\n got %s\nwant %s", b.String(), c.want)
		}
	}
}

func TestSummaryText(t *testing.T) {
	all := contact.Summary{
		Status: contact.Complete, Counts: contact.Counts{Read: 300, Created: 290, Duplicate: 4, Invalid: 2, Rejected: 1, Failed: 2, Unknown: 1},
		Requests: 301, Retries: 1, Throttled: 2, LookedUp: 3, Duration: contact.Seconds(12345 * time.Millisecond),
		Report: "contacts.csv.report.ndjson", Rejects: "contacts.csv.rejects.csv",
	}
	got := SummaryText(all, Details{
		Failures: []contact.FailureGroup{
			{Status: contact.Invalid, Field: "age", Hint: "write digits", Count: 2, Examples: []contact.FailureExample{{Place: contact.Place{Source: "contacts.csv", Line: 7}, Detail: "\"old\x1b[2J\" is no number"}}},
			{Status: contact.Rejected, HTTP: 400, Code: 1005, Count: 1, Examples: []contact.FailureExample{{Place: contact.Place{Source: "contacts.csv", Line: 9}, Detail: "wrong"}}},
		},
		SetAside: []SetAside{{"contacts.csv.report.ndjson.1", "it was of another project, and held no row that is in or may be in"}}, Again: "importer contacts.csv", Rejects: "importer --source contacts.csv.rejects.csv",
	})
	want := `Complete after 12.3s: 6 rows are not in.

  created             290
  duplicate             4
  invalid               2
  rejected              1
  failed                2
  unknown               1
  rows read           300
  requests            301  (1 retry, 2 throttled, 3 rows looked up)

  report       contacts.csv.report.ndjson
  reject file  contacts.csv.rejects.csv
  set aside    contacts.csv.report.ndjson.1  (it was of another project, and held no row that is in or may be in)

Why rows are not in:
        2  invalid: field age
           contacts.csv:7: "old·[2J" is no number
           → write digits
        1  rejected: HTTP 400, code 1005
           contacts.csv:9: wrong

What to do next:
  - 1 row may be in or not: no answer of the API and no look-up could tell. Run the same command again: such rows are looked up before anything is sent for them.
  - 2 rows failed after all retries. Run the same command again to try them again.
      importer contacts.csv
  - 3 rows were refused. contacts.csv.rejects.csv holds them, with the reason in the columns behind the original ones. Correct them there, then import that file:
      importer --source contacts.csv.rejects.csv
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}

	for _, c := range []struct {
		s    contact.Summary
		want string // the first line
		next bool
	}{
		{contact.Summary{Status: contact.Complete}, "Complete: there were no rows to import.", false},
		{contact.Summary{Status: contact.Complete, Counts: contact.Counts{Read: 2, DoneBefore: 2}}, "Nothing left to do: every row is in.", false},
		{contact.Summary{Status: contact.Complete, Requests: 2, Counts: contact.Counts{Read: 2, Created: 2}, Duration: contact.Seconds(40 * time.Millisecond)},
			"Complete after 40ms: every row is in.", false},
		{contact.Summary{Status: contact.Complete, Counts: contact.Counts{Read: 1, Failed: 1}}, "Complete after 0s: 1 row is not in.", true},
		{contact.Summary{Status: contact.Interrupted, Counts: contact.Counts{Read: 2, Pending: 2}, Duration: contact.Seconds(90 * time.Second)},
			"Interrupted after 1m30s. What was sent is recorded.", true},
		{contact.Summary{Status: contact.Interrupted, Reason: contact.UnrecordedReason},
			"Interrupted after 0s, while the store was away. What became of the last requests is not recorded: the next run looks it up.", true},
		{contact.Summary{Status: contact.Stopped, Reason: "HTTP 401"}, "Stopped by an error after 0s.", true},
	} {
		got := SummaryText(c.s, Details{})
		first, rest, _ := strings.Cut(got, "\n")
		if first != c.want || strings.Contains(rest, "What to do next") != c.next {
			t.Errorf("got %s, want %q", got, c.want)
		}
	}
}

// After a run that did not go to its end there is one thing to do, whatever else is
// wrong: the command that goes on, which stands there once.
func TestOneThingToDoAfterARunThatDidNotComplete(t *testing.T) {
	rest := " It looks up 1 row that may be in or not. It tries 2 rows again that failed. At its end it writes a reject file of all rows that were refused, which are 5 so far;" +
		" until then c.rejects.csv.tmp holds those of this run so far, with the reason.\n      importer c.csv\n"
	for status, want := range map[contact.RunStatus]string{
		contact.Interrupted: "\nWhat to do next:\n  - Run the same command again: it goes on where this one stopped." + rest,
		contact.Stopped:     "\nWhat to do next:\n  - Fix what stopped it, then run the same command again: it goes on where this one stopped." + rest,
	} {
		s := contact.Summary{Status: status, Rejects: "c.rejects.csv.tmp",
			Counts: contact.Counts{Read: 15, Absent: 3, Unknown: 1, Failed: 2, Invalid: 4, Rejected: 1, Pending: 4}}
		got := SummaryText(s, Details{Again: "importer c.csv", Rejects: "importer --source c.rejects.csv.tmp"})
		if _, next, _ := strings.Cut(got, "\nWhat"); "\nWhat"+next != want {
			t.Errorf("%s: got %s\nwant %s", status, next, want)
		}
		s.Counts = contact.Counts{Read: 2, Pending: 2}
		if got := SummaryText(s, Details{}); !strings.HasSuffix(got, "again: it goes on where this one stopped.\n") {
			t.Errorf("%s: got %s", status, got)
		}
	}
}

// The reject file of a run that did not complete is not one to correct.
func TestSummaryOfARunThatDidNotComplete(t *testing.T) {
	got := SummaryText(contact.Summary{Status: contact.Stopped, Counts: contact.Counts{Read: 2, Invalid: 1, Pending: 1}, Rejects: "c.rejects.csv.tmp"},
		Details{Rejects: "importer --source c.rejects.csv.tmp"})
	if !strings.Contains(got, "c.rejects.csv.tmp holds those of this run so far") || strings.Contains(got, "--source") {
		t.Errorf("got %s", got)
	}
}

func TestSummaryQuotesNothingOfARedactedImport(t *testing.T) {
	got := SummaryText(contact.Summary{Status: contact.Complete, Counts: contact.Counts{Read: 1, Invalid: 1}}, Details{
		Failures: []contact.FailureGroup{{Status: contact.Invalid, Field: "age", Hint: "not ann@example.com", Count: 1,
			Examples: []contact.FailureExample{{Place: contact.Place{Source: "c.csv", Line: 7}, ContactIDs: []string{"ann@example.com"}, Detail: "ann@example.com is no number"}}}},
		Redact: true,
	})
	if !strings.Contains(got, "c.csv:7") || strings.Contains(got, "ann@") {
		t.Errorf("got %s", got)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
