package okta

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"sallyport/idp"
	"sallyport/internal/oktatest"
)

const serviceID = "0oaservice0000000001"

// ecJWK is a private key and its public half under that id.
func ecJWK(t *testing.T, id string) (private string, public jose.JSONWebKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := (&jose.JSONWebKey{Key: key, KeyID: id}).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(raw), jose.JSONWebKey{Key: &key.PublicKey, KeyID: id}
}

// service is an organisation whose directory is read by an app.
type service struct {
	*oktatest.Okta
	d    *Directory
	logs *bytes.Buffer
	now  *time.Time
}

func (s *service) tokens() *tokens { return s.d.transport.credential.(*tokens) }

// asked counts requests for tokens.
func (s *service) asked() int { return s.Count("POST", tokenPath) }

func newService(t *testing.T, change func(*oktatest.Client), options ...func(*Options)) *service {
	t.Helper()
	private, public := ecJWK(t, "k1")
	k := standIn(t, 3)
	c := oktatest.Client{ID: serviceID, Keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}}, APIScopes: Scopes, Role: oktatest.ReadOnlyAdmin}
	if change != nil {
		change(&c)
	}
	k.AddClient(c)
	now := time.Now()
	s := &service{Okta: k, logs: &bytes.Buffer{}, now: &now}
	var mu sync.Mutex
	s.d, _ = under(t, k.URL(), append([]func(*Options){func(o *Options) {
		o.APIKey, o.ServiceAccount = "", fmt.Appendf(nil, `{"client_id":%q,"private_key":%s}`, serviceID, private)
		o.Logger = slog.New(slog.NewTextHandler(&lockedWriter{w: s.logs, mu: &mu}, nil))
		o.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return *s.now }
	}}, options...)...)
	return s
}

