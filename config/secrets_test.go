package config

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

const marker = "hunter2hunter2hunter2"

// told is everything that is said of a load.
func told(cfg *Config, problems []Problem) string {
	var b bytes.Buffer
	Format(&b, problems, false)
	if cfg != nil {
		Format(&b, cfg.Warnings, false)
	}
	fmt.Fprintf(&b, "%+v", problems)
	return b.String()
}

// secretKeyNames are the keys that may hold secrets.
func secretKeyNames(tab []Key) []string {
	var out []string
	for _, k := range tab {
		if k.Secret {
			out = append(out, k.Name)
		}
	}
	return out
}

func TestSecretsAreNeverTold(t *testing.T) {
	var texts []string
	forms := []string{
		"%s: " + marker, "%s: {a: " + marker + "}", "%s: [" + marker + ", x]", "%s: |\n      " + marker + "\n      more",
		"%s: \"" + marker + "\n      " + marker + "\"", "%s_file: " + marker, "%s_file: [" + marker + "]", "%sx: " + marker,
		"%s: " + marker + ": x", "%s: \"" + marker, "%s = " + marker, "%s: !!int " + marker, "%s: &a " + marker + "\n    b: *a",
		"%s: @" + marker, "%s: '" + marker + "$' ", "%s: {x: 1, y: " + marker + ", from: 3}",
	}
	for _, form := range forms {
		for _, name := range secretKeyNames(globalTable.list()) {
			texts = append(texts, strings.ReplaceAll(fmt.Sprintf(form, name), "\n    ", "\n  ")+"\n")
		}
		for _, name := range secretKeyNames(routeTable.list()) {
			texts = append(texts, "routes:\n  - from: https://app.example.com\n    "+fmt.Sprintf(form, name)+"\n")
		}
	}
	texts = append(texts,
		"to: http://me:"+marker+"@host\n",
		"authenticate_service_url: https://me:"+marker+"@host/x\n",
		"routes:\n  - from: https://me:"+marker+"@host/x\n    to: [\"https://me:"+marker+"@host,\", 'ftp://me:"+marker+"@host']\n",
		"routes:\n  - set_request_headers:\n      Authorization: Basic "+marker+" ${x}\n      X: \"${y} "+marker+"\\n\"\n",
		"routes:\n  - set_request_headers: "+marker+"\n",
		"routes:\n  - set_request_headers: [Authorization, "+marker+"]\n",
		"certificates: [{cert: testdata/cert.pem, key: "+marker+"}]\n",
		"mcp:\n  server: {upstream_oauth2: {client_secret: "+marker+"}}\n",
		"identity_providers: {a: {client_secret: "+marker+"}}\n",
		"routes:\n  - set_request_headers: {X: \"Basic abc$"+marker+"\", Y: \"${"+marker+"}\"}\n",
		"metrics_address: x\nmetrics_basic_auth: "+marker+"\n",
	)
	for _, text := range texts {
		if out := told(tryLoad(text)); strings.Contains(out, marker) {
			t.Errorf("told the secret of\n%s\n%s", text, out)
		}
	}
	for _, name := range secretKeyNames(globalTable.list()) {
		for _, suffix := range []string{"", "_FILE"} {
			if out := told(tryLoad("log_level: info\n", strings.ToUpper(name)+suffix+"="+marker)); strings.Contains(out, marker) {
				t.Errorf("told the secret of variable %s%s:\n%s", strings.ToUpper(name), suffix, out)
			}
		}
	}
	if len(texts) < 200 {
		t.Errorf("expected 200 texts and more, got %d", len(texts))
	}
}

func TestExcerptMasksOnlyTheSecret(t *testing.T) {
	_, problems := tryLoad("cookie_secret: abc\ntimeout_read: 5\n")
	if len(problems) != 2 || problems[0].Excerpt != "cookie_secret: "+mask || problems[1].Excerpt != "timeout_read: 5" {
		t.Errorf("got %+v", problems)
	}
}
