package cognigy

import (
	"crypto/tls"
	"crypto/x509"
)

// Trust is what TLS is told besides the usual. The zero value is the usual: the
// roots of the system, and no certificate of our own.
type Trust struct {
	Roots       *x509.CertPool   // that a server's certificate has to lead to; nil: those of the system
	Certificate *tls.Certificate // shown where a server asks for one; nil: none
}

func (t Trust) config() *tls.Config {
	c := &tls.Config{RootCAs: t.Roots}
	if t.Certificate != nil {
		c.Certificates = []tls.Certificate{*t.Certificate}
	}
	return c
}
