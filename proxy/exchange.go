package proxy

import (
	"context"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/identity"
	"sallyport/session"
)

// exchange is one request on its way through: what has been decided so far and
// what is under way. It travels in the context of the request that
// httputil.ReverseProxy passes to its hooks.
type exchange struct {
	context.Context // of the forwarded request; nil before forward

	h      *Handler
	w      http.ResponseWriter
	r      *http.Request
	host   string // cleaned authority
	target target
	ip     netip.Addr

	plan    *plan
	session *session.Session // nil: nobody, or nobody who counts
	person  *identity.Person
	round   *round // the last one before the decision

	// Decided before forwarding.
	upstream *upstream
	path     string // encoded
	query    string
	outHost  string // "" for the upstream's own
	upgrade  string // lower-case token, "" for none
	told     *told  // identity, nil if nobody is told

	interim atomic.Bool // a 1xx of the upstream was passed on

	cancel context.CancelCauseFunc
	stream *stream
	idle   *time.Timer // set before anything runs, nil for no bound

	mu       sync.Mutex
	started  bool        // the answer has begun
	done     bool        // the client's connection is no longer ours
	deadline *time.Timer // for the answer, or its beginning
	silence  *time.Timer // of the client, while its body is read
	bodyErr  error       // of the client's body
	whole    bool        // the client's body was read to its end
	switched *switched   // the connection after a 101
	calls    bool        // the answer is that of a call and ends with a status
	why      *ending     // it was cut
}

type exchangeKey struct{}

// Value finds the exchange without walking the chain of contexts.
func (x *exchange) Value(key any) any {
	if _, ok := key.(exchangeKey); ok {
		return x
	}
	return x.Context.Value(key)
}

// exchangeFrom returns the exchange of a forwarded request.
func exchangeFrom(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}
