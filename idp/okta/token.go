package okta

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport/internal/serviceaccount"
)

const (
	tokenPath    = "/oauth2/v1/token"
	tokenTimeout = 25 * time.Second // for one token, all questions it takes included
	renewAfter   = 0.8              // of its life
	// scopesAgain is how soon a token that lacks scopes is renewed, so that a grant
	// made in the console is seen.
	scopesAgain = 5 * time.Minute
	// provenAfter is how old a token that never worked must be to be dropped: one
	// that is refused at once would be refused again.
	provenAfter = 30 * time.Second
	// maxBackoff bounds how long a failure stands before Okta is asked again.
	maxBackoff = time.Minute
)

// Scopes that reading the directory takes.
const (
	ScopeUsers  = "okta.users.read"
	ScopeGroups = "okta.groups.read"
	ScopeApps   = "okta.apps.read"
	ScopeLogs   = "okta.logs.read"
)

// Scopes are those asked for where the service account names none.
var Scopes = []string{ScopeUsers, ScopeGroups, ScopeLogs, ScopeApps}

// token is an access token of the org authorization server.
type token struct {
	value   string
	scheme  string // "Bearer" or "DPoP"
	hash    string // ath of RFC 9449
	scopes  []string
	fetched time.Time
	renew   time.Time
	expires time.Time
}

// tokens gets access tokens by private_key_jwt (RFC 7523) and keeps the current
// one: one exchange at a time, whoever asks; renewed beside the requests that
// still use the old one. Safe for concurrent use.
type tokens struct {
	account  *serviceaccount.Account
	endpoint string
	// ask makes one exchange with the token endpoint.
	ask   func(ctx context.Context, r *http.Request) (*http.Response, []byte, *Error)
	now   func() time.Time
	sleep func(context.Context, time.Duration) error
	log   *slog.Logger

	mu       sync.Mutex
	current  *token
	worked   bool // current was accepted once
	flight   *flight
	failed   *Error // the last failure, which stands until retryAt
	failures int
	retryAt  time.Time
	skew     time.Duration // Okta's clock minus ours
	proofs   *prover       // nil until Okta asks for DPoP
	lacking  string        // what was last said about missing scopes
	keyUsed  int
}

// flight is one exchange under way.
type flight struct {
	done  chan struct{}
	token *token
	err   *Error
}

var _ credential = (*tokens)(nil)

func newTokens(account *serviceaccount.Account, org string, t *transport) *tokens {
	return &tokens{
		account: account, endpoint: org + tokenPath, log: t.log, now: func() time.Time { return t.now() },
		sleep: func(ctx context.Context, d time.Duration) error { return t.sleep(ctx, d) },
		ask:   t.askToken,
	}
}

// get returns a token that is not expired, waiting for one if need be.
func (s *tokens) get(ctx context.Context) (*token, *Error) {
	s.mu.Lock()
	now := s.now()
	if t := s.current; t != nil && now.Before(t.expires) {
		if !now.Before(t.renew) && !now.Before(s.retryAt) {
			s.start()
		}
		s.mu.Unlock()
		return t, nil
	}
	if s.failed != nil && now.Before(s.retryAt) {
		failed := *s.failed
		failed.RetryAfter = max(failed.RetryAfter, s.retryAt.Sub(now))
		s.mu.Unlock()
		return nil, &failed
	}
	f := s.start()
	s.mu.Unlock()
	select {
	case <-f.done:
		return f.token, f.err
	case <-ctx.Done():
		return nil, &Error{Path: tokenPath, Summary: "gave up waiting for an access token", Err: ctx.Err()}
	}
}

// start begins an exchange or joins the one under way. It is not the caller's:
// others wait for it too. mu is held.
func (s *tokens) start() *flight {
	if s.flight == nil {
		s.flight = &flight{done: make(chan struct{})}
		go s.run(s.flight)
	}
	return s.flight
}

func (s *tokens) run(f *flight) {
	ctx, cancel := context.WithTimeout(context.Background(), tokenTimeout)
	defer cancel()
	f.token, f.err = s.fetch(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flight = nil
	if f.err == nil {
		s.current, s.worked = f.token, false
		s.failed, s.failures, s.retryAt = nil, 0, time.Time{}
		s.reportScopes(f.token)
	} else {
		s.failures = min(s.failures+1, 10)
		s.failed, s.retryAt = f.err, s.now().Add(max(f.err.RetryAfter, min(time.Second<<s.failures, maxBackoff)))
		s.log.Warn("no access token from okta", "error", f.err.Error(), "again_in", s.retryAt.Sub(s.now()).String())
	}
	close(f.done)
}

// reportScopes says once what the app lacks. mu is held.
func (s *tokens) reportScopes(t *token) {
	missing := strings.Join(missingScopes(s.wanted(), t.scopes), " ")
	if missing != "" && missing != s.lacking {
		s.log.Warn("okta granted fewer scopes than asked for: "+grantStep, "missing", missing, "client_id", s.account.ClientID)
	}
	s.lacking = missing
}

func (s *tokens) wanted() []string {
	if s.account.Scopes != nil {
		return s.account.Scopes
	}
	return Scopes
}

func missingScopes(wanted, granted []string) []string {
	return slices.DeleteFunc(slices.Clone(wanted), func(scope string) bool { return slices.Contains(granted, scope) })
}
