package weberr

import (
	"net/http"
	"strings"
	"time"
)

// Denied says that account may not open the route host. It names no group, no
// list and no rule: who may know those reads the decision record.
func Denied(route, account string) *Error {
	who := "You are"
	if account != "" {
		who = "You are signed in as " + account + ", but this account is"
	}
	return &Error{
		Status: http.StatusForbidden, Code: "denied", Title: "Access denied",
		Message: who + " not allowed to open " + named(route) + ".",
		Next:    "If you should have access, ask the people who run this application and give them the request id.",
		Account: account, Route: route,
	}
}

// AccountInactive is a denial of somebody whose status in the directory, such as
// suspended, lets them open nothing. Who runs the application cannot help there.
func AccountInactive(route, account string) *Error {
	e := Denied(route, account)
	e.Message = "Your account" + apposition(account) + " is not active in your organisation's directory."
	e.Next = askForAccount
	return e
}

// AccountUnknown is a denial of somebody whom the directory does not list.
func AccountUnknown(route, account string) *Error {
	e := Denied(route, account)
	e.Message = "Your organisation's directory does not list your account" + strings.TrimSuffix(apposition(account), ",") + "."
	e.Next = askForAccount
	return e
}

const askForAccount = "Ask the people who manage accounts in your organisation, and give them the request id."

func apposition(account string) string {
	if account == "" {
		return ""
	}
	return ", " + account + ","
}

// DirectoryStale is a denial because what is known of the directory is too old.
func DirectoryStale(route, account string) *Error {
	e := Denied(route, account)
	e.Code, e.Title = "directory-stale", "Access cannot be checked"
	e.Message = "Who may use this application depends on your organisation's directory, which has not answered for too long."
	e.Next = "Try again later. Nothing is wrong with your account."
	return e
}

// DirectoryUnclear is a denial because what the policy asks of the directory is
// not known yet.
func DirectoryUnclear(route, account string) *Error {
	e := Denied(route, account)
	e.Code, e.Title = "directory-unclear", "Access cannot be checked yet"
	e.Message = "Who may use this application depends on your organisation's directory, and some of that is not known yet."
	e.Next = "Try again in a minute. If it keeps happening, tell the people who run this application: their log says what is missing."
	return e
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
		Next:    "Start again from the application. If it fails again, give your administrator the request id.",
		Err:     err,
	}
}

// NotFound is for a host or path that no route serves.
func NotFound(host string) *Error {
	return &Error{
		Status: http.StatusNotFound, Code: "route-not-found", Title: "Nothing here",
		Message: "No application is published at this address on " + named(host) + ".",
		Next:    "Check the address for a typing mistake.",
		Route:   host,
	}
}

// WrongPort is for somebody who would be sent to sign in, or elsewhere, and came
// under a port that no route and no listener has; name is the host without it.
func WrongPort(host, name string) *Error {
	return &Error{
		Status: http.StatusMisdirectedRequest, Code: "wrong-port", Title: "Wrong address",
		Message: named(host) + " is not an address of this application: the port is wrong.",
		Next:    "Open https://" + name + "/ instead. If the application really is at this port, its administrator has to add the port to the route's address.",
		Route:   host,
	}
}

// UpstreamUnreachable is for an application that cannot be connected to or that
// broke off before it answered.
func UpstreamUnreachable(route string, err error) *Error {
	return &Error{
		Status: http.StatusBadGateway, Code: "upstream-unreachable", Title: "The application does not answer",
		Message: "You are allowed in, but the application behind " + named(route) + " could not be reached.",
		Next:    "Try again in a minute. If it keeps happening, tell the people who run this application.",
		Route:   route, Err: err,
	}
}

// UpstreamTimeout is for an application that took too long.
func UpstreamTimeout(route string, err error) *Error {
	return &Error{
		Status: http.StatusGatewayTimeout, Code: "upstream-timeout", Title: "The application took too long",
		Message: "The application behind " + named(route) + " did not answer in time.",
		Next:    "Try again in a minute. If it keeps happening, tell the people who run this application.",
		Route:   route, Err: err,
	}
}

