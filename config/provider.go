package config

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"sallyport/internal/nearest"
	"sallyport/internal/oktaurl"
)

var providerKeys = []key[globals]{
	custom("idp_provider", "one of okta, oidc", readProviderName,
		"The identity provider: `okta`, or `oidc` for any other that speaks OpenID Connect. Required."),
	works("idp_provider_url", textKind, func(g *globals) *string { return &g.Provider.URL },
		"The issuer: for Okta the organisation, `https://acme.okta.com`, or one of its authorization servers, `https://acme.okta.com/oauth2/default`. Required."),
	works("idp_client_id", textKind, func(g *globals) *string { return &g.Provider.ClientID },
		"The client id of the OIDC web application at the provider. Required."),
	works("idp_client_secret", textKind, func(g *globals) *string { return &g.Provider.ClientSecret },
		"Its client secret. Required.").secret().file(),
	custom("idp_scopes", textsKind.name, readScopes,
		"Scopes to ask for. Without offline_access there is no refresh: changes at the provider are seen at the next sign-in only.").
		unset("openid profile email offline_access"),
	custom("idp_request_params", "mapping of text", readRequestParams,
		"Parameters to add to the sign-in request, such as prompt or acr_values."),
	custom("idp_service_account", "base64 of {\"client_id\": ..., \"private_key\": ...} or of {\"api_key\": ...}, or an API token", readServiceAccount,
		"What the directory is read with: an API Services app of Okta (`sallyport okta keygen` makes the value) or an API token. Policies on groups need it.").secret().file(),
	works("idp_refresh_directory_interval", positiveKind, func(g *globals) *time.Duration { return &g.Provider.RefreshInterval },
		"How often the directory is read as a whole, where it is; this version reads people at sign-in and at each refresh.").def("10m"),
	works("idp_refresh_directory_timeout", positiveKind, func(g *globals) *time.Duration { return &g.Provider.RefreshTimeout },
		"How long one reading of the directory may take.").def("1m"),
	works("idp_qps", numberKind, func(g *globals) *float64 { return &g.Provider.QPS },
		"The most requests a second to the directory's API.").unset("Okta's rate-limit headers set the pace"),
	custom("idp_ca_file", "path", readCAFile,
		"Certificates in PEM that are trusted towards the provider beside the system's, for proxies that open TLS.").ours(),
	works("idp_outage_grace", durationKind, func(g *globals) *time.Duration { return &g.Provider.OutageGrace },
		"How long past the expiry of its access token a session lives while the provider cannot be asked.").def("1h").ours(),
	works("idp_allow_unverified_email", boolKind, func(g *globals) *bool { return &g.Provider.AllowUnverifiedEmail },
		"Take the provider's addresses also where it does not vouch for them (`email_verified` is false or missing). Only where administrators set every address: whoever can type in their own gets what rules give to that address. Addresses of the directory need no such word. Sessions follow a change at their next refresh.").ours(),
	custom("directory", "mapping", func(g *globals, v value) {
		if entries, ok := v.pairs(); ok {
			decode(v.l, directoryTable, &g.Directory, entries)
		}
	}, "How the directory is used.").ours().sub(directoryTable.list()),
}

// otherProviders are Pomerium's that have no code of their own here, with the
// issuer to give for each as a provider of OpenID Connect; "" where there is none.
var otherProviders = map[string]string{
	"apple":    "https://appleid.apple.com",
	"auth0":    "https://TENANT.auth0.com/",
	"azure":    "https://login.microsoftonline.com/TENANT/v2.0",
	"cognito":  "https://cognito-idp.REGION.amazonaws.com/POOL",
	"github":   "",
	"gitlab":   "https://gitlab.com",
	"google":   "https://accounts.google.com",
	"onelogin": "https://TENANT.onelogin.com/oidc/2",
	"ping":     "https://auth.pingone.com/ENVIRONMENT/as",
}

