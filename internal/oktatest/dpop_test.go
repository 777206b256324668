package oktatest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/oktatest"
)

// prover makes DPoP proofs with the key "curve".
type prover struct {
	t   *testing.T
	k   *oktatest.Okta
	now func() time.Time
	n   int
}

func (p *prover) proof(method, path string, header, changes map[string]any) string {
	p.t.Helper()
	p.n++
	key := serviceKeys()["curve"]
	h := map[string]any{"typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: key.Public()}}
	maps.Copy(h, header)
	claims := map[string]any{"htm": method, "htu": p.k.URL() + path, "iat": p.now().Unix(), "jti": fmt.Sprint("proof ", p.n)}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	maps.DeleteFunc(h, func(_ string, v any) bool { return v == nil })
	return sign(p.t, key, h, claims)
}

func athOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// dpopWorld is an org whose service must prove possession.
func dpopWorld(t *testing.T, change ...func(*oktatest.Client)) (*browser, *prover, *testClock) {
	clock := newTestClock()
	k := start(t, withClock(clock), service(t, append(change, func(c *oktatest.Client) { c.DPoP = true })...))
	return newBrowser(t, k), &prover{t: t, k: k, now: clock.now}, clock
}

// ask asks for a token with proofs.
func (p *prover) ask(b *browser, proofs ...string) reply {
	r := b.request("POST", "/oauth2/v1/token", serviceForm(assertion(p.t, p.k, p.now(), "one", nil), "okta.users.read"))
	for _, proof := range proofs {
		r.Header.Add("DPoP", proof)
	}
	return b.do(r)
}

// bound gets a token with a good proof, asking for the nonce first.
func (p *prover) bound(b *browser) string {
	p.t.Helper()
	nonce := p.ask(b, p.proof("POST", "/oauth2/v1/token", nil, nil)).Header.Get("DPoP-Nonce")
	got := p.ask(b, p.proof("POST", "/oauth2/v1/token", nil, map[string]any{"nonce": nonce}))
	if got.StatusCode != 200 {
		p.t.Fatalf("got %d %s, want a token", got.StatusCode, got.body)
	}
	return decode[tokens](p.t, got).Access
}

func (p *prover) use(b *browser, scheme, token, path string, proofs ...string) reply {
	r := b.request("GET", path, nil)
	r.Header.Set("Authorization", scheme+" "+token)
	for _, proof := range proofs {
		r.Header.Add("DPoP", proof)
	}
	return b.do(r)
}

func TestTokensBoundToAKey(t *testing.T) {
	b, p, _ := dpopWorld(t)
	const path = "/oauth2/v1/token"
	missing := p.ask(b)
	decode[tokens](t, missing, func(v *tokens, s int) { v.status = s }).want(t, 400, "invalid_dpop_proof", "The DPoP proof JWT header is missing.")
	first := p.ask(b, p.proof("POST", path, nil, nil))
	decode[tokens](t, first, func(v *tokens, s int) { v.status = s }).want(t, 400, "use_dpop_nonce", "Authorization server requires nonce in DPoP proof.")
	nonce := first.Header.Get("DPoP-Nonce")
	good := p.proof("POST", path, nil, map[string]any{"nonce": nonce})
	got := p.ask(b, good)
	token := decode[tokens](t, got)
	if got.StatusCode != 200 || token.Type != "DPoP" || got.Header.Get("DPoP-Nonce") == "" {
		t.Fatalf("got %d %s, want a bound token and a nonce", got.StatusCode, got.body)
	}
	_, claims := claimsOf(t, token.Access)
	if jkt, _ := claims["cnf"].(map[string]any)["jkt"].(string); len(jkt) != 43 {
		t.Errorf("got cnf %v, want a thumbprint", claims["cnf"])
	}
	decode[tokens](t, p.ask(b, good), func(v *tokens, s int) { v.status = s }).want(t, 400, "invalid_dpop_proof", "The DPoP proof JWT has already been used.")
	b.k.RotateNonces()
	if again := p.ask(b, p.proof("POST", path, nil, map[string]any{"nonce": nonce})); again.Header.Get("DPoP-Nonce") == nonce || again.StatusCode != 400 {
		t.Errorf("old nonce: got %d %s, want a new one", again.StatusCode, again.body)
	}
}

func TestRecordedDPoPRefusals(t *testing.T) {
	needData(t)
	b, p, _ := dpopWorld(t)
	for name, got := range map[string]reply{
		"oauth/token-400-dpop-required.json":  p.ask(b),
		"oauth/token-400-use-dpop-nonce.json": p.ask(b, p.proof("POST", "/oauth2/v1/token", nil, nil)),
	} {
		want := loadRecording(t, name)
		if got.StatusCode != want.Response.Status || strings.TrimSpace(got.body) != encode(t, want.Response.Body) {
			t.Errorf("%s: got %d %s, want %d %v", name, got.StatusCode, got.body, want.Response.Status, want.Response.Body)
		}
		checkHeaders(t, want, got.Header)
	}
}

func TestProofsThatAreRefused(t *testing.T) {
	b, p, clock := dpopWorld(t)
	const path = "/oauth2/v1/token"
	nonce := p.ask(b, p.proof("POST", path, nil, nil)).Header.Get("DPoP-Nonce")
	with := func(header, changes map[string]any) string {
		all := map[string]any{"nonce": nonce}
		maps.Copy(all, changes)
		return p.proof("POST", path, header, all)
	}
	secretSigner, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(strings.Repeat("s", 32))}, (&jose.SignerOptions{}).WithType("dpop+jwt"))
	if err != nil {
		t.Fatal(err)
	}
	at := clock.now()
	for name, c := range map[string]struct {
		proofs []string
		text   string
	}{
		"two":             {[]string{with(nil, nil), with(nil, nil)}, "Multiple DPoP proof JWT headers are not allowed."},
		"nonsense":        {[]string{"nonsense"}, "The DPoP proof JWT cannot be parsed."},
		"typ":             {[]string{with(map[string]any{"typ": "JWT"}, nil)}, "'typ' must be 'dpop+jwt' in the DPoP proof JWT."},
		"algorithm":       {[]string{serialize(t, secretSigner, map[string]any{})}, "The DPoP proof JWT signature algorithm is invalid."},
		"a private key":   {[]string{with(map[string]any{"jwk": jose.JSONWebKey{Key: serviceKeys()["curve"]}}, nil)}, "The DPoP proof JWT cannot be parsed."},
		"another's key":   {[]string{with(map[string]any{"jwk": jose.JSONWebKey{Key: serviceKeys()["one"].Public()}}, nil)}, "The DPoP proof JWT signature is invalid."},
		"htm":             {[]string{with(nil, map[string]any{"htm": "GET"})}, "'htm' claim in the DPoP proof JWT is invalid."},
		"htu":             {[]string{with(nil, map[string]any{"htu": b.k.URL()})}, "'htu' claim in the DPoP proof JWT is invalid."},
		"no iat":          {[]string{with(nil, map[string]any{"iat": nil})}, "'iat' claim in the DPoP proof JWT is invalid."},
		"iat ahead":       {[]string{with(nil, map[string]any{"iat": at.Unix() + 1})}, "The DPoP proof JWT is issued in the future."},
		"iat long ago":    {[]string{with(nil, map[string]any{"iat": at.Unix() - 301})}, "The DPoP proof JWT is issued more than five minutes in the past."},
		"no jti":          {[]string{with(nil, map[string]any{"jti": nil})}, "'jti' claim in the DPoP proof JWT is invalid."},
		"with a query":    {[]string{with(nil, map[string]any{"htu": b.k.URL() + path + "?x=y"})}, ""},
		"host in capital": {[]string{with(nil, map[string]any{"htu": strings.Replace(b.k.URL(), "okta", "OKTA", 1) + path})}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := decode[tokens](t, p.ask(b, c.proofs...), func(v *tokens, s int) { v.status = s })
			if c.text == "" {
				got.want(t, 200, "", "")
				return
			}
			got.want(t, 400, "invalid_dpop_proof", c.text)
		})
	}
	decode[tokens](t, p.ask(b, with(map[string]any{"jwk": nil}, nil)), func(v *tokens, s int) { v.status = s }).want(t, 403, "access_denied", "The public key used to sign the DPoP proof JWT is invalid.")
}

