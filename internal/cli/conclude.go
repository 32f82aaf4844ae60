package cli

import (
	"context"
	"errors"
	"time"

	"importer/importer/contact"
)

// end ends a run that has begun its report: what was recorded is on disk, the report
// has its end line, and all is closed. It completes the summary, which says Stopped
// where anything of that failed, and returns what went wrong, err included.
func (s *session) end(summary contact.Summary, err error) (contact.Summary, error) {
	summary.Run, summary.Report = s.run, s.path
	if s.state != nil {
		err = also(err, s.state.Commit())
	}
	summary = stoppedBy(summary, err)
	summary.Duration = contact.Seconds(time.Since(s.began))
	err = s.close(also(err, s.report.End(summary)))
	return stoppedBy(summary, err), err
}

// stoppedBy is the summary of a run that ended with an error, or with none.
func stoppedBy(s contact.Summary, err error) contact.Summary {
	if err != nil {
		s.Status, s.Reason = contact.Stopped, err.Error()
	}
	return s
}

// close closes what is open, and returns the error of a command that ends with err.
// It may be called again.
func (s *session) close(err error) error {
	var failed error
	for len(s.closers) > 0 {
		last := len(s.closers) - 1
		failed = also(failed, s.closers[last]())
		s.closers = s.closers[:last]
	}
	return worse(err, failed)
}

// result is the error of a command whose run was told of on standard output.
func result(ctx context.Context, status contact.RunStatus, allIn bool, err error) error {
	switch {
	case err != nil:
		return err
	case status == contact.Interrupted:
		return context.Cause(ctx)
	case !allIn:
		return errNotAllIn
	}
	return nil
}

// worse is the error of a command that ends with err, and with another one besides.
// That one outweighs a signal and rows that are not in, which are printed nowhere.
func worse(err, failed error) error {
	if _, print := ExitCode(err); failed != nil && !print {
		return failed
	}
	return also(err, failed)
}

// also joins the errors of next to err, but for those that err holds already: a
// report that failed says so to everybody who asks it.
func also(err, next error) error {
	if joined, ok := next.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			err = also(err, e)
		}
		return err
	}
	if next == nil || errors.Is(err, next) {
		return err
	}
	return errors.Join(err, next)
}
