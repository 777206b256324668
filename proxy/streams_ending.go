package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"sallyport/config"
	"sallyport/identity"
	"sallyport/internal/weberr"
	"sallyport/policy"
	"sallyport/session"
)

// ending says why an exchange is cut, to each in its own way: a WebSocket by a
// close frame, a call by its status, a client whose answer has not begun by that
// answer. Whatever else is under way breaks off.
type ending struct {
	code   uint16 // of a WebSocket close frame (RFC 6455 7.4)
	reason string // of the same
	// err is what the client is told; nil: that its session ended.
	err *weberr.Error
	// answer gives the answer that has not begun, or returns what it is to say;
	// nil: err, or the way to sign in.
	answer func(x *exchange) error
}

// Close codes.
const (
	closeGoingAway = 1001
	closePolicy    = 1008
	closeRestart   = 1012
	closeLater     = 1013 // "try again later", of IANA's registry
)

// checkAgain is when to ask again after sessions could not be looked up.
const checkAgain = 10 * time.Second

func sessionEnded(why string) ending {
	return ending{code: closePolicy, reason: "session ended: " + why}
}

// sessionUnknown is for times in which nobody can tell whether a session was
// revoked.
func sessionUnknown(err error) ending {
	told, ok := errors.AsType[*weberr.Error](err)
	if !ok {
		told = weberr.StoreUnavailable(checkAgain, err)
	}
	return ending{code: closeLater, reason: "the session cannot be checked", err: told}
}

func routeGone(host string) ending {
	return ending{code: closePolicy, reason: "the route is no more", err: weberr.NotFound(host)}
}

// accessEnded is for a decision that would not let the exchange in any more.
func (h *Handler) accessEnded(x *exchange, route *config.Route, s *session.Session, p *identity.Person, d policy.Decision) ending {
	why := ending{code: closePolicy, reason: "access ended: " + strings.Join(append(d.DenyReasons.Names(), d.AllowReasons.Names()...), " ")}
	switch d.Effect {
	case policy.Unauthenticated:
	case policy.StepUp:
		why.answer = func(x *exchange) error {
			h.dress(x)
			return h.o.Authenticator.StepUp(x.w, x.r.WithContext(context.WithoutCancel(x)), route, d.SignIn)
		}
	default:
		why.err = denial(x.host, route, s, p, d)
	}
	return why
}

// cut ends the exchange for a reason.
func (x *exchange) cut(why ending) {
	x.mu.Lock()
	s := x.switched
	x.why = &why
	x.mu.Unlock()
	if s != nil {
		s.end(why)
	}
	x.stop(errCut)
}

// wasCut returns why the exchange was cut, nil if it was not.
func (x *exchange) wasCut() *ending {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.why
}

// told is what the other side may know of an ending.
func (why *ending) told(host string) *weberr.Error {
	if why.err != nil {
		return why.err
	}
	return weberr.SignInNeeded(host, "")
}

// cutShort answers an exchange that was cut before its answer began, as the next
// request would be answered. nil: the answer was given.
func (x *exchange) cutShort() error {
	why := x.wasCut()
	switch {
	case why == nil:
		return weberr.SignInNeeded(x.host, "")
	case why.answer != nil:
		return why.answer(x)
	case why.err != nil:
		return why.err
	}
	x.h.dress(x)
	return x.h.o.Authenticator.Challenge(x.w, x.r.WithContext(context.WithoutCancel(x)), x.plan.route)
}

// lingerFor is how long a client that still sends may take to read its answer.
const lingerFor = time.Second

// linger lets a client of HTTP/1 that was cut while it sends read the answer: to
// close a connection on which something comes in resets it, and what was answered
// is lost on the way.
func (x *exchange) linger() {
	x.mu.Lock()
	done := x.why == nil || x.whole || x.started || x.r.ProtoMajor != 1 || x.r.ContentLength == 0
	x.mu.Unlock()
	c := http.NewResponseController(x.w)
	if done || c.Flush() != nil {
		return
	}
	conn, _, err := c.Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	if conn.SetDeadline(time.Now().Add(lingerFor)) == nil {
		_, _ = io.Copy(io.Discard, conn)
	}
}
