package oidc

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"sallyport/idp"
)

func authRequest() idp.AuthRequest {
	return idp.AuthRequest{RedirectURI: testCallback, State: "the-state", Nonce: testNonce, Verifier: testVerifier}
}

func TestAuthURLCarriesWhatTheFlowNeeds(t *testing.T) {
	o := newOP(t)
	o.discovery = map[string]any{"authorization_endpoint": o.URL + "/authorize?tenant=1"}
	r := under(t, o, func(p *Options) { p.Params = map[string]string{"prompt": "login", "acr_values": "a"} })
	req := authRequest()
	req.Params = map[string]string{"prompt": "none", "login_hint": "alice@example.com"}
	raw, err := r.AuthURL(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{
		"tenant": {"1"}, "response_type": {"code"}, "client_id": {testClient}, "redirect_uri": {testCallback},
		"scope": {"openid profile email offline_access"}, "state": {"the-state"}, "nonce": {testNonce},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(testVerifier)}, "code_challenge_method": {"S256"},
		"prompt": {"none"}, "acr_values": {"a"}, "login_hint": {"alice@example.com"},
	}
	if got := u.Query().Encode(); got != want.Encode() {
		t.Errorf("got  %s\nwant %s", got, want.Encode())
	}
	if strings.Contains(raw, testVerifier) || strings.Contains(raw, url.QueryEscape(testSecret)) {
		t.Error("the address shows a secret")
	}
}

func TestProtocolParametersCannotBeOverridden(t *testing.T) {
	o := newOP(t)
	for _, name := range reserved {
		if _, err := New(Options{Issuer: o.URL, ClientID: "c", Params: map[string]string{name: "x"}}); err == nil {
			t.Errorf("New took the parameter %q", name)
		}
		req := authRequest()
		req.Params = map[string]string{name: "x"}
		if _, err := under(t, o).AuthURL(context.Background(), req); err == nil {
			t.Errorf("AuthURL took the parameter %q", name)
		}
	}
}

func TestSignInWithoutItsSecretsIsNotBegun(t *testing.T) {
	r := under(t, newOP(t))
	for name, spoil := range map[string]func(*idp.AuthRequest){
		"state": func(a *idp.AuthRequest) { a.State = "" }, "nonce": func(a *idp.AuthRequest) { a.Nonce = "" },
		"verifier": func(a *idp.AuthRequest) { a.Verifier = "short" }, "redirect": func(a *idp.AuthRequest) { a.RedirectURI = "" },
	} {
		req := authRequest()
		spoil(&req)
		if got, err := r.AuthURL(context.Background(), req); err == nil {
			t.Errorf("without %s: got %q", name, got)
		}
	}
}

func TestScopesAreThoseConfiguredAndOpenID(t *testing.T) {
	for _, c := range []struct {
		configured, supported []string
		want                  string
	}{
		{nil, nil, "openid profile email offline_access"},
		{nil, []string{"openid", "email", "profile"}, "openid profile email"},
		{nil, []string{"openid", "offline_access"}, "openid profile email offline_access"},
		{[]string{"email"}, nil, "openid email"},
		{[]string{"email", "openid"}, nil, "email openid"},
		{[]string{}, nil, "openid"},
	} {
		if got := strings.Join(scopes(c.configured, c.supported), " "); got != c.want {
			t.Errorf("configured %q, supported %q: got %q, want %q", c.configured, c.supported, got, c.want)
		}
	}
}

