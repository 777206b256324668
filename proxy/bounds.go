package proxy

import (
	"errors"
	"net/http"
	"time"
)

// Why exchanges under way are ended, as causes of their context.
var (
	errUpstreamTimeout = errors.New("the upstream did not answer in time")
	errIdle            = errors.New("neither side sent anything for too long")
	errClientSilent    = errors.New("the client stopped sending its body")
	errCut             = errors.New("the session or the access ended")
)

// startTimers begins to bound the exchange. The wait for an answer counts from
// the end of the request.
func (x *exchange) startTimers(hasBody bool) {
	p := x.plan
	if p.idle > 0 {
		x.idle = time.AfterFunc(p.idle, func() { x.stop(errIdle) })
	}
	if !hasBody {
		x.requestSent()
	}
}

// requestSent starts the wait for the answer.
func (x *exchange) requestSent() {
	if x.plan.headers <= 0 || x.isGRPC() && x.plan.total == 0 {
		return // a call may stay without a first message for as long as it likes
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.done && !x.started && x.deadline == nil {
		x.deadline = time.AfterFunc(x.plan.headers, func() { x.stop(errUpstreamTimeout) })
	}
}

// answered ends the wait for the answer's beginning; a stream is bounded by
// nothing but silence.
func (x *exchange) answered(k kind) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.started = true
	if x.deadline != nil && (x.plan.total == 0 || k != kindRequest) {
		x.deadline.Stop()
	}
	if x.idle != nil && k >= kindWebSocket {
		x.idle.Stop()
	}
}

// moved notes that something was sent.
func (x *exchange) moved() {
	if x.idle != nil {
		x.idle.Reset(x.plan.idle)
	}
}

// stop ends the exchange from outside. Deadlines wake whoever is stuck on the
// client's connection; before the answer has begun, writing stays possible, so
// that the client can be told.
func (x *exchange) stop(cause error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.done {
		return
	}
	x.cancel(cause)
	if x.switched != nil {
		x.switched.bound()
		return
	}
	c := http.NewResponseController(x.w)
	past := time.Unix(1, 0)
	_ = c.SetReadDeadline(past)
	switch {
	case x.started && x.calls && x.why != nil:
		_ = c.SetWriteDeadline(time.Now().Add(closeGrace))
	case x.started:
		_ = c.SetWriteDeadline(past)
	}
}

// finish ends the bounds; nothing touches the client's connection afterwards.
func (x *exchange) finish() {
	x.mu.Lock()
	x.done = true
	for _, t := range []*time.Timer{x.deadline, x.idle, x.silence} {
		if t != nil {
			t.Stop()
		}
	}
	x.mu.Unlock()
	x.cancel(nil)
}
