// Package weberr is the error that a person or a program on the other side of a
// connection may read. It keeps what they are told (status, code, title,
// message, what to do next) apart from what only the log may know (Err).
//
// Handlers return errors; internal/ui renders them as a page, as JSON or as a
// gRPC status. An error that is no *Error becomes a bare 500 by As, so that
// nothing is told by accident. The sentences live in texts.go, in one place.
package weberr

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// StatusClientGone is written to the access record when the client went away
// before there was an answer (nginx's 499); nobody is left to read it.
const StatusClientGone = 499

// StatusClientCertificate is nginx's and Pomerium's status for a client without a
// certificate that is trusted.
const StatusClientCertificate = 495

// Error is one refusal or failure as it is told. The zero value renders as a
// bare 500.
type Error struct {
	// Status is the HTTP status, 400 to 599; anything else counts as 500.
	Status int
	// Code is for programs: stable, kebab-case, e.g. "route-not-found".
	Code string
	// Title names what happened in a few words, Message says why in a sentence
	// or two, Next says what to do. All are for people and hold no secrets.
	Title, Message, Next string
	// Account is who is signed in, as they know themselves (an e-mail address);
	// "" if nobody is or it does not matter.
	Account string
	// Route is the public host that was asked for, with its port where it has one.
	Route string
	// LoginURL starts a sign-in; AccountURL starts one with another account.
	LoginURL, AccountURL string
	// RetryAfter is when asking again makes sense; 0 says nothing.
	RetryAfter time.Duration
	// Hints are the usual causes, the likeliest first, each a sentence for people.
	Hints []string
	// Details are the lines of a decision's trace; filled only for routes with
	// show_error_details.
	Details []string
	// Trace tells how the decision came about, or nil where this client may not
	// know. It is asked only when an answer is written that can hold it.
	Trace func() *Trace
	// Err is the cause, for the log only.
	Err error
}

// Error is for the log: code, status and cause.
func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s (%d): %v", e.Code, e.Status, e.Err)
	}
	return fmt.Sprintf("%s (%d)", e.Code, e.Status)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// As turns any error into one that may be shown: the *Error inside it if there
// is one, a client-gone for a cancelled request, else a bare 500 that keeps err
// for the log. nil stays nil.
func As(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		if e == nil { // a nil *Error in an error: somebody's mistake, still no answer to give away
			return Internal(nil)
		}
		return e
	}
	if errors.Is(err, context.Canceled) {
		return &Error{Status: StatusClientGone, Code: "client-gone", Title: "Request cancelled", Err: err}
	}
	return Internal(err)
}

// HTTPStatus is Status made safe to send: 500 where it is not an error status.
func (e *Error) HTTPStatus() int {
	if e == nil || e.Status < 400 || e.Status > 599 {
		return http.StatusInternalServerError
	}
	return e.Status
}