func TestBoundTokensNeedProofsToBeUsed(t *testing.T) {
	b, p, _ := dpopWorld(t)
	const path = "/api/v1/users"
	token := p.bound(b)
	plain := newBrowser(t, b.k)
	proof := func(changes map[string]any) string {
		all := map[string]any{"ath": athOf(token)}
		maps.Copy(all, changes)
		return p.proof("GET", path, nil, all)
	}
	if got := p.use(b, "DPoP", token, path+"?limit=1", proof(nil)); got.StatusCode != 200 {
		t.Errorf("got %d %v, want 200", got.StatusCode, got.Header)
	}
	stranger := sign(t, serviceKeys()["stranger"], map[string]any{"typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: serviceKeys()["stranger"].Public()}},
		map[string]any{"htm": "GET", "htu": b.k.URL() + path, "iat": p.now().Unix(), "jti": "s", "ath": athOf(token)})
	for name, c := range map[string]struct {
		scheme, code string
		proofs       []string
	}{
		"as a bearer":   {"Bearer", "invalid_request", []string{proof(nil)}},
		"without proof": {"DPoP", "invalid_request", nil},
		"other token":   {"DPoP", "invalid_dpop_proof", []string{proof(map[string]any{"ath": athOf("x")})}},
		"no ath":        {"DPoP", "invalid_dpop_proof", []string{proof(map[string]any{"ath": nil})}},
		"other method":  {"DPoP", "invalid_dpop_proof", []string{proof(map[string]any{"htm": "POST"})}},
		"other key":     {"DPoP", "invalid_dpop_proof", []string{stranger}},
	} {
		got := p.use(plain, c.scheme, token, path, c.proofs...)
		if got.StatusCode != http.StatusBadRequest || !strings.Contains(got.Header.Get("WWW-Authenticate"), `error="`+c.code+`"`) {
			t.Errorf("%s: got %d %q, want 400 %s", name, got.StatusCode, got.Header.Get("WWW-Authenticate"), c.code)
		}
	}
	once := proof(nil)
	p.use(b, "DPoP", token, path, once)
	if got := p.use(b, "DPoP", token, path, once); got.StatusCode != 400 {
		t.Errorf("the same proof twice: got %d, want 400", got.StatusCode)
	}
	if got := p.use(b, "DPoP", token, "/api/v1/groups", p.proof("GET", "/api/v1/groups", nil, map[string]any{"ath": athOf(token)})); got.StatusCode != 403 ||
		!strings.HasPrefix(got.Header.Get("WWW-Authenticate"), `DPoP algs="RS256 RS384 RS512 ES256 ES384 ES512", authorization_uri="http://`) {
		t.Errorf("other scope: got %d %q, want 403 with a DPoP challenge", got.StatusCode, got.Header.Get("WWW-Authenticate"))
	}
}

func TestTokensThatAreNotBoundCannotPretend(t *testing.T) {
	b, p, _ := dpopWorld(t, func(c *oktatest.Client) { c.DPoPNonceAtAPI = true })
	b.k.ChangeClient(serviceID, func(c *oktatest.Client) { c.DPoP = false })
	token := decode[tokens](t, p.ask(b)).Access
	proof := p.proof("GET", "/api/v1/users", nil, map[string]any{"ath": athOf(token)})
	if got := p.use(b, "DPoP", token, "/api/v1/users", proof); got.StatusCode != 401 || !strings.Contains(got.Header.Get("WWW-Authenticate"), "invalid_token") {
		t.Errorf("got %d %q, want 401 invalid_token", got.StatusCode, got.Header.Get("WWW-Authenticate"))
	}
	token = p.bound(b)
	got := p.use(b, "DPoP", token, "/api/v1/users", p.proof("GET", "/api/v1/users", nil, map[string]any{"ath": athOf(token)}))
	nonce := got.Header.Get("DPoP-Nonce")
	if got.StatusCode != 401 || nonce == "" || !strings.Contains(got.Header.Get("WWW-Authenticate"), "use_dpop_nonce") {
		t.Errorf("no nonce: got %d %v, want 401 use_dpop_nonce", got.StatusCode, got.Header)
	}
	again := p.proof("GET", "/api/v1/users", nil, map[string]any{"ath": athOf(token), "nonce": nonce})
	if got := p.use(b, "DPoP", token, "/api/v1/users", again); got.StatusCode != 200 {
		t.Errorf("with nonce: got %d, want 200", got.StatusCode)
	}
}