func readProviderName(g *globals, v value) {
	s, ok := v.word()
	if !ok {
		return
	}
	name := strings.ToLower(s)
	issuer, other := otherProviders[name]
	switch {
	case name == "okta" || name == "oidc":
		g.Provider.Name = name
	case name == "hosted":
		v.expected("okta or oidc", "Pomerium's hosted sign-in is not used here: register a client at your own provider")
	case other && issuer == "":
		v.expected("okta or oidc", name+" does not speak OpenID Connect: connect it to Okta, and people sign in through Okta")
	case other:
		v.expected("okta or oidc", "write idp_provider: oidc and idp_provider_url: "+issuer)
	default:
		hint := "the providers are okta and oidc"
		if near := nearest.To(name, []string{"okta", "oidc"}); near != "" {
			hint = "did you mean \"" + near + "\"?"
		}
		v.expected("okta or oidc", hint)
	}
}

func readScopes(g *globals, v value) {
	scopes, ok := v.texts()
	if !ok || len(scopes) == 0 {
		return
	}
	g.Provider.Scopes = scopes
	if !slices.Contains(scopes, "openid") {
		v.fail("add openid", "expected the scope openid among them: there is no ID token without it")
	}
	if !slices.Contains(scopes, "offline_access") {
		v.warn("add offline_access, and grant the client refresh tokens",
			"without offline_access sessions cannot be refreshed: changes at the provider are seen at the next sign-in only")
	}
}

// ownParams are the parameters of a sign-in that its safety rests on.
var ownParams = []string{
	"client_id", "client_secret", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce",
	"code_challenge", "code_challenge_method", "request", "request_uri",
}

func readRequestParams(g *globals, v value) {
	ps, ok := v.pairs()
	if !ok {
		return
	}
	g.Provider.RequestParams = map[string]string{}
	for _, p := range ps {
		name := p.key.n.Value
		if slices.Contains(ownParams, name) {
			p.key.fail("delete it", "%q is set by each sign-in itself", name)
			continue
		}
		if s, ok := p.value.scalar(); ok {
			g.Provider.RequestParams[name] = s
		}
	}
}

func readCAFile(g *globals, v value) {
	path, ok := v.pathText(false)
	if !ok {
		return
	}
	w, ok := v.content(false)
	if !ok {
		return
	}
	if _, ok := w.authorities(); ok {
		g.Provider.CAFile = path
	}
}

func (l *loader) checkProvider(g *globals, said given) {
	for _, k := range []struct{ name, hint string }{
		{"idp_provider", "okta, or oidc for other providers of OpenID Connect"},
		{"idp_provider_url", "the issuer, such as https://acme.okta.com"},
		{"idp_client_id", "it is shown by the OIDC web application at the provider"},
		{"idp_client_secret", "it is shown by the OIDC web application at the provider; idp_client_secret_file reads it from a file"},
	} {
		if !said[k.name].given() {
			l.missing(k.name, k.hint)
		}
	}
	if v := said["idp_provider_url"]; v.given() && g.Provider.URL != "" {
		g.checkIssuer(v)
	}
	if v := said["idp_service_account"]; v.given() && g.Provider.Name == "oidc" {
		v.fail("claim/groups in a policy reads the groups that the token names", "the directory can be read with idp_provider okta only")
	}
}

// checkIssuer puts the issuer right.
func (g *globals) checkIssuer(v value) {
	if g.Provider.Name == "okta" {
		canonical, note, err := oktaurl.Canonical(g.Provider.URL)
		if err != nil {
			v.fail("the organisation's URL, such as https://acme.okta.com", "%s", userinfo.ReplaceAllString(err.Error(), "://"+mask+"@"))
			return
		}
		if note != "" {
			v.warn("write "+canonical, "put right: %s", note)
		}
		g.Provider.URL = canonical
		return
	}
	u, ok := v.webURL()
	if !ok {
		return
	}
	if u.RawQuery != "" || u.Scheme != "https" && !loopback(u.Hostname()) {
		v.expected("a URL that begins with https://, without a query", "")
	}
}

func loopback(host string) bool {
	host = strings.ToLower(host)
	a, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && a.IsLoopback()
}