type lockedWriter struct {
	w  *bytes.Buffer
	mu *sync.Mutex
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func (s *service) read(t *testing.T) {
	t.Helper()
	if p, err := s.d.Person(context.Background(), aliceID); err != nil || p.ID != aliceID {
		t.Fatalf("got %v, %v", p, err)
	}
}

func TestAppReadsWithOneTokenForAll(t *testing.T) {
	s := newService(t, nil)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := s.d.User(context.Background(), aliceID); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := s.asked(); n != 1 {
		t.Errorf("%d requests for tokens, want 1", n)
	}
	for _, r := range s.Requests() {
		if r.Path != tokenPath {
			if r.Auth != "Bearer" {
				t.Errorf("%s came with %q", r.Path, r.Auth)
			}
			continue
		}
		want := []string{"client_assertion", "client_assertion_type", "grant_type", "scope"}
		if diff := cmp.Diff(want, r.Form); diff != "" || len(r.Query) != 0 || r.Auth != "" {
			t.Errorf("token request: query %v, authorization %q, form %s", r.Query, r.Auth, diff)
		}
	}
	if diff := cmp.Diff(Scopes, s.tokens().granted()); diff != "" {
		t.Error(diff)
	}
}

func TestTokenIsRenewedBesideRequestsAndDroppedWhenRefused(t *testing.T) {
	s := newService(t, nil)
	s.read(t)
	*s.now = s.now.Add(47 * time.Minute)
	s.SetClockOffset(47 * time.Minute)
	s.read(t)
	if n := s.asked(); n != 1 {
		t.Errorf("renewed at 47 of 60 minutes: %d requests", n)
	}
	*s.now = s.now.Add(2 * time.Minute)
	s.SetClockOffset(49 * time.Minute)
	first, _ := s.tokens().get(context.Background()) // asks for the next one beside
	s.tokens().mu.Lock()
	f := s.tokens().flight
	s.tokens().mu.Unlock()
	if f != nil {
		<-f.done
	}
	second, _ := s.tokens().get(context.Background())
	if s.asked() != 2 || first.value == second.value {
		t.Errorf("at 49 of 60 minutes: %d requests, same token %v", s.asked(), first.value == second.value)
	}
	s.read(t)
	s.RevokeClientTokens(serviceID)
	s.read(t)
	if n := s.asked(); n != 3 {
		t.Errorf("after the revocation: %d requests for tokens, want 3", n)
	}
}

// A token that never worked is not dropped at once: an app that is refused for
// another reason would ask for tokens as often as for people.
func TestTokenThatNeverWorkedIsKeptForAWhile(t *testing.T) {
	s := newService(t, nil)
	s.Fail(oktatest.Fault{Path: "/api/", Act: oktatest.Status(401, "application/json", `{"errorCode":"E0000011","errorSummary":"Invalid token provided"}`)})
	for range 5 {
		if _, err := s.d.User(context.Background(), aliceID); !errors.Is(err, idp.ErrUnavailable) || !strings.Contains(err.Error(), "still active") {
			t.Fatalf("got %v", err)
		}
	}
	if n := s.asked(); n != 1 {
		t.Errorf("%d tokens, want 1", n)
	}
	*s.now = s.now.Add(provenAfter)
	_, _ = s.d.User(context.Background(), aliceID)
	if n := s.asked(); n != 2 {
		t.Errorf("%d tokens once the first was old enough, want 2", n)
	}
}

func TestProofsOfPossessionAreSentWhenAskedFor(t *testing.T) {
	for _, atAPI := range []bool{false, true} {
		t.Run(fmt.Sprintf("nonce at the API %v", atAPI), func(t *testing.T) {
			s := newService(t, func(c *oktatest.Client) { c.DPoP, c.DPoPNonceAtAPI = true, atAPI })
			for range 3 {
				s.read(t)
			}
			if n := s.asked(); n != 3 { // without proof, without nonce, with both
				t.Errorf("%d requests for the first token, want 3", n)
			}
			for _, r := range s.Requests() {
				if r.Path != tokenPath && r.Auth != "DPoP" {
					t.Errorf("%s came with %q", r.Path, r.Auth)
				}
			}
			s.RotateNonces()
			s.read(t)
			s.RevokeClientTokens(serviceID)
			s.RotateNonces()
			s.read(t)
			if n := s.asked(); n > 5 {
				t.Errorf("%d requests for two tokens", n)
			}
			if !strings.Contains(s.logs.String(), "DPoP") {
				t.Error("the log does not say so")
			}
		})
	}
	t.Run("demanded while running", func(t *testing.T) {
		s := newService(t, nil)
		s.read(t)
		s.ChangeClient(serviceID, func(c *oktatest.Client) { c.DPoP = true })
		s.RevokeClientTokens(serviceID)
		s.read(t)
		s.ChangeClient(serviceID, func(c *oktatest.Client) { c.DPoP = false })
		s.RevokeClientTokens(serviceID)
		s.read(t)
	})
}

func TestKeysRotateWithoutAGap(t *testing.T) {
	oldPrivate, oldPublic := ecJWK(t, "old")
	newPrivate, newPublic := ecJWK(t, "new")
	s := newService(t, func(c *oktatest.Client) { c.Keys.Keys = []jose.JSONWebKey{oldPublic} }, func(o *Options) {
		o.ServiceAccount = fmt.Appendf(nil, `{"client_id":%q,"private_keys":[%s,%s]}`, serviceID, newPrivate, oldPrivate)
	})
	s.read(t) // okta knows the old one alone
	if !strings.Contains(s.logs.String(), "newest private key") || !strings.Contains(s.logs.String(), "used_key_id=old") {
		t.Errorf("log: %s", s.logs)
	}
	for _, keys := range [][]jose.JSONWebKey{{oldPublic, newPublic}, {newPublic}} {
		s.ChangeClient(serviceID, func(c *oktatest.Client) { c.Keys.Keys = keys })
		s.RevokeClientTokens(serviceID)
		s.ForgetRequests()
		s.read(t)
		if n := s.asked(); n != 1 {
			t.Errorf("%d keys at okta: %d requests, want 1", len(keys), n)
		}
	}
}

func TestClocksMayDiffer(t *testing.T) {
	for _, offset := range []time.Duration{-3 * time.Hour, -time.Minute, 4 * time.Second, 3 * time.Hour} {
		for _, dpop := range []bool{false, true} {
			s := newService(t, func(c *oktatest.Client) { c.DPoP = dpop })
			s.SetClockOffset(offset)
			s.read(t)
			if n := s.asked(); n > 4 {
				t.Errorf("%v: %d requests", offset, n)
			}
		}
	}
}

func TestScopesThatAreMissingAreNamed(t *testing.T) {
	t.Run("granted in part", func(t *testing.T) {
		for _, allOrNone := range []bool{false, true} {
			s := newService(t, func(c *oktatest.Client) {
				c.APIScopes, c.AllScopesOrNone = []string{ScopeUsers, ScopeLogs}, allOrNone
			})
			s.read(t)
			if diff := cmp.Diff([]string{ScopeUsers, ScopeLogs}, s.tokens().granted()); diff != "" {
				t.Error(diff)
			}
			_, err := s.d.Groups(context.Background(), idp.GroupQuery{}, "")
			var f *idp.ForbiddenError
			if !errors.As(err, &f) || f.Scope != ScopeGroups || !strings.Contains(err.Error(), "Okta API Scopes") {
				t.Errorf("groups: got %v", err)
			}
			if err := s.d.Check(context.Background()); err != nil {
				t.Errorf("check: %v, though people can be read", err)
			}
			if !strings.Contains(s.logs.String(), "Okta API Scopes") || !strings.Contains(s.logs.String(), ScopeGroups) {
				t.Errorf("log: %s", s.logs)
			}
			s.ChangeClient(serviceID, func(c *oktatest.Client) { c.APIScopes = Scopes })
			*s.now = s.now.Add(6 * time.Minute)
			s.SetClockOffset(6 * time.Minute)
			s.settle(t)
			if _, err := s.d.Groups(context.Background(), idp.GroupQuery{}, ""); err != nil {
				t.Errorf("six minutes after the grant: %v", err)
			}
		}
	})
	t.Run("withdrawn while running", func(t *testing.T) {
		s := newService(t, nil)
		s.read(t)
		s.ChangeClient(serviceID, func(c *oktatest.Client) { c.APIScopes = []string{ScopeUsers} })
		s.RevokeClientTokens(serviceID)
		_, err := s.d.Log(context.Background(), idp.LogQuery{Since: *s.now}, "")
		var f *idp.ForbiddenError
		if !errors.As(err, &f) || f.Scope != ScopeLogs || !errors.Is(err, idp.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("role instead of scope", func(t *testing.T) {
		s := newService(t, func(c *oktatest.Client) { c.Role = oktatest.GroupAdmin })
		_, err := s.d.Log(context.Background(), idp.LogQuery{Since: *s.now}, "")
		var f *idp.ForbiddenError
		if !errors.As(err, &f) || f.Scope != "" || !strings.Contains(err.Error(), "Admin roles") {
			t.Errorf("got %v", err)
		}
	})
}

// settle lets the renewal that is due happen.
func (s *service) settle(t *testing.T) {
	t.Helper()
	if _, failed := s.tokens().get(context.Background()); failed != nil {
		t.Fatal(failed)
	}
	s.tokens().mu.Lock()
	f := s.tokens().flight
	s.tokens().mu.Unlock()
	if f != nil {
		<-f.done
	}
}

func TestRefusedTokensNameTheStepThatMendsThem(t *testing.T) {
	_, other := ecJWK(t, "k1")
	_, otherID := ecJWK(t, "k9")
	for _, c := range []struct {
		name   string
		change func(*oktatest.Client)
		fault  oktatest.Act
		says   []string
	}{
		{"wrong kid", func(c *oktatest.Client) { c.Keys.Keys = []jose.JSONWebKey{otherID} }, nil, []string{`"k1"`, "Public keys", "keygen"}},
		{"another key of that id", func(c *oktatest.Client) { c.Keys.Keys = []jose.JSONWebKey{other} }, nil, []string{"does not belong", "Public keys"}},
		{"no such client", func(c *oktatest.Client) { c.ID = "0oaother000000000001" }, nil, []string{"client_id", "idp_provider_url"}},
		{"no scope at all", func(c *oktatest.Client) { c.APIScopes = []string{"okta.roles.read"} }, nil, []string{"Okta API Scopes"}},
		{"sign-in app", func(c *oktatest.Client) { c.Keys, c.Secret = jose.JSONWebKeySet{}, "secret" }, nil, []string{"Public keys"}},
		{"proofs not accepted", nil, oktatest.OAuthError(400, codeBadProof, "The DPoP proof JWT signature is invalid."), []string{"uncheck", "DPoP"}},
		{"audience", nil, oktatest.OAuthError(401, "invalid_client", "The audience claim for client_assertion must be the endpoint invoked for the request."), []string{"-admin", "idp_provider_url"}},
		{"only service apps", nil, oktatest.OAuthError(401, "invalid_client", "Only clients with 'application_type' of 'service' may use the client_credentials 'grant_type' with the Org Authorization Server."), []string{"API Services"}},
		{"grant not allowed", nil, oktatest.OAuthError(400, "unauthorized_client", "The client is not authorized to use the provided grant type."), []string{"API Services"}},
		{"clock", nil, oktatest.OAuthError(401, "invalid_client", "The client_assertion token is expired."), []string{"NTP"}},
		{"no okta", nil, oktatest.Status(404, "text/html", "<h1>"), []string{"idp_provider_url"}},
		{"redirect", nil, oktatest.Redirect("https://evil.example/"), []string{"idp_provider_url"}},
		{"limited, called a bad grant", nil, oktatest.TooManyGrants(), []string{"rate limit"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t, c.change)
			if c.fault != nil {
				s.Fail(oktatest.Fault{Path: tokenPath, Act: c.fault})
			}
			_, err := s.d.Person(context.Background(), aliceID)
			var e *Error
			if !errors.As(err, &e) || !errors.Is(err, idp.ErrUnavailable) || e.Path != tokenPath {
				t.Fatalf("got %v", err)
			}
			for _, says := range c.says {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("got %q, want it to say %q", err, says)
				}
			}
			n := s.asked()
			_, again := s.d.Person(context.Background(), aliceID)
			if again == nil || s.asked() != n {
				t.Errorf("asked again at once: %v", again)
			}
			*s.now = s.now.Add(maxBackoff + time.Minute)
			_, _ = s.d.Person(context.Background(), aliceID)
			if s.asked() == n {
				t.Error("never asked again")
			}
			if strings.Contains(err.Error()+s.logs.String(), "eyJ") {
				t.Errorf("an assertion is told: %v", err)
			}
		})
	}
}

func TestPassingTroubleAtTheTokenEndpointIsRiddenOut(t *testing.T) {
	for name, act := range map[string]oktatest.Act{
		"EOF": oktatest.EOF(), "500": oktatest.ServerError(), "limited": oktatest.TooManyRequests(2 * time.Second), "cut off": oktatest.Truncate(10),
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, nil)
			s.Fail(oktatest.Fault{Path: tokenPath, Act: act, Times: 1})
			if name == "limited" {
				s.d.transport.sleep = func(ctx context.Context, d time.Duration) error { *s.now = s.now.Add(d); return ctx.Err() }
			}
			s.read(t)
		})
	}
}