// ProviderUnavailable is for sign-ins while the identity provider cannot be asked.
func ProviderUnavailable(retry time.Duration, err error) *Error {
	return &Error{
		Status: http.StatusServiceUnavailable, Code: "identity-provider-unavailable", Title: "Sign-in is unavailable",
		Message: "The service that signs people in cannot be reached at the moment. Anyone who is already signed in can carry on.",
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

// Maintenance is for an application that its people have taken away for a while;
// message is theirs, "" says no more than that.
func Maintenance(route, message string, retry time.Duration) *Error {
	e := &Error{
		Status: http.StatusServiceUnavailable, Code: "maintenance", Title: "Down for maintenance",
		Message: message, Next: "You have access; please come back later.", Route: route, RetryAfter: retry,
	}
	if message == "" {
		e.Message = "The application behind " + named(route) + " is being worked on."
	}
	return e
}

// Lost says what became of the cookie that a browser should have brought back.
type Lost uint8

// A cookie that did not come back, came back alone among those set with it, came
// but could not be read, or was good for a session that is no more.
const (
	LostAll Lost = iota
	LostOne
	LostUnreadable
	LostSession
)

// String is the word for the log.
func (l Lost) String() string {
	return [...]string{"all cookies", "the session cookie alone", "a readable session cookie", "the session"}[l]
}

// SignInLoop ends a sign-in that would go round for ever: cookie is the name of
// the one that should have come back to the route host.
func SignInLoop(route, cookie string, lost Lost) *Error {
	e := &Error{
		Status: http.StatusBadRequest, Code: "sign-in-loop", Title: "Signing in goes round in circles",
		Next:  "Wait a minute, close other tabs of this site and try again. If it keeps happening, show this page to your administrator.",
		Route: route,
	}
	switch lost {
	case LostAll:
		e.Message = "You signed in, but your browser sent back no cookies for " + named(route) + "; it should have sent " + cookie + "."
		e.Hints = []string{
			"The browser, or one of its extensions, blocks cookies for this site. Allow them.",
			"The site was opened over http:// at some point, or inside a page of another site: browsers then leave out cookies that are Secure or SameSite. Open https://" + route + "/ in its own tab.",
			"The clock of this computer is wrong by more than a few minutes, so cookies have expired before they are used. Compare it with the time on this page.",
		}
	case LostOne:
		e.Message = "You signed in, but your browser did not send back the cookie " + cookie + " for " + named(route) + ", although it sent others."
		e.Hints = []string{
			"The site has too many cookies, or too large ones, and the browser dropped this one. Clear the cookies for this site.",
			"An application on this host, or a proxy in between, removes or rewrites cookies; adding a Domain attribute to " + cookie + " makes browsers refuse it.",
			"The clock of this computer is wrong, so the cookie had expired before it was used. Compare it with the time on this page.",
		}
	case LostUnreadable:
		e.Message = "You signed in, but the cookie " + cookie + " that came back to " + named(route) + " cannot be read."
		e.Hints = []string{
			"An older cookie of the same name hides it. Clear the cookies for this site.",
			"Something in between truncated or changed it: a proxy with a limit on the size of headers, or an application that sets a cookie of this name.",
			"For administrators: instances behind one address need the same cookie_secret.",
		}
	case LostSession:
		e.Message = "You signed in, and the cookie " + cookie + " came back to " + named(route) + ", but the session it belongs to has already ended."
		e.Hints = []string{
			"For administrators: instances behind one address need the same store, and the clocks of their machines must agree.",
			"For administrators: the identity provider's access or refresh token expires before the sign-in is complete.",
		}
	}
	return e
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
		Next:    "Try again. If it keeps happening, give your administrator the request id.",
		Err:     err,
	}
}

func named(host string) string {
	if host == "" {
		return "this application"
	}
	return host
}

// ClientCertificateRequired is for clients that showed no certificate where one
// is needed.
func ClientCertificateRequired(route string) *Error {
	return &Error{
		Status: StatusClientCertificate, Code: "client-certificate-required", Title: "Client certificate needed",
		Message: named(route) + " is open only to devices with a certificate from your organisation, and your browser or program did not present one.",
		Next:    "Install the certificate, close all windows of the browser, and open the address again: browsers remember for a while that you chose none.",
		Route:   route,
	}
}

// InvalidClientCertificate is for clients whose certificate is not trusted; err is
// why, for the log.
func InvalidClientCertificate(route string, err error) *Error {
	return &Error{
		Status: StatusClientCertificate, Code: "invalid-client-certificate", Title: "Client certificate not accepted",
		Message: "The certificate that your browser or program presented to " + named(route) + " is not accepted: it was issued by another authority, has expired or was revoked.",
		Next:    "Close all windows of the browser, open the address again and choose another certificate. If there is no other, ask your administrator for one and give them the request id.",
		Route:   route, Err: err,
	}
}
