package oktatest

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// apiError is the Management API's error body. Okta's OAuth endpoints use it
// too where the client id is unknown.
type apiError struct {
	status  int
	Code    string     `json:"errorCode"`
	Summary string     `json:"errorSummary"`
	Link    string     `json:"errorLink"`
	ID      string     `json:"errorId"`
	Causes  []apiCause `json:"errorCauses"`
}

type apiCause struct {
	Summary string `json:"errorSummary"`
}

// Errors of the Management API, with Okta's texts.
var (
	errSession    = newAPIError(http.StatusForbidden, "E0000005", "Invalid session")
	errForbidden  = newAPIError(http.StatusForbidden, "E0000006", "You do not have permission to perform the requested action")
	errCursor     = withCause(newAPIError(http.StatusBadRequest, "E0000029", "Invalid paging request."), "Invalid cursor.")
	errInternal   = newAPIError(http.StatusInternalServerError, "E0000009", "Internal Server Error")
	errBadToken   = newAPIError(http.StatusUnauthorized, "E0000011", "Invalid token provided")
	errMethod     = newAPIError(http.StatusMethodNotAllowed, "E0000022", "The endpoint does not support the provided HTTP method")
	errTooMany    = newAPIError(http.StatusTooManyRequests, "E0000047", "API call exceeded rate limit due to too many requests.")
	errUnknownApp = newAPIError(http.StatusUnauthorized, "invalid_client", "Invalid value for 'client_id' parameter.")
)

// Error makes an apiError an error.
func (e apiError) Error() string { return e.Code + ": " + e.Summary }

func newAPIError(status int, code, summary string) apiError {
	return apiError{status: status, Code: code, Summary: summary, Link: code, Causes: []apiCause{}}
}

// errNotFound is E0000007 for a resource of a kind ("User", "UserGroup").
func errNotFound(id, kind string) apiError {
	return newAPIError(http.StatusNotFound, "E0000007", fmt.Sprintf("Not found: Resource not found: %s (%s)", id, kind))
}

// errValidation is E0000001 for one parameter.
func errValidation(parameter, cause string) apiError {
	e := newAPIError(http.StatusBadRequest, "E0000001", "Api validation failed: "+parameter)
	e.Causes = append(e.Causes, apiCause{Summary: parameter + ": " + cause})
	return e
}

// errSearch is E0000031 for a filter or search of people, groups or apps.
func errSearch(cause string) apiError {
	return withCause(newAPIError(http.StatusBadRequest, "E0000031", "Invalid search criteria."), cause)
}

// errLog is E0000053 for a query of the System Log.
func errLog(summary string) apiError { return newAPIError(http.StatusBadRequest, "E0000053", summary) }

func withCause(e apiError, cause string) apiError {
	e.Causes = append(e.Causes, apiCause{Summary: cause})
	return e
}

func (e apiError) write(w http.ResponseWriter) {
	e.ID = "oae" + secret(16)
	writeJSON(w, e.status, e)
}

// oauthError is an error of the OAuth endpoints (RFC 6749 §5.2).
type oauthError struct {
	status      int
	code        string
	description string
}

func (e oauthError) Error() string { return e.code + ": " + e.description }

func (e oauthError) write(w http.ResponseWriter) {
	writeJSON(w, e.status, struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{e.code, e.description})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(body) // a client that went away
}

// must panics with err: the set-up of a test is wrong.
func must[T any](v T, err error) T {
	if err != nil {
		panic("oktatest: " + err.Error())
	}
	return v
}
