package proxy

import (
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"sallyport/config"
	"sallyport/internal/template"
)

// defaultIdleTimeout ends an exchange in which neither side sends.
const defaultIdleTimeout = 5 * time.Minute

// plan is a route made ready: everything about it that does not depend on the
// request.
type plan struct {
	route     *config.Route
	upstreams []*upstream
	turn      []int // indexes of upstreams, in weighted order
	next      atomic.Uint32

	upgrades []string // lower-case tokens that may switch protocols

	headers time.Duration // until response headers, 0: no bound
	total   time.Duration // until the end of the response, 0: no bound
	idle    time.Duration // without a byte either way, 0: no bound
	streams time.Duration // idle, after a switch of protocols

	set      []setHeader
	remove   []string        // canonical
	named    map[string]bool // of set and remove, as look-alikes meet: the client has no say over them
	response []fixedHeader
	rewrite  []config.RewriteHeader
	wantsJWT bool // some template uses it
	private  bool // nobody passes without a session
	mixed    bool // some requests need one
	only     *groupFilter
}

// setHeader is one of set_request_headers.
type setHeader struct {
	name     string // canonical
	template *template.Template
}

// fixedHeader is laid on responses; nothing mutates value.
type fixedHeader struct {
	name  string // canonical
	value []string
}

func (h *Handler) newPlan(r *config.Route) (*plan, error) {
	p := &plan{route: r, rewrite: r.RewriteResponseHeaders, named: map[string]bool{}, only: newGroupFilter(r.GroupsFilter), private: !r.Policy.Public(), mixed: r.Policy.AsksWhoIsThere()}
	p.setTimeouts(r, h.o.Upstream)
	p.setUpgrades(r, h.o.Hygiene)
	p.response = fixedHeaders(r.SetResponseHeaders)
	removed := r.RemoveRequestHeaders
	if r.Policy.DecidesBy("http_method") {
		removed = slices.Concat(removed, methodOverrides)
	}
	for _, name := range removed {
		p.remove = append(p.remove, textproto.CanonicalMIMEHeaderKey(name))
		p.named[canonical(name)] = true
	}
	for _, set := range r.SetRequestHeaders {
		t, err := template.Parse(set.Value)
		if err != nil {
			return nil, fmt.Errorf("set_request_headers: %s: %w", set.Name, err)
		}
		p.set = append(p.set, setHeader{textproto.CanonicalMIMEHeaderKey(set.Name), t})
		p.named[canonical(set.Name)] = true
		p.wantsJWT = p.wantsJWT || t.Uses(template.JWT)
	}
	for _, to := range r.To {
		u, err := h.newUpstream(r, to)
		if err != nil {
			return nil, fmt.Errorf("to: %w", err)
		}
		p.upstreams = append(p.upstreams, u)
	}
	p.turn = turns(r.To)
	return p, nil
}

// methodOverrides ask an application to act as if the request had come with
// another method. Where a policy says which methods may pass, they are not passed.
var methodOverrides = []string{
	"X-HTTP-Method-Override", "X-HTTP-MethodOverride", "X-HTTP-Method", "X-Method-Override", "X-Method-Overwrite", "X-Method", "X-Request-Method",
}

// setTimeouts follows Pomerium's keys. A timeout that a route states bounds the
// whole answer; the default one bounds the wait for its beginning, so that long
// downloads need no setting; where only idle_timeout is stated, nothing else
// bounds.
func (p *plan) setTimeouts(r *config.Route, d config.UpstreamDefaults) {
	p.headers, p.idle = d.Timeout, defaultIdleTimeout
	if r.Timeout != nil {
		p.headers, p.total = *r.Timeout, *r.Timeout
	} else if r.IdleTimeout != nil {
		p.headers = 0
	}
	if r.IdleTimeout != nil {
		p.idle, p.streams = *r.IdleTimeout, *r.IdleTimeout
	}
}

func (p *plan) setUpgrades(r *config.Route, h config.Hygiene) {
	if r.WebSockets {
		p.upgrades = append(p.upgrades, "websocket")
	}
	if r.SPDY {
		p.upgrades = append(p.upgrades, "spdy/3.1")
	}
	for _, token := range slices.Concat(r.Upgrades, h.AllowUpgrades) {
		p.upgrades = append(p.upgrades, strings.ToLower(token))
	}
}

// fixedHeaders spells the names of headers as net/http does.
func fixedHeaders(m map[string]string) []fixedHeader {
	var list []fixedHeader
	for name, value := range m {
		list = append(list, fixedHeader{textproto.CanonicalMIMEHeaderKey(name), []string{value}})
	}
	return list
}

// lay sets fixed headers on h.
func lay(h http.Header, fixed []fixedHeader) {
	for _, f := range fixed {
		h[f.name] = f.value
	}
}
