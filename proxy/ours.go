package proxy

import (
	"net/http"
	"slices"
	"strings"
)

// cleanAuthorization drops the forms of Authorization that are meant for us.
func cleanAuthorization(h http.Header) {
	values := h["Authorization"]
	if !slices.ContainsFunc(values, isOurs) {
		return
	}
	if values = slices.DeleteFunc(slices.Clone(values), isOurs); len(values) == 0 {
		delete(h, "Authorization")
	} else {
		h["Authorization"] = values
	}
}

// isOurs recognises "Pomerium TOKEN" and "Bearer Pomerium-TOKEN", in any case.
func isOurs(authorization string) bool {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(authorization), " ")
	if strings.EqualFold(scheme, "Pomerium") {
		return true
	}
	const mark = "Pomerium-"
	rest = strings.TrimLeft(rest, " \t")
	return strings.EqualFold(scheme, "Bearer") && len(rest) >= len(mark) && strings.EqualFold(rest[:len(mark)], mark)
}

// cleanCookies takes our cookies from the Cookie header and leaves the others
// byte for byte.
func cleanCookies(h http.Header, owns func(string) bool) {
	values := h["Cookie"]
	if len(values) == 0 || !slices.ContainsFunc(values, func(v string) bool { return holdsOurs(v, owns) }) {
		return
	}
	var kept []string
	for _, value := range values {
		for pair := range strings.SplitSeq(value, ";") {
			if pair = strings.TrimSpace(pair); pair != "" && !owns(cookieName(pair)) {
				kept = append(kept, pair)
			}
		}
	}
	if len(kept) == 0 {
		delete(h, "Cookie")
		return
	}
	h["Cookie"] = []string{strings.Join(kept, "; ")}
}

func holdsOurs(value string, owns func(string) bool) bool {
	for pair := range strings.SplitSeq(value, ";") {
		if owns(cookieName(pair)) {
			return true
		}
	}
	return false
}

// cookieName is the name a browser would give to a cookie pair. A pair without
// a name is sent back by browsers as its value alone, so that "=a=b" becomes
// cookie a.
func cookieName(pair string) string {
	name, rest, found := strings.Cut(pair, "=")
	if name = strings.Trim(name, " \t"); found && name == "" {
		name, _, _ = strings.Cut(rest, "=")
	}
	return strings.Trim(name, " \t\"")
}

// sessionParam is Pomerium's query parameter for a session token.
const sessionParam = "pomerium_session"

// cleanQuery takes the session token from a query and leaves the rest byte for
// byte.
func cleanQuery(raw string) string {
	if raw == "" || !strings.Contains(raw, "_session") && strings.IndexByte(raw, '%') < 0 {
		return raw
	}
	kept := make([]string, 0, 8)
	dropped := false
	for param := range strings.SplitSeq(raw, "&") {
		if isSessionParam(param) {
			dropped = true
			continue
		}
		kept = append(kept, param)
	}
	if !dropped {
		return raw
	}
	return strings.Join(kept, "&")
}

// isSessionParam compares the decoded name; a broken encoding stands for itself.
func isSessionParam(param string) bool {
	name, _, _ := strings.Cut(param, "=")
	if len(name) > 3*len(sessionParam) {
		return false
	}
	var b [len(sessionParam)]byte
	n := 0
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c == '%' && i+2 < len(name) && isHex(name[i+1]) && isHex(name[i+2]) {
			c = unhex(name[i+1])<<4 | unhex(name[i+2])
			i += 2
		}
		if n == len(b) {
			return false
		}
		b[n] = c
		n++
	}
	return string(b[:n]) == sessionParam
}
