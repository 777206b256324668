package config

import (
	"slices"
	"strings"

	"sallyport/internal/nearest"
)

var telemetryKeys = []key[globals]{
	works("log_level", enum("trace", "debug", "info", "warn", "error", "fatal", "panic", "off", "disabled"), func(g *globals) *string { return &g.Telemetry.LogLevel },
		"The least severe records that are logged.").def("info"),
	works("access_log_fields", fieldsKind(accessFields), func(g *globals) *[]string { return &g.Telemetry.AccessLogFields },
		"Fields of the record of each request: "+strings.Join(accessFields, ", ")+", or headers.NAME.").
		unset("all but client-certificate, cluster-stat-name, ip, query and headers"),
	works("authorize_log_fields", fieldsKind(authorizeFields), func(g *globals) *[]string { return &g.Telemetry.AuthorizeLogFields },
		"Fields of the record of each decision: "+strings.Join(authorizeFields, ", ")+", or headers.NAME.").
		unset("all but body, cluster-stat-name, headers, id-token, id-token-claims, mcp-* and query"),
	works("metrics_address", addressKind, func(g *globals) *string { return &g.Telemetry.MetricsAddress },
		"Where Prometheus finds `/metrics`.").unset("no such listener"),
	custom("metrics_basic_auth", "base64 of USER:PASSWORD", readBasicAuth,
		"What `/metrics` asks for.").secret().file(),
}

// metricsTLSKeys are read, and refused until the listener of /metrics speaks TLS:
// without it figures would go to whoever asks.
var metricsTLSKeys = []key[globals]{
	custom("metrics_certificate", pemKind.name, func(g *globals, v value) { g.metrics.cert.read(v) },
		noMetricsTLS).status(NotSupported, metricsHint).file(),
	custom("metrics_certificate_key", pemKind.name, func(g *globals, v value) { g.metrics.key.read(v) },
		noMetricsTLS).status(NotSupported, metricsHint).secret().file(),
	works("metrics_client_ca", caKind, func(g *globals) *[]byte { return &g.Telemetry.MetricsClientCA },
		noMetricsTLS).status(NotSupported, metricsHint).file(),
}

var healthKeys = []key[globals]{
	works("health_check_addr", addressKind, func(g *globals) *string { return &g.Telemetry.HealthAddress },
		"Where `/readyz`, `/healthz`, `/startupz` and `/status` are answered.").def("127.0.0.1:28080"),
	works("debug_address", addressKind, func(g *globals) *string { return &g.Telemetry.DebugAddress },
		"Where profiles are served. Never on an address that strangers reach.").unset("no such listener"),
}

const (
	noMetricsTLS = "/metrics is served without TLS by this version, to everybody who reaches metrics_address"
	metricsHint  = "bind metrics_address to a private network, and set metrics_basic_auth"
)

var accessFields = []string{
	"authority", "client-certificate", "cluster-stat-name", "duration", "forwarded-for", "ip", "method", "path", "query",
	"referer", "request-id", "response-code", "response-code-details", "size", "upstream-cluster", "user-agent",
}

var authorizeFields = []string{
	"body", "check-request-id", "cluster-stat-name", "email", "envoy-route-checksum", "envoy-route-id", "headers", "host",
	"id-token", "id-token-claims", "impersonate-email", "impersonate-session-id", "impersonate-user-id", "ip",
	"mcp-method", "mcp-tool", "mcp-tool-parameters", "method", "path", "query", "removed-groups-count", "request-id",
	"route-checksum", "route-id", "service-account-id", "session-id", "user",
}

// fieldsKind is a list of names of log fields.
func fieldsKind(known []string) kind[[]string] {
	return kind[[]string]{"list of text", func(v value) ([]string, bool) {
		items, ok := v.list()
		out := make([]string, 0, len(items))
		for _, item := range items {
			s, good := item.word()
			ok = ok && good
			if !good {
				continue
			}
			if !slices.Contains(known, s) && !strings.HasPrefix(s, "headers.") {
				hint := "known are " + strings.Join(known, ", ") + " and headers.NAME"
				if near := nearest.To(strings.ReplaceAll(s, "_", "-"), known); near != "" {
					hint = "did you mean \"" + near + "\"?"
				}
				item.fail(hint, "unknown field %s", shortQuote(s))
				ok = false
			}
			out = append(out, s)
		}
		return out, ok
	}}
}

func readBasicAuth(g *globals, v value) {
	s, ok := v.word()
	if !ok {
		return
	}
	b, err := decode64(s)
	if err != nil || !strings.Contains(string(b), ":") {
		v.fail("make it with: printf 'USER:PASSWORD' | base64", "expected base64 of USER:PASSWORD")
		return
	}
	g.Telemetry.MetricsBasicAuth = s
}

func (l *loader) checkTelemetry(g *globals, said given) {
	if c := g.metrics.complete(said, "metrics_certificate", "metrics_certificate_key"); c != nil {
		g.Telemetry.MetricsCertificate = *c
	}
	if v := said["metrics_client_ca"]; v.given() && !said["metrics_certificate"].given() {
		v.fail("client certificates need TLS", "given without metrics_certificate")
	}
	for _, name := range []string{"metrics_basic_auth", "metrics_certificate"} {
		if v := said[name]; v.given() && g.Telemetry.MetricsAddress == "" {
			v.warn("delete it, or set metrics_address, such as 127.0.0.1:9090", "has no effect without metrics_address")
		}
	}
	owner := map[string]string{g.Listen.Address: "address"}
	for _, k := range []struct{ name, address string }{
		{"http_redirect_addr", g.Listen.HTTPRedirectAddr},
		{"metrics_address", g.Telemetry.MetricsAddress},
		{"health_check_addr", g.Telemetry.HealthAddress},
		{"debug_address", g.Telemetry.DebugAddress},
	} {
		if k.address == "" || strings.HasSuffix(k.address, ":0") {
			continue
		}
		if other := owner[k.address]; other != "" && said[k.name].given() {
			said[k.name].fail("give each listener a port of its own", "is the same address as %s", other)
		}
		owner[k.address] = k.name
	}
}
