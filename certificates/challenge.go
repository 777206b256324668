package certificates

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

const (
	challengePrefix = "challenges/"
	httpChallenge   = "/.well-known/acme-challenge/"
	cleanUpTime     = 5 * time.Second
)

// challenges are the orders' open questions: what a certificate authority will
// look for at a host. They stand in the store as well, so that whichever
// replica is looked at can answer. It is the acmez.Solver of HTTP-01 and
// TLS-ALPN-01; a solver for DNS-01 would stand beside it in solvers.
type challenges struct {
	storage *storage
	mu      sync.Mutex
	open    map[string]presented // by key
}

type presented struct {
	acme.Challenge
	pair *tls.Certificate // for TLS-ALPN-01
}

func newChallenges(s *storage) *challenges {
	return &challenges{storage: s, open: map[string]presented{}}
}

// solvers are the ways in which this process can prove that a host is its own.
func (c *challenges) solvers(overHTTP bool) map[string]acmez.Solver {
	m := map[string]acmez.Solver{acme.ChallengeTypeTLSALPN01: c}
	if overHTTP {
		m[acme.ChallengeTypeHTTP01] = c
	}
	return m
}

func challengeKey(kind, host string) string { return path.Join(challengePrefix, kind, host) }

// Present implements acmez.Solver.
func (c *challenges) Present(ctx context.Context, chal acme.Challenge) error {
	p := presented{Challenge: chal}
	if chal.Type == acme.ChallengeTypeTLSALPN01 {
		var err error
		if p.pair, err = acmez.TLSALPN01ChallengeCert(chal); err != nil {
			return err
		}
	}
	key := challengeKey(chal.Type, chal.Identifier.Value)
	value, err := json.Marshal(chal)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.open[key] = p
	c.mu.Unlock()
	return c.storage.Store(ctx, key, value)
}

// CleanUp implements acmez.Solver, also after ctx has ended.
func (c *challenges) CleanUp(ctx context.Context, chal acme.Challenge) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	key := challengeKey(chal.Type, chal.Identifier.Value)
	c.mu.Lock()
	delete(c.open, key)
	c.mu.Unlock()
	return c.storage.Delete(ctx, key)
}

// find returns the challenge that stands open for host, of this replica or of
// another.
func (c *challenges) find(ctx context.Context, kind, host string) (presented, error) {
	key := challengeKey(kind, host)
	c.mu.Lock()
	p, ok := c.open[key]
	c.mu.Unlock()
	if ok {
		return p, nil
	}
	value, err := c.storage.Load(ctx, key)
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(value, &p.Challenge); err != nil {
		return p, fmt.Errorf("challenge for %q: %w", host, err)
	}
	if kind == acme.ChallengeTypeTLSALPN01 {
		p.pair, err = acmez.TLSALPN01ChallengeCert(p.Challenge)
	}
	return p, err
}

// HTTPHandler answers HTTP-01 challenges for the hosts in force and leaves
// everything else to next.
func (k *Keeper) HTTPHandler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.URL.Path, httpChallenge)
		host := hostName(r.Host)
		if !ok || token == "" || r.Method != http.MethodGet || k.host(host) == nil {
			next.ServeHTTP(w, r)
			return
		}
		p, err := k.challenges.find(r.Context(), acme.ChallengeTypeHTTP01, host)
		if err != nil || p.Token != token {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Connection", "close")
		_, _ = w.Write([]byte(p.KeyAuthorization))
	})
}

// ConfigForClient is for tls.Config.GetConfigForClient: it answers TLS-ALPN-01
// challenges, which offer the protocol acme-tls/1 and nothing else, for the
// hosts in force. Every other client gets nil, the listener's own settings, and
// so never negotiates that protocol.
func (k *Keeper) ConfigForClient(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	if len(hello.SupportedProtos) != 1 || hello.SupportedProtos[0] != acmez.ACMETLS1Protocol {
		return nil, nil
	}
	host := hostName(hello.ServerName)
	if k.host(host) == nil {
		return nil, fmt.Errorf("acme-tls/1 for %q, which is not a host whose certificate is obtained", host)
	}
	p, err := k.challenges.find(hello.Context(), acme.ChallengeTypeTLSALPN01, host)
	if err != nil {
		return nil, fmt.Errorf("acme-tls/1 for %q: no challenge is open: %w", host, err)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{acmez.ACMETLS1Protocol},
		Certificates: []tls.Certificate{*p.pair}, SessionTicketsDisabled: true,
	}, nil
}

// hostName is a host as it is looked up: lower case, no port, no final dot.
func hostName(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
