package proxy

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"sallyport/config"
)

// clientTLS is how an upstream is verified.
func clientTLS(u config.UpstreamTLS) (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.ServerName, InsecureSkipVerify: u.SkipVerify} // #nosec G402 -- tls_skip_verify is the operator's word
	if u.AllowRenegotiation {
		conf.Renegotiation = tls.RenegotiateFreelyAsClient
	}
	if u.CA != nil {
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(u.CA) {
			return nil, errors.New("tls_custom_ca: no certificate in PEM form")
		}
	}
	if u.Certificate != nil {
		pair, err := tls.X509KeyPair(u.Certificate.Cert, u.Certificate.Key)
		if err != nil {
			return nil, fmt.Errorf("tls_client_cert: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}

// digest tells TLS settings apart without keeping keys in a map.
func digest(u config.UpstreamTLS) [sha256.Size]byte {
	h := sha256.New()
	fmt.Fprintf(h, "%t %t %q %q", u.SkipVerify, u.AllowRenegotiation, u.ServerName, u.CA)
	if u.Certificate != nil {
		fmt.Fprintf(h, " %q %q", u.Certificate.Cert, u.Certificate.Key)
	}
	return [sha256.Size]byte(h.Sum(nil))
}
