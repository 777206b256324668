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
// resource", errors.As(err, **idp.ForbiddenError) where our credentials do not
// reach that far, errors.Is(err, idp.ErrUnavailable) for that and everything
// else.
type Error struct {
	Path       string        // of the request
	Status     int           // 0: there was no answer
	Code       string        // Okta's, "E0000011", or OAuth's, "invalid_client"; "": the answer was not Okta's
	Summary    string        // Okta's words, or ours
	RequestID  string        // X-Okta-Request-Id, for Okta's support
	RetryAfter time.Duration // when asking again may help; 0: unknown
	Err        error         // the cause, or nil

	challenge string   // error of WWW-Authenticate
	byApp     bool     // asked with an access token rather than an API token
	granted   []string // scopes of that token
	keyID     string   // kid that a client assertion named
	anew      bool     // the same request, authorised anew, may fare better
}

// Error says what happened and, where there is something, what to do.
func (e *Error) Error() string {
	text := e.Facts()
	if advice := e.Advice(); advice != "" {
		text += ": " + advice
	}
	if e.RequestID != "" {
		text += " (okta request " + e.RequestID + ")"
	}
	return "okta: " + text
}

// Facts says what happened alone.
func (e *Error) Facts() string {
	var b strings.Builder
	b.WriteString(e.Path + ": ")
	if e.Status != 0 {
		fmt.Fprintf(&b, "status %d: ", e.Status)
	}
	if e.Code != "" {
		b.WriteString(e.Code + ": ")
	}
	b.WriteString(e.Summary)
	return b.String()
}

// Unwrap makes e an idp error.
func (e *Error) Unwrap() []error {
	switch {
	case e.Status == http.StatusNotFound && e.Code == codeNotFound && namesOne(e.Path):
		return []error{idp.ErrNotFound}
	case e.forbidden():
		return []error{&idp.ForbiddenError{What: subjectOf(e.Path), Scope: e.missingScope(), Err: e.Err}}
	}
	return []error{&idp.UnavailableError{What: e.Summary, RetryAfter: e.RetryAfter, Err: e.Err}}
}

// namesOne reports whether a path names one thing, or what one thing has: a
// listing of all things cannot be "not found".
func namesOne(path string) bool {
	return len(strings.Split(strings.Trim(path, "/"), "/")) > 3
}

// Okta's error codes that mean something particular here
// (https://developer.okta.com/docs/reference/error-codes/).
const (
	codeNotFound  = "E0000007"
	codeRateLimit = "E0000047"
	codeNoRight   = "E0000006"
	codeNoFeature = "E0000015"
)

// forbidden reports whether Okta knows us and says no.
func (e *Error) forbidden() bool {
	switch e.Status {
	case http.StatusForbidden:
		return e.Code == codeNoRight || e.Code == codeNoFeature || e.challenge == "insufficient_scope"
	case http.StatusUnauthorized:
		return e.Code == codeNoFeature
	}
	return false
}

// failure makes an Error of an answer that is not a 200 with JSON.
func failure(path string, resp *http.Response, body []byte, now time.Time) *Error {
	e := &Error{
		Path: path, Status: resp.StatusCode, RequestID: clip(resp.Header.Get("X-Okta-Request-Id"), 80),
		RetryAfter: httpout.RetryAfter(resp.Header, now), Summary: "answer is not Okta's",
		challenge: challengeError(resp.Header.Get("WWW-Authenticate")),
	}
	var told struct {
		Code    string `json:"errorCode"`
		Summary string `json:"errorSummary"`
	}
	if isJSON(resp.Header) && json.Unmarshal(body, &told) == nil && told.Code != "" {
		e.Code, e.Summary = clip(told.Code, 20), clip(told.Summary, 200)
		return e
	}
	if resp.StatusCode == http.StatusUnauthorized || resp.Header.Get("WWW-Authenticate") != "" {
		e.Summary = "credentials refused"
		if e.challenge != "" {
			e.Summary += ": " + e.challenge
		}
	}
	return e
}

// challengeError is the error parameter of a WWW-Authenticate line (RFC 6750 §3).
func challengeError(line string) string {
	_, rest, ok := strings.Cut(line, `error="`)
	if !ok {
		return ""
	}
	value, _, ok := strings.Cut(rest, `"`)
	if !ok {
		return ""
	}
	return clip(value, 60)
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

// Definite reports whether Okta refused our credentials, so that asking again
// helps only once somebody changed something.
func (e *Error) Definite() bool {
	if e.forbidden() {
		return true
	}
	switch e.Status {
	case http.StatusUnauthorized:
		return true
	case http.StatusBadRequest:
		return e.Path == tokenPath
	}
	return false
}
