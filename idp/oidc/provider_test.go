package oidc

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"sallyport/identity"
	"sallyport/idp"
)

const (
	testClient   = "0oaSallyportTest0001"
	testSecret   = "a secret: with +&= in it"
	testCallback = "https://auth.example.com/oauth2/callback"
	testVerifier = "a-verifier-that-is-long-enough-for-rfc-7636-of-course"
	testNonce    = "nonce-of-this-sign-in"
	testSubject  = "00ualice000000000001"
)

// rsaKey and ecKey are made once; making RSA keys is slow.
var (
	rsaKey, _   = rsa.GenerateKey(rand.Reader, 2048)
	otherKey, _ = rsa.GenerateKey(rand.Reader, 2048)
	ecKey, _    = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
)

// op is a provider whose every answer a test can replace.
type op struct {
	*httptest.Server
	t *testing.T

	mu        sync.Mutex
	now       time.Time
	claims    map[string]any // laid over the good ones of an ID token
	drop      []string       // claims taken out of it
	discovery map[string]any // laid over the good document
	userinfo  map[string]any
	keys      []any
	handlers  map[string]http.HandlerFunc // by path, instead of the good answer
	sign      func(claims map[string]any) string
	noIDToken bool
	noDate    bool
	counts    map[string]int
	forms     []url.Values // of the token and revocation endpoints
	auths     []string     // Authorization headers there
}

func newOP(t *testing.T) *op {
	o := &op{
		t: t, now: time.Now().Truncate(time.Second), counts: map[string]int{}, handlers: map[string]http.HandlerFunc{},
		userinfo: map[string]any{"sub": testSubject, "email": "alice@example.com", "email_verified": true, "groups": []any{"admins"}},
		keys:     []any{jwk(&rsaKey.PublicKey, "k1", "RS256")},
	}
	o.sign = func(c map[string]any) string { return signed(t, jose.RS256, rsaKey, "k1", c) }
	o.Server = httptest.NewServer(o)
	t.Cleanup(o.Close)
	return o
}

func (o *op) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	o.mu.Lock()
	o.counts[r.URL.Path]++
	if r.Method == http.MethodPost {
		o.forms, o.auths = append(o.forms, r.PostForm), append(o.auths, r.Header.Get("Authorization"))
	}
	handle := o.handlers[r.URL.Path]
	w.Header().Set("Date", o.now.UTC().Format(http.TimeFormat))
	if o.noDate {
		w.Header()["Date"] = nil
	}
	o.mu.Unlock()
	if handle == nil {
		handle = map[string]http.HandlerFunc{
			"/.well-known/openid-configuration": o.serveDiscovery,
			"/keys":                             o.serveKeys,
			"/token":                            o.serveToken,
			"/userinfo":                         o.serveUserinfo,
			"/revoke":                           func(http.ResponseWriter, *http.Request) {},
		}[r.URL.Path]
	}
	if handle == nil {
		http.NotFound(w, r)
		return
	}
	handle(w, r)
}

func (o *op) serveDiscovery(w http.ResponseWriter, _ *http.Request) {
	doc := map[string]any{
		"issuer": o.URL, "authorization_endpoint": o.URL + "/authorize", "token_endpoint": o.URL + "/token",
		"jwks_uri": o.URL + "/keys", "userinfo_endpoint": o.URL + "/userinfo", "revocation_endpoint": o.URL + "/revoke",
		"end_session_endpoint": o.URL + "/logout?from=op", "id_token_signing_alg_values_supported": []string{"RS256", "ES256", "HS256", "none"},
	}
	o.mu.Lock()
	maps.Copy(doc, o.discovery)
	o.mu.Unlock()
	sendJSON(w, http.StatusOK, doc)
}

func (o *op) serveKeys(w http.ResponseWriter, _ *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	sendJSON(w, http.StatusOK, map[string]any{"keys": o.keys})
}

func (o *op) serveUserinfo(w http.ResponseWriter, _ *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	sendJSON(w, http.StatusOK, o.userinfo)
}

// good are the claims of an ID token nothing is wrong with.
func (o *op) good(access string, refresh bool) map[string]any {
	hash := sha256.Sum256([]byte(access))
	c := map[string]any{
		"iss": o.URL, "sub": testSubject, "aud": testClient, "iat": o.now.Unix(), "exp": o.now.Add(time.Hour).Unix(),
		"auth_time": o.now.Add(-time.Minute).Unix(), "amr": []string{"pwd", "mfa"}, "acr": "high", "name": "Alice Liddell",
		"at_hash": base64.RawURLEncoding.EncodeToString(hash[:16]),
	}
	if !refresh {
		c["nonce"] = testNonce
	}
	maps.Copy(c, o.claims)
	for _, name := range o.drop {
		delete(c, name)
	}
	return c
}

func (o *op) serveToken(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	refresh := r.PostForm.Get("grant_type") == "refresh_token"
	n := o.counts["/token"]
	access := fmt.Sprintf("access-%d-secret", n)
	answer := map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 3600, "refresh_token": fmt.Sprintf("refresh-%d-secret", n)}
	if !o.noIDToken {
		answer["id_token"] = o.sign(o.good(access, refresh))
	}
	sendJSON(w, http.StatusOK, answer)
}

func (o *op) count(path string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.counts[path]
}

// set changes the op between requests.
func (o *op) set(change func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change()
}

func (o *op) handle(path string, h http.HandlerFunc) { o.set(func() { o.handlers[path] = h }) }

func sendJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func answer(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func jwk(key any, id, alg string) any {
	return jose.JSONWebKey{Key: key, KeyID: id, Algorithm: alg, Use: "sig"}
}

func signed(t *testing.T, alg jose.SignatureAlgorithm, key any, id string, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return signedRaw(t, alg, key, map[jose.HeaderKey]any{"kid": id}, payload)
}

func signedRaw(t *testing.T, alg jose.SignatureAlgorithm, key any, header map[jose.HeaderKey]any, payload []byte) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, &jose.SignerOptions{ExtraHeaders: header})
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// rig is a provider under test with its clock and log.
type rig struct {
	*Provider
	mu    sync.Mutex
	clock time.Time
	logs  lockedBuffer
}

func (r *rig) advance(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock = r.clock.Add(d)
}

// under returns a provider for o whose clock stands at o's.
func under(t *testing.T, o *op, change ...func(*Options)) *rig {
	t.Helper()
	r := &rig{clock: o.now}
	options := Options{
		Issuer: o.URL, ClientID: testClient, ClientSecret: testSecret,
		Logger: slog.New(slog.NewJSONHandler(&r.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now: func() time.Time {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.clock
		},
	}
	for _, c := range change {
		c(&options)
	}
	p, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.http.CloseIdleConnections)
	r.Provider = p
	return r
}

func callback() idp.Callback {
	return idp.Callback{RedirectURI: testCallback, Code: "code-secret", Nonce: testNonce, Verifier: testVerifier}
}

func (r *rig) signIn(t *testing.T) (identity.Subject, idp.Tokens) {
	t.Helper()
	s, tokens, err := r.Exchange(context.Background(), callback())
	if err != nil {
		t.Fatalf("sign-in: %v", err)
	}
	return s, tokens
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
