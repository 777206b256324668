package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// load loads text over base, with further variables, and wants no problems.
func load(t *testing.T, text string, environ ...string) *Config {
	t.Helper()
	cfg, problems := tryLoad(text, environ...)
	if len(problems) > 0 {
		t.Fatalf("expected no problems, got:\n%s", comments("want", problems))
	}
	return cfg
}

func tryLoad(text string, environ ...string) (*Config, []Problem) {
	all := []string{"HOME=/home/sallyport"}
	for key, v := range base {
		if !strings.Contains("\n"+text, "\n"+key) {
			all = append(all, strings.ToUpper(key)+"="+v)
		}
	}
	return Load(LoadOptions{File: "config.yaml", Bytes: []byte(text), Environ: append(all, environ...), Now: testNow})
}

// loadRoute loads one route with the lines and returns it.
func loadRoute(t *testing.T, lines ...string) *Route {
	t.Helper()
	text := "routes:\n  - from: https://app.example.com\n"
	if !slices.ContainsFunc(lines, func(s string) bool { return strings.HasPrefix(s, "to:") }) {
		text += "    to: http://127.0.0.1:8080\n"
	}
	for _, line := range lines {
		text += "    " + line + "\n"
	}
	return load(t, text).Routes[0]
}

func TestPomeriumConfigurationIsReadAsMeant(t *testing.T) {
	path := "testdata/pomerium-full.good.yml"
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cfg, problems := loadTestdata(t, path, body)
	if cfg == nil {
		t.Fatalf("problems:\n%s", comments("want", problems))
	}
	for _, c := range []struct {
		name      string
		got, want any
	}{
		{"address", cfg.Listen.Address, ":8443"},
		{"redirect listener", cfg.Listen.HTTPRedirectAddr, ":8080"},
		{"certificates", len(cfg.Listen.Certificates), 1},
		{"certificate file", cfg.Listen.Certificates[0].CertFile, "testdata/cert.pem"},
		{"authenticate host", cfg.Authenticate.URL.String(), "https://authenticate.corp.example.com"},
		{"client secret from its file", cfg.Provider.ClientSecret, "c2VjcmV0LWZyb20tYS1maWxlLXRoYXQtaXMtbG9uZyE="},
		{"scopes from commas", cfg.Provider.Scopes, []string{"openid", "profile", "email", "offline_access", "groups"}},
		{"request parameters", cfg.Provider.RequestParams, map[string]string{"prompt": "select_account", "max_age": "3600"}},
		{"cookie lifetime", cfg.Session.CookieExpire, 10 * time.Hour},
		{"same site in another case", cfg.Session.CookieSameSite, "lax"},
		{"cookie secret", string(cfg.Session.CookieSecret[0]), "fedcba9876543210fedcba9876543210"},
		{"claims from commas", cfg.Identity.ClaimsHeaders, []ClaimHeader{{"X-Pomerium-Claim-Email", "email"}, {"X-Pomerium-Claim-Groups", "groups"}, {"X-Pomerium-Claim-User", "user"}}},
		{"signing keys", len(cfg.Identity.SigningKeys), 1},
		{"response headers take the place of the defaults", cfg.SetResponseHeaders, map[string]string{"Strict-Transport-Security": "max-age=31536000", "X-Content-Type-Options": "nosniff"}},
		{"storage", cfg.Storage.Type, "memory"},
		{"escaped slashes in another case", cfg.Hygiene.EscapedSlashes, "keep_unchanged"},
		{"flag", cfg.Authenticate.AllowJWTEndpoint, true},
		{"routes", len(cfg.Routes), 7},
		{"weights", []int{cfg.Routes[1].To[0].Weight, cfg.Routes[1].To[1].Weight}, []int{3, 1}},
		{"public", cfg.Routes[1].Policy.Public(), true},
		{"not public", cfg.Routes[2].Policy.Public(), false},
		{"time-out", *cfg.Routes[2].Timeout, 2 * time.Minute},
		{"templates stay templates", cfg.Routes[2].SetRequestHeaders, []Header{{"X-Access-Token", "${pomerium.access_token}"}, {"Authorization", "Basic cm9vdDpodW50ZXI0Mg=="}, {"X-Price", "5$$"}}},
		{"rewrite", cfg.Routes[3].Rewrite.Substitution, "/api/${1}"},
		{"regex is whole", cfg.Routes[3].Match.Regex.MatchString("/x/repos/a"), false},
		{"server name by its old name", cfg.Routes[3].TLS.ServerName, "git.internal"},
		{"client certificate", cfg.Routes[3].TLS.Certificate != nil, true},
		{"wildcard", cfg.Routes[4].From.Host, "*.apps.corp.example.com"},
		{"redirect", *cfg.Routes[5].Redirect, Redirect{Host: "new.corp.example.com", Status: 308}},
		{"response", *cfg.Routes[6].Response, Response{Status: 200, Body: "User-agent: *"}},
		{"identity headers", cfg.Routes[6].PassIdentityHeaders, true},
		{"files", cfg.Files, []string{path, "testdata/cert.pem", "testdata/key.pem", "testdata/secret.txt"}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestDefaults(t *testing.T) {
	cfg := load(t, "log_level: info\n")
	for _, c := range []struct {
		name      string
		got, want any
	}{
		{"timeouts", []time.Duration{cfg.Listen.TimeoutRead, cfg.Listen.TimeoutWrite, cfg.Listen.TimeoutIdle, cfg.Upstream.Timeout}, []time.Duration{30 * time.Second, 0, 5 * time.Minute, 30 * time.Second}},
		{"drain", []time.Duration{cfg.Listen.DrainDelay, cfg.Listen.DrainTimeout}, []time.Duration{5 * time.Second, 30 * time.Second}},
		{"session", cfg.Session, Session{CookieName: "__Host-sallyport", CookieHTTPOnly: true, CookieSameSite: "lax", CookieExpire: 14 * time.Hour, RevocationBound: 30 * time.Second}},
		{"storage", cfg.Storage, Storage{Type: "file", DataDir: "/home/sallyport/.local/state/sallyport"}},
		{"directory", cfg.Directory, Directory{MaxStaleness: time.Hour, RateLimitShare: 0.8}},
		{"refresh", []time.Duration{cfg.Provider.RefreshInterval, cfg.Provider.RefreshTimeout, cfg.Provider.OutageGrace}, []time.Duration{10 * time.Minute, time.Minute, time.Hour}},
		{"response headers", cfg.SetResponseHeaders, defaultResponseHeaders},
		{"hygiene", cfg.Hygiene, Hygiene{MergeSlashes: true, NormalizePath: true, EscapedSlashes: "reject_request", PathParameters: "reject_ambiguous", Underscores: "reject_request"}},
		{"programs", cfg.Authenticate.ProgrammaticRedirectDomains, []string{"localhost"}},
		{"health", cfg.Telemetry.HealthAddress, "127.0.0.1:28080"},
		{"watched", cfg.WatchFiles, true},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestIdentityHeadersAreOffUnlessAsked(t *testing.T) {
	text := "routes:\n  - {from: https://app.example.com, to: http://127.0.0.1:8080, policy: {allow: {or: [accept: true]}}}\n"
	if cfg := load(t, "pass_identity_headers: false\n"+text); cfg.Routes[0].PassIdentityHeaders {
		t.Error("expected no identity headers")
	}
	if !loadRoute(t, "pass_identity_headers: true").PassIdentityHeaders || loadRoute(t, "pass_identity_headers: false").PassIdentityHeaders {
		t.Error("expected the route's own word to count")
	}
}

func TestResponseHeadersCanBeSwitchedOff(t *testing.T) {
	if got := load(t, "set_response_headers: {disable: true, X-A: b}\n").SetResponseHeaders; len(got) != 0 {
		t.Errorf("expected none, got %v", got)
	}
	if got := load(t, "log_level: info\n", `HEADERS={"X-A": "b"}`).SetResponseHeaders; !cmp.Equal(got, map[string]string{"X-A": "b"}) {
		t.Errorf("expected those of HEADERS, got %v", got)
	}
}

func TestServiceAccountForms(t *testing.T) {
	account := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for name, text := range map[string]string{
		"base64 of JSON":    account(`{"api_key":"00token_of-20.characters"}`),
		"with a newline":    account("{\"api_key\": \"00token_of-20.characters\"}\n"),
		"unpadded":          strings.TrimRight(account(`{"api_key":"00token_of-20.characters"} `), "="),
		"URL alphabet":      base64.URLEncoding.EncodeToString([]byte(`{"api_key":"00token_of-20.characters","x":"???>>>"}`)),
		"JSON itself":       `'{"api_key":"00token_of-20.characters"}'`,
		"the token":         "00token_of-20.characters",
		"the token, scheme": "SSWS 00token_of-20.characters",
	} {
		t.Run(name, func(t *testing.T) {
			if got := load(t, "idp_service_account: "+text+"\n").Provider.ServiceAccount.APIKey; got != "00token_of-20.characters" {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestClaimsHeadersForms(t *testing.T) {
	want := []ClaimHeader{{"X-Pomerium-Claim-Given-Name", "given_name"}}
	for name, text := range map[string]string{
		"list": "[given_name]", "text": "given_name", "mapping": "{x-pomerium-claim-given-name: given_name}",
	} {
		if diff := cmp.Diff(want, load(t, "jwt_claims_headers: "+text+"\n").Identity.ClaimsHeaders); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestRouteIDsStayWhateverHappensToOthers(t *testing.T) {
	one := "  - {from: https://a.example.com, to: http://127.0.0.1:1, policy: {allow: {or: [accept: true]}}}\n"
	two := "  - {from: https://b.example.com, to: http://127.0.0.1:1, policy: {allow: {or: [accept: true]}}}\n"
	before, after := load(t, "routes:\n"+one+two), load(t, "routes:\n"+two+strings.Replace(one, "{from", "{timeout: 5s, from", 1))
	if a, b := before.Routes[0].ID, after.Routes[1].ID; a != b || len(a) != 16 {
		t.Errorf("expected the same 16 digits, got %q and %q", a, b)
	}
	if before.Routes[0].ID == before.Routes[1].ID {
		t.Error("expected different ids for different routes")
	}
	if r := loadRoute(t, "id: wiki"); r.ID != "wiki" || r.Name != "wiki" {
		t.Errorf("expected the given id, got %q named %q", r.ID, r.Name)
	}
}

func TestStreamsHaveNoTimeout(t *testing.T) {
	none := time.Duration(0)
	for line, want := range map[string]*time.Duration{
		"show_error_details: false":             nil,
		"allow_websockets: true":                &none,
		"allow_spdy: true":                      &none,
		"idle_timeout: 10s":                     &none,
		"{allow_websockets: true, timeout: 3s}": new(3 * time.Second),
	} {
		lines := strings.Split(strings.Trim(line, "{}"), ", ")
		if diff := cmp.Diff(want, loadRoute(t, lines...).Timeout); diff != "" {
			t.Errorf("%s (-want +got):\n%s", line, diff)
		}
	}
}

func TestUpstreamForms(t *testing.T) {
	for text, want := range map[string]string{
		"http://127.0.0.1:8080":      "http://127.0.0.1:8080",
		"https://App.Internal/base":  "https://app.internal/base",
		"h2c://grpc.internal:50051":  "h2c://grpc.internal:50051",
		"unix:///run/app.sock":       "unix:///run/app.sock",
		"http+unix:///run/app.sock":  "unix:///run/app.sock",
		"http://[::1]:8080":          "http://[::1]:8080",
		"https://bücher.example":     "https://xn--bcher-kva.example",
		"[http://a.internal]":        "http://a.internal",
		"'http://a.internal:80 , 5'": "http://a.internal:80",
	} {
		if got := loadRoute(t, "to: "+text).To[0].URL.String(); got != want {
			t.Errorf("%s: expected %s, got %s", text, want, got)
		}
	}
}

func TestRouteOfAnotherClient(t *testing.T) {
	if r := loadRoute(t); r.ClientID != base["idp_client_id"] || r.ClientSecret != base["idp_client_secret"] {
		t.Errorf("expected the global client, got %q", r.ClientID)
	}
	if r := loadRoute(t, "idp_client_id: other", "idp_client_secret: its"); r.ClientID != "other" || r.ClientSecret != "its" {
		t.Errorf("expected the route's client, got %q", r.ClientID)
	}
}

func TestExactPortsOnlyWhenAsked(t *testing.T) {
	text := "routes:\n  - {from: https://a.example.com, to: http://127.0.0.1:1, policy: {allow: {or: [accept: true]}}}\n"
	if got := load(t, text).Routes[0].From.Port; got != "" {
		t.Errorf("expected any port, got %q", got)
	}
	if got := load(t, text+"runtime_flags: {match_any_incoming_port: false}\n").Routes[0].From.Port; got != "443" {
		t.Errorf("expected port 443, got %q", got)
	}
}

func TestHashTellsContentApart(t *testing.T) {
	files := map[string]string{"secret": "one\n"}
	hash := func(text string, environ ...string) string {
		cfg, problems := Load(LoadOptions{
			File: "c.yaml", Bytes: []byte(text), Environ: environ,
			ReadFile: func(path string) ([]byte, error) { return []byte(files[path]), nil },
		})
		if cfg == nil {
			t.Fatalf("problems:\n%s", comments("want", problems))
		}
		return cfg.Hash
	}
	text := "authenticate_service_url: https://a.example.com\nidp_provider: okta\nidp_provider_url: https://acme.okta.com\nidp_client_id: a\nidp_client_secret_file: secret\n"
	first := hash(text)
	if again := hash(text); again != first {
		t.Error("expected the same hash for the same content")
	}
	seen := map[string]string{first: "the first"}
	for name, other := range map[string]func() string{
		"text":        func() string { return hash(text + "log_level: debug\n") },
		"environment": func() string { return hash(text, "LOG_LEVEL=debug") },
		"file":        func() string { files["secret"] = "two\n"; return hash(text) },
	} {
		h := other()
		if was := seen[h]; was != "" {
			t.Errorf("%s has the hash of %s", name, was)
		}
		seen[h] = name
	}
}

func TestUnreadableConfigurationIsOneProblem(t *testing.T) {
	cfg, problems := Load(LoadOptions{File: "gone.yaml", ReadFile: func(string) ([]byte, error) { return nil, errors.New("no such file") }})
	if cfg != nil || len(problems) != 1 || problems[0].Position.File != "gone.yaml" {
		t.Errorf("expected one problem of gone.yaml, got %v", problems)
	}
}

func TestNotTextIsSaidWithItsPlace(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"UTF-16":    {"\xff\xfel\x00o\x00", "1:1: the text is UTF-16, expected UTF-8"},
		"not UTF-8": {"log_level: info\ncookie_name: \xff\n", "2:14: byte 0xff is not UTF-8"},
		"control":   {"log_level: in\x00fo\n", "1:14: unexpected control character U+0000"},
	} {
		_, problems := tryLoad(c.text)
		if got := comments("want", problems); !strings.Contains(got, c.want) || len(problems) != 1 {
			t.Errorf("%s: expected %q, got:\n%s", name, c.want, got)
		}
	}
}

// Ten thousand routes are read in a moment: no check compares all with all.
func TestManyRoutes(t *testing.T) {
	var b strings.Builder
	b.WriteString("routes:\n")
	for i := range 10_000 {
		fmt.Fprintf(&b, "  - {from: https://app.example.com, prefix: /%d/, to: 'http://127.0.0.1:8080', policy: {allow: {or: [accept: true]}}}\n", i)
	}
	if got := len(load(t, b.String()).Routes); got != 10_000 {
		t.Errorf("expected 10000 routes, got %d", got)
	}
}
