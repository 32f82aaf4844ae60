// Package remote reads sources that are on other machines, over https:// and s3://.
//
//	address ──► Find ──► Object ──► Open ──► Reader ──► bytes, first to last
//
// An Object is what it was when it was found, or an error: each request for it asks for
// the same version, and what is read of it twice has to be the same bytes. A Reader goes
// on where a connection broke. The end of an object is certain only with all of its bytes.
package remote

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"importer/internal/address"
	"importer/internal/words"
)

// Options say how other machines are reached. The zero value will do.
type Options struct {
	Context   context.Context // ends every wait; nil: nothing does
	Timeout   time.Duration   // without a byte, after which a connection is given up; 0: 30 s
	Roots     *x509.CertPool  // that certificates have to lead to; nil: those of the system
	UserAgent string          // empty: importer
	// InsecureHTTP allows http:// to a host that is not this machine.
	InsecureHTTP bool
	// Header are those of every request for https://, such as Authorization. What follows a
	// $ in a value is the name of a variable of the environment.
	Header map[string]string
	Getenv func(string) string // nil: there are none
	// Endpoint and Region of s3://, over those of the environment; empty: those of AWS.
	Endpoint, Region string

	// Pause waits before a request is made again; nil: for that time.
	Pause func(context.Context, time.Duration) error
}

// What ends a source. Errors of Find name the source, and no error a password or a signature.
var (
	// ErrChanged says that an object is not what it was when it was found.
	ErrChanged = errors.New("the source changed")
	// ErrAway says that a server could not be reached, or that its answers break.
	ErrAway = errors.New("the source cannot be read")
	// ErrNotThere says that there is no such object, or none that we may see.
	ErrNotThere = errors.New("there is no such source")
	// ErrUnusable says that an address or a setting cannot be used.
	ErrUnusable = errors.New("it cannot be used")
)

const (
	defaultTimeout = 30 * time.Second
	dialTimeout    = 10 * time.Second
	maxHead        = 64 << 10 // bytes of the head of an answer
	maxPause       = time.Minute
	// maxSpool is how many bytes of a workbook are kept on disk.
	maxSpool = 4 << 30
)

// pauses are waited before the attempts after a break at one place. The break after the
// last of them ends the input.
var pauses = []time.Duration{200 * time.Millisecond, time.Second}

// A Client reaches the sources of one run. One goroutine may use it.
type Client struct {
	o      Options
	header http.Header
	secure *http.Transport
	here   *http.Transport // http://
	s3     *bucketClient   // nil: not needed yet
	host   string          // that the header may go to: of the first address; empty: none yet
}

// New makes a client. It sends nothing.
func New(o Options) (*Client, error) {
	if o.Context == nil {
		o.Context = context.Background()
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.UserAgent == "" {
		o.UserAgent = "importer"
	}
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	if o.Pause == nil {
		o.Pause = pause
	}
	c := &Client{o: o}
	var err error
	if c.header, err = expand(o.Header, o.Getenv); err != nil {
		return nil, err
	}
	c.secure, c.here = newTransport(o, false), newTransport(o, !o.InsecureHTTP)
	return c, nil
}

// Close closes the connections that are not in use.
func (c *Client) Close() {
	c.secure.CloseIdleConnections()
	c.here.CloseIdleConnections()
}

// tlsConfig trusts the roots, and shows no certificate of our own.
func (o Options) tlsConfig() *tls.Config { return &tls.Config{RootCAs: o.Roots} }

// Find returns what an address names: one object, or those that a glob of keys matches,
// sorted by key. It asks no server about a single object.
func (c *Client) Find(source string) ([]*Object, error) {
	shown := address.Shown(source)
	if address.IsPartial(source) {
		return nil, fmt.Errorf("%s: %w: what stands there as %s was left out when the address was shown, because it may be a secret: give the address as it was", shown, ErrUnusable, address.Hidden)
	}
	if address.KindOf(source) == address.S3 {
		return c.findKeys(source)
	}
	o, err := c.webObject(source)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", shown, err)
	}
	return []*Object{o}, nil
}

// A version is what a server says of what it sends. What it does not say is empty, or -1.
type version struct {
	tag      string // ETag, as it was sent
	modified string // Last-Modified, as it was sent
	settled  bool   // it was written to long enough before for that time to be its only one
	id       string // of a bucket that keeps versions
	length   int64  // in bytes
}

// pinned tells whether a server that has something else would say so.
func (v version) pinned() bool { return v.tag != "" || v.modified != "" || v.id != "" }

