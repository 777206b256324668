package okta

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sallyport/idp"
	"sallyport/internal/oktatest"
)

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

func TestTokenIsAskedForAsOftenAsItIsWorthAndNoMore(t *testing.T) {
	s := newService(t, nil)
	var pauses atomic.Int32
	s.d.transport.sleep = func(context.Context, time.Duration) error { pauses.Add(1); return nil }
	s.Fail(oktatest.Fault{Path: tokenPath, Act: oktatest.ServerError()})
	if _, err := s.d.User(context.Background(), aliceID); !errors.Is(err, idp.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if s.asked() != attempts || pauses.Load() != attempts-1 {
		t.Errorf("asked %d times with %d pauses, want %d and %d", s.asked(), pauses.Load(), attempts, attempts-1)
	}
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
