package config

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

var upgradesKind = kind[[]string]{"list of text", value.upgrades}

var hygieneKeys = []key[globals]{
	works("merge_slashes", boolKind, func(g *globals) *bool { return &g.Hygiene.MergeSlashes },
		"Makes one slash of several in a path.").def("true"),
	works("normalize_path", boolKind, func(g *globals) *bool { return &g.Hygiene.NormalizePath },
		"Resolves . and .. in a path.").def("true"),
	works("path_with_escaped_slashes_action", enum("reject_request", "keep_unchanged", "unescape_and_redirect", "unescape_and_forward"),
		func(g *globals) *string { return &g.Hygiene.EscapedSlashes },
		"What happens to a path that holds %2F or %5C. Under keep_unchanged a policy must let it pass both as it stands and decoded.").def("reject_request"),
	works("path_parameters_action", enum("reject_ambiguous", "reject_request", "keep_unchanged"), func(g *globals) *string { return &g.Hygiene.PathParameters },
		"What happens to a path that holds a semicolon. Servlet containers cut off what follows it: `/admin;x/y` is `/admin/y` to them. reject_ambiguous refuses a path for which another route or another decision would hold then.").def("reject_ambiguous").ours(),
	works("headers_with_underscores_action", enum("reject_request", "allow", "drop_header"), func(g *globals) *string { return &g.Hygiene.Underscores },
		"What happens to a header whose name holds an underscore: many upstreams cannot tell it from a dash.").def("reject_request"),
	works("allow_upgrades", upgradesKind, func(g *globals) *[]string { return &g.Hygiene.AllowUpgrades },
		"Tokens of the Upgrade header that every route allows."),
	works("trusted_proxies", networksKind, func(g *globals) *[]netip.Prefix { return &g.Hygiene.TrustedProxies },
		"Networks of the proxies in front whose X-Forwarded-* headers are believed, and who alone may speak the PROXY protocol.").unset("nobody's").ours(),
	works("use_proxy_protocol", boolKind, func(g *globals) *bool { return &g.Hygiene.UseProxyProtocol },
		"Reads the PROXY protocol, version 1 or 2, from `trusted_proxies`: each of their connections to `address` must begin with it, on `http_redirect_addr` it may. Anybody else who sends one is refused.").def("false"),
	works("xff_num_trusted_hops", countKind, func(g *globals) *int { return &g.Hygiene.XFFTrustedHops },
		"How many proxies in front append to X-Forwarded-For. Beside `trusted_proxies`, how many more to step over beyond them; without, every client is believed, and whoever comes around the proxies can lie.").def("0"),
	works("skip_xff_append", boolKind, func(g *globals) *bool { return &g.Hygiene.SkipXFFAppend },
		"Leaves X-Forwarded-For towards upstreams as it came.").def("false"),
	works("default_upstream_timeout", durationKind, func(g *globals) *time.Duration { return &g.Upstream.Timeout },
		"How long an upstream may take to answer where the route says nothing. 0 is no limit.").def("30s"),
}

// upgrades is a list of tokens of the Upgrade header.
func (v value) upgrades() ([]string, bool) {
	items, ok := v.list()
	out := make([]string, 0, len(items))
	for _, item := range items {
		s, good := item.word()
		ok = ok && good
		switch {
		case !good:
		case !httpguts.ValidHeaderFieldName(s):
			item.expected("a token of the Upgrade header, such as websocket", "")
			ok = false
		case strings.EqualFold(s, "h2c") || strings.EqualFold(s, "connect"):
			item.fail("delete it", "upgrade %q is never passed on: what follows it would escape the policy", s)
			ok = false
		default:
			out = append(out, strings.ToLower(s))
		}
	}
	return out, ok
}

func (l *loader) checkHygiene(g *globals, said given) {
	if v := said["trusted_proxies"]; v.given() {
		if slices.ContainsFunc(g.Hygiene.TrustedProxies, func(p netip.Prefix) bool { return p.Bits() == 0 }) {
			v.warn("name the networks of the proxies in front", "everybody is trusted to say where they come from: source_ip rules can be lied to")
		}
	} else if hops := said["xff_num_trusted_hops"]; g.Hygiene.XFFTrustedHops > 0 {
		hops.warn("name the proxies in front in trusted_proxies", "whoever reaches the proxy can say where they come from: source_ip rules can be lied to")
	}
	if v := said["use_proxy_protocol"]; g.Hygiene.UseProxyProtocol && len(g.Hygiene.TrustedProxies) == 0 {
		v.fail("name the balancers in front in trusted_proxies", "nobody is trusted to speak it")
	}
}
