package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"hash/maphash"
	"math/big"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Stats are what the target server has seen since the last reset.
type Stats struct {
	Creates  int   // create requests
	Contacts int   // different contact ids in them
	Twice    int   // contact ids that were created more than once
	First    int64 // when the first create came, in Unix nanoseconds
}

// A target takes creates and counts them by contact id. It does as little as it
// can for each, so that the client is what is measured.
type target struct {
	latency time.Duration
	late    chan waiter // creates that are answered later, in the order of that
	seed    maphash.Seed

	mu    sync.Mutex
	seen  map[uint64]bool // contact ids; true where it came again
	stats Stats
}

// A waiter is a create whose answer is due at some time.
type waiter struct {
	due  time.Time
	wake chan struct{}
}

// wakeInTime wakes those that wait, each when its time has come.
func (t *target) wakeInTime(sleep func(time.Duration)) {
	for w := range t.late {
		sleep(time.Until(w.due))
		w.wake <- struct{}{}
	}
}

func serve(args []string) error {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	addr := flags.String("addr", "127.0.0.1:0", "address to listen on")
	cert := flags.String("tls", "", "speak TLS, and write the certificate to this `FILE`")
	latency := flags.Duration("latency", 0, "of each create")
	if err := flags.Parse(args); err != nil {
		return err
	}
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	scheme := "http"
	if *cert != "" {
		scheme = "https"
		pair, err := selfSigned(*cert)
		if err != nil {
			return err
		}
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}})
	}
	fmt.Printf("%s://%s\n", scheme, l.Addr())
	t := &target{latency: *latency, late: make(chan waiter, 4096), seed: maphash.MakeSeed(), seen: map[uint64]bool{}}
	if t.latency > 0 {
		sleep, err := newSleep()
		if err != nil {
			return err
		}
		go t.wakeInTime(sleep)
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go t.serve(c)
	}
}

// The answer to a create, around the contact id of the request and behind it the
// number of the create as _id.
const answer = `{"profile":{"firstname":"Ada","lastname":"Lovelace","email":"ada@example.com","age":36,"birthday":"","gender":"",` +
	`"location":"London","profilepic":"","prevent_data_collection":false,"accepted_gdpr":true,"privacy_policy":{"accepted":false},"tasks":[]},` +
	`"contactIds":["%s"],"active":true,"createdAt":1700000000,"lastChanged":1700000000,` +
	`"createdBy":"65f0000000000000000000cc","lastChangedBy":"65f0000000000000000000cc","_id":"%024x"}`

func (t *target) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReaderSize(c, 16<<10)
	before, after, _ := strings.Cut(answer, "%s")
	after = strings.TrimSuffix(after, `%024x"}`)
	const head = "HTTP/1.1 201 Created\r\nDate: Mon, 23 Nov 2026 18:34:11 GMT\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: "
	var body, created []byte
	wake := make(chan struct{}, 1)
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return
		}
		create := bytes.HasPrefix(line, []byte("POST /new/v2.0/profiles "))
		stats := bytes.HasPrefix(line, []byte("GET /stats"))
		reset := bytes.HasPrefix(line, []byte("POST /reset"))
		length := 0
		for len(line) > 2 {
			if line, err = r.ReadSlice('\n'); err != nil {
				return
			}
			if name, value, ok := bytes.Cut(line, []byte(":")); ok && len(name) == len("Content-Length") && bytes.EqualFold(name, []byte("Content-Length")) {
				length, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
			}
		}
		body = append(body[:0], make([]byte, length)...)
		for read := 0; read < length; {
			n, err := r.Read(body[read:])
			if err != nil {
				return
			}
			read += n
		}
		switch {
		case create:
			n, contact := t.create(body)
			created = strconv.AppendInt(append(created[:0], head...), int64(len(before)+len(contact)+len(after)+len(`000000000000000000000000"}`)), 10)
			created = append(append(append(append(created, "\r\n\r\n"...), before...), contact...), after...)
			for i := range 24 {
				created = append(created, "0123456789abcdef"[n>>(4*(23-i))&0xf])
			}
			created = append(created, `"}`...)
			if t.latency > 0 {
				t.late <- waiter{time.Now().Add(t.latency), wake}
				<-wake
			}
			_, err = c.Write(created)
		case stats:
			t.mu.Lock()
			t.stats.Contacts = len(t.seen)
			b, _ := json.Marshal(t.stats) // numbers only
			t.mu.Unlock()
			_, err = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(b), b)
		case reset:
			t.mu.Lock()
			t.seen, t.stats = map[uint64]bool{}, Stats{}
			t.mu.Unlock()
			_, err = c.Write([]byte("HTTP/1.1 204 No Content\r\n\r\n"))
		default: // an empty project
			const empty = `{"items":[],"total":0,"nextCursor":null,"previousCursor":null}`
			_, err = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(empty), empty)
		}
		if err != nil {
			return
		}
	}
}

// create counts a create, and returns its number and its contact id.
func (t *target) create(body []byte) (uint64, []byte) {
	_, contact, _ := bytes.Cut(body, []byte(`"contactIds":["`))
	contact, _, _ = bytes.Cut(contact, []byte(`"`))
	hash := maphash.Bytes(t.seed, contact)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stats.Creates == 0 {
		t.stats.First = time.Now().UnixNano()
	}
	t.stats.Creates++
	again, seen := t.seen[hash]
	if seen && !again {
		t.stats.Twice++
	}
	t.seen[hash] = seen
	return uint64(t.stats.Creates), contact
}

// selfSigned makes a certificate for this machine, and writes it to a file for
// the clients.
func selfSigned(path string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	err = os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
