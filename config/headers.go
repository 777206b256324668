package config

import (
	"net/textproto"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// defaultResponseHeaders stand where set_response_headers is not given.
var defaultResponseHeaders = map[string]string{
	"X-Frame-Options":           "SAMEORIGIN",
	"X-Xss-Protection":          "1; mode=block",
	"Strict-Transport-Security": "max-age=31536000; includeSubDomains; preload",
}

var headerKeys = []key[globals]{
	custom("set_response_headers", "mapping of header to text", func(g *globals, v value) {
		g.SetResponseHeaders = v.responseHeaders(true)
	}, "Headers to set on every response. What is given takes the place of the defaults; `disable: true` leaves none.").
		unset("X-Frame-Options: SAMEORIGIN, X-XSS-Protection: 1; mode=block, Strict-Transport-Security: max-age=31536000; includeSubDomains; preload").
		as("headers"),
}

// refusedHeaders belong to the connection or to the proxy: setting or removing
// them would break the message or move it elsewhere.
var refusedHeaders = map[string]string{
	"Connection":          "it belongs to the connection",
	"Content-Length":      "it belongs to the message",
	"Host":                "use host_rewrite or preserve_host_header",
	"Keep-Alive":          "it belongs to the connection",
	"Proxy-Connection":    "it belongs to the connection",
	"Te":                  "it belongs to the connection",
	"Trailer":             "it belongs to the message",
	"Transfer-Encoding":   "it belongs to the message",
	"Upgrade":             "it belongs to the connection",
	"Http2-Settings":      "it belongs to the connection",
	"Proxy-Authorization": "it belongs to the connection",
}

// headerNameHint says what header names look like.
const headerNameHint = "letters, digits and -, such as X-Request-Source"

// headerName is the name of a header that a key may touch, in its usual case.
func (v value) headerName() (string, bool) {
	s, ok := v.word()
	if !ok {
		return "", false
	}
	name := textproto.CanonicalMIMEHeaderKey(s)
	switch {
	case strings.HasPrefix(s, ":"):
		v.fail("for the host, use host_rewrite or preserve_host_header", "pseudo-header %q cannot be changed", s)
	case !httpguts.ValidHeaderFieldName(s):
		v.fail(headerNameHint, "%q cannot be the name of a header", s)
	case refusedHeaders[name] != "":
		v.fail("delete it", "header %q cannot be changed here: %s", name, refusedHeaders[name])
	default:
		return name, true
	}
	return "", false
}

// responseHeaders reads headers to set on responses. With mayDisable the entry
// "disable: true" empties the list.
func (v value) responseHeaders(mayDisable bool) map[string]string {
	ps, ok := v.pairs()
	if !ok {
		return nil
	}
	out := map[string]string{}
	for _, p := range ps {
		if mayDisable && strings.EqualFold(p.key.n.Value, "disable") {
			if off, ok := p.value.boolean(); ok && off {
				return map[string]string{}
			}
			continue
		}
		name, ok := p.key.headerName()
		if !ok || p.value.null() {
			continue
		}
		if text, ok := p.value.headerText(); ok {
			if _, twice := out[name]; twice {
				p.key.fail("keep one", "header %q is given twice", name)
			}
			out[name] = text
		}
	}
	return out
}

// headerText is text that may be a header's value.
func (v value) headerText() (string, bool) {
	s, ok := v.scalar()
	if ok && !httpguts.ValidHeaderFieldValue(s) {
		v.fail("write it on one line", "expected one line without control characters, as a header's value is")
		return "", false
	}
	return s, ok
}
