// Package httpout makes the one HTTP client for everything that is not an
// upstream: identity providers and the directory. It
// decides what no answer from outside may do to us: be larger than a bound
// (after decompression too), take longer than a bound, redirect us anywhere,
// speak TLS below 1.2, or sit on a link-local address where clouds keep their
// credentials. What the answers mean is known to the callers.
package httpout

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"golang.org/x/net/http/httpproxy"
)

// Bounds that hold where Options leaves them open, and those that always do.
const (
	DefaultTimeout = 10 * time.Second
	DefaultMaxBody = 1 << 20

	maxHeader        = 64 << 10
	maxConnsPerHost  = 16
	dialTimeout      = 5 * time.Second
	tlsTimeout       = 5 * time.Second
	idleTimeout      = 60 * time.Second
	pingAfter        = 15 * time.Second
	pingTimeout      = 5 * time.Second
	handshakeMinimum = tls.VersionTLS12
)

// Errors that callers may branch on; they arrive inside a *url.Error.
var (
	// ErrTooLarge says that an answer went past MaxBody.
	ErrTooLarge = errors.New("answer larger than allowed")
	// ErrRedirect says that the answer was a redirect, which is never followed:
	// a 307 would carry a client secret to wherever it points.
	ErrRedirect = errors.New("answer is a redirect, which is not followed")
	// ErrClosed says that the peer closed the connection instead of answering. It
	// stands for io.EOF, which callers up the stack take for a normal end.
	ErrClosed = errors.New("connection closed before the answer")
)

// Options for New; the zero value is good.
type Options struct {
	// Timeout bounds one exchange from dialling to the last byte; 0: DefaultTimeout.
	Timeout time.Duration
	// MaxBody bounds an answer's body in bytes, decompressed; 0: DefaultMaxBody.
	MaxBody int64
	// CAFile is a PEM bundle added to the system's roots; "": none. A bundle that
	// cannot be read or holds no certificate is an error, never an empty one.
	CAFile string
	// CA is the same as PEM; nil: none.
	CA []byte
	// Dial opens connections; nil: a net.Dialer that refuses link-local
	// addresses. Names under .localhost reach it as loopback addresses.
	Dial DialFunc
	// ShowRedirects hands redirects to the caller, still without following them:
	// for those to whom the address is the answer.
	ShowRedirects bool
}

// New returns a client that keeps the bounds. It reads HTTPS_PROXY, HTTP_PROXY
// and NO_PROXY now, not once per process; loopback and .localhost names are
// never proxied.
func New(o Options) (*http.Client, error) {
	roots, err := loadRoots(o)
	if err != nil {
		return nil, err
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.MaxBody <= 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.Dial == nil {
		o.Dial = dialer().DialContext
	}
	base := &http.Transport{
		Proxy:                  proxyFromEnvironment(),
		DialContext:            localhostDial(o.Dial),
		TLSClientConfig:        &tls.Config{MinVersion: handshakeMinimum, RootCAs: roots},
		TLSHandshakeTimeout:    tlsTimeout,
		ResponseHeaderTimeout:  o.Timeout,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        idleTimeout,
		MaxConnsPerHost:        maxConnsPerHost,
		MaxIdleConnsPerHost:    maxConnsPerHost,
		MaxResponseHeaderBytes: maxHeader,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
	}
	client := &http.Client{
		Timeout:       o.Timeout,
		Transport:     &transport{base: base, maxBody: o.MaxBody, redirects: o.ShowRedirects},
		CheckRedirect: func(*http.Request, []*http.Request) error { return ErrRedirect },
	}
	if o.ShowRedirects {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return client, nil
}

// proxyFromEnvironment is http.ProxyFromEnvironment without its memory of the
// first environment it saw, and with *.localhost treated as localhost.
func proxyFromEnvironment() func(*http.Request) (*url.URL, error) {
	find := httpproxy.FromEnvironment().ProxyFunc()
	return func(r *http.Request) (*url.URL, error) {
		if isLocalhost(r.URL.Hostname()) {
			return nil, nil
		}
		return find(r.URL)
	}
}

// loadRoots returns nil, the system's roots, when there is nothing to add.
func loadRoots(o Options) (*x509.CertPool, error) {
	if o.CAFile == "" && len(o.CA) == 0 {
		return nil, nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read certificate authorities: %w", err)
		}
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("certificate authorities %q: expected PEM certificates, got none", o.CAFile)
		}
	}
	if len(o.CA) > 0 && !roots.AppendCertsFromPEM(o.CA) {
		return nil, errors.New("certificate authorities: expected PEM certificates, got none")
	}
	return roots, nil
}
