package authenticate

import (
	"net/http"
	"strings"

	"sallyport/internal/weberr"
)

// Paths of ours, as Pomerium has them.
const (
	pathRoot          = "/"
	pathPomerium      = "/.pomerium"
	pathUser          = "/.pomerium/"
	pathUserJSON      = "/.pomerium/user"
	pathJWT           = "/.pomerium/jwt"
	pathSignIn        = "/.pomerium/sign_in"
	pathCallback      = "/.pomerium/callback/"
	pathSignOut       = "/.pomerium/sign_out"
	pathSessions      = "/.pomerium/sessions"
	pathPopup         = "/.pomerium/sign_in_popup"
	pathSignedOut     = "/.pomerium/signed_out"
	pathProgramLogin  = "/.pomerium/api/v1/login"
	pathOAuthCallback = "/oauth2/callback"
	pathWellKnown     = "/.well-known/pomerium"
	pathJWKS          = "/.well-known/pomerium/jwks.json"
	pathRobots        = "/robots.txt"
)

// handler serves one endpoint on a host whose authority is given; the error it
// returns is shown.
type handler func(w http.ResponseWriter, r *http.Request, host string) error

// endpoints maps a path to its methods. HEAD stands where a GET changes nothing.
type endpoints map[string]map[string]handler

const (
	tableHome  = "authenticate"
	tableRoute = "route"
)

// ServeHTTP serves the whole of the authenticate host, and on the hosts of
// routes what is reserved there: /.pomerium and /.well-known/pomerium with
// everything below, and robots.txt where the caller says so.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := s.serve(w, r); err != nil {
		s.o.Pages.Error(w, r, err)
	}
}

func (s *Service) serve(w http.ResponseWriter, r *http.Request) error {
	own(w)
	host, ok := authority(r.Host)
	table := s.endsAt[tableRoute]
	switch {
	case !ok:
		return weberr.BadRequest("The host of this request is not one that can be served.", nil)
	case host == s.host:
		table = s.endsAt[tableHome]
	case !s.isRouteHost(host):
		return weberr.NotFound(host)
	}
	methods := table[r.URL.Path]
	if methods == nil || r.URL.EscapedPath() != r.URL.Path {
		return weberr.NotFound(host)
	}
	h := methods[r.Method]
	if h == nil {
		w.Header().Set("Allow", allowed(methods))
		return &weberr.Error{
			Status: http.StatusMethodNotAllowed, Code: "method-not-allowed", Title: "Method not allowed",
			Message: "This address does not answer to this kind of request.",
		}
	}
	return h(w, r, host)
}

func allowed(methods map[string]handler) string {
	var names []string
	for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions} {
		if methods[m] != nil {
			names = append(names, m)
		}
	}
	return strings.Join(names, ", ")
}

func reading(h handler) map[string]handler {
	return map[string]handler{http.MethodGet: h, http.MethodHead: h}
}

// atHome is a handler that needs no host: it is the authenticate host's.
func atHome(f func(http.ResponseWriter, *http.Request) error) handler {
	return func(w http.ResponseWriter, r *http.Request, _ string) error { return f(w, r) }
}

func (s *Service) endpointTables() map[string]endpoints {
	both := endpoints{
		pathPomerium:        reading(toUserPage),
		pathUser:            reading(s.userPage),
		pathWellKnown:       open(s.wellKnown),
		pathWellKnown + "/": open(s.wellKnown),
		pathJWKS:            open(s.jwks),
		pathRobots:          reading(robots),
	}
	return map[string]endpoints{
		tableHome: merged(both, endpoints{
			pathRoot:          reading(toUserPage),
			pathSignIn:        {http.MethodGet: atHome(s.signIn)},
			pathOAuthCallback: {http.MethodGet: atHome(s.callback), http.MethodPost: atHome(s.callbackPost)},
			pathSignOut:       {http.MethodGet: atHome(s.confirmSignOut), http.MethodPost: atHome(s.signOut)},
			pathSignedOut:     reading(atHome(s.signedOutHome)),
			pathSessions:      {http.MethodGet: s.listSessions, http.MethodHead: s.listSessions, http.MethodPost: s.endSessions},
			pathProgramLogin:  {http.MethodGet: atHome(s.askConsent), http.MethodPost: atHome(s.programConsent)},
		}),
		tableRoute: merged(both, endpoints{
			pathUserJSON:     reading(s.userJSON),
			pathJWT:          reading(s.assertion),
			pathSignIn:       {http.MethodGet: s.startSignIn},
			pathPopup:        {http.MethodGet: s.popup},
			pathCallback:     {http.MethodGet: s.land},
			pathSignOut:      {http.MethodGet: s.leaveRoute, http.MethodPost: s.leaveRoute},
			pathSignedOut:    reading(s.signedOutRoute),
			pathSessions:     reading(s.toSessions),
			pathProgramLogin: {http.MethodGet: s.programLogin},
		}),
	}
}

func merged(tables ...endpoints) endpoints {
	all := endpoints{}
	for _, t := range tables {
		for path, methods := range t {
			all[path] = methods
		}
	}
	return all
}

// toUserPage leads to the one page that each host has.
func toUserPage(w http.ResponseWriter, r *http.Request, host string) error {
	redirect(w, r, "https://"+host+pathUser)
	return nil
}
