package importer

import (
	"testing"
	"testing/synctest"
	"time"

	"importer/importer/contact"
)

// Creates that take long say nothing of clocks: what a run created is created, whether it was
// answered, its answer was lost, or an earlier run had announced it.
func TestSlowCreates(t *testing.T) {
	for _, slow := range []struct {
		name          string
		before, after time.Duration // the slow creates are processed
	}{
		{"on their way there", 9 * time.Second, 0},
		{"on their way back", 0, 9 * time.Second},
		{"both", 5 * time.Second, 5 * time.Second},
	} {
		t.Run(slow.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const rows = 400
				r := newRig()
				r.o.Workers, r.api.latency = 4, 100*time.Millisecond
				r.api.lag = 5 * time.Second
				for n := range 10 { // the earlier run created half of them
					k := testRow(rows - n).Key
					r.report.announced[k], r.report.doubtful[k] = time.Now(), true
				}
				for n := range 5 {
					r.api.add(testRow(rows-n).Profile, time.Now())
				}
				r.report.lastAlive = time.Now()
				r.api.fault = func(id string, attempt int, process func() string) (contact.CreateResult, error, bool) {
					switch id {
					case testRow(1).Profile.ContactIDs[0], testRow(150).Profile.ContactIDs[0]:
						time.Sleep(slow.before)
						defer time.Sleep(slow.after)
					case testRow(2).Profile.ContactIDs[0], testRow(200).Profile.ContactIDs[0], testRow(300).Profile.ContactIDs[0]:
						if attempt == 1 {
							process()
							return contact.CreateResult{}, lostAnswer, true
						}
					}
					created := time.Now().Truncate(time.Second)
					return contact.CreateResult{ID: process(), CreatedAt: created}, nil, true
				}
				if s := r.mustComplete(t, testRows(rows)); s.Created != rows {
					t.Errorf("%+v", s)
				}
				r.once(t, rows)
			})
		})
	}
}
