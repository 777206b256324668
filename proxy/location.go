package proxy

import (
	"strconv"
	"strings"

	"sallyport/internal/weberr"
)

// location is where a redirect route leads.
func (x *exchange) location() (string, error) {
	r, rule := x.plan.route, x.plan.route.Redirect
	if err := x.h.gate.wrongPort(x.host); err != nil && rule.Host == "" {
		return "", err
	}
	scheme, host, port := x.publicScheme(), hostWithout(x.host), x.publicPort()
	from := scheme
	if rule.HTTPS {
		scheme = "https"
	}
	if rule.Scheme != "" {
		scheme = rule.Scheme
	}
	if rule.Host != "" {
		host, port = rule.Host, ""
	}
	if rule.Port > 0 {
		port = strconv.Itoa(rule.Port)
	} else if scheme != from && port == schemePort(from) {
		port = ""
	}
	if port != "" && port != schemePort(scheme) {
		host += ":" + port
	}
	path, query := x.target.escaped, x.target.query
	switch {
	case rule.Path != "":
		var own string
		if path, own, _ = strings.Cut(rule.Path, "?"); own != "" {
			query = own
		}
	case rule.Prefix != "":
		path = replacePrefix(r.Match, x.target, rule.Prefix)
	}
	if rule.StripQuery && !strings.Contains(rule.Path, "?") {
		query = ""
	}
	if query = cleanQuery(query); query != "" {
		path += "?" + query
	}
	if !strings.HasPrefix(path, "/") {
		return "", weberr.Internal(errRewrite)
	}
	return scheme + "://" + host + path, nil
}

// hostWithout is a cleaned authority without its port, brackets kept.
func hostWithout(authority string) string {
	if i := strings.LastIndexByte(authority, ':'); i > strings.LastIndexByte(authority, ']') {
		return authority[:i]
	}
	return authority
}

func schemePort(scheme string) string {
	if scheme == "http" {
		return "80"
	}
	return "443"
}
