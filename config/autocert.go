package config

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

var autocertKeys = []key[globals]{
	works("autocert", boolKind, func(g *globals) *bool { return &g.Listen.Autocert.Enabled },
		"Obtains and renews certificates by ACME for the authenticate host and the exact hosts of routes that no certificate given here covers. "+
			"Setting it agrees to the authority's terms. The authority reaches `address` on port 443 of the host, or `http_redirect_addr` on port 80.").def("false"),
	custom("autocert_ca", urlKind.name, (*globals).readAutocertCA,
		"The directory URL of the authority.").unset("Let's Encrypt"),
	custom("autocert_email", "e-mail address", (*globals).readAutocertEmail,
		"Where the authority may write to about the account.").unset("none is given"),
	works("autocert_use_staging", boolKind, func(g *globals) *bool { return &g.Listen.Autocert.Staging },
		"Uses Let's Encrypt's staging environment: for trying things out, its certificates are not trusted by browsers.").def("false"),
	works("autocert_must_staple", boolKind, func(g *globals) *bool { return &g.Listen.Autocert.MustStaple },
		"Asks for certificates that hold only with a stapled OCSP answer. Let's Encrypt no longer issues them.").def("false"),
	works("autocert_eab_key_id", textKind, func(g *globals) *string { return &g.Listen.Autocert.EABKeyID },
		"The key id of an account that exists with the authority outside of ACME, with `autocert_eab_mac_key`."),
	custom("autocert_eab_mac_key", "base64", (*globals).readAutocertMAC,
		"The key to `autocert_eab_key_id`, as the authority gave it.").secret(),
	works("autocert_trusted_ca", caKind, func(g *globals) *[]byte { return &g.Listen.Autocert.TrustedCA },
		"Authorities that are trusted for the connection to `autocert_ca`, beside the system's.").file(),
}

var inertAutocertKeys = []key[globals]{
	checked[globals]("autocert_dir", textKind, "certificates are kept in the store, encrypted, and shared by replicas").
		status(NoEffect, "leave it out; data_dir says where the store is"),
}

func (g *globals) readAutocertCA(v value) {
	u, ok := v.webURL()
	if ok && u.Scheme != "https" {
		v.expected("a URL that begins with https://", "")
		ok = false
	}
	if ok {
		g.Listen.Autocert.CA = u.String()
	}
}

func (g *globals) readAutocertEmail(v value) {
	s, ok := v.word()
	if !ok {
		return
	}
	s = strings.TrimPrefix(s, "mailto:")
	if name, host, found := strings.Cut(s, "@"); !found || name == "" || host == "" || strings.ContainsAny(s, " ,;<>") {
		v.expected("one e-mail address", "")
		return
	}
	g.Listen.Autocert.Email = s
}

// readAutocertMAC takes either alphabet of base64, padded or not, and keeps the
// form that ACME wants.
func (g *globals) readAutocertMAC(v value) {
	s, ok := v.word()
	if !ok {
		return
	}
	s = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(s, "="))
	if _, err := base64.RawURLEncoding.DecodeString(s); err != nil {
		v.expected("base64", "")
		return
	}
	g.Listen.Autocert.EABMACKey = s
}

// publicName reports whether a public authority could know the host.
func publicName(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil || !strings.Contains(host, ".") {
		return false
	}
	return !slices.ContainsFunc([]string{".localhost", ".local", ".internal", ".home.arpa", ".test", ".example", ".invalid"}, func(suffix string) bool {
		return strings.HasSuffix(host, suffix)
	})
}

// Names reports whether the authority can be asked for a certificate of host:
// an exact name, and one of the public name space for a public authority.
func (a Autocert) Names(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil || strings.Contains(host, "*") || host == "" {
		return false
	}
	return a.CA != "" || publicName(host)
}

// checkAutocert looks at what autocert makes of the whole.
func (l *loader) checkAutocert(g *globals, said given) {
	a := &g.Listen.Autocert
	if id, mac := said["autocert_eab_key_id"], said["autocert_eab_mac_key"]; id.given() != mac.given() {
		if id.given() {
			id.fail("the authority hands out both: add autocert_eab_mac_key", "given without autocert_eab_mac_key")
		} else {
			mac.fail("the authority hands out both: add autocert_eab_key_id", "given without autocert_eab_key_id")
		}
	}
	if v := said["autocert_use_staging"]; a.Staging && a.CA != "" {
		v.warn("keep one", "has no effect beside autocert_ca")
	}
	v := said["autocert"]
	switch {
	case !a.Enabled:
		for _, k := range autocertKeys[1:] {
			if other := said[k.Name]; other.given() && k.Name != "autocert_use_staging" {
				other.warn("add autocert: true, or remove it", "has no effect without autocert")
			}
		}
		return
	case g.Listen.Insecure:
		a.Enabled = false
		v.warn("remove it, or insecure_server", "has no effect beside insecure_server: TLS ends in front of the proxy")
		return
	case g.Storage.Type == "memory":
		v.warn("databroker_storage_type: file keeps them", "every start orders all certificates anew, and authorities limit how many")
	}
	l.checkAutocertHosts(g)
}

// checkAutocertHosts names the hosts that are left without a certificate.
func (l *loader) checkAutocertHosts(g *globals) {
	told := map[string]bool{}
	tell := func(at Position, host string) {
		if told[host] || g.Listen.Autocert.Names(host) || g.covered(host) {
			return
		}
		told[host] = true
		l.warn(at, "give a certificate for it in certificates", "autocert obtains no certificate for %q: only exact names are asked for, and of Let's Encrypt public ones", host)
	}
	if u := g.Authenticate.URL; u != nil {
		tell(Position{File: l.cfg.File}, hostOf(u))
	}
	for _, r := range g.Routes {
		tell(r.Position, r.From.Host)
	}
}

func hostOf(u *url.URL) string { return strings.ToLower(u.Hostname()) }

// checkCoverage names the hosts that browsers will complain about: no
// certificate that was given holds for them, and none is obtained.
func (l *loader) checkCoverage(g *globals) {
	if g.Listen.Autocert.Enabled || g.Listen.Insecure || len(g.certificateAt) == 0 {
		return
	}
	var bare []string
	note := func(host string) {
		if host != "" && !slices.Contains(bare, host) && !g.covered(host) {
			bare = append(bare, host)
		}
	}
	if u := g.Authenticate.URL; u != nil {
		note(hostOf(u))
	}
	for _, r := range g.Routes {
		if r.From.Scheme == "https" {
			note(r.From.Host)
		}
	}
	if len(bare) == 0 {
		return
	}
	more := ""
	if n := len(bare) - maxBare; n > 0 {
		bare, more = bare[:maxBare], fmt.Sprintf(" and %d more", n)
	}
	g.certificateAt[len(g.certificateAt)-1].warn("give one that does, or set autocert: true",
		"no certificate given holds for %s%s: browsers will warn of them", strings.Join(bare, ", "), more)
}

// maxBare is how many hosts without a certificate are named.
const maxBare = 5

// covered reports whether a certificate that was given holds for the host, or
// for what a wildcard stands for.
func (g *globals) covered(host string) bool {
	host = strings.ReplaceAll(host, "*", "x")
	if g.leaves == nil {
		for _, c := range g.Listen.Certificates {
			if pair, err := tls.X509KeyPair(c.Cert, c.Key); err == nil {
				g.leaves = append(g.leaves, pair.Leaf)
			}
		}
	}
	return slices.ContainsFunc(g.leaves, func(leaf *x509.Certificate) bool { return leaf.VerifyHostname(host) == nil })
}
