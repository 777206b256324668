package okta

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"sallyport/internal/oktaurl"
)

var errLink = errors.New("link to the next page is malformed")

// nextLink returns the address of the next page by h's Link lines (RFC 8288),
// joined by a gateway or not; nil when there is none. It is always on the host
// and the path that were asked: Okta may name its own host for an organisation
// that is asked by its custom domain, and a link to anywhere else is an error. A
// link that cannot be read is one too, since it may have been the next one.
func nextLink(h http.Header, asked *url.URL) (*url.URL, error) {
	var next *url.URL
	for _, line := range h.Values("Link") {
		for rest := strings.TrimSpace(line); rest != ""; {
			target, relations, tail, err := cutLink(rest)
			if err != nil {
				return nil, err
			}
			if hasRelation(relations, "next") {
				u, err := confine(target, asked)
				if err != nil {
					return nil, err
				}
				if next != nil && *next != *u {
					return nil, errors.New("more than one link to the next page")
				}
				next = u
			}
			rest = tail
		}
	}
	return next, nil
}

// cutLink takes the first link off a Link line.
func cutLink(s string) (target, relations, rest string, err error) {
	s = strings.TrimLeft(s, " \t")
	if !strings.HasPrefix(s, "<") {
		return "", "", "", errLink
	}
	target, s, ok := strings.Cut(s[1:], ">")
	if !ok {
		return "", "", "", errLink
	}
	for {
		s = strings.TrimLeft(s, " \t")
		switch {
		case s == "":
			return target, relations, "", nil
		case s[0] == ',':
			return target, relations, strings.TrimLeft(s[1:], " \t"), nil
		case s[0] != ';':
			return "", "", "", errLink
		}
		var name, value string
		if name, value, s, err = cutParameter(s[1:]); err != nil {
			return "", "", "", err
		}
		if strings.EqualFold(name, "rel") && relations == "" {
			relations = value
		}
	}
}

// cutParameter takes name=value or name="value" off s.
func cutParameter(s string) (name, value, rest string, err error) {
	s = strings.TrimLeft(s, " \t")
	end := strings.IndexAny(s, "=;, \t")
	if end < 0 {
		return s, "", "", nil
	}
	name, s = s[:end], strings.TrimLeft(s[end:], " \t")
	if !strings.HasPrefix(s, "=") {
		return name, "", s, nil
	}
	s = strings.TrimLeft(s[1:], " \t")
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, ";, \t")
		if end < 0 {
			end = len(s)
		}
		return name, s[:end], s[end:], nil
	}
	value, rest, ok := strings.Cut(s[1:], `"`)
	if !ok || strings.Contains(value, `\`) {
		return "", "", "", errLink
	}
	return name, value, rest, nil
}

func hasRelation(relations, want string) bool {
	for _, r := range strings.Fields(relations) {
		if strings.EqualFold(r, want) {
			return true
		}
	}
	return false
}

// confine checks a next link against the request it came for.
func confine(target string, asked *url.URL) (*url.URL, error) {
	u, err := url.Parse(target)
	if err != nil || u.User != nil || u.Opaque != "" {
		return nil, errLink
	}
	if u.Host != "" && !strings.EqualFold(u.Host, asked.Host) && !oktaurl.OnOkta(u.Hostname()) {
		return nil, fmt.Errorf("next page is on host %q, asked was %q", clip(u.Host, 100), asked.Host)
	}
	if u.Scheme != "" && u.Scheme != "https" && u.Scheme != asked.Scheme {
		return nil, fmt.Errorf("next page has scheme %q", clip(u.Scheme, 20))
	}
	if u.EscapedPath() != asked.EscapedPath() {
		return nil, fmt.Errorf("next page is on path %q, asked was %q", clip(u.Path, 200), asked.Path)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil || len(query) == 0 {
		return nil, errLink
	}
	return &url.URL{Scheme: asked.Scheme, Host: asked.Host, Path: asked.Path, RawPath: asked.RawPath, RawQuery: query.Encode()}, nil
}
