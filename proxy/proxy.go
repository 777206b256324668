// Package proxy is the policy enforcement point: it takes a request as it came,
// decides what was asked for, asks who is there and whether they may, and
// forwards what remains. In the order of a request:
//
//	target.go, pathbuilder.go, parameters.go, host.go   one spelling of path and host, or a refusal
//	hygiene.go                           what else is refused as it came
//	router.go, hosts.go, wildcard.go, pathindex.go   (host, path) -> route
//	handler.go, decide.go                the list of calls; who is there, may they
//	certificate.go                       the certificate that the client showed
//	answer.go, location.go, cors.go      what needs no upstream
//	upgrade.go, switched.go, frames.go   WebSocket and other switches of protocol
//	plan.go, upstream.go, rewrite.go     a route made ready; where a request goes
//	request.go, reserved.go, ours.go, expand.go   what is taken from and laid on it
//	assertion.go, told.go, claims.go, keys.go, jwks.go   who is there, told upstream
//	forward.go, roundtrip.go, transports.go, clienttls.go   to the upstream and back
//	bounds.go, body.go                   how long all that may take
//	response.go                          what is taken from and laid on a response
//	streams.go                           what is under way, by session, to be cut
//	recheck.go, streams_ending.go, streams_call.go   decided anew; how each is told
//	server.go, tls.go                    the listener's bounds and certificates
//
// The path that is matched is the path that is decided on and the path that is
// forwarded: it is read once, in target.go, and never again. Whatever refuses,
// refuses before anything is forwarded.
//
// Who is signed in is authenticate's matter, whether they may pass authorize's;
// both are handed in. How a refusal looks is ui's.
package proxy

import (
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"sallyport/internal/weberr"

	"sallyport/config"
	"sallyport/identity"
	"sallyport/internal/clientcert"
	"sallyport/policy"
	"sallyport/session"
)

// Authenticator says whose session a request's is, and serves the endpoints
// that make one.
type Authenticator interface {
	// Session returns the session that counts on route, nil for none. An error
	// says that nobody can tell at the moment.
	Session(r *http.Request, route *config.Route) (*session.Session, error)
	// Challenge sends a navigation to sign-in; everything else gets an error.
	Challenge(w http.ResponseWriter, r *http.Request, route *config.Route) error
	// StepUp sends a navigation to a new sign-in that must bring what is wanted;
	// everything else gets an error.
	StepUp(w http.ResponseWriter, r *http.Request, route *config.Route, want policy.SignIn) error
	// ServeHTTP serves the authenticate host, and the reserved paths of others.
	ServeHTTP(w http.ResponseWriter, r *http.Request)
	// Owns reports whether a cookie of that name is ours.
	Owns(cookieName string) bool
}

// Authorizer decides. Decide is for a new request and writes its decision down,
// Check for asking again while an exchange is open.
type Authorizer interface {
	Decide(route *config.Route, s *session.Session, req policy.Request) (policy.Decision, *identity.Person)
	Check(route *config.Route, s *session.Session, req policy.Request) (policy.Decision, *identity.Person)
}

// Options are what a Handler needs; Authenticator, Authorizer, Assertions,
// Transports, Streams and Render are required.
type Options struct {
	Routes []*config.Route
	// AuthenticateHost is the authority of the authenticate host, which belongs
	// to the Authenticator whole.
	AuthenticateHost string
	// Ports are those under which a host is reached whose routes name none, beside
	// no port at all: of the listener, of the authenticate host. What a browser is
	// told to open is never under another.
	Ports         []string
	Authenticator Authenticator
	Authorizer    Authorizer
	Assertions    *Assertions
	Transports    *Transports // process-long
	Streams       *Streams    // process-long
	Hygiene       config.Hygiene
	Identity      config.Identity
	// SetResponseHeaders are laid on every forwarded response, before those of
	// the route.
	SetResponseHeaders map[string]string
	Upstream           config.UpstreamDefaults
	// Render answers with an error.
	Render func(w http.ResponseWriter, r *http.Request, err error)
	// Trace tells how a request of s was denied on a route, or nil where s may not
	// know; nil: nobody may. It is asked only for answers that can hold it.
	Trace func(route *config.Route, s *session.Session, req policy.Request) *weberr.Trace
	// ClientIP is the client's address; nil: by Hygiene.TrustedProxies.
	ClientIP func(*http.Request) netip.Addr
	// Certificates says whether two names share a certificate, for connections
	// that browsers reuse; nil: none do.
	Certificates interface{ Same(a, b string) bool }
	// ClientCertificates judges what clients show on their connections; nil: none
	// is asked for.
	ClientCertificates *clientcert.Verifier
	// RejectConnections says that the handshake refuses clients without a trusted
	// certificate. Connections that stand when a certificate loses its trust are
	// refused whatever they ask for.
	RejectConnections bool
	// BodyTimeout is how long a client may be silent in the middle of a body,
	// 30 s; a slow one that sends is not cut.
	BodyTimeout time.Duration
	// Panicked is told of every panic that was contained; nil: nobody.
	Panicked func()
	Now      func() time.Time
	Logger   *slog.Logger
}

func (o *Options) check() error {
	switch {
	case o.Authenticator == nil, o.Authorizer == nil, o.Assertions == nil:
		return errors.New("proxy: Authenticator, Authorizer and Assertions are needed")
	case o.Transports == nil, o.Streams == nil, o.Render == nil:
		return errors.New("proxy: Transports, Streams and Render are needed")
	}
	return nil
}

func (o *Options) setDefaults() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Panicked == nil {
		o.Panicked = func() {}
	}
	if o.BodyTimeout <= 0 {
		o.BodyTimeout = 30 * time.Second
	}
}
