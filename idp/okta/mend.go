package okta

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"time"

	"sallyport/internal/httpout"
)

// mending remembers what was put right already.
type mending struct {
	demanded, clock bool
	retries         int
}

// aboutTime matches Okta's refusals that a wrong clock explains.
var aboutTime = regexp.MustCompile(`(?i)expire|issued|future|\biat\b|too old|past`)

// mend puts right what a refusal names and reports whether to ask again.
func (s *tokens) mend(ctx context.Context, resp *http.Response, failed *Error, used time.Duration, m *mending) bool {
	switch {
	case failed.Code == codeUseNonce:
		return s.newNonce(resp)
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
