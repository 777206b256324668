package proxy

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"runtime/debug"
	"strings"

	"sallyport/config"
	"sallyport/internal/clientip"
	"sallyport/internal/ui"
	"sallyport/internal/weberr"
	"sallyport/telemetry"
)

// Handler answers the requests of one generation. Immutable; safe for
// concurrent use.
type Handler struct {
	o        Options
	gate     gate
	plans    map[*config.Route]*plan
	reserved *reserved
	clients  *clientip.Resolver
	clientIP func(*http.Request) netip.Addr
	fixed    []fixedHeader
	proxy    *httputil.ReverseProxy
}

// New checks o and makes every route ready. It opens no connection.
func New(o Options) (*Handler, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	o.setDefaults()
	h := &Handler{o: o, plans: map[*config.Route]*plan{}, reserved: newReserved(o.Identity.ClaimsHeaders), fixed: fixedHeaders(o.SetResponseHeaders)}
	h.clients = clientip.New(clientip.Options{Trusted: o.Hygiene.TrustedProxies, Hops: o.Hygiene.XFFTrustedHops})
	if h.clientIP = o.ClientIP; h.clientIP == nil {
		h.clientIP = h.clients.Addr
	}
	var err error
	if h.gate, err = newGate(o.Hygiene); err != nil {
		return nil, err
	}
	if h.gate.router, err = NewRouter(o.Routes); err != nil {
		return nil, err
	}
	h.gate.ports = portSet(o.Ports)
	if h.gate.authority, _ = CleanHost(o.AuthenticateHost); h.gate.authority == "" && o.AuthenticateHost != "" {
		return nil, fmt.Errorf("proxy: authenticate host %q is no host name", o.AuthenticateHost)
	}
	if o.Certificates != nil {
		h.gate.same = o.Certificates.Same
	}
	for _, r := range o.Routes {
		if isTunnel(r) {
			continue
		}
		if h.plans[r], err = h.newPlan(r); err != nil {
			return nil, fmt.Errorf("%s: route %s: %w", r.Position, r.ID, err)
		}
	}
	h.proxy = h.reverseProxy()
	return h, nil
}

// ServeHTTP takes one request from its arrival to its answer.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{h: h, w: w, r: r}
	defer h.contain(x)
	if err := h.serve(x); err != nil {
		h.fail(x, err)
	}
}

// serve is the list of what happens; each step may refuse, some may answer.
func (h *Handler) serve(x *exchange) error {
	if err := h.gate.admit(x); err != nil {
		return err
	}
	if err := h.checkConnection(x); err != nil {
		return err
	}
	x.ip = h.clientIP(x.r)
	if h.own(x) {
		return nil
	}
	if err := h.match(x); err != nil {
		return err
	}
	if x.target.redirect {
		return h.redirectUnescaped(x)
	}
	if h.preflight(x) {
		return nil
	}
	if err := x.checkUpgrade(); err != nil {
		return err
	}
	allowed, err := h.authorize(x)
	if !allowed || err != nil {
		return err
	}
	if err := x.checkOrigin(); err != nil {
		return err
	}
	switch r := x.plan.route; {
	case r.Maintenance != nil:
		return weberr.Maintenance(x.host, r.Maintenance.Message, r.Maintenance.RetryAfter)
	case r.Redirect != nil:
		return h.redirect(x)
	case r.Response != nil:
		h.respond(x)
		return nil
	case len(r.To) == 0:
		return weberr.Internal(errors.New("route without a destination"))
	}
	return h.forward(x)
}

// own answers what is ours on every host, and the authenticate host whole.
func (h *Handler) own(x *exchange) (answered bool) {
	access := telemetry.AccessFrom(x.r.Context())
	login := h.isAuthenticateHost(x.host)
	switch {
	case isHealth(x):
		access.SetDetail("health")
		h.plainText(x, "OK")
	case !login && h.gate.besideAuthority(x.host):
		h.fail(x, h.gate.toOwnPort(x.host))
	case login && isRobots(x):
		h.plainText(x, robots)
	case login, isReserved(x.target) && h.gate.router.Knows(x.host):
		if err := h.gate.wrongPort(x.host); err != nil && !login {
			h.fail(x, err)
			return true
		}
		access.SetDetail("authenticate")
		h.dress(x)
		h.o.Authenticator.ServeHTTP(x.w, x.r)
	default:
		return false
	}
	return true
}

// isAuthenticateHost compares authorities; the default port may be left out.
func (h *Handler) isAuthenticateHost(host string) bool {
	a := h.gate.authority
	return a != "" && strings.TrimSuffix(host, ":443") == strings.TrimSuffix(a, ":443")
}

// match finds the route.
func (h *Handler) match(x *exchange) error {
	route, outcome := h.gate.router.Match(x.host, x.target.match)
	if outcome != Found {
		return weberr.NotFound(x.host)
	}
	if err := h.gate.checkParameters(x.host, x.target, route); err != nil {
		return err
	}
	x.plan = h.plans[route]
	x.r = ui.Prefer(x.r, route.Answers)
	telemetry.AccessFrom(x.r.Context()).SetRoute(route.Name)
	return nil
}

// fail answers with an error.
func (h *Handler) fail(x *exchange, err error) {
	e := weberr.As(err)
	telemetry.AccessFrom(x.r.Context()).SetDetail(e.Code)
	level := slog.LevelDebug
	if e.HTTPStatus() >= http.StatusInternalServerError {
		level = slog.LevelWarn
	}
	if e.Err != nil {
		h.o.Logger.Log(x.r.Context(), level, "request failed", slog.String("code", e.Code), slog.String("host", x.host), slog.Any("error", e.Err))
	}
	h.dress(x)
	if e.HTTPStatus() == weberr.StatusClientCertificate {
		x.w.Header().Set("Connection", "close") // another certificate takes another connection
	}
	h.o.Render(x.w, x.r, e)
}

// contain keeps a panic within its request. http.ErrAbortHandler is how a
// broken answer is made visible to the client and goes on.
func (h *Handler) contain(x *exchange) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	h.o.Panicked()
	h.o.Logger.Error("panic contained", slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
	x.mu.Lock()
	started := x.started
	x.mu.Unlock()
	if started {
		panic(http.ErrAbortHandler)
	}
	h.fail(x, weberr.Internal(fmt.Errorf("panic: %v", v)))
}
