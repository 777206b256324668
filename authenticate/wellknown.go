package authenticate

import (
	"net/http"
)

// open adds to reading what lets pages of any origin read the answer: these
// documents are public and the same for everybody.
func open(h handler) map[string]handler {
	shared := func(w http.ResponseWriter, r *http.Request, host string) error {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		return h(w, r, host)
	}
	return map[string]handler{http.MethodGet: shared, http.MethodHead: shared, http.MethodOptions: preflight}
}

func preflight(w http.ResponseWriter, _ *http.Request, _ string) error {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// wellKnown is /.well-known/pomerium.
func (s *Service) wellKnown(w http.ResponseWriter, r *http.Request, host string) error {
	base := "https://" + s.host
	w.Header().Set("Cache-Control", "public, max-age=60")
	return writeJSON(w, r, map[string]string{
		"issuer":                           base + "/",
		"authentication_callback_endpoint": base + pathOAuthCallback,
		"jwks_uri":                         "https://" + host + pathJWKS,
		"frontchannel_logout_uri":          base + pathSignOut,
	})
}

// jwks serves the keys that upstreams check assertions with.
func (s *Service) jwks(w http.ResponseWriter, r *http.Request, host string) error {
	if s.o.JWKS == nil {
		return s.notHere(host)
	}
	w.Header().Del("Cache-Control")
	s.o.JWKS.ServeHTTP(w, r)
	return nil
}

func robots(w http.ResponseWriter, _ *http.Request, _ string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err := w.Write([]byte("User-agent: *\nDisallow: /\n"))
	return err
}
