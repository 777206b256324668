package okta

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"sallyport/idp"
	"sallyport/internal/httpout"
)

// Error is a request that Okta, or whoever stood in its place, did not answer as
// asked. errors.Is(err, idp.ErrNotFound) holds for Okta's own "no such
// resource", errors.Is(err, idp.ErrUnavailable) for everything else.
type Error struct {
	Path       string        // of the request
	Status     int           // 0: there was no answer
	Code       string        // Okta's, "E0000011"; "": the answer was not Okta's
	Summary    string        // Okta's words, or ours
	RequestID  string        // X-Okta-Request-Id, for Okta's support
	RetryAfter time.Duration // when asking again may help; 0: unknown
	Err        error         // the cause, or nil
}

// Error says what happened and, where there is something, what to do.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "okta: %s: ", e.Path)
	if e.Status != 0 {
		fmt.Fprintf(&b, "status %d: ", e.Status)
	}
	if e.Code != "" {
		b.WriteString(e.Code + ": ")
	}
	b.WriteString(e.Summary)
	if advice := e.Advice(); advice != "" {
		b.WriteString(": " + advice)
	}
	if e.RequestID != "" {
		b.WriteString(" (okta request " + e.RequestID + ")")
	}
	return b.String()
}

// Unwrap makes e an idp error.
func (e *Error) Unwrap() []error {
	if e.Status == http.StatusNotFound && e.Code == codeNotFound {
		return []error{idp.ErrNotFound}
	}
	return []error{&idp.UnavailableError{What: e.Summary, RetryAfter: e.RetryAfter, Err: e.Err}}
}

// Okta's error codes that mean something particular here
// (https://developer.okta.com/docs/reference/error-codes/).
const (
	codeNotFound  = "E0000007"
	codeRateLimit = "E0000047"
)

// Advice says in plain words what an operator can do about e, or "".
func (e *Error) Advice() string {
	switch e.Code {
	case "E0000011":
		return "the API token is revoked, was not used for 30 days, or is another organisation's: make a new one under Security > API > Tokens and put it into idp_service_account"
	case "E0000004", "E0000005":
		return "the API token is not accepted: put one from Security > API > Tokens into idp_service_account"
	case "E0000006":
		return "the API token's owner may not read this: give that administrator at least the Read-only Administrator role, and look whether the token is limited to a network zone"
	case "E0000015":
		return "the organisation does not have this feature"
	case codeRateLimit:
		return "the rate limit is used up; it is shared with everything else that uses the organisation's API"
	}
	switch {
	case errors.Is(e.Err, httpout.ErrRedirect):
		return "check idp_provider_url: the host does not serve the API itself"
	case e.Status == http.StatusNotFound:
		return "check idp_provider_url: there is no Okta API at this host"
	}
	return ""
}

// failure makes an Error of an answer that is not a 200 with JSON.
func failure(path string, resp *http.Response, body []byte, now time.Time) *Error {
	e := &Error{
		Path: path, Status: resp.StatusCode, RequestID: clip(resp.Header.Get("X-Okta-Request-Id"), 80),
		RetryAfter: httpout.RetryAfter(resp.Header, now), Summary: "answer is not Okta's",
	}
	var told struct {
		Code    string `json:"errorCode"`
		Summary string `json:"errorSummary"`
	}
	if isJSON(resp.Header) && json.Unmarshal(body, &told) == nil && told.Code != "" {
		e.Code, e.Summary = clip(told.Code, 20), clip(told.Summary, 200)
		return e
	}
	if challenge := resp.Header.Get("WWW-Authenticate"); resp.StatusCode == http.StatusUnauthorized || challenge != "" {
		e.Summary = "credentials refused"
	}
	return e
}

// nonsense is an answer that came and cannot be used.
func nonsense(path, format string, args ...any) *Error {
	return &Error{Path: path, Summary: fmt.Sprintf(format, args...)}
}

// asUnavailable finds our Error in what the SDK made of it, or makes one.
func asUnavailable(path string, err error) error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Path: path, Summary: clip(err.Error(), 300), Err: err}
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
