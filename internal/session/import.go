package session

import (
	"context"
	"time"

	"importer/importer/contact"
	"importer/internal/live"
	"importer/sink/journal"
	"importer/sink/rejects"
	"importer/source"
)

// OpenImport opens what an import needs, and begins its report when all is well.
func (s *Session) OpenImport(ctx context.Context) (err error) {
	s.OnClose(s.Listing.Close)
	connect := func() error { return s.connect(ctx) }
	for _, open := range []func() error{connect, s.recall, s.OpenSource, s.findOrigin, s.openWatch, s.openState, s.openReport, s.followRules, s.openRejects} {
		if err := open(); err != nil {
			return err
		}
	}
	s.LogNotices(s.Input.Notices())
	s.Told = len(s.Input.Notices())
	s.Pacer.Preload(s.Report.Sent()) // what earlier runs of this report have sent
	if err := s.checkSchema(ctx); err != nil {
		return err
	}
	if err := s.ReadLast(s.Report.Keys()); err != nil {
		return err
	}
	if s.Config.Mode == "create" && s.Env.Store == nil { // a sync compares rows with its state, and most need no request; a worker opens a run again and again
		s.forecast()
	}
	if s.StopWatch, err = s.Watch.Start(s.View(), s.Report, s.Reports, s.Path); err != nil {
		return err
	}
	s.OnClose(s.StopWatch)
	if err := s.Report.Begin(); err != nil {
		return err
	}
	if err := s.keepSettings(ctx); err != nil {
		return err
	}
	return s.beginSync()
}

// openWatch checks the settings that are for people, and watches the requests.
func (s *Session) openWatch() (err error) {
	if s.Config.Notify.URL != "" { // which goes by them as well
		if err := s.checkProxies(); err != nil {
			return err
		}
	}
	if s.Watch, err = live.NewWatch(s.Config, s.Env.Version, s.Display, s.Log, s.View()); err == nil && s.Config.Notify.URL != "" && s.Config.Notify.On == "change" {
		s.Watch.LastWorked = s.lastWorked()
	}
	return err
}

// lastWorked tells whether the last run of the report that came to an end worked; true
// where there was none.
func (s *Session) lastWorked() bool {
	last, err := journal.ReadEnd(s.Reports, s.ReportPath())
	return err != nil || last == nil || last.Succeeded()
}

// openRejects prepares the reject files.
func (s *Session) openRejects() (err error) {
	o := rejects.Options{Report: s.Path, Run: s.Run, Raws: s.RawRows(), Partly: s.Corrects || s.Input.IsRejects(), Journal: s.Report}
	for _, f := range s.Input.Sources() {
		o.Sources = append(o.Sources, rejects.RejectSource{Name: f.Name, Header: f.Header, Delimiter: f.Delimiter})
	}
	if s.Rejects, err = rejects.OpenRejects(o); err != nil {
		return usage(err)
	}
	return nil
}

// forecast says how many requests the run expects, and how long they take at
// least. It reads the source once more, which costs nothing beside requests that
// are paced, and says nothing where they are not, or where that is not possible.
func (s *Session) forecast() {
	if s.Rules.Rate.Unlimited() || s.Input.Size() == 0 {
		return
	}
	rows, requests, err := contact.Expect(s.Input.Rows(), s.Report.Keys())
	if err != nil {
		return // the run meets the same error, after the rows before it
	}
	if s.Config.Limit > 0 {
		requests = min(requests, s.Config.Limit)
	}
	s.Log.Info().Int64("rows", rows).Int64("requests", requests).Str("rate", s.Rules.Rate.String()).
		Str("at_least", s.Pacer.Remaining(requests).Round(time.Second).String()).Msg("forecast")
}

func (s *Session) LogNotices(notices []source.Notice) {
	for _, n := range notices {
		s.Log.Info().Str("source", n.Source).Msg(n.Text)
	}
}
