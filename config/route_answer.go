package config

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

var redirectTable = newTable("redirect", nil, []key[Redirect]{
	works("https_redirect", boolKind, func(r *Redirect) *bool { return &r.HTTPS }, "Sends to https.").def("false"),
	works("scheme_redirect", enum("https", "http"), func(r *Redirect) *string { return &r.Scheme }, "Sends to this scheme."),
	custom("host_redirect", "text", func(r *Redirect, v value) { r.Host = v.redirectHost() }, "Sends to this host."),
	custom("port_redirect", "number", func(r *Redirect, v value) {
		if r.Port, _ = v.integer(); r.Port < 0 || r.Port > 65535 {
			v.expected("a port from 1 to 65535", "")
		}
	}, "Sends to this port."),
	custom("path_redirect", "path", func(r *Redirect, v value) { r.Path = v.redirectPath() }, "Sends to this path."),
	custom("prefix_rewrite", "path", func(r *Redirect, v value) { r.Prefix = v.redirectPath() }, "Puts this in place of the matched prefix."),
	custom("response_code", "one of 301, 302, 303, 307, 308", func(r *Redirect, v value) {
		if r.Status, _ = v.integer(); !slices.Contains([]int{301, 302, 303, 307, 308}, r.Status) {
			v.expected("one of 301, 302, 303, 307, 308", "")
		}
	}, "The status.").def("301"),
	works("strip_query", boolKind, func(r *Redirect) *bool { return &r.StripQuery }, "Leaves the query out.").def("false"),
})

func (v value) redirectHost() string {
	s, ok := v.word()
	if !ok {
		return ""
	}
	u, err := url.Parse("//" + s)
	if err == nil && u.Host == s && u.User == nil {
		if host, err := canonicalHost(u.Hostname()); err == nil {
			return joinPort(host, u.Port(), "")
		}
	}
	v.expected("a host name", "the scheme goes to scheme_redirect, the path to path_redirect")
	return ""
}

// redirectPath is a path that stays on the host: "//host" and "/\host" do not.
func (v value) redirectPath() string {
	s, ok := v.word()
	if !ok {
		return ""
	}
	if !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || strings.HasPrefix(s, `/\`) || strings.ContainsAny(s, "\r\n\t?#") {
		v.expected("a path that begins with one /, without ? and #", "")
	}
	return s
}

func readRedirect(d *draft, v value) {
	entries, ok := v.pairs()
	if !ok {
		return
	}
	d.Redirect = &Redirect{}
	said := decode(v.l, redirectTable, d.Redirect, entries)
	for _, pair := range [][2]string{{"https_redirect", "scheme_redirect"}, {"path_redirect", "prefix_rewrite"}} {
		if a, b := said[pair[0]], said[pair[1]]; a.given() && b.given() {
			b.fail("keep one", "given beside %s", pair[0])
		}
	}
	for name := range said {
		if name != "response_code" && name != "https_redirect" {
			return
		}
	}
	if !d.Redirect.HTTPS {
		v.fail("say where to, for example with host_redirect", "leads back to where it came from")
	}
}

var responseTable = newTable("response", nil, []key[Response]{
	custom("status", "number", func(r *Response, v value) {
		if r.Status, _ = v.integer(); r.Status < 200 || r.Status > 599 || http.StatusText(r.Status) == "" {
			v.expected("a status from 200 to 599", "")
		}
	}, "The status.").def("200"),
	custom("body", "text", func(r *Response, v value) { r.Body, _ = v.text() }, "The body. set_response_headers says its type."),
})

func readResponse(d *draft, v value) {
	entries, ok := v.pairs()
	if !ok {
		return
	}
	d.Response = &Response{}
	decode(v.l, responseTable, d.Response, entries)
}
