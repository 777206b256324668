package oidc

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"sallyport/idp"
	"sallyport/internal/httpout"
)

// errNotJSON is wrapped by what is refused for its content type.
var errNotJSON = errors.New("not JSON")

// statusError is an answer with a status other than 200.
type statusError struct {
	status    int
	challenge string // WWW-Authenticate
}

func (e *statusError) Error() string { return fmt.Sprintf("status %d", e.status) }

// readJSON returns the body of a 200 that calls itself JSON; anything else is an
// *idp.UnavailableError. It closes the body and never quotes it: an error page
// may be a megabyte, and a token answer is a secret.
func readJSON(resp *http.Response, endpoint string, now time.Time) ([]byte, error) {
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, &idp.UnavailableError{
			What:       fmt.Sprintf("%s: expected status 200, got %d", endpoint, resp.StatusCode),
			RetryAfter: httpout.RetryAfter(resp.Header, now),
			Err:        &statusError{status: resp.StatusCode, challenge: resp.Header.Get("WWW-Authenticate")},
		}
	}
	if !isJSON(resp.Header) {
		return nil, unavailable(errNotJSON, "%s: expected JSON, got content type %q", endpoint, clip(resp.Header.Get("Content-Type"), 80))
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, unavailable(err, "%s: %v", endpoint, err)
	}
	return body, nil
}

func isJSON(h http.Header) bool {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && (kind == "application/json" || kind == "application/jwk-set+json")
}

// idpText returns err's text without the prefix that every unavailability has.
func idpText(err error) string {
	var u *idp.UnavailableError
	if errors.As(err, &u) {
		return u.What
	}
	return err.Error()
}

// clip makes a foreign text fit for a log line: printable ASCII, at most n bytes.
func clip(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
	if len(s) > n {
		s = s[:n] + "..."
	}
	return s
}
