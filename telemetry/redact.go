package telemetry

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// redacted stands where a secret was.
const redacted = "<redacted>"

// secretHeaders never reach a log, in any spelling.
var secretHeaders = map[string]bool{
	"authorization": true, "proxy-authorization": true, "cookie": true, "set-cookie": true,
	"x-pomerium-authorization": true, "x-pomerium-jwt-assertion": true, "x-pomerium-jwt-assertion-for": true,
	"dpop": true, "x-api-key": true, "x-okta-verification-challenge": true,
}

// CleanHeader returns the value of a header as a log may show it.
func CleanHeader(name, value string) string {
	if value != "" && secretHeaders[strings.ReplaceAll(strings.ToLower(name), "_", "-")] {
		return redacted
	}
	return value
}

// secretParams are query parameters that grant something to whoever has them.
var secretParams = []string{
	"code", "state", "nonce", "token", "jwt", "session", "signature", "assertion", "secret",
	"password", "verifier", "key", "hint", "pomerium_redirect_uri",
}

// CleanQuery returns a raw query with the values of parameters that could grant
// something replaced; names are kept.
func CleanQuery(raw string) string {
	if raw == "" {
		return ""
	}
	parts := strings.Split(raw, "&")
	for i, part := range parts {
		name, _, found := strings.Cut(part, "=")
		if found && isSecretParam(name) {
			parts[i] = name + "=" + redacted
		}
	}
	return strings.Join(parts, "&")
}

func isSecretParam(name string) bool {
	name = strings.ToLower(name)
	for _, s := range secretParams {
		if strings.Contains(name, s) {
			return true
		}
	}
	return strings.Contains(name, "%") // an encoded name hides which one it is
}

// SessionLabel names a session in logs and pages without giving its id away:
// the first 12 hex digits of its SHA-256.
func SessionLabel(id string) string {
	if id == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:6])
}
