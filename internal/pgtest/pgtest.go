// Package pgtest starts real PostgreSQL servers for tests, each with a data folder of its
// own, and stands between them and the program: a Proxy that loses and delays bytes, and a
// Bouncer that pools connections. Only tests import it.
//
// Where PostgreSQL is not installed the test is skipped, and fails if $CI is set.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A Server is one PostgreSQL with one data folder. It listens on 127.0.0.1 and on a Unix
// socket; both stay the same when it is stopped and started again. Its superuser is
// postgres. The user importer owns the database importer, which is empty.
//
// Its methods fail the test if something goes wrong. One goroutine at a time starts, stops
// and kills; everything else may be called from many.
type Server struct {
	Port int

	t        testing.TB
	bin      string // the folder of PostgreSQL's programs
	dir      string // holds data, the socket and the log
	settings []string
	hba      []string
	options  url.Values // of URL
	password string
	tls      bool
	process  *process // nil while it is stopped
}

// An Option changes how a server is set up, before its first start.
type Option func(*Server)

// Durable has the server flush to the disk what it commits, as PostgreSQL does by itself.
// Without it, a server is as fast as possible and keeps nothing when the machine stops; what
// it committed is there after Kill and Stop all the same.
func Durable() Option {
	return func(s *Server) { s.settings = append(s.settings, "fsync = on", "full_page_writes = on") }
}

// Set changes one of the server's settings, such as max_connections.
func Set(name, value string) Option {
	return func(s *Server) {
		s.settings = append(s.settings, fmt.Sprintf("%s = '%s'", name, strings.ReplaceAll(value, "'", "''")))
	}
}

// HBA sets the lines of pg_hba.conf for connections over TCP, which are trusted without it.
// The Unix socket is always trusted.
func HBA(lines ...string) Option {
	return func(s *Server) { s.hba = lines }
}

// Password has the server ask for a password over TCP, which the users postgres and importer
// have in common. URL leaves it out.
func Password(password string) Option {
	return func(s *Server) {
		s.password = password
		s.hba = []string{"host all all all scram-sha-256"}
	}
}

// Start starts a server, and stops and removes it when the test ends.
func Start(t testing.TB, options ...Option) *Server {
	t.Helper()
	bin := programs(t)
	s := &Server{t: t, bin: bin, dir: folder(t), Port: freePort(t), hba: []string{"host all all all trust"}, options: url.Values{"sslmode": {"disable"}}}
	for _, option := range options {
		option(s)
	}
	if err := errors.Join(copyTemplate(bin, s.data()), s.configure()); err != nil {
		t.Fatal("setting up PostgreSQL: ", err)
	}
	t.Cleanup(func() { s.stop(syscall.SIGQUIT) })
	s.Start()
	if s.password != "" {
		quoted := "'" + strings.ReplaceAll(s.password, "'", "''") + "'"
		s.Exec("set default_transaction_read_only = off; alter user postgres password " + quoted + "; alter user importer password " + quoted)
	}
	return s
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// configure writes the server's settings. Later lines win.
func (s *Server) configure() error {
	settings := append([]string{
		"listen_addresses = '127.0.0.1'",
		"port = " + strconv.Itoa(s.Port),
		"unix_socket_directories = '" + s.dir + "'",
		"fsync = off",
		"full_page_writes = off",
		"autovacuum_naptime = '1s'",
		"shared_buffers = '32MB'",
		"max_wal_size = '256MB'",
		"log_line_prefix = '%m [%p] '",
	}, s.settings...)
	hba := append([]string{"local all all trust"}, s.hba...)
	if s.tls {
		if err := s.certify(); err != nil {
			return err
		}
		for i, line := range hba {
			hba[i] = strings.Replace(line, "host ", "hostssl ", 1)
		}
	}
	return errors.Join(
		s.write("postgresql.auto.conf", strings.Join(settings, "\n")+"\n", 0o600),
		s.write("pg_hba.conf", strings.Join(hba, "\n")+"\n", 0o600))
}

// write writes a file of the data folder.
func (s *Server) write(name, text string, mode os.FileMode) error {
	name = filepath.Join(s.data(), name)
	return errors.Join(os.WriteFile(name, []byte(text), mode), give(name))
}

// Start starts a server that was stopped or killed, and waits until it answers.
func (s *Server) Start() {
	s.t.Helper()
	if s.process != nil {
		s.t.Fatal("PostgreSQL is running already")
	}
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if s.process == nil {
			p, err := start(filepath.Join(s.dir, "log"), filepath.Join(s.bin, "postgres"), "-D", s.data())
			if err != nil {
				s.t.Fatal("starting PostgreSQL: ", err)
			}
			s.process = p
		}
		select {
		case <-s.process.ended: // what is left of the one that was killed may keep it from starting
			s.process = nil
		default:
			if s.ready() {
				return
			}
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			s.t.Fatalf("PostgreSQL does not start:\n%s", log[max(0, len(log)-4000):])
		}
	}
}

