package store

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"importer/internal/pgtest"
)

// A loss is a store behind a proxy that loses the answer of the next request that contains a
// text, or the request itself.
type loss struct {
	pg   db
	s    *Store
	what string
	cut  func(request string) <-chan struct{} // closed when it has happened
}

// The answer of a commit is lost, or the request itself: what was to be done is done once.
func testLostAnswers(t *testing.T, pg db) {
	proxy := pgtest.NewProxy(t, pg.Addr())
	s := open(t, pg.through(proxy.Addr()))
	for what, cut := range map[string]func(string) <-chan struct{}{"answer": proxy.CutAnswer, "request": proxy.CutRequest} {
		for name, test := range map[string]func(*testing.T, loss){
			"append":  lostInAppend,
			"do":      lostInDo,
			"aside":   lostInAside,
			"claim":   lostInClaim,
			"replace": lostInReplace,
			"cut":     lostInCut,
		} {
			t.Run(name+" "+what, func(t *testing.T) { test(t, loss{pg, s, what, cut}) })
		}
	}
}

func lostInAppend(t *testing.T, l loss) {
	c := claim(t, l.s, report("append "+l.what))
	for i := range 3 {
		done := l.cut("insert into importer_journal")
		if err := c.Append(t.Context(), fmt.Appendf(nil, "line %d\n", i)); err != nil {
			t.Fatal(err)
		}
		<-done
	}
	if got := journalOf(l.pg, "append "+l.what); got != numberedLines(3) {
		t.Errorf("the journal is %q", got)
	}
}

func lostInDo(t *testing.T, l loss) {
	c := claim(t, l.s, report("do "+l.what))
	for range 3 {
		done := l.cut("commit")
		if err := c.Do(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "insert into importer_state values ($1, 'n', convert_to(clock_timestamp()::text, 'UTF8'), '')", c.Run())
			return err
		}); err != nil {
			t.Fatal(err)
		}
		<-done
	}
	if n := l.pg.Exec(fmt.Sprintf("select count(*) from importer_state where run = %d", c.Run())); n != "3" {
		t.Errorf("3 transactions inserted %s rows", n)
	}
}

func lostInAside(t *testing.T, l loss) {
	c := claim(t, l.s, report("aside "+l.what))
	for i := range 3 {
		if err := c.Append(t.Context(), fmt.Appendf(nil, "line %d\n", i)); err != nil {
			t.Fatal(err)
		}
		done := l.cut("commit")
		aside, err := c.SetAside(t.Context())
		if want := fmt.Sprintf("aside %s.%d", l.what, i+1); err != nil || aside != want {
			t.Fatalf("set aside as %q, %v; want %q", aside, err, want)
		}
		<-done
	}
	if got := chunks(l.pg, "aside "+l.what+".2"); strings.TrimSpace(got) != "line 1" {
		t.Errorf("the second that was set aside holds %q", got)
	}
	if c.Size() != 0 {
		t.Errorf("l.what is claimed in the place of it has %d bytes", c.Size())
	}
}

func lostInClaim(t *testing.T, l loss) {
	claim(t, l.s, report("warm "+l.what))
	done := l.cut("with was as")
	c := claim(t, l.s, report("claim "+l.what))
	<-done
	if err := c.Append(t.Context(), []byte("line 0\n")); err != nil {
		t.Error(err)
	}
}

func lostInReplace(t *testing.T, l loss) {
	c := claim(t, l.s, report("replace "+l.what))
	if err := c.Append(t.Context(), []byte("line 0\n")); err != nil {
		t.Fatal(err)
	}
	done := l.cut("commit")
	err := c.Replace(t.Context(), time.Now(), func(w io.Writer, old io.Reader) error {
		if _, err := io.Copy(w, old); err != nil {
			return err
		}
		_, err := io.WriteString(w, "line 1\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	<-done
	if err := c.Append(t.Context(), []byte("line 2\n")); err != nil {
		t.Fatal(err)
	}
	if got := journalOf(l.pg, "replace "+l.what); got != numberedLines(3) {
		t.Errorf("the journal is %q", got)
	}
}

func lostInCut(t *testing.T, l loss) {
	c := claim(t, l.s, report("cut "+l.what))
	for i := range 3 {
		if err := c.Append(t.Context(), fmt.Appendf(nil, "line %d\nmore\n", i)); err != nil {
			t.Fatal(err)
		}
	}
	done := l.cut("commit")
	if err := c.Cut(t.Context(), 19); err != nil { // line 0, more, line 1
		t.Fatal(err)
	}
	<-done
	if err := c.Append(t.Context(), []byte("end\n")); err != nil {
		t.Fatal(err)
	}
	if got := journalOf(l.pg, "cut "+l.what); got != "line 0\nmore\nline 1\nend" {
		t.Errorf("the journal is %q", got)
	}
}
