package pgtest

import (
	"bytes"
	"net"
	"sync"
	"testing"
	"time"
)

// A Direction is one in which bytes go through a Proxy, or Both.
type Direction int

// The directions of a Proxy.
const (
	ToServer Direction = 1 << iota
	ToClient
	Both = ToServer | ToClient
)

// A Proxy passes connections on to a server, and spoils them when it is told to. All of its
// methods may be called at any time and by many.
type Proxy struct {
	target   string
	listener net.Listener
	all      sync.WaitGroup // the goroutines of the listener and of the links

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced whenever one of the following changes
	closed   bool
	swallows Direction
	holds    Direction
	delay    time.Duration
	cut      *cut // nil: none is wanted
	links    map[*link]bool
}

// A cut ends the connection that carries a certain request.
type cut struct {
	request []byte // what it contains
	before  bool   // it is not passed on
	done    chan struct{}
}

// NewProxy makes a Proxy in front of the server at target, a host and a port. It ends with
// the test.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{target: target, listener: l, changed: make(chan struct{}), links: make(map[*link]bool)}
	p.all.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// Addr is the host and the port at which it listens.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Swallow loses everything that arrives from here on in a direction, the end of a connection
// included, until Heal. To the side it does not reach, the other is silent.
func (p *Proxy) Swallow(d Direction) { p.change(func() { p.swallows = d }) }

// Hold keeps back everything that arrives from here on in a direction. Heal has it arrive
// late, as it does where a network loses packets and sends them again.
func (p *Proxy) Hold(d Direction) { p.change(func() { p.holds = d }) }

// Delay has everything that arrives from here on take so long in either direction.
func (p *Proxy) Delay(d time.Duration) { p.change(func() { p.delay = d }) }

// Heal ends Swallow and Hold. A connection that lost something is cut.
func (p *Proxy) Heal() {
	p.change(func() {
		p.swallows, p.holds = 0, 0
		for l := range p.links {
			if l.lost {
				l.close()
			}
		}
	})
}

// Cut cuts every connection. New ones are passed on.
func (p *Proxy) Cut() {
	p.change(func() {
		for l := range p.links {
			l.close()
		}
	})
}

// CutAnswer cuts the connection of the next request that contains a text, of any with none:
// the request is passed on and carried out, and its answer is lost. The channel is closed when
// that has happened. It reads PostgreSQL's protocol, and so takes a connection without TLS; a
// statement that is prepared already is told only by its parameters.
func (p *Proxy) CutAnswer(request string) <-chan struct{} { return p.cutNext(request, false) }

// CutRequest is CutAnswer of a request that is lost itself.
func (p *Proxy) CutRequest(request string) <-chan struct{} { return p.cutNext(request, true) }

func (p *Proxy) cutNext(request string, before bool) <-chan struct{} {
	c := &cut{request: []byte(request), before: before, done: make(chan struct{})}
	p.change(func() { p.cut = c })
	return c.done
}

func (p *Proxy) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *Proxy) close() {
	p.listener.Close()
	p.change(func() {
		p.closed, p.swallows, p.holds, p.delay = true, 0, 0, 0
		for l := range p.links {
			l.close()
		}
	})
	p.all.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		l := &link{proxy: p, client: client, server: server}
		p.mu.Lock()
		p.links[l] = true
		if p.closed {
			l.close()
		}
		p.mu.Unlock()
		p.all.Go(l.run)
	}
}

// A link is one connection through a Proxy.
type link struct {
	proxy          *Proxy
	client, server net.Conn

	// Under the proxy's lock.
	lost   bool // something of it was swallowed
	ending *cut // its next answer is lost, and then it is cut
	tail   []byte
}

// A piece is what arrived at once.
type piece struct {
	bytes []byte
	due   time.Time
}

func (l *link) close() {
	l.client.Close()
	l.server.Close()
}

// run passes on what arrives until one side ends the connection.
func (l *link) run() {
	var both sync.WaitGroup
	both.Go(func() { l.pass(ToServer, l.client, l.server) })
	both.Go(func() { l.pass(ToClient, l.server, l.client) })
	both.Wait()
	l.proxy.mu.Lock()
	defer l.proxy.mu.Unlock()
	delete(l.proxy.links, l)
}

// pass passes on one direction. The end of what arrives is passed on like the rest.
func (l *link) pass(d Direction, from, to net.Conn) {
	pieces := make(chan piece, 1<<16) // closed by the reader
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(pieces)
		buffer := make([]byte, 64<<10)
		for {
			n, err := from.Read(buffer)
			if n > 0 {
				if p, ok := l.take(d, bytes.Clone(buffer[:n])); ok {
					pieces <- p
				}
			}
			if err != nil {
				return
			}
		}
	})
	for p := range pieces {
		time.Sleep(time.Until(p.due))
		l.awaitPassage(d)
		if _, err := to.Write(p.bytes); err != nil {
			break
		}
	}
	l.awaitPassage(d)
	l.close()
	for range pieces { // the reader is not left behind
	}
	reader.Wait()
}

// take decides what becomes of a piece that arrived. Without ok it is lost.
func (l *link) take(d Direction, b []byte) (taken piece, ok bool) {
	p := l.proxy
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.swallows&d != 0 {
		l.lost = true
		return piece{}, false
	}
	if l.ending != nil && d == ToClient {
		l.tail = append(l.tail, b...)
		l.tail = l.tail[max(0, len(l.tail)-len(readyForQuery)-1):]
		if bytes.HasPrefix(l.tail, readyForQuery) { // the whole answer is here
			close(l.ending.done)
			l.ending = nil
			l.close()
		}
		return piece{}, false
	}
	if c := p.cut; c != nil && d == ToServer {
		text := append(l.tail, b...)
		l.tail = bytes.Clone(text[max(0, len(text)-len(c.request)):])
		if bytes.Contains(text, c.request) {
			p.cut, l.tail = nil, nil
			if c.before {
				close(c.done)
				l.close()
				return piece{}, false
			}
			l.ending = c
		}
	}
	return piece{b, time.Now().Add(p.delay)}, true
}

// readyForQuery is what ends the answer to a request, but for its last byte.
var readyForQuery = []byte("Z\x00\x00\x00\x05")

// awaitPassage waits until a direction is open.
func (l *link) awaitPassage(d Direction) {
	for {
		l.proxy.mu.Lock()
		shut, changed := (l.proxy.swallows|l.proxy.holds)&d != 0, l.proxy.changed
		l.proxy.mu.Unlock()
		if !shut {
			return
		}
		<-changed
	}
}
