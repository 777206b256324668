package proxy

import (
	"context"
	"log"
	"net"
	"net/http"
	"time"

	"sallyport/internal/clientcert"
)

// Bounds of the public listener.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 5 * time.Minute
	maxHeaderBytes    = 64 << 10
	maxStreams        = 100
	streamWindow      = 256 << 10
	connectionWindow  = 1 << 20
	maxFrame          = 64 << 10
)

// ServerOptions are what the configuration says about the public listener.
// Zero values take the default in brackets.
type ServerOptions struct {
	// Insecure says that TLS ends in front of us.
	Insecure bool
	// ReadTimeout bounds how long a request may take to arrive, headers only: a
	// body is bounded by silence [10 s, which is also the most].
	ReadTimeout time.Duration
	// WriteTimeout bounds a response from its request's headers on [none].
	WriteTimeout time.Duration
	// IdleTimeout bounds a connection between two requests [5 min].
	IdleTimeout time.Duration
	// ErrorLog gets what net/http has to say about connections.
	ErrorLog *log.Logger
}

// NewServer is a server for the open internet around h: bounded headers, times,
// streams and windows, and "OPTIONS *" left to h. Whatever h answers, a connection
// whose framing is in doubt ends with the answer.
func NewServer(h http.Handler, o ServerOptions) *http.Server {
	headers := readHeaderTimeout
	if o.ReadTimeout > 0 {
		headers = min(headers, o.ReadTimeout)
	}
	if o.IdleTimeout <= 0 {
		o.IdleTimeout = idleTimeout
	}
	s := &http.Server{
		Handler:                      closing(h),
		ReadHeaderTimeout:            headers,
		WriteTimeout:                 o.WriteTimeout,
		IdleTimeout:                  o.IdleTimeout,
		MaxHeaderBytes:               maxHeaderBytes,
		ErrorLog:                     o.ErrorLog,
		DisableGeneralOptionsHandler: true,
		Protocols:                    new(http.Protocols),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          maxStreams,
			MaxReceiveBufferPerStream:     streamWindow,
			MaxReceiveBufferPerConnection: connectionWindow,
			MaxReadFrameSize:              maxFrame,
			SendPingTimeout:               time.Minute,
			PingTimeout:                   15 * time.Second,
			WriteByteTimeout:              30 * time.Second,
		},
	}
	s.ConnContext = func(ctx context.Context, _ net.Conn) context.Context { return clientcert.WithConn(ctx) }
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(!o.Insecure)
	return s
}

// closing ends connections on which nothing that follows is believed.
func closing(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isLast(r) {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, r)
	})
}
