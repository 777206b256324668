package proxy

import (
	"errors"
	"log/slog"
	"net/http"

	"sallyport/telemetry"
)

// sender is the http.RoundTripper of ReverseProxy.
type sender struct{ h *Handler }

// RoundTrip sends a request to its upstream. Where no connection came to be,
// nothing has been sent, and the route's other upstreams are tried in turn;
// anything else that fails is not tried again here, whatever its method.
func (s sender) RoundTrip(out *http.Request) (*http.Response, error) {
	x := exchangeFrom(out.Context())
	res, err := x.send(out)
	first := x.upstream
	for _, u := range x.plan.upstreams {
		if !neverSent(err) || out.Context().Err() != nil {
			break
		}
		if u == first {
			continue
		}
		path, perr := s.h.gate.upstreamPath(x.plan.route, x.target, u)
		if perr != nil {
			continue
		}
		s.h.o.Logger.Warn("upstream cannot be reached, trying another", slog.String("route", x.plan.route.Name),
			slog.String("upstream", x.upstream.name), slog.Any("error", err))
		x.upstream, x.path = u, path
		x.addressTo(out)
		telemetry.AccessFrom(out.Context()).SetUpstream(u.name)
		res, err = x.send(out)
	}
	return res, err
}

func neverSent(err error) bool {
	var d *dialError
	return errors.As(err, &d)
}

// send makes one attempt. The transport closes the body of a failed one, which
// the next attempt still needs; ReverseProxy closes it in the end.
func (x *exchange) send(out *http.Request) (*http.Response, error) {
	attempt := *out
	if out.Body != nil {
		attempt.Body = unclosed{out.Body}
	}
	u := *out.URL
	attempt.URL = &u
	pool := x.upstream.pool
	if x.upgrade != "" {
		pool = x.upstream.h1
	}
	return pool.transport.RoundTrip(&attempt)
}

type unclosed struct {
	r interface{ Read([]byte) (int, error) }
}

func (u unclosed) Read(p []byte) (int, error) { return u.r.Read(p) }
func (u unclosed) Close() error               { return nil }