func TestHostileTokenAnswersAreRefused(t *testing.T) {
	const good = `"token_type":"Bearer","expires_in":3600,"access_token":"abc","scope":"okta.users.read"`
	for name, h := range map[string]http.HandlerFunc{
		"no token":         jsonAnswer(200, `{"token_type":"Bearer","expires_in":3600}`),
		"header injection": jsonAnswer(200, `{"token_type":"Bearer","expires_in":3600,"access_token":"a\r\nX-Evil: 1"}`),
		"huge token":       jsonAnswer(200, `{"token_type":"Bearer","expires_in":3600,"access_token":"`+strings.Repeat("a", maxToken+1)+`"}`),
		"unknown type":     jsonAnswer(200, `{"token_type":"mac","expires_in":3600,"access_token":"abc"}`),
		"DPoP unasked":     jsonAnswer(200, `{"token_type":"DPoP","expires_in":3600,"access_token":"abc"}`),
		"no expiry":        jsonAnswer(200, `{"token_type":"Bearer","access_token":"abc"}`),
		"negative expiry":  jsonAnswer(200, `{"token_type":"Bearer","expires_in":-1,"access_token":"abc"}`),
		"not JSON":         withHeaders(200, `{`+good+`}`, "Content-Type", "text/html"),
		"list":             jsonAnswer(200, `[]`),
		"null":             jsonAnswer(200, `null`),
		"created":          jsonAnswer(201, `{`+good+`}`),
		"nonces for ever":  nonces(),
		"the same nonce":   withHeaders(400, `{"error":"use_dpop_nonce"}`, "Content-Type", jsonType, "DPoP-Nonce", "n1"),
		"no nonce":         jsonAnswer(400, `{"error":"use_dpop_nonce"}`),
		"proofs for ever":  jsonAnswer(400, `{"error":"invalid_dpop_proof","error_description":"The DPoP proof JWT header is missing."}`),
		"clock for ever":   withHeaders(401, `{"error":"invalid_client","error_description":"expired"}`, "Content-Type", jsonType, "Date", "Mon, 01 Jan 2001 00:00:00 GMT"),
		"assertion echoed": echo,
		"huge":             jsonAnswer(200, `{"x":"`+strings.Repeat("x", maxAnswer)+`"}`),
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		},
		"refused in colour": jsonAnswer(401, `{"error":"invalid_client\u001b[31m","error_description":"a\nb"}`),
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrg(t)
			o.handle(tokenPath, h)
			private, _ := ecJWK(t, "k1")
			var logs bytes.Buffer
			d, _ := under(t, o.URL, func(p *Options) {
				p.APIKey, p.ServiceAccount = "", fmt.Appendf(nil, `{"client_id":"0oa1","private_key":%s}`, private)
				p.Logger = slog.New(slog.NewTextHandler(&logs, nil))
			})
			p, err := d.Person(context.Background(), aliceID)
			if err == nil || !errors.Is(err, idp.ErrUnavailable) {
				t.Fatalf("got %v, %v; want ErrUnavailable", p, err)
			}
			if strings.ContainsAny(err.Error(), "\x1b\n") || strings.Contains(err.Error(), "eyJ") {
				t.Errorf("error repeats %q", err)
			}
			paths := map[string]int{}
			for _, r := range o.asked() {
				paths[r.URL.Path]++
			}
			if paths[userPath] != 0 || paths["/elsewhere"] != 0 || paths[tokenPath] > 6*maxRounds {
				t.Errorf("requests %v", paths)
			}
		})
	}
}