// differs says what of a version is another one by now; empty where nothing is. What only
// one of the two has differs as well: another machine may have answered.
func (v version) differs(now version) string {
	weak := func(tag string) string { return strings.TrimPrefix(tag, "W/") }
	switch {
	case v.length >= 0 && now.length >= 0 && v.length != now.length:
		return fmt.Sprintf("it had %s bytes and has %s", words.Comma(v.length), words.Comma(now.length))
	case weak(v.tag) != weak(now.tag):
		return "its ETag is another one"
	case v.id != now.id:
		return "there is another version of it"
	case v.modified != now.modified && v.tag == "":
		return "it was written to (Last-Modified)"
	}
	return ""
}

// An Object is one source. What it was is known from its first answer on.
type Object struct {
	Name string // as it may be shown

	client *Client
	// fetch asks for the bytes from an offset on, of the version that is known. The part
	// may begin before the offset.
	fetch func(ctx context.Context, from int64) (*part, error)
	was   version
	known bool
	via   string // where the last redirect led to; empty: nowhere else
	sure  bool   // the server says where the object ends
	seen  witness
	spool *os.File
}

// A part is what a server sends of an object.
type part struct {
	body io.ReadCloser
	from int64 // where it begins
	is   version
	sure bool // its end is told from a connection that broke
	via  string
	html bool // it says that it is a web page

	wire   *wire // that it comes by; nil: that is not known
	length int64 // of it alone, as it is stated; negative: it is not
}

// A witness is what was read of an object from its beginning.
type witness struct {
	bytes int64
	sum   string // of those
	whole bool   // there is no more
}

// Size is the length in bytes; 0 where that is not known.
func (o *Object) Size() int64 { return max(0, o.was.length) }

// Via is the host and path that the address redirected to; empty where it did not.
func (o *Object) Via() string { return o.via }

// Doubt says what cannot be told of an object; empty where all can.
func (o *Object) Doubt() string {
	switch {
	case !o.known:
		return ""
	case !o.sure:
		return "the server says neither how long it is nor where it ends: a connection that breaks cannot be told from the end; compare the number of rows"
	case !o.was.pinned() && o.was.length < 0:
		return "the server says neither its length nor a version (ETag, Last-Modified): that it changes is found only where it is read twice, at the end"
	}
	return ""
}

// accept takes a part for the object, or says that it is not the same any more.
func (o *Object) accept(p *part) error {
	if !o.known {
		o.known, o.was, o.sure, o.via = true, p.is, p.sure, p.via
		return nil
	}
	if what := o.was.differs(p.is); what != "" {
		return o.changed(what, p)
	}
	if o.was.length < 0 {
		o.was.length = p.is.length
	}
	return nil
}

const again = "; run the same command again when nothing writes it any more"

func (o *Object) changed(what string, p *part) error {
	if p != nil && p.html {
		what += ", and it is a web page (HTML), which may ask to sign in"
	}
	return fmt.Errorf("%w since it was opened: %s%s", ErrChanged, what, again)
}

// Same asks the server once more, and is ErrChanged where the object is not what it was.
func (o *Object) Same() error {
	r, err := o.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	if o.was.pinned() {
		return r.connect()
	}
	if _, err := io.Copy(io.Discard, r); err != nil { // it is compared with what was read before
		return err
	}
	return nil
}

// Spool is the object in a file of its own that has no name, for what cannot be read from
// the first byte to the last. It is read once, and belongs to the object.
func (o *Object) Spool() (*os.File, int64, error) {
	if o.spool != nil {
		info, err := o.spool.Stat()
		if err != nil {
			return nil, 0, err
		}
		return o.spool, info.Size(), nil
	}
	if o.Size() > maxSpool {
		return nil, 0, errTooLarge
	}
	r, err := o.Open()
	if err != nil {
		return nil, 0, err
	}
	defer r.Close()
	f, err := nameless()
	if err != nil {
		return nil, 0, err
	}
	n, err := io.Copy(f, io.LimitReader(r, maxSpool+1))
	if err == nil && n > maxSpool {
		err = errTooLarge
	}
	if err != nil {
		return nil, 0, errors.Join(err, discard(f))
	}
	o.spool = f
	return f, n, nil
}

var errTooLarge = fmt.Errorf("the workbook is larger than %d GiB: save the sheet as CSV", maxSpool>>30)

// Close removes what Spool keeps.
func (o *Object) Close() error {
	if o.spool == nil {
		return nil
	}
	f := o.spool
	o.spool = nil
	return discard(f)
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
