package okta

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"sallyport/internal/httpout"
	"sallyport/internal/serviceaccount"
)

const (
	attempts       = 3                // at most, of one request
	attemptTimeout = 10 * time.Second // while a person waits
	listTimeout    = 60 * time.Second // of one page, where the client states less it holds
	maxWait        = 5 * time.Second  // for a rate limit while a person waits; past it they are told when to come again
	maxListWait    = 2 * time.Second  // where nobody does: whoever lists has other things to ask meanwhile
	firstPause     = 100 * time.Millisecond
	maxAnew        = 2 // authorisations of one request that turn out stale
)

// transport is all the SDK sees of the network. Its RoundTrip returns either a
// 200 with a body that was read whole and is JSON, or an *Error: the SDK's own
// handling of errors, retries and limits is never reached.
type transport struct {
	base       http.RoundTripper
	org        *url.URL
	credential credential
	timeout    time.Duration // of one attempt, as the client states it; 0: it does not
	limits     *limits
	metrics    *metrics
	log        *slog.Logger
	now        func() time.Time
	sleep      func(context.Context, time.Duration) error
}

func newTransport(o Options, org string, account *serviceaccount.Account) (*transport, error) {
	u, err := url.Parse(org)
	if err != nil {
		return nil, err
	}
	if o.HTTP == nil {
		if o.HTTP, err = httpout.New(httpout.Options{MaxBody: maxAnswer, Timeout: listTimeout}); err != nil {
			return nil, err
		}
	}
	t := &transport{
		base: httpout.Bound(o.HTTP.Transport, maxAnswer), org: u,
		timeout: o.HTTP.Timeout, log: o.Logger, now: o.Now, sleep: sleep,
	}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	if t.now == nil {
		t.now = time.Now
	}
	t.metrics = newMetrics(o.Registry)
	t.limits = newLimits(o.QPS, o.Share, t.metrics)
	t.credential = apiToken(account.APIKey)
	if account.ClientID != "" {
		t.credential = newTokens(account, org, t)
	}
	return t, nil
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet || r.URL.Host != t.org.Host || r.URL.Scheme != t.org.Scheme {
		return nil, nonsense(r.URL.Path, "request to host %q is not for %q", r.URL.Host, t.org.Host)
	}
	anew := 0
	for attempt := 1; ; attempt++ {
		resp, failed := t.attempt(r)
		if failed == nil {
			return resp, nil
		}
		if failed.anew && anew < maxAnew && r.Context().Err() == nil {
			anew++
			attempt--
			continue
		}
		pause, again := t.again(r.Context(), failed, attempt)
		if !again {
			return nil, failed
		}
		if err := t.sleep(r.Context(), pause); err != nil {
			return nil, failed
		}
	}
}

// attempt asks once, when the limits allow it.
func (t *transport) attempt(r *http.Request) (*http.Response, *Error) {
	bucket := bucketOf(r.URL.Path)
	release, failed := t.limits.enter(r.Context(), t, bucket, r.URL.Path)
	if failed != nil {
		return nil, failed
	}
	defer release()
	req := r.Clone(r.Context())
	if failed := t.credential.authorize(r.Context(), req); failed != nil {
		return nil, failed
	}
	resp, body, failed := t.exchange(req, bucket)
	if failed != nil {
		return nil, failed
	}
	return t.accept(req, resp, body)
}

// askToken makes one exchange with the token endpoint, whose limit counts as any
// other but is never waited for: requests wait for the token already.
func (t *transport) askToken(ctx context.Context, r *http.Request) (*http.Response, []byte, *Error) {
	if wait := t.limits.reserve(bucketToken, urgent, t.now()); wait > 0 {
		return nil, nil, limited(tokenPath, wait)
	}
	return t.exchange(r, bucketToken)
}

// exchange sends r and reads the answer whole.
func (t *transport) exchange(r *http.Request, bucket string) (*http.Response, []byte, *Error) {
	ctx, cancel := context.WithTimeout(r.Context(), t.attemptTimeout(r.Context()))
	defer cancel()
	resp, err := t.base.RoundTrip(r.WithContext(ctx))
	t.metrics.requests.WithLabelValues(bucket, httpout.Outcome(resp, err)).Inc()
	if err != nil {
		return nil, nil, &Error{Path: r.URL.Path, Summary: clip(err.Error(), 300), Err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	t.limits.learn(bucket, resp, t.now())
	if s, ok := t.credential.(*tokens); ok {
		s.observe(r, resp)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, &Error{Path: r.URL.Path, Status: resp.StatusCode, Summary: "answer broke off: " + clip(err.Error(), 200), Err: err}
	}
	return resp, body, nil
}

// attemptTimeout is short while a person waits: a listing of a large
// organisation takes Okta longer.
func (t *transport) attemptTimeout(ctx context.Context) time.Duration {
	most := listTimeout
	if priorityOf(ctx) == urgent {
		most = attemptTimeout
	}
	if t.timeout > 0 {
		most = min(most, t.timeout)
	}
	return most
}
