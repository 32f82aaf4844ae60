package report

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"net/http"
	"sync"

	"importer/internal/plain"
	"importer/sink/journal"
)

// Live serves the page of a run that lasts, made of the report that it writes: whole to
// those who ask with ?token=, and its counts alone to all others, who may be other users
// of this machine. It may serve several requests at once.
type Live struct {
	keeper journal.Keeper
	name   string // of the report
	token  string
	now    func() Now

	mu      sync.Mutex
	reader  *journal.Reader
	account *Account
}

// NewLive returns the page of the run that writes the report that a keeper has under a
// name. now says how the run stands; it is called for each request. The caller closes it.
func NewLive(k journal.Keeper, name, token string, now func() Now) *Live {
	return &Live{keeper: k, name: name, token: token, now: now, account: NewAccount(name)}
}

// Close closes the report.
func (l *Live) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reader == nil {
		return nil
	}
	err := l.reader.Close()
	l.reader = nil
	return err
}

// ServeHTTP implements http.Handler.
func (l *Live) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	nonce := rand.Text()
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; script-src 'nonce-"+nonce+"'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	whole := subtle.ConstantTimeCompare([]byte(r.URL.Query().Get("token")), []byte(l.token)) == 1
	if err := l.write(w, nonce, whole); err != nil {
		text := "the page cannot be made"
		if whole {
			text += ": " + plain.Message(err)
		}
		http.Error(w, text, http.StatusInternalServerError)
	}
}

func (l *Live) write(w http.ResponseWriter, nonce string, whole bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reader == nil {
		reader, err := journal.OpenReader(l.keeper, l.name)
		if err != nil {
			return err
		}
		l.reader = reader
	}
	if err := l.account.ReadFrom(l.reader); err != nil {
		// From the beginning next time: half of a line may have been applied.
		err = errors.Join(err, l.reader.Close())
		l.reader, l.account = nil, NewAccount(l.name)
		return err
	}
	now := l.now()
	now.CountsOnly = !whole
	return l.account.WriteHTML(w, &now, nonce)
}
