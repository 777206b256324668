package server

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"time"

	"sallyport/config"
	"sallyport/internal/clientcert"
	"sallyport/policy"
)

// askForCertificates has the public listener ask clients for a certificate as the
// generation in force says. Whether one is trusted is decided where requests are,
// with the rules of that moment, also on connections that resume an earlier one:
// the ticket brings the certificate back and no judgement. Only reject_connection
// judges in the handshake.
func (s *Server) askForCertificates(base *tls.Config) *tls.Config {
	challenges := base.GetConfigForClient
	base.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		// An authority that looks for a challenge has no certificate of ours, and
		// gets nothing but the answer.
		if c, err := challenges(hello); c != nil || err != nil {
			return c, err
		}
		gen := s.gen.Load()
		if gen.clients == nil {
			return nil, nil
		}
		c := base.Clone()
		c.ClientAuth, c.ClientCAs = tls.RequestClientCert, gen.clients.Hints()
		if gen.cfg.ClientCertificates.Enforcement == config.RejectConnection {
			c.ClientAuth = tls.RequireAnyClientCert
			c.VerifyConnection = func(state tls.ConnectionState) error {
				shown := gen.clients.Of(hello.Context(), &state, s.now())
				if shown.Trusted() {
					return nil
				}
				if shown != nil {
					s.log.Debug("connection refused", slog.String("peer", hello.Conn.RemoteAddr().String()),
						slog.String("client-certificate", shown.Fingerprint), slog.Any("error", shown.Err))
				}
				return errNotTrusted
			}
		}
		return c, nil
	}
	return base
}

// shown puts a certificate that is only spoken of into a request, judged as if a
// client showed it now. Where none is asked for, none is there.
func (g *generation) shown(req *policy.Request, pemText string, now time.Time) error {
	if pemText == "" || g.clients == nil {
		return nil
	}
	chain, err := clientcert.Bundle([]byte(pemText))
	if err != nil || len(chain) == 0 {
		return errors.New("expected a client certificate in PEM")
	}
	_, req.ClientCertificateError = g.clients.Verify(chain, now)
	req.ClientCertificate, req.ClientCertificateTrusted = chain[0], req.ClientCertificateError == nil
	return nil
}

var errNotTrusted = errors.New("the client certificate is not trusted")
