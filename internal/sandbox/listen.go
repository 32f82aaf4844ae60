package sandbox

import (
	"context"
	"errors"
	stdlog "log"
	"net"
	"net/http"
	"time"
)

// A Server is a sandbox that listens.
type Server struct {
	*Sandbox
	URL string // http://HOST:PORT, without a path
	// Loopback tells whether only this machine can reach it.
	Loopback bool

	server *http.Server
	served chan error // closed by the goroutine that serves
}

// shutdownTime is how long Close lets requests finish.
const shutdownTime = 5 * time.Second

// Listen makes a sandbox and serves it at an address such as "127.0.0.1:8787";
// port 0 picks one. It returns when the sandbox can be reached. The goroutine
// that serves is the Server's, and ends with Close.
func Listen(addr string, options Options) (*Server, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	s, err := New(options)
	if err != nil {
		listener.Close()
		return nil, err
	}
	host := listener.Addr().(*net.TCPAddr)
	server := &Server{Sandbox: s, URL: "http://" + host.String(), Loopback: host.IP.IsLoopback(), served: make(chan error, 1)}
	server.server = &http.Server{
		Handler: s,
		// A slow client is cut off; a broken one costs a goroutine for that long.
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30*time.Second + s.options.Latency,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          stdlog.New(s.options.Log.With().Str("from", "net/http").Logger(), "", 0),
	}
	go func() {
		defer close(server.served)
		if err := server.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			server.served <- err
		}
	}()
	return server, nil
}

// Done is closed, or gives the reason, when the server no longer serves.
func (s *Server) Done() <-chan error { return s.served }

// Close stops listening, lets the requests that are under way finish for up to 5
// seconds, cuts off the rest, and closes the sandbox. It may be called again.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	err := s.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.server.Close()
	}
	return errors.Join(err, s.Sandbox.Close())
}
