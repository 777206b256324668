package authorize

import (
	"net/http"
	"net/url"
	"strings"
)

// covered stands for what must not be written down.
const covered = "[redacted]"

// secretParts give away names of headers and parameters that carry secrets.
// Covering too much costs a log line some use; covering too little, an account.
var secretParts = []string{
	"auth", "code", "cookie", "credential", "jwt", "key", "pass", "secret", "session", "sig", "token", "assertion", "state",
}

func secretName(name string) bool {
	name = strings.ToLower(name)
	for _, part := range secretParts {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// coverHeader returns the header with values of secret names covered.
func coverHeader(h http.Header) map[string]string {
	out := make(map[string]string, len(h))
	for name, values := range h {
		out[name] = strings.Join(values, ",")
		if secretName(name) {
			out[name] = covered
		}
	}
	return out
}

// coverQuery returns the query with values of secret names covered, in the order
// it came. A name that cannot be decoded counts as secret.
func coverQuery(query string) string {
	params := strings.Split(query, "&")
	for i, param := range params {
		name, _, hasValue := strings.Cut(param, "=")
		plain, err := url.QueryUnescape(name)
		if hasValue && (err != nil || secretName(plain)) {
			params[i] = name + "=" + covered
		}
	}
	return strings.Join(params, "&")
}
