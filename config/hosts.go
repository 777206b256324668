package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
)

// canonicalHost returns a host name as requests carry it: lower case, IDNs in
// their xn-- form. An address is taken as it is, IPv6 without brackets.
func canonicalHost(host string) (string, error) {
	host = strings.ToLower(host)
	if a, err := netip.ParseAddr(host); err == nil {
		if a.Zone() != "" {
			return "", errors.New("an address with a zone")
		}
		return a.String(), nil
	}
	if strings.HasSuffix(host, ".") {
		return "", fmt.Errorf("%q ends in a dot", host)
	}
	for i := 0; i < len(host); i++ {
		if host[i] < 0x80 {
			continue
		}
		ascii, err := idna.Lookup.ToASCII(host)
		if err != nil {
			return "", fmt.Errorf("%q is not a host name", host)
		}
		host = ascii
		break
	}
	if len(host) > 253 {
		return "", errors.New("a host name of more than 253 characters")
	}
	for label := range strings.SplitSeq(host, ".") {
		if !validLabel(label) {
			return "", fmt.Errorf("%q is not a host name", host)
		}
	}
	return host, nil
}

func validLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c == '-' || c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z') {
			return false
		}
	}
	return true
}

// canonicalPattern is canonicalHost for a host that may hold "*".
func canonicalPattern(host string) (string, error) {
	if !strings.Contains(host, "*") {
		return canonicalHost(host)
	}
	host = strings.ToLower(host)
	for i := 0; i < len(host); i++ {
		if host[i] >= 0x80 {
			return "", fmt.Errorf("%q: write an internationalised name in its xn-- form beside \"*\"", host)
		}
	}
	if _, err := canonicalHost(strings.ReplaceAll(host, "*", "x")); err != nil {
		return "", fmt.Errorf("%q is not a host name", host)
	}
	return host, nil
}

// patternCovers reports whether host is one that the pattern stands for; each
// "*" is any text, dots included.
func patternCovers(pattern, host string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == host
	}
	rest, ok := strings.CutPrefix(host, parts[0])
	if !ok {
		return false
	}
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return strings.HasSuffix(rest, last)
}
