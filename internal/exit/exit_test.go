package exit

import (
	"errors"
	"slices"
	"syscall"
	"testing"

	"importer/internal/config"
	"importer/internal/session"
)

// Whatever else a command has to say, an error at its end is printed, once, and is
// an error of the command.
func TestErrorsAtTheEndAreTold(t *testing.T) {
	broken, full := errors.New("the report is broken"), errors.New("the disk is full")
	for _, c := range []struct {
		name string
		err  error
		code int
		text string
	}{
		{"all well", nil, Stopped, "the disk is full\nthe report is broken"},
		{"rows not in", ErrNotAllIn, Stopped, "the disk is full\nthe report is broken"},
		{"a signal", &Interrupt{syscall.SIGTERM}, Stopped, "the disk is full\nthe report is broken"},
		{"an error that is told again", errors.Join(broken), Stopped, "the report is broken\nthe disk is full"},
		{"a wrong setting", config.Errorf("wrong"), Usage, "wrong\nthe disk is full\nthe report is broken"},
	} {
		s := &session.Session{}
		var closed []int
		s.OnClose(func() error { closed = append(closed, 1); return broken })
		s.OnClose(func() error { closed = append(closed, 2); return nil })
		s.OnClose(func() error { closed = append(closed, 3); return full })
		err := Worse(c.err, s.Close())
		if code, print := Code(err); code != c.code || !print || err.Error() != c.text {
			t.Errorf("%s: exit code %d, printed %t, %q", c.name, code, print, err)
		}
		if !slices.Equal(closed, []int{3, 2, 1}) {
			t.Errorf("%s: closed in the order %v", c.name, closed)
		}
		if err := Worse(ErrNotAllIn, s.Close()); err != ErrNotAllIn || len(closed) != 3 {
			t.Errorf("%s: closed again: %v", c.name, err)
		}
	}
}
