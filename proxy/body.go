package proxy

import (
	"io"
	"net/http"
	"time"
)

// watchBody lays eyes on the request's body: the client's silence is bounded,
// its errors are told from the upstream's, and its trailers go along.
func (x *exchange) watchBody(out *http.Request) {
	if out.Body == nil {
		out.Trailer = nil
		return
	}
	out.Body = &requestBody{ReadCloser: out.Body, x: x, out: out}
	if len(x.r.Trailer) == 0 {
		out.Trailer = nil
		return
	}
	out.Trailer = http.Header{}
	for name := range x.r.Trailer {
		if x.h.reserved.allowsTrailer(name) && !x.plan.named[canonical(name)] {
			out.Trailer[name] = nil
		}
	}
}

// requestBody is the client's body on its way to the upstream.
type requestBody struct {
	io.ReadCloser
	x   *exchange
	out *http.Request
}

func (b *requestBody) Read(p []byte) (int, error) {
	x := b.x
	x.listen(true)
	n, err := b.ReadCloser.Read(p)
	x.listen(false)
	if n > 0 {
		x.moved()
	}
	switch err {
	case nil:
	case io.EOF:
		for name := range b.out.Trailer {
			b.out.Trailer[name] = x.r.Trailer[name]
		}
		x.mu.Lock()
		x.whole = true
		x.mu.Unlock()
		x.requestSent()
	default:
		x.mu.Lock()
		x.bodyErr = err
		x.mu.Unlock()
	}
	return n, err
}

// listen bounds one read from the client.
func (x *exchange) listen(begin bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.done:
	case !begin:
		x.silence.Stop()
	case x.silence == nil:
		x.silence = time.AfterFunc(x.h.o.BodyTimeout, func() { x.stop(errClientSilent) })
	default:
		x.silence.Reset(x.h.o.BodyTimeout)
	}
}

// allowsTrailer refuses trailers that would be refused as headers, and those
// that frame or authenticate.
func (r *reserved) allowsTrailer(name string) bool {
	switch name {
	case "Authorization", "Cookie", "Host", "Content-Length", "Transfer-Encoding", "Trailer", "Te", "Connection", "Upgrade", "Via", "Expect":
		return false
	}
	return !r.drops(name, false)
}

// responseBody is the upstream's body on its way to the client.
type responseBody struct {
	io.ReadCloser
	x    *exchange
	res  *http.Response
	left int64 // of a body whose length is known
	dry  bool  // the upstream had no more to give when last asked
}

// Read lets the client have what is there before it waits for more: ReverseProxy
// does so only for bodies of unknown length.
func (b *responseBody) Read(p []byte) (int, error) {
	if b.dry && b.left > 0 {
		_ = http.NewResponseController(b.x.w).Flush()
	}
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.x.moved()
	}
	b.left -= int64(n)
	b.dry = n > 0 && n < len(p)
	return n, err
}

// Close makes the trailers known; ours alone may not be among them.
func (b *responseBody) Close() error {
	err := b.ReadCloser.Close()
	b.x.h.cleanSetCookie(b.res.Trailer)
	return err
}
