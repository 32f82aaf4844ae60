package cli

import (
	"crypto/tls"
	"crypto/x509"
	"importer/internal/cognigy"
	"importer/internal/config"
	"os"
)

// trust reads the certificates that the settings name.
func trust(a config.API) (cognigy.Trust, error) {
	var t cognigy.Trust
	if a.CAFile != "" {
		text, err := os.ReadFile(a.CAFile)
		if err != nil {
			return t, config.Errorf("api.ca_file: %w", err)
		}
		// Beside those of the system: the way to the API may lead past both.
		if t.Roots, err = x509.SystemCertPool(); err != nil {
			return t, config.Errorf("api.ca_file: reading the certificates of the system: %w", err)
		}
		if !t.Roots.AppendCertsFromPEM(text) {
			return t, config.Errorf("api.ca_file: %s holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)", a.CAFile)
		}
	}
	if (a.ClientCertFile == "") != (a.ClientKeyFile == "") {
		return t, config.Errorf("api.client_cert_file and api.client_key_file belong together: set both, or neither")
	}
	if a.ClientCertFile != "" {
		pair, err := tls.LoadX509KeyPair(a.ClientCertFile, a.ClientKeyFile)
		if err != nil {
			return t, config.Errorf("api.client_cert_file, api.client_key_file: %w", err)
		}
		t.Certificate = &pair
	}
	return t, nil
}
