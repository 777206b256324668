package certificates

import (
	"context"
	"crypto/tls"
	"path"
	"time"

	"github.com/caddyserver/certmagic"
	"golang.org/x/crypto/ocsp"
)

// standingTime bounds how long a start waits for what the store has of a host.
const standingTime = 2 * time.Second

// stored reads the certificate that the store has for name, without a word to
// the network: that of the authority in force, else the one of another that
// holds longest. It is what a start serves with the authority down.
func (k *Keeper) stored(name, issuerKey string) *tls.Certificate {
	ctx, cancel := context.WithTimeout(k.life, standingTime)
	defer cancel()
	if pair := k.loadPair(ctx, issuerKey, name); pair != nil {
		return pair
	}
	others, err := k.storage.List(ctx, sitePrefix, false)
	if err != nil {
		return nil
	}
	var best *tls.Certificate
	for _, dir := range others {
		pair := k.loadPair(ctx, path.Base(dir), name)
		if pair != nil && (best == nil || pair.Leaf.NotAfter.After(best.Leaf.NotAfter)) {
			best = pair
		}
	}
	return best
}

// loadPair returns nil for whatever cannot be served.
func (k *Keeper) loadPair(ctx context.Context, issuerKey, name string) *tls.Certificate {
	chain, err := k.storage.Load(ctx, certmagic.StorageKeys.SiteCert(issuerKey, name))
	if err != nil {
		return nil
	}
	key, err := k.storage.Load(ctx, certmagic.StorageKeys.SitePrivateKey(issuerKey, name))
	if err != nil {
		return nil
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil || pair.Leaf.VerifyHostname(name) != nil {
		return nil
	}
	pair.OCSPStaple = k.loadStaple(ctx, &pair, chain)
	return &pair
}

// loadStaple returns the stored answer of the OCSP responder while it is fresh:
// clients refuse a must-staple certificate without one.
func (k *Keeper) loadStaple(ctx context.Context, pair *tls.Certificate, chain []byte) []byte {
	if len(pair.Leaf.OCSPServer) == 0 {
		return nil
	}
	key := certmagic.StorageKeys.OCSPStaple(&certmagic.Certificate{Names: pair.Leaf.DNSNames}, chain)
	raw, err := k.storage.Load(ctx, key)
	if err != nil {
		return nil
	}
	if answer, err := ocsp.ParseResponse(raw, nil); err != nil || answer.Status != ocsp.Good || k.now().After(answer.NextUpdate) {
		return nil
	}
	return raw
}
