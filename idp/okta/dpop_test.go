package okta

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"sallyport/idp"
	"sallyport/internal/oktatest"
)

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
	o.handle("/api/v1/users", jsonAnswer(200, `[]`))
	if _, err := d.Users(context.Background(), idp.UserQuery{}, ""); err != nil {
		t.Fatal(err)
	}
	last = o.asked()[len(o.asked())-1]
	if claims := proofClaims(t, last); claims["htu"] != o.URL+"/api/v1/users" || last.URL.RawQuery == "" {
		t.Errorf("proof for %q is of %q", last.URL, claims["htu"])
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
