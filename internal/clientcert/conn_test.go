package clientcert

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"

	"sallyport/internal/certtest"
)

func TestAConnectionIsJudgedOnce(t *testing.T) {
	ca := certtest.Authority(t, "CA")
	alice := ca.Client("alice")
	v := trusting(t, ca)
	ctx, state := WithConn(context.Background()), &tls.ConnectionState{PeerCertificates: alice.Chain()}
	first := v.Of(ctx, state, time.Now())
	if !first.Trusted() || first.Leaf != alice.Cert || len(first.Fingerprint) != 64 {
		t.Fatalf("got %+v", first)
	}
	now := time.Now()
	if n := testing.AllocsPerRun(100, func() {
		if v.Of(ctx, state, now) != first {
			t.Error("judged again")
		}
	}); n != 0 {
		t.Errorf("%v allocations for a request on a connection that is known", n)
	}
}

func TestAConnectionIsJudgedAgainWhenRulesOrTimeChange(t *testing.T) {
	ca := certtest.Authority(t, "CA")
	alice := ca.Client("alice")
	ctx, state := WithConn(context.Background()), &tls.ConnectionState{PeerCertificates: alice.Chain()}
	now := time.Now()
	before := trusting(t, ca)
	if !before.Of(ctx, state, now).Trusted() {
		t.Fatal("not trusted at first")
	}
	after := verifier(t, Rules{Authorities: []*x509.Certificate{ca.Cert}, Lists: []*x509.RevocationList{ca.Revoke(alice)}})
	if after.Of(ctx, state, now).Trusted() {
		t.Error("trusted though it was revoked meanwhile")
	}
	if !before.Of(ctx, state, now).Trusted() {
		t.Error("a request that still has the rules of before sees those of after")
	}
	if s := before.Of(ctx, state, alice.Cert.NotAfter.Add(time.Second)); s.Trusted() {
		t.Error("trusted past its end")
	}
	list := ca.Revoke()
	dated := verifier(t, Rules{Authorities: []*x509.Certificate{ca.Cert}, Lists: []*x509.RevocationList{list}})
	if !dated.Of(ctx, state, now).Trusted() || dated.Of(ctx, state, list.NextUpdate.Add(time.Second)).Trusted() {
		t.Error("the end of the list changes nothing")
	}
}

// A clock that was wrong for a moment does not cost the whole connection.
func TestACertificateThatIsNotValidYetIsLookedAtAgain(t *testing.T) {
	ca := certtest.Authority(t, "CA")
	alice := ca.Client("alice")
	ctx, state := WithConn(context.Background()), &tls.ConnectionState{PeerCertificates: alice.Chain()}
	v := trusting(t, ca)
	early := alice.Cert.NotBefore.Add(-30 * time.Second)
	if v.Of(ctx, state, early).Trusted() {
		t.Fatal("trusted before its time")
	}
	if s := v.Of(ctx, state, early.Add(31*time.Second)); s.Trusted() {
		t.Error("judged again at once: strangers could have every request verified")
	}
	if s := v.Of(ctx, state, early.Add(2*lookAgain)); !s.Trusted() {
		t.Errorf("never looked at again: %v", s.Err)
	}
}

func TestWithoutACertificateNothingIsShown(t *testing.T) {
	ca := certtest.Authority(t, "CA")
	state := &tls.ConnectionState{PeerCertificates: ca.Client("x").Chain()}
	var off *Verifier
	for what, s := range map[string]*Shown{
		"nobody asks": off.Of(context.Background(), state, time.Now()),
		"plain HTTP":  trusting(t, ca).Of(context.Background(), nil, time.Now()),
		"none came":   trusting(t, ca).Of(context.Background(), &tls.ConnectionState{}, time.Now()),
	} {
		if s != nil || s.Trusted() {
			t.Errorf("%s: %+v", what, s)
		}
	}
	if !trusting(t, ca).Of(context.Background(), state, time.Now()).Trusted() {
		t.Error("a connection that is not known is not judged")
	}
}

func TestTooManyAuthoritiesAreNotNamed(t *testing.T) {
	long := make([]byte, maxHints)
	for i := range long {
		long[i] = 'x'
	}
	if trusting(t, certtest.Authority(t, string(long))).Hints() != nil {
		t.Error("the handshake cannot hold them")
	}
	if trusting(t, certtest.Authority(t, "CA")).Hints() == nil {
		t.Error("one authority is not named")
	}
	if _, err := New(Rules{}); err == nil {
		t.Error("rules without an authority are taken")
	}
}

func BenchmarkShown(b *testing.B) {
	ca := certtest.Authority(b, "CA")
	alice := ca.Client("alice")
	v := trusting(b, ca)
	ctx, state := WithConn(context.Background()), &tls.ConnectionState{PeerCertificates: alice.Chain()}
	now := time.Now()
	b.Run("known", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			v.Of(ctx, state, now)
		}
	})
	b.Run("first", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			v.judge(state.PeerCertificates, now)
		}
	})
}
