package httpout

import (
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Bound returns base with what http.Transport does not do: answers past maxBody
// bytes fail, redirects fail, io.EOF is told apart. New's clients have it; it is
// for those who must hold the bounds whatever client they were handed.
func Bound(base http.RoundTripper, maxBody int64) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	return &transport{base: base, maxBody: maxBody}
}

type transport struct {
	base      http.RoundTripper
	maxBody   int64
	redirects bool // are handed on
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, notEOF(err)
	}
	if err := t.refuse(resp); err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	resp.Body = &boundedBody{body: resp.Body, left: t.maxBody}
	return resp, nil
}

// refuse names what is wrong with an answer before its body is read.
func (t *transport) refuse(resp *http.Response) error {
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400 && !t.redirects:
		return fmt.Errorf("%w: status %d from host %q", ErrRedirect, resp.StatusCode, resp.Request.URL.Host)
	case resp.StatusCode == http.StatusSwitchingProtocols:
		return fmt.Errorf("unexpected status %d from host %q", resp.StatusCode, resp.Request.URL.Host)
	case resp.ContentLength > t.maxBody:
		return fmt.Errorf("%w: %d bytes announced, %d allowed", ErrTooLarge, resp.ContentLength, t.maxBody)
	}
	return nil
}

// CloseIdleConnections lets http.Client.CloseIdleConnections through.
func (t *transport) CloseIdleConnections() {
	if base, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		base.CloseIdleConnections()
	}
}

// notEOF replaces io.EOF, which a retry loop up the stack may take for a hint to
// try again at once and for ever.
func notEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return ErrClosed
	}
	return err
}

// boundedBody fails once more than left bytes came. The transport below has
// decompressed already, so a small bomb counts at its full size.
type boundedBody struct {
	body io.ReadCloser
	left int64
	err  error
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if int64(len(p))-1 > b.left {
		p = p[:b.left+1] // one more than allowed tells "all" from "too much"
	}
	n, err := b.body.Read(p)
	if int64(n) > b.left {
		n, err = int(b.left), ErrTooLarge
	}
	b.left -= int64(n)
	b.err = err
	return n, err
}

func (b *boundedBody) Close() error { return b.body.Close() }
