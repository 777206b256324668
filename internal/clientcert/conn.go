package clientcert

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"sync/atomic"
	"time"
)

// Shown is the certificate of a connection and what was found of it. Read-only.
type Shown struct {
	Leaf *x509.Certificate
	// Facts are those of the leaf, Fingerprint its Sum in hex.
	Facts       *Facts
	Fingerprint string
	// Err is why it is not trusted, nil if it is.
	Err error

	by    *Verifier
	until time.Time // when to look again
}

// Trusted reports whether a certificate came and is trusted. It may be asked of
// nil.
func (s *Shown) Trusted() bool { return s != nil && s.Err == nil }

// Conn remembers what was found of one connection's certificate.
type Conn struct{ shown atomic.Pointer[Shown] }

type connKey struct{}

// WithConn is for http.Server.ConnContext: requests of the connection share one
// judgement.
func WithConn(ctx context.Context) context.Context {
	return context.WithValue(ctx, connKey{}, new(Conn))
}

// lookAgain is how long a certificate that is not trusted is held for that, so
// that one which is not valid yet, or a clock that was wrong, does not cost the
// whole connection.
const lookAgain = time.Minute

// Of returns the certificate of a connection, nil where none came or v is nil,
// which asks for none. It is verified once for each connection and verifier, and
// again when something that it rests on expires; between, nothing is allocated.
func (v *Verifier) Of(ctx context.Context, state *tls.ConnectionState, now time.Time) *Shown {
	if v == nil || state == nil || len(state.PeerCertificates) == 0 {
		return nil
	}
	conn, _ := ctx.Value(connKey{}).(*Conn)
	if conn == nil {
		return v.judge(state.PeerCertificates, now)
	}
	s := conn.shown.Load()
	if s == nil || s.by != v || !now.Before(s.until) || s.Leaf != state.PeerCertificates[0] {
		s = v.judge(state.PeerCertificates, now)
		conn.shown.Store(s)
	}
	return s
}

func (v *Verifier) judge(shown []*x509.Certificate, now time.Time) *Shown {
	facts := FactsOf(shown[0])
	s := &Shown{Leaf: shown[0], Facts: facts, Fingerprint: hex.EncodeToString(facts.Sum[:]), by: v}
	if s.until, s.Err = v.Verify(shown, now); s.Err != nil {
		s.until = now.Add(lookAgain)
	}
	return s
}
