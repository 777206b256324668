// Package oktaurl puts right what people paste where an Okta issuer is asked
// for, and refuses what cannot be one. It asks nothing of the network: that the
// organisation exists is found out by discovery (idp/oidc).
package oktaurl

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

// orgDomains are the domains Okta gives organisations a name under. On each the
// console of "acme" is at "acme-admin", whose discovery answers with the issuer
// of "acme" and so never matches.
var orgDomains = []string{
	"okta.com", "oktapreview.com", "okta-emea.com", "okta-gov.com", "okta.mil", "trexcloud.com",
}

// serverPath is the path of a custom authorization server's issuer.
var serverPath = regexp.MustCompile(`^/oauth2/([A-Za-z0-9_-]+)$`)

// hostName is a DNS name in lower case, IDNs in their xn-- form.
var hostName = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$`)

// Canonical returns raw as the issuer that Okta's tokens name:
// "https://acme.okta.com", or with the path of a custom authorization server
// "https://acme.okta.com/oauth2/default". The note says what was put right, for
// a warning, and is "" when nothing was. Canonical(canonical) changes nothing.
func Canonical(raw string) (canonical, note string, err error) {
	u, notes, err := parse(raw)
	if err != nil {
		return "", "", err
	}
	host, more, err := canonicalHost(u)
	if err != nil {
		return "", "", err
	}
	notes = append(notes, more...)
	path := strings.TrimRight(u.Path, "/")
	if path != u.Path {
		notes = append(notes, "removed the trailing slash")
	}
	if err := checkPath(path); err != nil {
		return "", "", err
	}
	return u.Scheme + "://" + host + path, strings.Join(notes, ", "), nil
}

// OrgURL returns the root of the organisation's API for an issuer that
// Canonical returned: scheme and host, no path.
func OrgURL(issuer string) (string, error) {
	canonical, _, err := Canonical(issuer)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(canonical)
	if err != nil {
		return "", err
	}
	return u.Scheme + "://" + u.Host, nil
}

// OnOkta reports whether host, without port, is one that Okta names itself
// rather than a customer's own domain.
func OnOkta(host string) bool {
	_, domain, ok := strings.Cut(strings.ToLower(host), ".")
	return ok && isOrgDomain(domain)
}

func parse(raw string) (*url.URL, []string, error) {
	var notes []string
	s := strings.TrimSpace(raw)
	switch {
	case s == "":
		return nil, nil, errors.New("expected the URL of an Okta organisation, got none")
	case strings.ContainsAny(s, "{}<>") || strings.Contains(strings.ToLower(s), "youroktadomain"):
		return nil, nil, fmt.Errorf("%q still holds a placeholder: write your own Okta domain, such as https://acme.okta.com", s)
	}
	if !strings.Contains(s, "://") {
		s = "https://" + s
		notes = append(notes, "added https://")
	}
	u, err := url.Parse(s)
	if err != nil {
		return nil, nil, fmt.Errorf("%q is not a URL", raw)
	}
	u.Scheme = strings.ToLower(u.Scheme)
	switch {
	case u.User != nil:
		return nil, nil, errors.New("expected a URL without user name and password")
	case u.RawQuery != "" || u.ForceQuery:
		return nil, nil, fmt.Errorf("expected a URL without a query, got %q", s)
	case u.Fragment != "" || strings.Contains(s, "#"):
		return nil, nil, fmt.Errorf("expected a URL without a fragment, got %q", s)
	case u.Scheme == "http" && isLoopback(u.Hostname()):
	case u.Scheme != "https":
		return nil, nil, fmt.Errorf("expected a URL that starts with https://, got %q", s)
	}
	return u, notes, nil
}

func canonicalHost(u *url.URL) (string, []string, error) {
	var notes []string
	host := strings.ToLower(u.Hostname())
	if host != u.Hostname() {
		notes = append(notes, "wrote the host in lower case")
	}
	if strings.HasSuffix(host, ".") {
		host = strings.TrimSuffix(host, ".")
		notes = append(notes, "removed the trailing dot of the host")
	}
	if _, err := netip.ParseAddr(host); err != nil && !hostName.MatchString(host) {
		return "", nil, fmt.Errorf("%q is not a host name; an internationalised one is written in its xn-- form", host)
	}
	if strings.HasSuffix(host, ".com.com") {
		return "", nil, fmt.Errorf("host %q ends in .com.com, which looks like a slip", host)
	}
	label, domain, _ := strings.Cut(host, ".")
	if isOrgDomain(domain) && strings.HasSuffix(label, "-admin") {
		for strings.HasSuffix(label, "-admin") {
			label = strings.TrimSuffix(label, "-admin")
		}
		if !hostName.MatchString(label) {
			return "", nil, fmt.Errorf("host %q names no organisation", host)
		}
		host = label + "." + domain
		notes = append(notes, "removed -admin, which is the console's host, not the organisation's")
	}
	port := u.Port()
	if port == "" && strings.HasSuffix(u.Host, ":") || u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		port = ""
		notes = append(notes, "removed the port, which is the default one")
	}
	switch {
	case port != "":
		host = net.JoinHostPort(host, port)
	case strings.Contains(host, ":"):
		host = "[" + host + "]"
	}
	return host, notes, nil
}

func checkPath(path string) error {
	if path == "" {
		return nil
	}
	if m := serverPath.FindStringSubmatch(path); m != nil && m[1] != "v1" {
		return nil
	}
	return fmt.Errorf("path %q is not that of an Okta issuer: expected none, or /oauth2/ and an authorization server's id such as /oauth2/default", path)
}

func isOrgDomain(domain string) bool {
	for _, d := range orgDomains {
		if domain == d {
			return true
		}
	}
	return false
}

func isLoopback(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
