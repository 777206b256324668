package proxy

import (
	"net/http"
	"strings"
)

// connectionSchemes are those by which a server may believe whatever else comes
// over a connection: NTLM does by design, Negotiate in IIS and others, CredSSP in
// WinRM. RFC 4559 6 warns of proxies that share such a connection.
var connectionSchemes = map[string]bool{"ntlm": true, "negotiate": true, "nego2": true, "kerberos": true, "credssp": true}

// signsInConnection reports whether a request may make the connection to its
// upstream that of one person. Such a connection is closed after the answer:
// otherwise the next request over it, of whomever, would be in that person's name.
func signsInConnection(h http.Header) bool {
	for _, value := range h["Authorization"] {
		scheme := strings.TrimLeft(value, " \t,")
		if i := strings.IndexAny(scheme, " \t,"); i >= 0 {
			scheme = scheme[:i]
		}
		if connectionSchemes[strings.ToLower(scheme)] {
			return true
		}
	}
	return false
}
