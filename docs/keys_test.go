package docs_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sallyport/config"
	"sallyport/policy"
)

// otherWords look like keys and are somebody else's: OAuth's, Okta's, claims.
var otherWords = map[string]bool{
	"access_denied": true, "invalid_client": true, "invalid_grant": true, "invalid_scope": true, "client_id": true,
	"offline_access": true, "redirect_uri": true, "post_logout_redirect_uri": true, "acr_values": true, "at_hash": true,
	"auth_time": true, "auth_jwt": true, "expect_claims": true, "email_verified": true, "login_url": true, "request_id": true,
	// operators of policies, keys of facts and policy tests
	"starts_with": true, "ends_with": true, "not_in": true, "in_file": true, "not_in_file": true, "has_file": true, "exclude_file": true,
	"source_ppl": true, "facts_file": true, "client_certificate_problem": true, "spki_hash": true, "san_email": true, "san_dns": true, "san_uri": true,
	"max_age": true, "enclave_only": true,
	// values of enforcement
	"policy_with_default_deny": true, "reject_connection": true,
}

// A key that a text names is one that the configuration knows, if only to
// refuse it with a reason; a metric is one that a running instance has.
func TestNamedKeysAreKnown(t *testing.T) {
	metrics, err := os.ReadFile("reference/metrics.md") // itself held to the code
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([a-z]+(?:_[a-z0-9]+)+)(?:: [^`]*)?`")
	checked := 0
	for _, p := range pages(t) {
		for _, m := range named.FindAllStringSubmatch(p.prose, -1) {
			if otherWords[m[1]] || slices.Contains(policy.Criteria(), m[1]) {
				continue
			}
			checked++
			if strings.HasPrefix(m[1], "sallyport_") {
				if !strings.Contains(string(metrics), "`"+m[1]+"`") {
					t.Errorf("%s names the metric %q, which the reference does not", p.path, m[1])
				}
				continue
			}
			if !known(m[1]) {
				t.Errorf("%s names the key %q, which the configuration does not know", p.path, m[1])
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d keys were found in the texts", checked)
	}
}

// known reports whether key is one of the whole configuration or of a route.
func known(key string) bool {
	for _, place := range []string{
		"%s: x\n", "branding:\n  %s: x\n", "downstream_mtls:\n  %s: x\n", "routes:\n  - from: https://a.example\n    %s: x\n",
		"routes:\n  - from: https://a.example\n    cors:\n      %s: x\n", "routes:\n  - from: https://a.example\n    maintenance:\n      %s: x\n",
	} {
		if accepts(fmt.Sprintf(place, key), key) {
			return true
		}
	}
	return false
}

func accepts(text, key string) bool {
	_, problems := config.Load(config.LoadOptions{File: "config.yaml", Bytes: []byte(text)})
	for _, p := range problems {
		if strings.Contains(p.Message, "unknown key") && strings.Contains(p.Message, `"`+key+`"`) {
			return false
		}
	}
	return true
}

func TestKnownTellsKeysFromWords(t *testing.T) {
	for key, want := range map[string]bool{"idp_provider": true, "pass_identity_headers": true, "show_error_details": true, "idp_provder": false, "no_such_key": false} {
		if got := known(key); got != want {
			t.Errorf("known(%q) = %v, want %v", key, got, want)
		}
	}
}
