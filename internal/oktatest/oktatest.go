// Package oktatest is a stand-in for an Okta organisation: people, groups and
// applications held in memory, Okta's org authorization server with its
// sign-in page, and the part of the Management API that reads people, groups,
// applications and the System Log. Tests and the quickstart run it; nothing that
// ships imports it.
//
// It answers as recorded Okta traffic and Okta's published OpenAPI documents
// say: same paths, same fields, same nulls, same error texts, same headers. Where
// those are silent it does what Okta's documentation says. Passwords, codes and
// tokens come from crypto/rand; object ids ("00u...", "00g...", "0oa...") and
// those of events come from Options.Seed, so that two runs name the same things
// alike.
//
// The map. What an administrator would edit is in org.go, people.go,
// lifecycle.go, groups.go, members.go, rules.go, apps.go, assignments.go and
// clients.go, and in load.go by the hundred thousand; lags.go says how far what
// is shown trails it. Every change leaves an event: events.go, systemlog.go.
// eventhooks.go and deliver.go send events out. grants.go and sessions.go are
// what sign-ins leave behind. authorize.go, signin.go, token.go, userinfo.go,
// introspect.go and logout.go are the authorization server; clientauth.go,
// assertion.go and dpop.go prove who asks it, service.go issues tokens of the
// Management API. management.go and the api*.go files are that API; access.go
// says who may ask it, limits.go counts requests as Okta's buckets do;
// paging.go, grammar.go, filter.go, query.go and trim.go read what is asked.
// faults.go makes answers go wrong, mutate.go makes tokens lie, recorded.go
// remembers what was asked.
package oktatest

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Okta is one running organisation. All methods are safe for concurrent use.
type Okta struct {
	opts     Options
	url      string
	org      *org
	grants   *grants
	sessions *sessions
	keys     *keys
	limits   *limits
	faults   *faults
	lies     *lies
	log      *recorder
	hooks    *eventHooks
	replays  *replays
	nonces   *nonces
	clock    *clock
	handler  http.Handler
	server   *http.Server
	listener net.Listener
	stop     sync.Once
	served   sync.WaitGroup
	cancel   context.CancelFunc // of event hooks' deliveries
}

// New sets an Okta up and starts it. An error says what is wrong with o, or that
// the address cannot be listened on.
func New(o Options) (*Okta, error) {
	k := build(o)
	if err := k.seed(); err != nil {
		return nil, fmt.Errorf("set up the stand-in Okta: %w", err)
	}
	if err := k.listen(); err != nil {
		return nil, err
	}
	k.handler = k.routes()
	k.server = &http.Server{
		Handler: k.handler, TLSConfig: k.opts.TLS, ReadHeaderTimeout: 10 * time.Second,
		// HTTP/1.1 only: faults break connections, which HTTP/2 shares.
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
		ErrorLog:     slog.NewLogLogger(k.opts.Logger.Handler(), slog.LevelDebug),
	}
	k.served.Go(k.serve)
	ctx, cancel := context.WithCancel(context.Background())
	k.cancel = cancel
	k.served.Go(func() { k.deliver(ctx) })
	return k, nil
}

func build(o Options) *Okta {
	o = o.withDefaults()
	k := &Okta{opts: o, clock: &clock{base: o.Now}}
	k.org = newOrg(o.Seed, k.clock.now, o.Lags)
	k.grants = newGrants(k.clock.now)
	k.sessions = newSessions(k.clock.now, o.SessionLifetime)
	k.keys = newKeys()
	k.limits = newLimits(o.RateLimits, k.clock.now)
	k.hooks = newEventHooks()
	k.org.log.hook = k.hooks.offer
	k.replays = &replays{now: k.clock.now, seen: map[string]time.Time{}}
	k.nonces = &nonces{live: []string{secret(24)}}
	k.faults, k.lies, k.log = &faults{}, &lies{}, &recorder{now: k.clock.now}
	return k
}

func (k *Okta) seed() error {
	for _, g := range k.opts.Groups {
		if _, err := k.org.addGroup(g, false); err != nil {
			return err
		}
	}
	for _, p := range k.opts.People {
		if _, err := k.org.addPerson(p, false); err != nil {
			return err
		}
	}
	for _, c := range k.opts.Clients {
		if _, err := k.org.addClient(c, false); err != nil {
			return err
		}
	}
	for _, t := range k.opts.APITokens {
		k.AddAPIToken(t)
	}
	return nil
}

func (k *Okta) listen() error {
	ln, err := net.Listen("tcp", k.opts.Addr)
	if err != nil {
		return fmt.Errorf("listen for the stand-in Okta: %w", err)
	}
	k.listener = ln
	scheme := "http"
	if k.opts.TLS != nil {
		scheme = "https"
	}
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		return fmt.Errorf("listen for the stand-in Okta: %w", err)
	}
	k.url = scheme + "://" + net.JoinHostPort(k.opts.Host, port)
	if k.opts.Issuer != "" {
		k.url = strings.TrimSuffix(k.opts.Issuer, "/")
	}
	return nil
}

func (k *Okta) serve() {
	var err error
	if k.opts.TLS != nil {
		err = k.server.ServeTLS(k.listener, "", "")
	} else {
		err = k.server.Serve(k.listener)
	}
	if err != nil && err != http.ErrServerClosed {
		k.opts.Logger.LogAttrs(context.Background(), slog.LevelError, "stand-in okta stopped", slog.String("error", err.Error()))
	}
}

// URL is the org URL, which is also the issuer: no trailing slash.
func (k *Okta) URL() string { return k.url }

// Addr is the address listened on, "127.0.0.1:PORT".
func (k *Okta) Addr() string { return k.listener.Addr().String() }

// Handler is the whole organisation as a handler, for those who serve it
// themselves besides.
func (k *Okta) Handler() http.Handler { return k.handler }

// Close stops the listener, breaks every connection and waits for the server.
// Further calls do nothing.
func (k *Okta) Close() {
	k.stop.Do(func() {
		k.server.Close()
		k.hooks.close()
		k.cancel()
		k.served.Wait()
	})
}

// SetClockOffset shifts this Okta's clock by d against Options.Now: the Date
// header, "iat", every lifetime.
func (k *Okta) SetClockOffset(d time.Duration) { k.clock.set(d) }
