package server

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"slices"

	"sallyport/certificates"
	"sallyport/config"
)

// openCertificates makes what obtains certificates; until useCertificates it
// asks for none.
func (st *state) openCertificates(s *Server, cfg *config.Config) (err error) {
	st.autocert, err = certificates.New(certificates.Options{
		Store: st.store, OverHTTP: cfg.Listen.HTTPRedirectAddr != "", Now: s.now, Logger: s.log.Logger, Registry: s.registry,
	})
	if err != nil {
		return err
	}
	s.defers(st.autocert.Stop)
	s.health.check("certificates", st.autocert.Check)
	return nil
}

// useCertificates has certificates obtained for the hosts of cfg that the given
// ones do not cover. It comes once the listeners accept: the authority looks at
// them. A failure leaves the old hosts in force.
func (s *Server) useCertificates(cfg *config.Config) {
	if err := s.state.autocert.Use(cfg.Listen.Autocert, autocertHosts(cfg, s.state.certs.Covers)); err != nil {
		s.log.Error("certificates are not obtained", slog.Any("error", err))
		s.health.set("autocert", err)
		return
	}
	s.health.set("autocert", nil)
}

// autocertHosts are the exact hosts of routes and the authenticate host, less
// those that a given certificate covers.
func autocertHosts(cfg *config.Config, covered func(string) bool) []string {
	hosts := []string{cfg.Authenticate.URL.Hostname()}
	for _, r := range cfg.Routes {
		hosts = append(hosts, r.From.Host)
	}
	slices.Sort(hosts)
	return slices.DeleteFunc(slices.Compact(hosts), func(host string) bool {
		return !cfg.Listen.Autocert.Names(host) || covered(host)
	})
}

// tlsConfig is for the public listener: certificates that were given come
// before those that were obtained, and before the self-signed one.
func (st *state) tlsConfig() *tls.Config {
	c := st.certs.TLSConfig()
	given := c.GetCertificate
	c.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if hello.ServerName != "" && !st.certs.Covers(hello.ServerName) {
			if pair := st.autocert.Get(hello.ServerName); pair != nil {
				return pair, nil
			}
		}
		return given(hello)
	}
	c.GetConfigForClient = st.autocert.ConfigForClient
	return c
}

// redirectHandler is plain HTTP's: challenges of the authority, and everything
// else to https.
func (st *state) redirectHandler() http.Handler {
	return st.autocert.HTTPHandler(http.HandlerFunc(redirectToHTTPS))
}
