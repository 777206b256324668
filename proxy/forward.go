package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"

	"sallyport/internal/weberr"
	"sallyport/telemetry"
)

var errRewrite = errors.New("the rewritten path is none")

// copyBuffer is how much of a body is held at a time.
const copyBuffer = 32 << 10

// buffers lends buffers for copying bodies.
type buffers struct{ pool sync.Pool }

func newBuffers() *buffers {
	return &buffers{sync.Pool{New: func() any { return new([copyBuffer]byte) }}}
}

func (b *buffers) Get() []byte  { return b.pool.Get().(*[copyBuffer]byte)[:] }
func (b *buffers) Put(p []byte) { b.pool.Put((*[copyBuffer]byte)(p)) }

// reverseProxy is the one httputil.ReverseProxy of a generation; what differs
// from request to request travels as an exchange in the context.
func (h *Handler) reverseProxy() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite:        h.rewriteRequest,
		Transport:      sender{h},
		ModifyResponse: h.modifyResponse,
		ErrorHandler:   h.forwardFailed,
		BufferPool:     newBuffers(),
		ErrorLog:       slog.NewLogLogger(h.o.Logger.Handler(), slog.LevelDebug),
	}
}

// forward sends the request to an upstream of its route and the answer back.
// All that may be refused is decided before ReverseProxy is entered, whose hooks
// cannot refuse.
func (h *Handler) forward(x *exchange) error {
	if err := x.prepare(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(x.r.Context())
	x.Context, x.cancel = ctx, cancel
	defer x.finish()
	x.r = x.r.WithContext(x)
	x.startTimers(x.r.ContentLength != 0)
	x.stream = &stream{end: x.cut, kind: kindRequest, x: x}
	if x.session != nil {
		x.stream.session = x.session.ID
	}
	h.o.Streams.add(x.stream)
	defer h.o.Streams.remove(x.stream)
	h.o.Streams.joined(x.stream)
	h.proxy.ServeHTTP(&answer{ResponseWriter: x.w, x: x}, x.r)
	x.linger()
	return nil
}

// prepare decides where the request goes and what is said about its sender.
func (x *exchange) prepare() (err error) {
	p := x.plan
	x.upstream = p.upstreams[p.pick()]
	if x.path, err = x.h.gate.upstreamPath(p.route, x.target, x.upstream); err != nil {
		return err
	}
	if x.outHost, err = upstreamHost(p.route, x.r, x.host, x.target.match); err != nil {
		return err
	}
	x.query = cleanQuery(x.target.query)
	if x.session != nil && (p.route.PassIdentityHeaders || p.wantsJWT) {
		if x.told, err = x.h.o.Assertions.tell(x.session, x.person, x.host, p.route.IssuerFormat, p.only); err != nil {
			return weberr.Internal(err)
		}
	}
	telemetry.AccessFrom(x.r.Context()).SetUpstream(x.upstream.name)
	return nil
}

func (x *exchange) isGRPC() bool {
	return strings.HasPrefix(x.r.Header.Get("Content-Type"), "application/grpc")
}

// forwardFailed answers where no upstream did. What exactly failed is for the
// log.
func (h *Handler) forwardFailed(_ http.ResponseWriter, r *http.Request, err error) {
	x := exchangeFrom(r.Context())
	x.afterInterim()
	x.mu.Lock()
	bodyErr := x.bodyErr
	x.mu.Unlock()
	if err = x.failure(err, context.Cause(x), bodyErr); err != nil {
		h.fail(x, err)
	}
}

// failure turns what ended an exchange into what the client is told; nil: it has
// been told.
func (x *exchange) failure(err, cause, bodyErr error) error {
	host := x.host
	switch {
	case errors.Is(cause, errCut):
		return x.cutShort()
	case errors.Is(cause, errClientSilent):
		x.w.Header().Set("Connection", "close")
		e := weberr.BadRequest("The request did not arrive completely in time.", cause)
		e.Status, e.Code = http.StatusRequestTimeout, "request-timeout"
		return e
	case errors.Is(cause, errUpstreamTimeout), errors.Is(cause, errIdle):
		return weberr.UpstreamTimeout(host, cause)
	case cause != nil:
		return context.Canceled // the client went away
	case bodyErr != nil:
		x.w.Header().Set("Connection", "close")
		return weberr.BadRequest("The body of the request is malformed.", bodyErr)
	}
	return weberr.UpstreamUnreachable(host, err)
}
