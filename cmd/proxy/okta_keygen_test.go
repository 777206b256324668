package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/oktatest"
	"sallyport/internal/serviceaccount"
)

func TestKeygenMakesAValueThatIsReady(t *testing.T) {
	for _, algorithm := range []string{"RS256", "ES256"} {
		var m made
		if problems, status := callJSON(t, &m, "okta", "keygen", "--client-id", serviceApp, "--algorithm", algorithm); status != 0 {
			t.Fatal(problems)
		}
		a, err := serviceaccount.Parse(m.Private)
		if err != nil || a.ClientID != serviceApp || len(a.Keys) != 1 || string(a.Keys[0].Algorithm) != algorithm || a.Keys[0].ID != m.KeyID {
			t.Fatalf("%s: %+v, %v", algorithm, a, err)
		}
		if id, err := serviceaccount.Thumbprint(a.Keys[0].Private.Public()); err != nil || id != m.KeyID {
			t.Errorf("kid %q is not the thumbprint %q", m.KeyID, id)
		}
		var public map[string]any
		if err := json.Unmarshal(m.Public, &public); err != nil || public["kid"] != m.KeyID || public["use"] != "sig" || public["alg"] != algorithm {
			t.Errorf("public half %s", m.Public)
		}
		for _, part := range []string{"d", "p", "q", "dp", "dq", "qi"} {
			if public[part] != nil {
				t.Errorf("the public half holds %q", part)
			}
		}
	}
}

func TestKeygenKeepsThePrivateHalfToItsFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "account")
	out, problems, status := call(t, "okta", "keygen", "--client-id", serviceApp, "--algorithm", "ES256", "--out", path)
	if status != 0 {
		t.Fatal(problems)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	text, _ := os.ReadFile(path)
	if _, err := serviceaccount.Parse(string(text)); err != nil {
		t.Error(err)
	}
	if strings.Contains(out, strings.TrimSpace(string(text))) || !strings.Contains(out, path) {
		t.Errorf("printed:\n%s", out)
	}
	if _, problems, status := call(t, "okta", "keygen", "--client-id", serviceApp, "--out", path); status != 1 || !strings.Contains(problems, "exists already") {
		t.Errorf("a second time: %d %s", status, problems)
	}
	if again, _ := os.ReadFile(path); !bytes.Equal(text, again) {
		t.Error("the file was overwritten")
	}
	for _, args := range [][]string{
		{},
		{"--algorithm", "HS256", "--client-id", "x"},
		{"--format", "xml", "--client-id", "x"},
		{"--rotate", path, "--client-id", "0oaother"},
	} {
		if _, problems, status := call(t, append([]string{"okta", "keygen"}, args...)...); status != 2 {
			t.Errorf("%v: %d %s", args, status, problems)
		}
	}
	if _, problems, status := call(t, "okta", "keygen", "--client-id", "a b"); status != 1 || !strings.Contains(problems, "client_id") {
		t.Errorf("client id of two words: %d %s", status, problems)
	}
}

func TestKeygenRotatesWithoutAGap(t *testing.T) {
	k, file := organisation(t)
	text, _ := os.ReadFile(file)
	_, value, _ := strings.Cut(string(text), "idp_service_account: ")
	value, _, _ = strings.Cut(value, "\n")
	account := filepath.Join(t.TempDir(), "account")
	if err := os.WriteFile(account, []byte(value), 0o600); err != nil {
		t.Fatal(err)
	}
	var m made
	if problems, status := callJSON(t, &m, "okta", "keygen", "--rotate", account, "--algorithm", "ES256"); status != 0 {
		t.Fatal(problems)
	}
	rotated := configuration(t, k.URL(), "idp_service_account: "+m.Private)
	out, problems, status := call(t, "okta", "check", "--config", rotated)
	if status != 0 || !strings.Contains(out, "key 2 of 2") || !strings.Contains(out, "Public keys") {
		t.Errorf("before the new key is pasted: %d\n%s%s", status, out, problems)
	}
	var public jose.JSONWebKey
	if err := public.UnmarshalJSON(m.Public); err != nil {
		t.Fatal(err)
	}
	k.ChangeClient(serviceApp, func(c *oktatest.Client) { c.Keys.Keys = []jose.JSONWebKey{public} })
	if out, problems, status := call(t, "okta", "check", "--config", rotated); status != 0 || !strings.Contains(out, "key 1 of 2") {
		t.Errorf("after: %d\n%s%s", status, out, problems)
	}
}

func TestKeygenShowsThisDeploymentsValues(t *testing.T) {
	file := configuration(t, "https://acme.okta.com", "")
	out, _, status := call(t, "okta", "keygen", "--client-id", serviceApp, "--algorithm", "ES256", "--config", file)
	if status != 0 || !strings.Contains(out, "https://acme-admin.okta.com/admin/apps/active") || !strings.Contains(out, serviceApp) {
		t.Errorf("%d\n%s", status, out)
	}
	if err := os.WriteFile(file, []byte("nonsense: true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, problems, status := call(t, "okta", "keygen", "--client-id", serviceApp, "--algorithm", "ES256", "--config", file); status != 0 || !strings.Contains(problems, "has problems") || !strings.Contains(out, "Okta API Scopes") {
		t.Errorf("%d\n%s\n%s", status, out, problems)
	}
}
