package config

import (
	"encoding/json"
	"regexp"
	"strings"
)

// apiToken is what an Okta API token may look like: opaque, without spaces.
var apiToken = regexp.MustCompile(`^[A-Za-z0-9_.~-]{20,}$`)

func readServiceAccount(g *globals, v value) {
	const form = `expected base64 of {"api_key": "..."}, or an API token`
	s, ok := v.word()
	if !ok {
		return
	}
	s = strings.TrimPrefix(s, "SSWS ")
	raw := []byte(s)
	if b, err := decode64(s); err == nil && strings.HasPrefix(strings.TrimSpace(string(b)), "{") {
		raw = b
	} else if !strings.HasPrefix(s, "{") {
		if !apiToken.MatchString(s) {
			v.fail("make it with: echo '{\"api_key\": \"TOKEN\"}' | base64", form)
			return
		}
		g.Provider.ServiceAccount = ServiceAccount{APIKey: s}
		return
	}
	var account map[string]any
	if err := json.Unmarshal(raw, &account); err != nil {
		v.fail("make it with: echo '{\"api_key\": \"TOKEN\"}' | base64", form+"; what it decodes to is not JSON")
		return
	}
	key, _ := account["api_key"].(string)
	key = strings.TrimPrefix(strings.TrimSpace(key), "SSWS ")
	switch _, byKey := account["private_key"]; {
	case key != "" && !strings.ContainsAny(key, " \t\r\n"):
		g.Provider.ServiceAccount = ServiceAccount{APIKey: key, Raw: raw}
	case byKey:
		v.fail("make an API token in Okta (Security, API, Tokens) and give it as api_key", "service apps with a private key are not supported yet")
	default:
		v.fail("it is the API token made in Okta under Security, API, Tokens", "expected \"api_key\" in the JSON")
	}
}
