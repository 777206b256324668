package config

import (
	"errors"
	"net/textproto"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"sallyport/internal/template"
)

var routeHeaderKeys = []key[draft]{
	custom("set_request_headers", "mapping of header to template", readRequestHeaders,
		"Headers to set towards the upstream. ${pomerium.jwt}, ${pomerium.access_token}, ${pomerium.id_token}, ${pomerium.client_cert_fingerprint}, ${pomerium.client_cert_san_dns}, ${pomerium.client_cert_san_email} (of a trusted client certificate) and ${pomerium.request.headers[\"X-Name\"]} stand for what they name, $$ for a dollar sign.").secret(),
	custom("remove_request_headers", "list of text", func(d *draft, v value) { d.RemoveRequestHeaders = v.headerNames() },
		"Headers that the upstream never gets."),
	custom("set_response_headers", "mapping of header to text", func(d *draft, v value) { d.SetResponseHeaders = v.responseHeaders(false) },
		"Headers to set on responses, over the global ones."),
	custom("rewrite_response_headers", "list of {header, prefix, value}", readRewriteHeaders,
		"Replaces the prefix of a response header's value, such as an internal address in Location."),
}

func readRequestHeaders(d *draft, v value) {
	ps, ok := v.pairs()
	if !ok {
		return
	}
	for _, p := range ps {
		p.key.secret = false
		name, ok := p.key.headerName()
		if !ok || p.value.null() {
			continue
		}
		p.value.secret = true
		text, ok := p.value.headerText()
		if !ok {
			continue
		}
		t, err := template.Parse(text)
		if err != nil {
			p.value.fail(referenceHint(err), "%v", err)
			continue
		}
		for _, k := range []template.Kind{template.ClientCertFingerprint, template.ClientCertSANDNS, template.ClientCertSANEmail} {
			if t.Uses(k) {
				d.certificateHeaders = append(d.certificateHeaders, p.value)
				break
			}
		}
		if slices.ContainsFunc(d.SetRequestHeaders, func(h Header) bool { return h.Name == name }) {
			p.key.fail("keep one", "header %q is given twice", name)
			continue
		}
		d.SetRequestHeaders = append(d.SetRequestHeaders, Header{name, text})
	}
}

// referenceHint says what could stand where a template is not understood.
func referenceHint(err error) string {
	if errors.Is(err, template.ErrUnknown) {
		return "known are " + strings.Join(template.Names(), ", ") + "; what is known of the person goes into headers by jwt_claims_headers"
	}
	return "write $$ for a dollar sign"
}

func (v value) headerNames() []string {
	items, _ := v.list()
	var out []string
	for _, item := range items {
		s, ok := item.word()
		switch {
		case !ok:
		case !httpguts.ValidHeaderFieldName(s):
			item.fail(headerNameHint, "%q cannot be the name of a header", s)
		case strings.EqualFold(s, "Host"):
			item.fail("use host_rewrite or preserve_host_header", "every request has a Host")
		default:
			out = append(out, textproto.CanonicalMIMEHeaderKey(s))
		}
	}
	return out
}

var rewriteHeaderTable = newTable("an entry of rewrite_response_headers", nil, []key[RewriteHeader]{
	custom("header", "header", func(r *RewriteHeader, v value) { r.Header, _ = v.headerName() }, "The header."),
	custom("prefix", "text", func(r *RewriteHeader, v value) { r.Prefix, _ = v.headerText() }, "What its value begins with."),
	custom("value", "text", func(r *RewriteHeader, v value) { r.Value, _ = v.headerText() }, "What to put in its place."),
})

func readRewriteHeaders(d *draft, v value) {
	items, _ := v.list()
	for _, item := range items {
		entries, ok := item.pairs()
		if !ok {
			continue
		}
		var r RewriteHeader
		said := decode(v.l, rewriteHeaderTable, &r, entries)
		if !said["header"].given() || !said["prefix"].given() || r.Prefix == "" {
			item.fail("such as {header: Location, prefix: http://internal/, value: https://app.example.com/}", "each entry needs header and prefix")
			continue
		}
		d.RewriteResponseHeaders = append(d.RewriteResponseHeaders, r)
	}
}