// ready tells whether the server takes connections. It writes so into the file with its
// process id.
func (s *Server) ready() bool {
	text, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	lines := strings.Split(string(text), "\n")
	return err == nil && len(lines) > 7 && lines[0] == strconv.Itoa(s.process.pid) && strings.TrimSpace(lines[7]) == "ready"
}

// Stop stops the server and waits for its end. Immediately, it ends as if it had crashed:
// without a word to its clients and without a checkpoint, so that it recovers at its next
// start. Otherwise it ends every session and then writes everything down.
func (s *Server) Stop(immediately bool) {
	s.t.Helper()
	signal := syscall.SIGINT
	if immediately {
		signal = syscall.SIGQUIT
	}
	s.stop(signal)
}

// Kill kills the server and each of its processes with SIGKILL.
func (s *Server) Kill() {
	s.t.Helper()
	if s.process != nil {
		killFamily(s.process.pid)
		s.stop(syscall.SIGKILL)
	}
}

func (s *Server) stop(signal syscall.Signal) {
	if s.process != nil {
		s.process.end(s.t, signal)
		s.process = nil
	}
}

// URL is the address of the database importer over TCP, as the user importer and without a
// password.
func (s *Server) URL() string { return s.URLOf("importer", "importer") }

// URLOf is the address of a database over TCP, as a user and without a password.
func (s *Server) URLOf(user, database string) string { return s.URLAt(s.Addr(), user, database) }

// URLAt is the address of a database behind a Proxy or a Bouncer at addr.
func (s *Server) URLAt(addr, user, database string) string {
	return (&url.URL{Scheme: "postgres", User: url.User(user), Host: addr, Path: database, RawQuery: s.options.Encode()}).String()
}

// Addr is the server's host and port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) }

// Socket is the folder of the Unix socket, which takes the place of a host in an address.
func (s *Server) Socket() string { return s.dir }

// Log is what the server logged.
func (s *Server) Log() string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// Exec runs statements in the database importer as the superuser, over the Unix socket, and
// returns the rows: a line each, with | between the columns and without a line end at the end.
func (s *Server) Exec(sql string) string {
	s.t.Helper()
	return s.ExecIn("importer", sql)
}

// ExecIn is Exec in another database.
func (s *Server) ExecIn(database, sql string) string {
	s.t.Helper()
	out, err := s.Try(context.Background(), database, sql)
	if err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
	return out
}

// Try is ExecIn for statements that may fail. It does not end the test, and may be called
// while the server is stopped.
func (s *Server) Try(ctx context.Context, database, sql string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", s.dir, "-p", strconv.Itoa(s.Port), "-U", "postgres", "-d", database)
	cmd.Stdin = strings.NewReader(sql)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("psql: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

// Database makes an empty database that the user importer owns, and returns its address.
func (s *Server) Database(name string) string {
	s.t.Helper()
	s.ExecIn("postgres", fmt.Sprintf(`create database "%s" owner importer`, name))
	return s.URLOf("importer", name)
}

// freePort is a port nobody listens on. It is below the ports that the system gives to those
// who connect, so that it is still free when its owner is started again.
func freePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := 10000 + rand.IntN(22000)
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no free port was found")
	return 0
}