func TestNothingIsAskedBeforeItIsNeeded(t *testing.T) {
	o := newOP(t)
	r := under(t, o)
	if n := o.count("/.well-known/openid-configuration"); n != 0 {
		t.Errorf("New asked %d times", n)
	}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := r.AuthURL(context.Background(), authRequest()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := o.count("/.well-known/openid-configuration"); n != 1 {
		t.Errorf("50 sign-ins asked for discovery %d times, want once", n)
	}
}

func TestDiscoveryIsRetriedWithBackOff(t *testing.T) {
	const path = "/.well-known/openid-configuration"
	o := newOP(t)
	r := under(t, o)
	o.handle(path, answer(503, "text/html", "<html>down"))
	for range 20 {
		_, err := r.AuthURL(context.Background(), authRequest())
		var u *idp.UnavailableError
		if !errors.As(err, &u) || !strings.Contains(err.Error(), "503") || strings.Contains(err.Error(), "<html>") {
			t.Fatalf("got %v, want an UnavailableError that says 503", err)
		}
	}
	if n := o.count(path); n != 1 {
		t.Errorf("20 sign-ins at once asked %d times, want once", n)
	}
	waits := []time.Duration{}
	for i := 2; i <= 10; i++ {
		r.advance(r.discovery.hold.Sub(r.now()))
		before := r.now()
		if _, err := r.AuthURL(context.Background(), authRequest()); err == nil {
			t.Fatal("a provider that is down was discovered")
		}
		waits = append(waits, r.discovery.hold.Sub(before))
		if n := o.count(path); n != i {
			t.Fatalf("after the wait: asked %d times, want %d", n, i)
		}
	}
	for i, w := range waits {
		if most := min(time.Second<<(i+1), mostBackOff); w > most || w < most/2 {
			t.Errorf("wait %d is %v, want between half of and %v", i+2, w, most)
		}
	}
	o.set(func() { delete(o.handlers, path) })
	r.advance(mostBackOff)
	if _, err := r.AuthURL(context.Background(), authRequest()); err != nil {
		t.Errorf("after recovery: %v", err)
	}
}

// The line of the log about an issuer that does not answer as one says what to
// look at.
func TestDiscoveryThatFailsIsLoggedWithWhatToDo(t *testing.T) {
	for want, change := range map[string]func(*op) func(*Options){
		"no issuer at idp_provider_url": func(o *op) func(*Options) {
			return func(p *Options) { p.Issuer = o.URL + "/oauth2/nowhere" }
		},
		"may not be the identity provider": func(o *op) func(*Options) {
			o.handle("/.well-known/openid-configuration", answer(200, "text/html", "<html>hello"))
			return func(*Options) {}
		},
		"HTTPS_PROXY": func(o *op) func(*Options) {
			o.Close()
			return func(*Options) {}
		},
	} {
		o := newOP(t)
		r := under(t, o, change(o))
		if _, err := r.AuthURL(context.Background(), authRequest()); err == nil || !strings.Contains(r.logs.String(), want) {
			t.Errorf("%v; the log does not say %q:\n%s", err, want, r.logs.String())
		}
	}
}

func TestOldDiscoveryServesWhileItIsRenewed(t *testing.T) {
	const path = "/.well-known/openid-configuration"
	o := newOP(t)
	r := under(t, o)
	r.signIn(t)
	o.handle(path, answer(500, "text/plain", "down"))
	r.advance(48 * time.Hour)
	if _, err := r.AuthURL(context.Background(), authRequest()); err != nil {
		t.Errorf("got %v, want the old document to serve", err)
	}
}

func TestProviderThatHangsKeepsNobodyWaiting(t *testing.T) {
	o := newOP(t)
	o.handle("/.well-known/openid-configuration", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	r := under(t, o)
	r.patience = 20 * time.Millisecond
	if _, err := r.AuthURL(context.Background(), authRequest()); !errors.Is(err, idp.ErrUnavailable) {
		t.Errorf("AuthURL: got %v, want ErrUnavailable", err)
	}
	if err := r.Check(context.Background()); !errors.Is(err, idp.ErrUnavailable) {
		t.Errorf("Check: got %v, want ErrUnavailable", err)
	}
	o.CloseClientConnections()
	if patience >= 3*time.Second {
		t.Errorf("a person would wait %v", patience)
	}
}

func TestDiscoveryThatCannotBeTrustedIsRefused(t *testing.T) {
	for _, c := range []struct {
		name, field string
		value       any
		says        string
	}{
		{"another issuer", "issuer", "https://evil.example", "calls itself"},
		{"issuer with a slash", "issuer", nil, "calls itself"},
		{"token endpoint missing", "token_endpoint", "", "token_endpoint"},
		{"token endpoint on plain http elsewhere", "token_endpoint", "http://evil.example/token", "token_endpoint: expected https"},
		{"keys relative", "jwks_uri", "/keys", "jwks_uri"},
		{"keys in a file", "jwks_uri", "file:///etc/passwd", "jwks_uri"},
		{"user in the endpoint", "userinfo_endpoint", "https://a:b@host/", "userinfo_endpoint"},
		{"logout by script", "end_session_endpoint", "javascript:alert(1)", "end_session_endpoint"},
		{"only symmetric signatures", "id_token_signing_alg_values_supported", []string{"HS256", "none"}, "signed with none of"},
		{"only client assertions", "token_endpoint_auth_methods_supported", []string{"private_key_jwt"}, "client secret"},
		{"wrong type", "authorization_endpoint", 7, "not a discovery document"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newOP(t)
			if c.value == nil {
				c.value = o.URL + "/"
			}
			o.discovery = map[string]any{c.field: c.value}
			_, err := under(t, o).AuthURL(context.Background(), authRequest())
			if !errors.Is(err, idp.ErrUnavailable) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want ErrUnavailable that says %q", err, c.says)
			}
		})
	}
}

func TestHTTPSIssuerHasNoPlainEndpoints(t *testing.T) {
	if err := checkEndpoint("http://localhost/token", "https://acme.okta.com"); err == nil {
		t.Error("an https issuer may send us to plain http")
	}
	for _, issuer := range []string{"", "acme.okta.com", "http://acme.okta.com", "https://u@acme.okta.com", "https://acme.okta.com#x"} {
		if _, err := New(Options{Issuer: issuer, ClientID: "c"}); err == nil {
			t.Errorf("New took the issuer %q", issuer)
		}
	}
}

func TestClientAuthenticationIsNeverTriedOut(t *testing.T) {
	for _, c := range []struct {
		methods []string
		secret  string
		header  bool
		form    string
	}{
		{nil, testSecret, true, ""},
		{[]string{"client_secret_post", "client_secret_basic"}, testSecret, true, ""},
		{[]string{"client_secret_post", "none"}, testSecret, false, testSecret},
		{[]string{"none"}, "", false, ""},
		{nil, "", false, ""},
	} {
		o := newOP(t)
		if c.methods != nil {
			o.discovery = map[string]any{"token_endpoint_auth_methods_supported": c.methods}
		}
		o.handle("/token", answer(401, "application/json", `{"error":"invalid_client"}`))
		r := under(t, o, func(p *Options) { p.ClientSecret = c.secret })
		if _, _, err := r.Exchange(context.Background(), callback()); !errors.Is(err, idp.ErrUnavailable) {
			t.Errorf("%q: got %v", c.methods, err)
		}
		if n := o.count("/token"); n != 1 {
			t.Errorf("%q: the code was sent %d times, want once", c.methods, n)
		}
		if got := o.auths[0] != ""; got != c.header || o.forms[0].Get("client_secret") != c.form {
			t.Errorf("%q, secret %q: header %v, form %q", c.methods, c.secret, got, o.forms[0].Get("client_secret"))
		}
		if !c.header && o.forms[0].Get("client_id") != testClient {
			t.Errorf("%q: no client id in the form", c.methods)
		}
	}
}