func nonces() http.HandlerFunc {
	var n atomic.Int32
	return func(w http.ResponseWriter, r *http.Request) {
		withHeaders(400, `{"error":"use_dpop_nonce"}`, "Content-Type", jsonType, "DPoP-Nonce", fmt.Sprint(n.Add(1)))(w, r)
	}
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := json.Marshal(map[string]string{"error": "invalid_client", "error_description": "x " + r.PostFormValue("client_assertion")})
	jsonAnswer(401, string(body))(w, r)
}

func TestWaitingForATokenEndsWithTheContext(t *testing.T) {
	s := newService(t, nil)
	s.Fail(oktatest.Fault{Path: tokenPath, Act: oktatest.Hang()})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := s.d.Person(ctx, aliceID); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, idp.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("took %v, though the context ended", took)
	}
}

func TestRecordedTokenAnswersAreUnderstood(t *testing.T) {
	required, nonce, good := load(t, "oauth/token-400-dpop-required.json"), load(t, "oauth/token-400-use-dpop-nonce.json"), load(t, "oauth/token-200-dpop.json")
	o := newOrg(t)
	var proofs []map[string]any
	o.handle(tokenPath, func(w http.ResponseWriter, r *http.Request) {
		claims := proofClaims(t, r)
		proofs = append(proofs, claims)
		switch {
		case claims == nil:
			required.ServeHTTP(w, r)
		case claims["nonce"] != "sanitized_dpop_nonce":
			nonce.ServeHTTP(w, r)
		default:
			good.ServeHTTP(w, r)
		}
	})
	private, _ := ecJWK(t, "k1")
	now := time.Date(2026, 3, 12, 4, 57, 46, 0, time.UTC)
	d, _ := under(t, o.URL, func(p *Options) {
		p.APIKey, p.ServiceAccount = "", fmt.Appendf(nil, `{"client_id":"0oa1","private_key":%s}`, private)
		p.Now = func() time.Time { return now }
	})
	if _, err := d.User(context.Background(), aliceID); err != nil {
		t.Fatal(err)
	}
	if len(proofs) != 3 || proofs[2]["htu"] != o.URL+tokenPath || proofs[2]["htm"] != "POST" || proofs[2]["ath"] != nil {
		t.Errorf("proofs %v", proofs)
	}
	tk := d.transport.credential.(*tokens)
	if diff := cmp.Diff([]string{ScopeUsers, ScopeApps, ScopeGroups}, tk.granted()); diff != "" {
		t.Error(diff)
	}
	last := o.asked()[len(o.asked())-1]
	claims := proofClaims(t, last)
	if last.Header.Get("Authorization") != "DPoP "+tk.current.value || claims["ath"] != accessHash(tk.current.value) || claims["htu"] != o.URL+userPath || claims["nonce"] != nil {
		t.Errorf("request with %q and %v", last.Header.Get("Authorization"), claims)
	}
}

