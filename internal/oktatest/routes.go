package oktatest

import (
	"log/slog"
	"net/http"
	"strings"
)

// maxForm bounds a form, in bytes.
const maxForm = 1 << 20

// routes is the whole org. From the outside in: headers every answer has, the
// record, the bound on requests in flight, the faults, the endpoints.
func (k *Okta) routes() http.Handler {
	mux := http.NewServeMux()
	k.oauthRoutes(mux)
	k.apiRoutes(mux)
	return k.dress(k.record(k.concurrent(k.faults.wrap(mux))))
}

func (k *Okta) oauthRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /.well-known/openid-configuration", k.openIDConfiguration)
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", k.oauthServer)
	mux.HandleFunc("GET /.well-known/okta-organization", k.organization)
	mux.HandleFunc("GET /oauth2/v1/keys", k.jwks)

	mux.HandleFunc("GET /oauth2/v1/authorize", k.authorize)
	mux.HandleFunc("POST /oauth2/v1/authorize", k.authorize)
	mux.HandleFunc("GET "+signInPath, k.signInForm)
	mux.HandleFunc("POST "+signInPath, k.signIn)
	mux.HandleFunc("GET /oauth2/v1/logout", k.logout)
	mux.HandleFunc("POST /oauth2/v1/logout", k.logout)
	mux.HandleFunc("POST "+signOutPath, k.signOut)
	mux.HandleFunc("GET /{$}", k.home)

	mux.HandleFunc("POST /oauth2/v1/token", k.limited(BucketToken, callingClient, k.token))
	mux.HandleFunc("POST /oauth2/v1/introspect", k.limited(BucketOAuth, callingClient, k.introspect))
	mux.HandleFunc("POST /oauth2/v1/revoke", k.limited(BucketOAuth, callingClient, k.revoke))
	mux.HandleFunc("GET /oauth2/v1/userinfo", k.limited(BucketOAuth, anybody, k.userInfo))
	mux.HandleFunc("POST /oauth2/v1/userinfo", k.limited(BucketOAuth, anybody, k.userInfo))
}

// callingClient tells callers of the OAuth endpoints apart, proven or not.
func callingClient(r *http.Request) string {
	cred, err := readCredentials(r)
	if err != nil {
		return anonymousCaller
	}
	return cred.id
}

func anybody(*http.Request) string { return anonymousCaller }

// dress sets the headers of every answer, parses the form, and logs.
func (k *Okta) dress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Date", k.clock.now().UTC().Format(http.TimeFormat))
		h.Set("X-Okta-Request-Id", requestID())
		h.Set("X-Content-Type-Options", "nosniff")
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
			if err := r.ParseForm(); err != nil {
				newAPIError(http.StatusBadRequest, "E0000003", "The request body was not well-formed.").write(w)
				return
			}
		}
		k.opts.Logger.LogAttrs(r.Context(), slog.LevelDebug, "stand-in okta asked",
			slog.String("method", r.Method), slog.String("path", r.URL.Path))
		next.ServeHTTP(w, r)
	})
}

// record keeps what was asked and what the status of the answer was.
func (k *Okta) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		done := k.log.add(r)
		next.ServeHTTP(&statusWriter{ResponseWriter: w, done: done}, r)
	})
}

// statusWriter tells the status as soon as it is written.
type statusWriter struct {
	http.ResponseWriter
	done func(int)
	told bool
}

func (s *statusWriter) tell(status int) {
	if !s.told {
		s.told = true
		s.done(status)
	}
}

func (s *statusWriter) WriteHeader(status int) {
	s.tell(status)
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusWriter) Write(p []byte) (int, error) {
	s.tell(http.StatusOK)
	return s.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController through.
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }
