package session

import (
	"net/http"
	"strings"
)

const (
	// maxSessionCookie bounds the value of a session cookie that is worth opening;
	// ours are about 170 bytes.
	maxSessionCookie = 512
	// maxSameName bounds how many cookies of one name are tried. A browser sends
	// one; several come from whoever tries to shadow it.
	maxSameName = 8
	// maxHost is the greatest length of a host with its port.
	maxHost = 264
)

// SessionID returns the id in the session cookie of that name which was made for
// host. Cookies of the same name that do not open, be they garbage, of another
// host or of an old key, are passed over: the first that opens wins. A cookie
// seen before costs one look-up. It scans the header itself, since
// http.Request.Cookies allocates for every cookie of every application.
func (c *Codec) SessionID(r *http.Request, name, host string) (id string, ok bool) {
	if len(host) > maxHost {
		return "", false
	}
	tried := 0
	for _, line := range r.Header["Cookie"] {
		for line != "" && tried < maxSameName {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			value, named := cookieValue(pair, name)
			if !named {
				continue
			}
			tried++
			if id, ok := c.openSession(name, host, value); ok {
				return id, true
			}
		}
	}
	return "", false
}

// cookieValue returns the value of a "name=value" pair if it has that name.
func cookieValue(pair, name string) (value string, named bool) {
	for pair != "" && (pair[0] == ' ' || pair[0] == '\t') {
		pair = pair[1:]
	}
	if len(pair) <= len(name) || pair[len(name)] != '=' || pair[:len(name)] != name {
		return "", false
	}
	return strings.TrimRight(pair[len(name)+1:], " \t"), true
}

func (c *Codec) openSession(name, host, value string) (id string, ok bool) {
	if len(value) > maxSessionCookie {
		return "", false
	}
	if id, ok := c.seen.get(name, host, value); ok {
		return id, true
	}
	plain, err := c.open(sessionPurpose(name), host, value)
	if err != nil || len(plain) != idLen {
		return "", false
	}
	id = string(plain)
	c.seen.add(name, host, value, id)
	return id, true
}
