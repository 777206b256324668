package config

import "maps"

// globalTable is the keys of the configuration as a whole.
var globalTable = newTable("the configuration", append(inertKeys, refusedKeys...),
	listenKeys, downstreamMTLSKeys, autocertKeys, inertAutocertKeys, authenticateKeys, providerKeys, eventHookKeys, sessionKeys, identityKeys, headerKeys,
	storageKeys, telemetryKeys, metricsTLSKeys, healthKeys, hygieneKeys, brandingKeys, flagKeys, globalRouteKeys)

var bearerFormatKind = kind[string]{"default", value.bearerFormat}

var globalRouteKeys = []key[globals]{
	checked[globals]("services", kind[string]{"all", value.services},
		"Which of Pomerium's services run: all of them, always.").def("all"),
	checked[globals]("bearer_token_format", bearerFormatKind,
		"Which bearer tokens count: the proxy's own only.").def("default"),
	checked[globals]("codec_type", kind[string]{"one of auto, http1, http2", value.codec},
		"HTTP/1.1 and HTTP/2 are both served, whichever is asked for.").def("auto"),
	namedPolicyKeys, errorDetailsKey,
	custom("routes", "list of routes", func(g *globals, v value) { g.routes = v },
		"What is served: see the keys of a route. In the environment base64 of the YAML list.").as("policy"),
}

// config reads all entries into l.cfg: keys, then routes, then what must hold
// between them.
func (l *loader) config(entries []pair) {
	g := &globals{Config: l.cfg}
	l.cfg.WatchFiles = true
	l.cfg.SetResponseHeaders = maps.Clone(defaultResponseHeaders)
	l.cfg.Directory = directoryDefaults(l)
	said := decode(l, globalTable, g, entries)
	l.checkListen(g, said)
	l.checkAuthenticate(said)
	l.checkProvider(g, said)
	l.checkSession(g, said)
	l.checkStorage(g, said)
	l.checkTelemetry(g, said)
	l.checkHygiene(g, said)
	l.checkClientCertificates(g, said)
	l.errorDetails(g)
	l.routes(g, said)
	l.checkUnused()
	l.checkAutocert(g, said)
	l.checkCoverage(g)
}

func directoryDefaults(l *loader) (d Directory) {
	decode(l, directoryTable, &d, nil)
	return d
}

func (v value) services() (string, bool) {
	list, ok := v.texts()
	if !ok {
		return "", false
	}
	for _, s := range list {
		if bare(s) != "all" {
			v.expected("all", "everything runs in one process: start it once and leave services out")
			return "", false
		}
	}
	return "all", true
}

func (v value) bearerFormat() (string, bool) {
	s, ok := v.choice([]string{"default", "idp_access_token", "idp_identity_token", "jwt"})
	if ok && s != "default" {
		v.fail("the proxy's own tokens are accepted in Authorization headers: see programmatic access", "%s is not supported yet", s)
		return "", false
	}
	return s, ok
}

func (v value) codec() (string, bool) {
	s, ok := v.choice([]string{"auto", "http1", "http2", "http3"})
	switch {
	case ok && s == "http3":
		v.fail("leave it out: HTTP/1.1 and HTTP/2 are served", "http3 is not supported yet")
		return "", false
	case ok && s != "auto":
		v.warn("leave it out", "%s has no effect: HTTP/1.1 and HTTP/2 are both served", s)
	}
	return s, ok
}
