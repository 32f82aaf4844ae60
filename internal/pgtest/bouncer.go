package pgtest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A Bouncer is a pgbouncer in front of a server.
type Bouncer struct {
	server *Server
	port   int
}

// StartBouncer starts a pgbouncer in front of a server, and ends it with the test. The mode
// is session or transaction; the rest is as pgbouncer has it by itself. Clients log in as they
// do at the server. Where pgbouncer is not installed the test is skipped, and fails if $CI is
// set.
func StartBouncer(t testing.TB, s *Server, mode string) *Bouncer {
	t.Helper()
	bin, err := exec.LookPath("pgbouncer")
	if err != nil {
		bin, err = exec.LookPath("/usr/sbin/pgbouncer") // not in everybody's $PATH
	}
	if err != nil {
		missing(t, "there is no pgbouncer on this machine")
	}
	b := &Bouncer{server: s, port: freePort(t)}
	auth := "trust"
	if s.password != "" {
		auth = "scram-sha-256"
	}
	dir := folder(t)
	password := strings.ReplaceAll(s.password, `"`, `""`)
	users := fmt.Sprintf("\"importer\" \"%s\"\n\"postgres\" \"%[1]s\"\n", password)
	settings := fmt.Sprintf("[databases]\n* = host=127.0.0.1 port=%d\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir = %s\nauth_type = %s\nauth_file = %s/users\npool_mode = %s\n",
		s.Port, b.port, dir, auth, dir, mode)
	for name, text := range map[string]string{"users": users, "pgbouncer.ini": settings} {
		name = filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(name, []byte(text), 0o600), give(name)); err != nil {
			t.Fatal(err)
		}
	}
	log := filepath.Join(dir, "log")
	p, err := start(log, bin, filepath.Join(dir, "pgbouncer.ini"))
	if err != nil {
		t.Fatal("starting pgbouncer: ", err)
	}
	t.Cleanup(func() { p.end(t, syscall.SIGTERM) })
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", b.Addr())
		if err == nil {
			c.Close()
			return b
		}
		select {
		case <-p.ended:
			deadline = time.Time{}
		default:
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log)
			t.Fatalf("pgbouncer does not start:\n%s", text)
		}
	}
}

// Addr is its host and port.
func (b *Bouncer) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(b.port)) }

// URL is the address of the database importer through it, as Server.URL is without it.
func (b *Bouncer) URL() string { return b.server.URLAt(b.Addr(), "importer", "importer") }
