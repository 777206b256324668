package certificates

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"

	"sallyport/config"
	"sallyport/internal/httpout"
)

// authority is where certificates come from: one build of the settings.
type authority struct {
	settings config.Autocert
	magic    *certmagic.Config
	issuer   *issuer
}

// host is one whose certificate is kept.
type host struct {
	name   string
	cancel context.CancelFunc // ends the order under way
	// standing is served until the cache has one: what the store had at the
	// start, or that of an authority that is no longer asked.
	standing atomic.Pointer[tls.Certificate]
}

// Use takes settings and hosts that are in force from now on, and returns at
// once: what has to be obtained is obtained beside. Hosts that were and stay in
// force are not touched unless the settings changed; those that are gone are
// forgotten, and their certificates stay in the store. Names are exact and
// lower case. An error leaves what was in force.
func (k *Keeper) Use(settings config.Autocert, names []string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stopped {
		return nil
	}
	if !settings.Enabled {
		names = nil
	}
	old, now := k.current.Load(), k.current.Load()
	if len(names) > 0 && (old == nil || !reflect.DeepEqual(old.settings, settings)) {
		var err error
		if now, err = k.newAuthority(settings); err != nil {
			return fmt.Errorf("autocert: %w", err)
		}
	}
	hosts, before := map[string]*host{}, *k.hosts.Load()
	var fresh []*host
	for _, name := range names {
		if h := before[name]; h != nil && now == old {
			hosts[name] = h
		} else if hosts[name] == nil {
			hosts[name] = k.newHost(name, now)
			fresh = append(fresh, hosts[name])
		}
	}
	k.current.Store(now)
	k.hosts.Store(&hosts)
	k.forget(before, hosts, old, now)
	for _, h := range fresh {
		ctx, cancel := context.WithCancel(k.life)
		h.cancel = cancel
		k.work.Go(func() { k.obtain(ctx, h, now) })
	}
	if !maps.Equal(hosts, before) {
		k.log.Info("certificates are kept by ACME", slog.Int("hosts", len(hosts)), slog.Int("new", len(fresh)), slog.String("ca", directoryOf(settings)))
	}
	return nil
}

// forget ends what was under way for hosts that are gone or made anew, and has
// the cache maintain no more what is gone or of an authority no longer asked.
func (k *Keeper) forget(before, hosts map[string]*host, old, now *authority) {
	for name, h := range before {
		if hosts[name] != h {
			h.cancel()
		}
		if hosts[name] == nil || old.issuer.IssuerKey() != now.issuer.IssuerKey() {
			k.cache.RemoveManaged([]certmagic.SubjectIssuer{{Subject: name}})
		}
	}
}

// newAuthority builds what asks for certificates; nothing is asked yet.
func (k *Keeper) newAuthority(settings config.Autocert) (*authority, error) {
	out, err := httpout.New(httpout.Options{Timeout: 30 * time.Second, CA: settings.TrustedCA})
	if err != nil {
		return nil, err
	}
	a := &authority{settings: settings}
	a.issuer = &issuer{settings: settings, storage: k.storage, log: k.log, limit: k.limit, life: k.life, standing: k.cached}
	a.issuer.connect(out, k.challenges.solvers(k.o.OverHTTP))
	a.magic = certmagic.New(k.cache, certmagic.Config{
		Issuers: []certmagic.Issuer{a.issuer}, Storage: k.storage, MustStaple: settings.MustStaple,
		OCSP: certmagic.OCSPConfig{HTTPProxy: noRedirects}, OnEvent: k.event, Logger: zapTo(k.log),
	})
	return a, nil
}

// noRedirects is for requests to OCSP responders, whose client certmagic makes
// itself: with it they have a time limit, and go nowhere but where they should.
func noRedirects(r *http.Request) (*url.URL, error) {
	if r.Response != nil {
		return nil, httpout.ErrRedirect
	}
	return http.ProxyFromEnvironment(r)
}

// newHost begins with what can be served at once.
func (k *Keeper) newHost(name string, a *authority) *host {
	h := &host{name: name}
	if pair := k.Get(name); pair != nil {
		h.standing.Store(pair)
	} else {
		h.standing.Store(k.stored(name, a.issuer.IssuerKey()))
	}
	return h
}
