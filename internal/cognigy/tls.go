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

// apply tells it to a transport that has sent nothing yet.
func (t Trust) apply(to transport) {
	c := &tls.Config{}
	switch to := to.(type) {
	case *direct:
		if to.tls == nil {
			return
		}
		c = to.tls
	case *proxied:
		to.http.TLSClientConfig = c
	}
	c.RootCAs = t.Roots
	if t.Certificate != nil {
		c.Certificates = []tls.Certificate{*t.Certificate}
	}
}
