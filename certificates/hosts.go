package certificates

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
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
	for name, h := range before {
		if hosts[name] != h {
			h.cancel()
		}
		if hosts[name] == nil || old.issuer.IssuerKey() != now.issuer.IssuerKey() {
			k.cache.RemoveManaged([]certmagic.SubjectIssuer{{Subject: name}})
		}
	}
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

// obtain sees to it that the host's certificate is in the cache, which keeps it
// renewed, and tries until it is or ctx ends.
func (k *Keeper) obtain(ctx context.Context, h *host, a *authority) {
	pause := k.o.Retry
	for n := 0; ; n++ {
		err := k.obtainOnce(context.WithValue(ctx, attempts{}, n), h, a)
		if err == nil || ctx.Err() != nil {
			return
		}
		k.metrics.errors.WithLabelValues(opObtain).Inc()
		k.log.Error("certificate not obtained", slog.String("host", h.name), slog.Any("error", err),
			slog.Int("attempt", n+1), slog.Duration("next_attempt_in", pause))
		if wait(ctx, pause) != nil {
			return
		}
		pause = min(2*pause, maxRetry)
	}
}

// obtainOnce loads the certificate from the store, or orders it first. One that
// is due is renewed beside, and served meanwhile.
func (k *Keeper) obtainOnce(ctx context.Context, h *host, a *authority) error {
	cert, err := a.magic.CacheManagedCertificate(ctx, h.name)
	if errors.Is(err, fs.ErrNotExist) {
		if err = a.magic.ObtainCertSync(ctx, h.name); err != nil {
			return err
		}
		cert, err = a.magic.CacheManagedCertificate(ctx, h.name)
	}
	if err != nil {
		return err
	}
	if in := k.host(h.name); in != h { // gone, or its authority is, while the order ran
		if key := a.issuer.IssuerKey(); in == nil || key != k.current.Load().issuer.IssuerKey() {
			k.cache.RemoveManaged([]certmagic.SubjectIssuer{{Subject: h.name, IssuerKey: key}})
		}
		return nil
	}
	h.standing.Store(nil)
	if cert.NeedsRenewal(a.magic) {
		select {
		case k.due <- struct{}{}:
		default: // somebody else has asked
		}
	}
	return nil
}

// event counts and tells what certmagic does, and keeps it from ordering for a
// host that is not in force (any more).
func (k *Keeper) event(_ context.Context, name string, data map[string]any) error {
	renewal, _ := data["renewal"].(bool)
	switch name {
	case "cert_obtaining":
		if subject, _ := data["identifier"].(string); k.host(subject) == nil {
			k.cache.RemoveManaged([]certmagic.SubjectIssuer{{Subject: subject}})
			return fmt.Errorf("%q is not a host whose certificate is kept", subject)
		}
	case "cert_obtained":
		k.metrics.renewals.Inc()
		k.log.Info("certificate obtained", slog.Any("host", data["identifier"]), slog.Bool("renewal", renewal))
	case "cert_failed":
		if renewal { // a first one is counted where it is tried again
			k.metrics.errors.WithLabelValues(opRenew).Inc()
			k.log.Error("certificate not renewed; the old one is served on", slog.Any("host", data["identifier"]),
				slog.Any("error", data["error"]), slog.Any("remaining", data["remaining"]))
		}
	}
	return nil
}

// host returns the host of that name, nil where its certificate is not kept.
func (k *Keeper) host(name string) *host { return (*k.hosts.Load())[name] }

// Get returns the certificate to serve for name, or nil. One that has expired
// is still served: the client decides.
func (k *Keeper) Get(name string) *tls.Certificate {
	name = hostName(name)
	h := k.host(name)
	if h == nil {
		return nil
	}
	certs := k.cache.AllMatchingCertificates(name)
	if len(certs) == 0 {
		return h.standing.Load()
	}
	newest := slices.MaxFunc(certs, func(a, b certmagic.Certificate) int { return a.Leaf.NotBefore.Compare(b.Leaf.NotBefore) })
	return &newest.Certificate
}

// cached is the certificate that a new one for name would replace at the
// authority in force, nil where there is none that holds.
func (k *Keeper) cached(name string) *x509.Certificate {
	for _, c := range k.cache.AllMatchingCertificates(name) {
		if k.now().Before(c.Leaf.NotAfter) {
			return c.Leaf
		}
	}
	return nil
}
