package okta

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/httpout"
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

// mending remembers what was put right already.
type mending struct {
	demanded, clock bool
	nonces, retries int
}

// aboutTime matches Okta's refusals that a wrong clock explains.
var aboutTime = regexp.MustCompile(`(?i)expire|issued|future|\biat\b|too old|past`)

// mend puts right what a refusal names and reports whether to ask again.
func (s *tokens) mend(ctx context.Context, resp *http.Response, failed *Error, used time.Duration, m *mending) bool {
	switch {
	case failed.Code == codeUseNonce:
		m.nonces++
		return m.nonces <= 3 && s.newNonce(resp)
	case (failed.Code == codeBadProof || failed.Code == "invalid_client") && aboutTime.MatchString(failed.Summary) && !m.clock:
		m.clock = true
		if (s.clock() - used).Abs() > 2*time.Second {
			s.log.Warn("clock differs from okta's", "by", s.clock().String())
			return true
		}
	case failed.Code == codeBadProof && !m.demanded && !s.proving():
		m.demanded = true
		return s.startProving() == nil
	}
	wait, again := passing(failed, m.retries)
	m.retries++
	return again && s.sleep(ctx, wait) == nil
}

// passing reports whether a failure may be over soon. A 429 is never what its
// error code says: Okta sends "invalid_grant" with it.
func passing(failed *Error, retries int) (time.Duration, bool) {
	switch {
	case retries >= attempts-1, errors.Is(failed.Err, httpout.ErrRedirect), errors.Is(failed.Err, httpout.ErrTooLarge), errors.Is(failed.Err, context.DeadlineExceeded):
		return 0, false
	case failed.Status == http.StatusTooManyRequests:
		wait := max(failed.RetryAfter, time.Second) + jitter(250*time.Millisecond)
		return wait, wait <= maxWait
	case failed.Status == 0 && failed.Err != nil, failed.Status == http.StatusOK && failed.Err != nil, failed.Status >= 500:
		pause := firstPause << retries
		return pause + jitter(pause), true
	}
	return 0, false
}

func (s *tokens) newNonce(resp *http.Response) bool {
	if !s.proving() && s.startProving() != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return resp != nil && s.proofs.take(nonceToken, resp.Header)
}

func (s *tokens) startProving() error {
	p, err := newProver()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proofs == nil {
		s.proofs = p
		s.log.Info("okta asks for proofs of possession (DPoP): they are sent from now on", "client_id", s.account.ClientID)
	}
	return nil
}

// visible is what an access token may consist of (RFC 6750 §2.1).
var visible = regexp.MustCompile(`^[A-Za-z0-9._~+/=-]+$`)

// readToken reads the answer of RFC 6749 §5.1.
func readToken(resp *http.Response, body []byte, asked []string, at time.Time, proving bool) (*token, *Error) {
	var a struct {
		Type    string  `json:"token_type"`
		Value   string  `json:"access_token"`
		Expires float64 `json:"expires_in"`
		Scope   *string `json:"scope"`
	}
	if !isJSON(resp.Header) || json.Unmarshal(body, &a) != nil {
		return nil, nonsense(tokenPath, "token answer is not JSON")
	}
	t := &token{value: a.Value, scopes: slices.Clone(asked), fetched: at, hash: accessHash(a.Value)}
	switch {
	case strings.EqualFold(a.Type, schemeBearer):
		t.scheme = schemeBearer
	case strings.EqualFold(a.Type, schemeDPoP) && proving:
		t.scheme = schemeDPoP
	default:
		return nil, nonsense(tokenPath, "expected a token of type Bearer or DPoP, got %q", clip(a.Type, 40))
	}
	if len(a.Value) > maxToken || !visible.MatchString(a.Value) {
		return nil, nonsense(tokenPath, "access token is missing or malformed")
	}
	if !(a.Expires > 0) {
		return nil, nonsense(tokenPath, "expected expires_in, got none")
	}
	if a.Scope != nil { // absent: as asked (RFC 6749 §5.1)
		t.scopes = strings.Fields(clip(*a.Scope, 4096))
	}
	life := min(time.Duration(min(a.Expires, maxTokenLife.Seconds())*float64(time.Second)), maxTokenLife)
	t.expires = at.Add(life - min(life/20, 10*time.Second))
	t.renew = at.Add(time.Duration(renewAfter * float64(life)))
	return t, nil
}

// tokenFailure reads the answer of RFC 6749 §5.2.
func tokenFailure(resp *http.Response, body []byte, now time.Time) *Error {
	e := failure(tokenPath, resp, body, now)
	e.byApp = true
	var told struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}
	if isJSON(resp.Header) && json.Unmarshal(body, &told) == nil && told.Code != "" {
		e.Code, e.Summary = clip(told.Code, 60), told.Description
	}
	return e
}
