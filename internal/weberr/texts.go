package weberr

import (
	"net/http"
	"time"
)

// Denied says that account may not open the route host. It names no group, no
// list and no rule: who may know those reads the decision record.
func Denied(route, account string) *Error {
	who := "You are"
	if account != "" {
		who = "You are signed in as " + account + ", and this account is"
	}
	return &Error{
		Status: http.StatusForbidden, Code: "denied", Title: "Access denied",
		Message: who + " not allowed to open " + named(route) + ".",
		Next:    "If you should have access, ask the people who run this application and give them the request id.",
		Account: account, Route: route,
	}
}

// SignInNeeded is for clients that cannot be sent to the sign-in page.
func SignInNeeded(route, loginURL string) *Error {
	return &Error{
		Status: http.StatusUnauthorized, Code: "unauthenticated", Title: "Sign-in needed",
		Message: "Nobody is signed in to " + named(route) + ", or the session has ended.",
		Next:    "Sign in and try again.",
		Route:   route, LoginURL: loginURL,
	}
}

// SignInFailed says why a sign-in did not end well; message is for the person
// who tried, err for the log.
func SignInFailed(message string, err error) *Error {
	return &Error{
		Status: http.StatusBadRequest, Code: "sign-in-failed", Title: "Sign-in failed",
		Message: message,
		Next:    "Start again from the application. If it fails again, tell your administrator the request id.",
		Err:     err,
	}
}

// NotFound is for a host or path that no route serves.
func NotFound(host string) *Error {
	return &Error{
		Status: http.StatusNotFound, Code: "route-not-found", Title: "Nothing here",
		Message: "No application is published at this address of " + named(host) + ".",
		Next:    "Check the address for a typing mistake.",
		Route:   host,
	}
}

// UpstreamUnreachable is for an application that cannot be connected to or that
// broke off before it answered.
func UpstreamUnreachable(route string, err error) *Error {
	return &Error{
		Status: http.StatusBadGateway, Code: "upstream-unreachable", Title: "The application does not answer",
		Message: "You are allowed in, but the application behind " + named(route) + " could not be reached.",
		Next:    "Try again in a minute. If it goes on, tell the people who run this application.",
		Route:   route, Err: err,
	}
}

// UpstreamTimeout is for an application that took too long.
func UpstreamTimeout(route string, err error) *Error {
	return &Error{
		Status: http.StatusGatewayTimeout, Code: "upstream-timeout", Title: "The application took too long",
		Message: "The application behind " + named(route) + " did not answer in time.",
		Next:    "Try again in a minute. If it goes on, tell the people who run this application.",
		Route:   route, Err: err,
	}
}

// ProviderUnavailable is for sign-ins while the identity provider cannot be asked.
func ProviderUnavailable(retry time.Duration, err error) *Error {
	return &Error{
		Status: http.StatusServiceUnavailable, Code: "identity-provider-unavailable", Title: "Sign-in is unavailable",
		Message: "The service that signs people in cannot be reached at the moment. Those who are signed in already can go on.",
		Next:    "Try again in a minute.", RetryAfter: retry, Err: err,
	}
}

// StoreUnavailable is for requests whose session cannot be looked up. The
// session is not lost.
func StoreUnavailable(retry time.Duration, err error) *Error {
	return &Error{
		Status: http.StatusServiceUnavailable, Code: "sessions-unavailable", Title: "Temporarily unavailable",
		Message: "Your session cannot be checked at the moment. You have not been signed out.",
		Next:    "Try again in a minute.", RetryAfter: retry, Err: err,
	}
}

// BadRequest refuses a request as it came; message says what is wrong with it.
func BadRequest(message string, err error) *Error {
	return &Error{
		Status: http.StatusBadRequest, Code: "bad-request", Title: "Bad request",
		Message: message, Next: "Go back and try again.", Err: err,
	}
}

// Internal is a fault of ours; err is for the log only.
func Internal(err error) *Error {
	return &Error{
		Status: http.StatusInternalServerError, Code: "internal", Title: "Something went wrong",
		Message: "The request could not be completed because of a fault on our side.",
		Next:    "Try again. If it goes on, tell your administrator the request id.",
		Err:     err,
	}
}

func named(host string) string {
	if host == "" {
		return "this application"
	}
	return host
}
