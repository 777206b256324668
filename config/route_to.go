package config

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

var destinationKeys = []key[draft]{
	custom("to", "URL, list of URLs, or list of \"URL,weight\"", readTo,
		"The upstreams: http, https, h2c (HTTP/2 without TLS) or unix:///SOCKET. A path is put in front of the request's. One of to, redirect and response is required."),
	custom("redirect", "mapping", readRedirect, "Answers with a redirect.").sub(redirectTable.list()),
	custom("response", "mapping", readResponse, "Answers by itself.").sub(responseTable.list()),
	works("load_balancing_policy", kind[string]{"one of round_robin", value.balancing}, func(d *draft) *string { return &d.LoadBalancing },
		"How requests are shared among several upstreams.").def("round_robin"),
}

// readTo reads destinations. A comma separates a URL from its weight, not two
// URLs.
func readTo(d *draft, v value) {
	items := []value{v}
	if v.n.Kind == yaml.SequenceNode {
		items, _ = v.list()
	}
	weighted, read := 0, 0
	for _, item := range items {
		u, ok := item.upstream()
		if !ok {
			continue
		}
		read++
		if u.Weight > 0 {
			weighted++
		}
		if len(d.To) > 0 {
			d.checkSameKind(item, u)
		}
		d.To = append(d.To, u)
	}
	if weighted > 0 && weighted < len(items) && read == len(items) {
		v.fail("give every upstream a weight, or none", "%d of %d upstreams have a weight", weighted, len(items))
	}
	if len(items) == 0 {
		v.fail("such as http://127.0.0.1:8080", "names no upstream")
	}
}

// checkSameKind reports an upstream that differs from the first in more than
// its host: one request would mean different things to them.
func (d *draft) checkSameKind(v value, u Upstream) {
	first := d.To[0].URL
	if u.URL.Scheme != first.Scheme {
		v.fail("upstreams of one route speak alike", "scheme %s beside %s", u.URL.Scheme, first.Scheme)
		return
	}
	if u.URL.Scheme != "unix" && u.URL.EscapedPath() != first.EscapedPath() {
		v.fail("upstreams of one route have the same path", "path %q beside %q", u.URL.EscapedPath(), first.EscapedPath())
	}
	for _, other := range d.To {
		if other.URL.String() == u.URL.String() {
			v.fail("keep one", "the same upstream twice")
		}
	}
}

func (v value) upstream() (Upstream, bool) {
	if v.n.Kind == yaml.MappingNode {
		v.expected("a URL", "a weight follows the URL after a comma: http://127.0.0.1:8080,10")
		return Upstream{}, false
	}
	s, ok := v.word()
	if !ok {
		return Upstream{}, false
	}
	w, weight := v, 0
	if head, tail, found := cutLast(s, ","); found {
		n, err := strconv.Atoi(strings.TrimSpace(tail))
		if err != nil || n < 1 || n > 1_000_000 {
			v.fail("several upstreams are a YAML list", "expected a weight from 1 to 1000000 after the comma")
			return Upstream{}, false
		}
		w, weight = v.derived(strings.TrimSpace(head)), n
	}
	u, ok := w.upstreamURL()
	return Upstream{URL: u, Weight: weight}, ok
}

func cutLast(s, sep string) (head, tail string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

func (v value) upstreamURL() (*url.URL, bool) {
	scheme, rest, _ := strings.Cut(v.n.Value, "://")
	switch strings.ToLower(scheme) {
	case "unix", "http+unix":
		return v.socket(rest)
	case "tcp", "udp", "ssh", "https+unix":
		v.fail("http, https, h2c and unix are; leave the route out", "upstreams of scheme %s are not supported yet", strings.ToLower(scheme))
		return nil, false
	}
	u, ok := v.absoluteURL()
	switch {
	case !ok:
		return nil, false
	case !slices.Contains([]string{"http", "https", "h2c"}, u.Scheme):
		v.expected("a URL of http, https, h2c or unix", "")
		return nil, false
	case u.RawQuery != "" || u.ForceQuery:
		v.expected("a URL without a query", "")
		return nil, false
	}
	host, err := canonicalHost(u.Hostname())
	if err != nil {
		v.fail("a host name or an address, such as http://127.0.0.1:8080", "%v", err)
		return nil, false
	}
	u.Host = joinPort(host, u.Port(), "")
	return u, true
}

// socket is an upstream that listens on a Unix socket.
func (v value) socket(path string) (*url.URL, bool) {
	if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "?#") || len(path) > 107 {
		v.expected("unix:///PATH of at most 107 characters", "")
		return nil, false
	}
	return &url.URL{Scheme: "unix", Path: path}, true
}

func (v value) balancing() (string, bool) {
	s, ok := v.choice([]string{"round_robin", "least_request", "random", "ring_hash", "maglev"})
	switch {
	case !ok:
		return "", false
	case s == "ring_hash" || s == "maglev":
		v.fail("round_robin is", "%s is not supported yet: requests of one session would not stay with one upstream", s)
		return "", false
	case s != "round_robin":
		v.warn("delete it, or write round_robin", "%s has no effect: upstreams take turns", s)
	}
	return "round_robin", true
}

// checkDestination wants exactly one destination.
func (d *draft) checkDestination() {
	var names []string
	for _, name := range []string{"to", "redirect", "response"} {
		if d.said[name].given() {
			names = append(names, name)
		}
	}
	switch len(names) {
	case 0:
		d.fail("to names the upstream, such as http://127.0.0.1:8080", "expected one of to, redirect and response in this route")
	case 1:
	default:
		d.said[names[1]].fail("keep one of them", "given beside %s", names[0])
	}
	if v := d.said["load_balancing_policy"]; v.given() && len(d.To) < 2 {
		v.warn("delete it, or give a list of upstreams in to", "has no effect without several upstreams")
	}
}
