package okta

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/serviceaccount"
)

const (
	assertionLife = 5 * time.Minute // Okta takes an hour at most, by its own clock
	maxRounds     = 8               // questions that one token may take with one key
	maxTokenLife  = 24 * time.Hour
	maxToken      = 16 << 10
	// dateError is how far ahead our idea of Okta's clock may be: Date has whole
	// seconds, and Okta takes nothing from the future.
	dateError = 2 * time.Second
)

// fetch gets a token for the scopes wanted or, where Okta refuses them together,
// for those it grants one by one.
func (s *tokens) fetch(ctx context.Context) (*token, *Error) {
	wanted := s.wanted()
	t, failed := s.redeem(ctx, wanted)
	if failed != nil && failed.Code == "invalid_scope" && len(wanted) > 1 {
		t, failed = s.fetchGranted(ctx, wanted, failed)
	}
	if failed == nil && len(missingScopes(wanted, t.scopes)) > 0 {
		t.renew = t.fetched.Add(min(scopesAgain, t.renew.Sub(t.fetched)))
	}
	return t, failed
}

func (s *tokens) fetchGranted(ctx context.Context, wanted []string, failed *Error) (*token, *Error) {
	var granted []string
	for _, scope := range wanted {
		_, alone := s.redeem(ctx, []string{scope})
		switch {
		case alone == nil:
			granted = append(granted, scope)
		case alone.Code != "invalid_scope" && alone.Code != "consent_required":
			return nil, alone
		}
	}
	if len(granted) == 0 {
		return nil, failed
	}
	return s.redeem(ctx, granted)
}

// redeem tries the keys from the newest: during a rotation Okta may not know it
// yet.
func (s *tokens) redeem(ctx context.Context, scopes []string) (*token, *Error) {
	var first *Error
	for i, key := range s.account.Keys {
		t, failed := s.redeemWith(ctx, key, scopes)
		if failed == nil {
			s.usedKey(i, key)
			return t, nil
		}
		if first == nil {
			first = failed
		}
		if failed.Code != "invalid_client" {
			return nil, failed
		}
	}
	return nil, first
}

func (s *tokens) usedKey(i int, key serviceaccount.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i != s.keyUsed && i > 0 {
		s.log.Warn("okta does not take the newest private key yet: paste its public half under Public keys of the app", "used_key_id", key.ID)
	}
	s.keyUsed = i
}

// redeemWith asks with one key until there is a token or nothing left to put
// right.
func (s *tokens) redeemWith(ctx context.Context, key serviceaccount.Key, scopes []string) (*token, *Error) {
	var mended mending
	for range maxRounds {
		asked, skew := s.now(), s.clock()
		resp, body, failed := s.post(ctx, key, scopes, asked.Add(skew))
		if failed == nil {
			return readToken(resp, body, scopes, asked, s.proving())
		}
		failed.keyID = key.ID
		if ctx.Err() != nil || !s.mend(ctx, resp, failed, skew, &mended) {
			return nil, failed
		}
	}
	return nil, nonsense(tokenPath, "expected a token or a refusal, got new questions without end")
}

// clock is how far Okta's clock is ahead of ours.
func (s *tokens) clock() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.skew
}

func (s *tokens) proving() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proofs != nil
}

// post asks once. All parameters are in the body: query strings end up in logs.
func (s *tokens) post(ctx context.Context, key serviceaccount.Key, scopes []string, at time.Time) (*http.Response, []byte, *Error) {
	assertion, err := s.assertion(key, at)
	if err != nil {
		return nil, nil, &Error{Path: tokenPath, Summary: "client assertion cannot be signed", Err: err}
	}
	form := url.Values{
		"grant_type": {"client_credentials"}, "scope": {strings.Join(scopes, " ")},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion},
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, nil, nonsense(tokenPath, "request cannot be made: %v", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	if failed := s.prove(r, ""); failed != nil {
		return nil, nil, failed
	}
	resp, body, failed := s.ask(ctx, r)
	if failed == nil && resp.StatusCode != http.StatusOK {
		failed = tokenFailure(resp, body, s.now())
		if strings.Contains(failed.Summary, assertion[strings.LastIndex(assertion, ".")+1:]) {
			failed.Summary = "description withheld, since it repeats the client assertion"
		}
		failed.Summary = clip(failed.Summary, 300)
	}
	return resp, body, failed
}

// assertion says who we are for the next minutes, by Okta's clock.
func (s *tokens) assertion(key serviceaccount.Key, at time.Time) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: key.Algorithm, Key: jose.JSONWebKey{Key: key.Private, KeyID: key.ID}},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", err
	}
	return sign(signer, map[string]any{
		"iss": s.account.ClientID, "sub": s.account.ClientID, "aud": s.endpoint, "jti": randomID(),
		"iat": at.Add(-dateError).Unix(), "exp": at.Add(assertionLife).Unix(),
	})
}
