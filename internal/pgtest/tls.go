package pgtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"path/filepath"
	"time"
)

// TLS has the server take connections over TCP with TLS alone. Its certificate is its own, for
// 127.0.0.1 and localhost; URL names the file to trust it by, and Certificate does.
func TLS() Option {
	return func(s *Server) {
		s.tls = true
		s.settings = append(s.settings, "ssl = on")
		s.options.Set("sslmode", "verify-full")
		s.options.Set("sslrootcert", s.Certificate())
	}
}

// Certificate is the file of the certificate of a server with TLS.
func (s *Server) Certificate() string { return filepath.Join(s.data(), "server.crt") }

// certify makes the certificate where PostgreSQL looks for it.
func (s *Server) certify() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	inPEM := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return errors.Join(
		s.write("server.crt", inPEM("CERTIFICATE", certificate), 0o644),
		s.write("server.key", inPEM("PRIVATE KEY", private), 0o600))
}
