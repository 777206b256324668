package okta

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"sallyport/internal/httpout"
)

func (s *tokens) app() bool { return true }

func (s *tokens) granted() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		return nil
	}
	return slices.Clone(s.current.scopes)
}

func (s *tokens) repeats(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current != nil && strings.Contains(text, s.current.value)
}

func (s *tokens) authorize(ctx context.Context, r *http.Request) *Error {
	t, failed := s.get(ctx)
	if failed != nil {
		return failed
	}
	r.Header.Set("Authorization", t.scheme+" "+t.value)
	if t.scheme == schemeDPoP {
		return s.prove(r, t.hash)
	}
	return nil
}

// refused drops a token that is not accepted any more, and takes a nonce that the
// API asks for.
func (s *tokens) refused(r *http.Request, resp *http.Response, failed *Error) bool {
	if resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusBadRequest {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if failed.challenge == codeUseNonce {
		return s.proofs != nil && s.proofs.take(nonceAPI, resp.Header)
	}
	if failed.challenge == codeBadProof {
		return true // the clock that the answer brought makes a better one
	}
	if resp.StatusCode != http.StatusUnauthorized || failed.Code == codeNoFeature {
		return false
	}
	_, used, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case s.current == nil || subtle.ConstantTimeCompare([]byte(used), []byte(s.current.value)) != 1:
		return true // there is another one by now, or will be
	case !s.worked && s.now().Sub(s.current.fetched) < provenAfter:
		return false
	}
	s.current = nil
	return true
}

// observe learns from any answer: how Okta's clock stands to ours, the nonce to
// use next, and that the token works.
func (s *tokens) observe(r *http.Request, resp *http.Response) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if skew, ok := httpout.Skew(resp.Header, s.now()); ok {
		s.skew = skew
	}
	toToken := r.URL.Path == tokenPath
	if s.proofs != nil && resp.StatusCode == http.StatusOK {
		s.proofs.take(nonceOf(toToken), resp.Header)
	}
	if !toToken && resp.StatusCode == http.StatusOK {
		s.worked = true
	}
}

func accessHash(value string) string {
	sum := sha256.Sum256([]byte(value))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
