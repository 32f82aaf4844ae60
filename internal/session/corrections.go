package session

import (
	"os"
	"slices"
	"strings"

	"importer/importer/contact"
	"importer/internal/address"
	"importer/internal/config"
	"importer/internal/origin"
	"importer/source"
)

// openInput opens the sources. Reject files are written in a form of their own, whatever
// the configuration says of the files that they came from: that does not count for them.
// Flags do.
func (s *Session) openInput(o source.Options) (*source.Input, error) {
	own := o
	for flag, forget := range map[string]func(){
		"format":     func() { own.Format = source.Auto },
		"delimiter":  func() { own.Delimiter = 0 },
		"encoding":   func() { own.Encoding = "auto" },
		"sheet":      func() { own.Sheet = "" },
		"header-row": func() { own.HeaderRow = 0 },
	} {
		if !s.Line.Given(flag) {
			forget()
		}
	}
	same := own.Format == o.Format && own.Delimiter == o.Delimiter && own.Encoding == o.Encoding && own.Sheet == o.Sheet && own.HeaderRow == o.HeaderRow
	if !same && !slices.ContainsFunc(o.Paths, readOnce) {
		in, err := source.Open(own)
		switch {
		case err == nil && in.IsRejects():
			return in, nil
		case err == nil:
			if err := in.Close(); err != nil {
				return nil, err
			}
		}
	}
	return source.Open(o)
}

// readOnce tells whether a path is none of a file that can be opened again, and whose form
// is looked at.
func readOnce(path string) bool {
	if kind := address.KindOf(path); kind == address.Web || kind == address.S3 {
		return false
	}
	info, err := os.Stat(path)
	return err != nil || !info.Mode().IsRegular()
}

// findOrigin finds the report that rows of reject files belong to, and has the run go on
// with that, in its mode.
func (s *Session) findOrigin() error {
	runs, other, err := s.Input.Corrections()
	switch {
	case err != nil:
		return err
	case len(runs) == 0:
		if s.Config.Mode == "mirror" && s.Input.IsRejects() {
			s.Log.Warn().Msg("a reject file is not all of a source: this run removes nobody")
		}
		return nil
	case other != "":
		return config.Errorf("%s is no reject file, and another source is one: import the reject file by itself, because its rows belong to the report that they came from", other)
	case s.Config.Restart:
		return config.Errorf("--restart would set the report aside that the rows of the reject file belong to: leave it out")
	}
	search := origin.Search{Reports: s.Reports, Runs: runs, Configured: s.kept(s.Config.Report.Path)}
	for _, f := range s.Input.Sources() {
		file := f.Name
		if isFar(file) { // its report may be in this folder
			file = address.Base(file)
		}
		search.Files = append(search.Files, file)
	}
	if s.Line.Given("report") {
		search.Named = s.kept(s.Config.Report.Path)
	}
	found, err := origin.Find(search)
	if err != nil {
		return usage(err)
	}
	if err := s.takeMode(found); err != nil {
		return err
	}
	s.Corrects, s.origin, s.Config.Report.Path = true, found.IDs, s.kept(found.Report)
	s.Input.Expect(found.Runs)
	s.Log.Info().Str("report", found.Report).Str("mode", s.Config.Mode).Msg("these are rows that an import refused: this run goes on with its report, and removes nobody")
	return nil
}

// takeMode takes the mode in which the rows were refused, where the command line does not
// ask for another. That of a mirror is an upsert, because what is not in a reject file is
// not missing.
func (s *Session) takeMode(o origin.Origin) error {
	if len(o.Modes) > 1 {
		return config.Errorf("the reject file holds rows that runs in the modes %s refused (%s): import those of each run by themselves, which _ref names first", strings.Join(o.Modes, " and "), o.Report)
	}
	mode := o.Modes[0]
	asked := s.Line.Given("mode")
	removes := func(mode string) bool { return mode == "upsert" || mode == "mirror" }
	if s.Config.Mode != mode && !(removes(s.Config.Mode) && removes(mode)) && (asked || s.Config.Mode != "create") {
		return config.Errorf("the reject file is of an import in the mode %s (%s), and this run's is %s: leave out --mode (mode)", mode, o.Report, s.Config.Mode)
	}
	s.Config.Mode = mode
	return nil
}

// RawRows tell the rows of the input apart as they stand in it.
func (s *Session) RawRows() *contact.RawRows {
	raws := contact.NewRawRows()
	for _, f := range s.Input.Sources() {
		if f.Header != nil {
			raws.Add(f.Name, f.Header)
		}
	}
	return raws
}