// proofClaims checks a DPoP header as RFC 9449 §4.3 asks; nil when there is none.
func proofClaims(t *testing.T, r *http.Request) map[string]any {
	t.Helper()
	text := r.Header.Get("DPoP")
	if text == "" {
		return nil
	}
	jws, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	header := jws.Signatures[0].Protected
	payload, err := jws.Verify(header.JSONWebKey)
	if err != nil || header.ExtraHeaders["typ"] != "dpop+jwt" || !header.JSONWebKey.IsPublic() || header.KeyID != "" {
		t.Fatalf("proof %v, %v", header, err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestAccessTokenIsNeverTold(t *testing.T) {
	s := newService(t, nil)
	s.read(t)
	token := s.tokens().current.value
	s.Fail(oktatest.Fault{Path: "/api/", Act: oktatest.Status(400, "application/json", `{"errorCode":"E0000001","errorSummary":"`+token[:150]+token[150:]+`"}`)})
	_, err := s.d.User(context.Background(), aliceID)
	if err == nil || strings.Contains(err.Error(), token[:40]) || strings.Contains(s.logs.String(), token[:40]) {
		t.Errorf("the access token is told: %v", err)
	}
}

func TestServiceAccountThatCannotWorkIsNotBuilt(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	for _, text := range []string{"{}", `{"client_id":"0oa1"}`, base64.StdEncoding.EncodeToString([]byte("x"))} {
		if _, err := NewDirectory(Options{OrgURL: srv.URL, ServiceAccount: []byte(text)}); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
}
