package cli

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"importer/importer/contact"
	"importer/internal/cognigy"
	"importer/internal/config"
	"importer/internal/session"
)

// writeCertificate writes a certificate that stands for itself, for servers on
// this machine and for clients, and returns the files.
func writeCertificate(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// A company's own authority, and an API that wants to see a certificate.
func TestTrust(t *testing.T) {
	dir := t.TempDir()
	serverCert, serverKey := writeCertificate(t, dir, "server")
	clientCert, clientKey := writeCertificate(t, dir, "client")
	pair, err := tls.LoadX509KeyPair(serverCert, serverKey)
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	text, err := os.ReadFile(clientCert)
	if err != nil || !clients.AppendCertsFromPEM(text) {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"_id":"65f000000000000000000001","contactIds":[]}`)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()

	for name, c := range map[string]struct {
		api config.API
		ok  bool
	}{
		"nothing":                {config.API{}, false},
		"authority only":         {config.API{CAFile: serverCert}, false},
		"certificate only":       {config.API{ClientCertFile: clientCert, ClientKeyFile: clientKey}, false},
		"another authority":      {config.API{CAFile: clientCert, ClientCertFile: clientCert, ClientKeyFile: clientKey}, false},
		"another certificate":    {config.API{CAFile: serverCert, ClientCertFile: serverCert, ClientKeyFile: serverKey}, false},
		"authority, certificate": {config.API{CAFile: serverCert, ClientCertFile: clientCert, ClientKeyFile: clientKey}, true},
	} {
		with, err := session.Trust(c.api)
		if err != nil {
			t.Fatal(err)
		}
		client, err := cognigy.New(cognigy.Options{BaseURL: server.URL, APIKey: "k", ProjectID: "65f0000000000000000000aa", Trust: with})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Create(context.Background(), contact.Profile{ContactIDs: []string{"a"}})
		client.Close()
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}

	empty := filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(empty, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, api := range map[string]config.API{
		"empty.pem":       {CAFile: empty},
		"absent.pem":      {CAFile: "absent.pem"},
		"belong together": {ClientCertFile: clientCert},
		"client_key_file": {ClientCertFile: clientCert, ClientKeyFile: serverKey},
	} {
		var wrong *config.Error
		if _, err := session.Trust(api); !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error of the settings about %s, got %v", want, err)
		}
	}
}
