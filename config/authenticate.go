package config

import (
	"net"
	"net/url"
)

var authenticateKeys = []key[globals]{
	custom("authenticate_service_url", urlKind.name, readAuthenticateURL,
		"The public URL of the authenticate host, where sign-ins start and Okta sends people back to: `/oauth2/callback` below it is the redirect URI to register. https, without a path. Required."),
	works("signout_redirect_url", urlKind, func(g *globals) **url.URL { return &g.Authenticate.SignOutRedirectURL },
		"Where people land after signing out.").unset("a page that says so"),
	works("programmatic_redirect_domain_whitelist", textsKind, func(g *globals) *[]string { return &g.Authenticate.ProgrammaticRedirectDomains },
		"Hosts to which a program's sign-in may return.").def("localhost"),
	works("allow_session_token_in_query", boolKind, func(g *globals) *bool { return &g.Authenticate.AllowSessionTokenInQuery },
		"Takes a program's token from `?pomerium_session=` too. URLs end in logs and histories: leave it off where the Authorization header can be used.").def("false").ours(),
}

func readAuthenticateURL(g *globals, v value) {
	u, ok := v.webURL()
	if !ok {
		return
	}
	if u.Scheme != "https" {
		v.expected("a URL that begins with https://", "browsers must reach it by https even where TLS ends in front of the proxy (insecure_server)")
		return
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" {
		v.expected("a URL without a path", "the callback path is /oauth2/callback and cannot be changed")
		return
	}
	host, err := canonicalHost(u.Hostname())
	if err != nil {
		v.fail("a host name, such as authenticate.example.com", "%v", err)
		return
	}
	g.Authenticate.URL = &url.URL{Scheme: "https", Host: joinPort(host, u.Port(), "443")}
}

// joinPort is host with port unless that is the scheme's own.
func joinPort(host, port, own string) string {
	if port != "" && port != own {
		return net.JoinHostPort(host, port)
	}
	if net.ParseIP(host) != nil && net.ParseIP(host).To4() == nil {
		return "[" + host + "]"
	}
	return host
}

func (l *loader) checkAuthenticate(said given) {
	if !said["authenticate_service_url"].given() {
		l.missing("authenticate_service_url", "the public URL of the sign-in host, such as https://authenticate.example.com; Pomerium's hosted one is not used")
	}
}
