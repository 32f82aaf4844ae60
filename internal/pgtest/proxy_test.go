package pgtest

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"
)

// An echo is a server that answers each line with the same. The channel tells what it heard;
// an empty one is the end of a connection.
func echo(t *testing.T) (addr string, heard <-chan string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	lines := make(chan string, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for {
					line, err := r.ReadString('\n')
					lines <- line
					if err != nil {
						return
					}
					io.WriteString(c, line)
				}
			}()
		}
	}()
	return l.Addr().String(), lines
}

// A caller is a client of an echo.
type caller struct {
	t *testing.T
	net.Conn
	answers *bufio.Reader
}

func call(t *testing.T, p *Proxy) *caller {
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	return &caller{t, c, bufio.NewReader(c)}
}

func (c *caller) say(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c, line); err != nil {
		c.t.Error(err)
	}
}

func (c *caller) hears(want string) {
	c.t.Helper()
	if got, err := c.answers.ReadString('\n'); got != want || (err != nil) != (want == "") {
		c.t.Errorf("the client hears %q, %v; want %q", got, err, want)
	}
}

func TestProxySwallows(t *testing.T) {
	t.Parallel()
	addr, heard := echo(t)
	p := NewProxy(t, addr)
	asked, silent, quitter := call(t, p), call(t, p), call(t, p)
	for _, c := range []*caller{asked, silent, quitter} {
		c.say("1\n")
		c.hears("1\n")
		<-heard
	}

	p.Swallow(ToClient)
	asked.say("2\n")
	if got := <-heard; got != "2\n" {
		t.Errorf("the server hears %q", got)
	}
	quitter.Close()
	if got := <-heard; got != "" {
		t.Errorf("the server hears %q", got)
	}
	p.Swallow(Both)
	asked.say("3\n")
	late := call(t, p)
	late.say("4\n")
	asked.SetDeadline(time.Now().Add(50 * time.Millisecond))
	asked.hears("") // and gives up
	select {
	case got := <-heard:
		t.Errorf("the server hears %q", got)
	default:
	}

	p.Heal()
	asked.SetDeadline(time.Now().Add(time.Minute))
	asked.hears("") // its connection is lost with what it said
	late.hears("")
	for range 2 {
		if got := <-heard; got != "" {
			t.Errorf("the server hears %q", got)
		}
	}
	silent.say("5\n")
	silent.hears("5\n")
}

func TestProxyHoldsAndDelays(t *testing.T) {
	t.Parallel()
	addr, heard := echo(t)
	p := NewProxy(t, addr)
	c := call(t, p)
	p.Hold(ToServer)
	c.say("1\n")
	select {
	case got := <-heard:
		t.Errorf("the server hears %q", got)
	case <-time.After(50 * time.Millisecond):
	}
	p.Heal()
	c.hears("1\n")

	p.Delay(30 * time.Millisecond)
	began := time.Now()
	c.say("2\n")
	c.hears("2\n")
	if took := time.Since(began); took < 60*time.Millisecond {
		t.Errorf("there and back took %v", took)
	}
	p.Cut()
	c.hears("")
	p.Delay(0)
	again := call(t, p)
	again.say("3\n")
	again.hears("3\n")
}

// What the server did, it did, whether or not the client heard of it.
func TestProxyCutsAroundARequest(t *testing.T) {
	t.Parallel()
	s := Start(t)
	p := NewProxy(t, s.Addr())
	url := s.URLAt(p.Addr(), "importer", "importer")
	s.Exec("create table t (n int); grant all on t to importer")

	answered := p.CutAnswer("insert into t")
	got, err := s.query(url, "select 7")
	wantAnswer(t, got, err, "7")
	got, err = s.query(url, "insert into t values (1)")
	wantError(t, got, err, "closed the connection unexpectedly")
	<-answered
	wantAnswer(t, s.Exec("select * from t"), nil, "1")

	asked := p.CutRequest("insert into t")
	got, err = s.query(url, "insert into t values (2)")
	wantError(t, got, err, "closed the connection unexpectedly")
	<-asked
	wantAnswer(t, s.Exec("select * from t"), nil, "1")

	got, err = s.query(url, "insert into t values (3)")
	wantAnswer(t, got, err, "")
}
