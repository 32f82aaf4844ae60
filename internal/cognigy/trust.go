package cognigy

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// ReadTrust reads the certificates of the files that the settings name; empty: none. Its
// errors name the settings.
func ReadTrust(caFile, certFile, keyFile string) (Trust, error) {
	var t Trust
	if caFile != "" {
		text, err := os.ReadFile(caFile)
		if err != nil {
			return t, fmt.Errorf("api.ca_file: %w", err)
		}
		// Beside those of the system: the way to the API may lead past both.
		if t.Roots, err = x509.SystemCertPool(); err != nil {
			return t, fmt.Errorf("api.ca_file: reading the certificates of the system: %w", err)
		}
		if !t.Roots.AppendCertsFromPEM(text) {
			return t, fmt.Errorf("api.ca_file: %s holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)", caFile)
		}
	}
	if (certFile == "") != (keyFile == "") {
		return t, errors.New("api.client_cert_file and api.client_key_file belong together: set both, or neither")
	}
	if certFile != "" {
		pair, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return t, fmt.Errorf("api.client_cert_file, api.client_key_file: %w", err)
		}
		t.Certificate = &pair
	}
	return t, nil
}
