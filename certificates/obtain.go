package certificates

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"

	"github.com/caddyserver/certmagic"
)

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
