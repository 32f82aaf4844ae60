package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"importer/internal/config"
	"importer/internal/names"
)

// listen serves at addr: the page at /, the metrics at /metrics, and /healthz. The log is told
// once where the page is, with the token that shows all of it. stop is as that of Listen.
func listen(addr, token string, page, metrics http.Handler, log zerolog.Logger) (stop func() error, err error) {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", page)
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintln(w, "ok")
	})
	at, stop, err := Listen(addr, mux, log)
	if err == nil {
		log.Info().Str("url", "http://"+at+"/?token="+token).Msg("live page, without the token its counts alone; metrics under /metrics")
	}
	return stop, err
}

// Listen serves at addr, and returns where that is. An address without a host is this
// machine's own, and then requests for another host are refused. stop ends that, and waits
// for the goroutine that serves.
func Listen(addr string, handler http.Handler, log zerolog.Logger) (where string, stop func() error, err error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", nil, config.Errorf("--listen (metrics.listen) is %q: want HOST:PORT, as in 127.0.0.1:9464: %w", addr, err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(cmp.Or(host, "127.0.0.1"), port))
	if err != nil {
		return "", nil, fmt.Errorf("--listen (metrics.listen): %w; choose another port, or leave it out", err)
	}
	at := listener.Addr().(*net.TCPAddr)
	if at.IP.IsLoopback() {
		handler = ownNameOnly(handler)
	} else {
		log.Warn().Str("addr", at.String()).Msg("other machines can reach the live page: it is unencrypted, and shows contact ids of rows that are not in to whoever has its address with the token")
	}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          stdlog.New(log.With().Str("from", "net/http").Logger(), "", 0),
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error().Err(err).Msg("the live page is no longer served; what runs goes on")
		}
	})
	return at.String(), func() error {
		defer serving.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second) // for answers that are under way
		defer cancel()
		err := server.Shutdown(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			err = server.Close()
		}
		return err
	}, nil
}

// ownNameOnly refuses requests for another host: a page in the browser could
// have its own name resolved to this machine, and read what is served here.
func ownNameOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if !names.IsLoopback(host) {
			http.Error(w, "this server answers as localhost only", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}
