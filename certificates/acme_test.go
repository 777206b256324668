package certificates

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sallyport/config"
	"sallyport/internal/acmetest"
	"sallyport/store"
	"sallyport/store/memory"
)

// site is a listener for TLS and one for plain HTTP, served by whichever keeper
// is in front.
type site struct {
	keeper atomic.Pointer[Keeper]
	tls    net.Listener
	http   *httptest.Server
}

func newSite(t *testing.T) *site {
	s := new(site)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.tls = ln
	srv := &http.Server{Handler: http.NotFoundHandler(), TLSConfig: &tls.Config{
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if pair := s.keeper.Load().Get(h.ServerName); pair != nil {
				return pair, nil
			}
			return nil, fmt.Errorf("no certificate for %q", h.ServerName)
		},
		GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) { return s.keeper.Load().ConfigForClient(h) },
	}, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = srv.ServeTLS(ln, "", "") }()
	s.http = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.keeper.Load().HTTPHandler(http.RedirectHandler("https://elsewhere.test/", http.StatusMovedPermanently)).ServeHTTP(w, r)
	}))
	t.Cleanup(func() { _ = srv.Close(); s.http.Close() })
	return s
}

func portOf(a net.Addr) int { return a.(*net.TCPAddr).Port }

func (s *site) tlsPort() int  { return portOf(s.tls.Addr()) }
func (s *site) httpPort() int { return portOf(s.http.Listener.Addr()) }

// world is one keeper with its figures and its log.
type world struct {
	t        *testing.T
	keeper   *Keeper
	registry *prometheus.Registry
	log      *logBuffer
}

func newWorld(t *testing.T, st store.Store, overHTTP bool) *world {
	t.Helper()
	w := &world{t: t, registry: prometheus.NewRegistry(), log: new(logBuffer)}
	var err error
	w.keeper, err = New(Options{
		Store: st, OverHTTP: overHTTP, Look: time.Second, Retry: 200 * time.Millisecond, Logger: jsonLog(w.log), Registry: w.registry,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.keeper.storage.timing.look = 20 * time.Millisecond
	t.Cleanup(func() {
		w.stop()
		if t.Failed() {
			t.Log(w.log.String())
		}
	})
	return w
}

func (w *world) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := w.keeper.Stop(ctx); err != nil {
		w.t.Errorf("Stop: %v", err)
	}
}

func (w *world) use(settings config.Autocert, hosts ...string) {
	w.t.Helper()
	if err := w.keeper.Use(settings, hosts); err != nil {
		w.t.Fatal(err)
	}
}

// figure is the value of a metric, -1 if there is none.
func (w *world) figure(name string, labels ...string) float64 {
	w.t.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var got []string
			for _, l := range m.GetLabel() {
				got = append(got, l.GetValue())
			}
			if f.GetName() == "sallyport_autocert_"+name && strings.Join(got, ",") == strings.Join(labels, ",") {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return -1
}

// serial is that of the certificate served for host, "" for none.
func (w *world) serial(host string) string {
	if pair := w.keeper.Get(host); pair != nil {
		return pair.Leaf.SerialNumber.String()
	}
	return ""
}

func (w *world) obtained(host string) {
	w.t.Helper()
	eventually(w.t, "a certificate for "+host, func() bool { return w.serial(host) != "" })
}

func settingsFor(a *acmetest.Authority) config.Autocert {
	return config.Autocert{Enabled: true, CA: a.Directory(), TrustedCA: a.Trust(), Email: "ops@sallyport.test"}
}

// handshake connects as a browser would.
func (s *site) handshake(host string, roots *x509.CertPool) (*x509.Certificate, error) {
	conn, err := tls.Dial("tcp", s.tls.Addr().String(), &tls.Config{ServerName: host, RootCAs: roots, NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0], nil
}

func TestAnOrderByTLSALPNForTheHostsInForceAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ca := acmetest.Start(t, acmetest.Options{TLSPort: s.tlsPort()})
	w := newWorld(t, memory.New(memory.Options{}), false)
	s.keeper.Store(w.keeper)
	settings := settingsFor(ca)
	settings.MustStaple = true
	w.use(settings, "a.alpn.test", "b.alpn.test")
	for _, host := range []string{"a.alpn.test", "b.alpn.test"} {
		w.obtained(host)
		if leaf, err := s.handshake(strings.ToUpper(host), ca.Roots()); err != nil || leaf.VerifyHostname(host) != nil {
			t.Errorf("%s: %v, %v", host, leaf, err)
		}
	}
	if w.figure("certificates") != 2 || w.figure("certificates_missing") != 0 || w.figure("certificates_expired") != 0 || w.figure("renewals_total") != 2 {
		t.Errorf("figures: %v", w.keeper.survey())
	}
	if next := w.figure("certificate_next_expires_seconds"); next != float64(min(w.keeper.Get("a.alpn.test").Leaf.NotAfter.Unix(), w.keeper.Get("b.alpn.test").Leaf.NotAfter.Unix())) {
		t.Errorf("next expiry = %v", next)
	}
	if !mustStaple(w.keeper.Get("a.alpn.test").Leaf) {
		t.Error("the certificate was not asked for as must-staple")
	}
	if err := w.keeper.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}

	if _, err := s.handshake("foreign.alpn.test", ca.Roots()); err == nil {
		t.Error("a foreign name was served")
	}
	before, issued := w.serial("a.alpn.test"), ca.Issued()
	w.use(settings, "a.alpn.test", "c.alpn.test")
	w.obtained("c.alpn.test")
	if w.serial("b.alpn.test") != "" || w.serial("a.alpn.test") != before || ca.Issued() != issued+1 {
		t.Errorf("after one went and one came: b %q, a %q (was %q), %d issued (were %d)", w.serial("b.alpn.test"), w.serial("a.alpn.test"), before, ca.Issued(), issued)
	}
	w.use(settings, "b.alpn.test") // it comes back from the store
	w.obtained("b.alpn.test")
	if ca.Issued() != issued+1 || strings.Contains(ca.Log(), "foreign") {
		t.Errorf("%d issued, want %d, none for a foreign name", ca.Issued(), issued+1)
	}
	w.use(config.Autocert{}, "b.alpn.test")
	if w.serial("b.alpn.test") != "" || w.keeper.Check(t.Context()) != nil {
		t.Error("switched off, it is served on")
	}
}

// mustStaple looks for the TLS feature status_request (RFC 7633).
func mustStaple(leaf *x509.Certificate) bool {
	for _, e := range leaf.Extensions {
		if e.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}) {
			return true
		}
	}
	return false
}

func TestAnOrderByHTTPWhereTheAuthorityCannotReachTLS(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ca := acmetest.Start(t, acmetest.Options{HTTPPort: s.httpPort()})
	w := newWorld(t, memory.New(memory.Options{}), true)
	s.keeper.Store(w.keeper)
	w.use(settingsFor(ca), "app.http.test")
	w.obtained("app.http.test")
	if _, err := s.handshake("app.http.test", ca.Roots()); err != nil {
		t.Error(err)
	}
}

func TestNoncesMayBeRefusedHalfOfTheTime(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ca := acmetest.Start(t, acmetest.Options{TLSPort: s.tlsPort(), Environ: []string{"PEBBLE_WFE_NONCEREJECT=50"}})
	w := newWorld(t, memory.New(memory.Options{}), false)
	s.keeper.Store(w.keeper)
	w.use(settingsFor(ca), "app.nonce.test")
	w.obtained("app.nonce.test")
}

func TestAnExternalAccountIsBoundAndItsKeyStaysSecret(t *testing.T) {
	t.Parallel()
	const mac = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
	s := newSite(t)
	ca := acmetest.Start(t, acmetest.Options{TLSPort: s.tlsPort(), EAB: map[string]string{"kid-1": mac}})
	w := newWorld(t, memory.New(memory.Options{}), false)
	s.keeper.Store(w.keeper)
	w.use(settingsFor(ca), "app.eab.test")
	eventually(t, "the authority asks for a binding", func() bool { return w.figure("errors_total", opObtain) > 0 })
	if w.figure("certificates_missing") != 1 || w.keeper.Check(t.Context()) == nil {
		t.Error("nothing says that there is no certificate")
	}
	settings := settingsFor(ca)
	settings.EABKeyID, settings.EABMACKey = "kid-1", mac
	w.use(settings, "app.eab.test")
	w.obtained("app.eab.test")
	for _, secret := range []string{mac, "PRIVATE KEY", `"d":`} {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

func TestACertificateIsRenewedAndReplacedWithoutAGap(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ca := acmetest.Start(t, acmetest.Options{TLSPort: s.tlsPort(), Life: 14 * time.Second})
	st := memory.New(memory.Options{})
	w := newWorld(t, st, false)
	s.keeper.Store(w.keeper)
	w.use(settingsFor(ca), "app.renew.test")
	w.obtained("app.renew.test")
	first := w.keeper.Get("app.renew.test")
	eventually(t, "a renewal", func() bool {
		if w.serial("app.renew.test") == "" {
			t.Fatal("a gap: no certificate")
		}
		return w.serial("app.renew.test") != first.Leaf.SerialNumber.String()
	})
	if time.Now().After(first.Leaf.NotAfter) {
		t.Error("it was renewed after it had expired")
	}
	renewed := w.keeper.Get("app.renew.test")
	if bytes.Equal(renewed.Leaf.RawSubjectPublicKeyInfo, first.Leaf.RawSubjectPublicKeyInfo) {
		t.Error("the key was kept, want a new one")
	}
	if w.figure("renewals_total") < 2 || w.figure("errors_total", opRenew) != 0 {
		t.Errorf("renewals %v, errors %v", w.figure("renewals_total"), w.figure("errors_total", opRenew))
	}
}

func TestWithTheAuthorityDownWhatIsStoredIsServedPastItsEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ca := acmetest.Start(t, acmetest.Options{TLSPort: s.tlsPort(), Life: 12 * time.Second})
	st := memory.New(memory.Options{})
	w := newWorld(t, st, false)
	s.keeper.Store(w.keeper)
	w.use(settingsFor(ca), "app.down.test")
	w.obtained("app.down.test")
	ca.Stop()
	serial := w.serial("app.down.test")
	eventually(t, "a renewal that fails", func() bool { return w.figure("errors_total", opRenew) > 0 })
	if got := w.serial("app.down.test"); got == "" {
		t.Errorf("during the outage %q is served, want one", got)
	} else {
		serial = got
	}

	again := newWorld(t, st, false)
	begin := time.Now()
	again.use(settingsFor(ca), "app.down.test", "new.down.test")
	if got := again.serial("app.down.test"); got != serial || time.Since(begin) > 5*time.Second {
		t.Errorf("a start with the authority down: serves %q after %v, want the stored %q at once", got, time.Since(begin), serial)
	}
	eventually(t, "the new host's order fails", func() bool { return again.figure("errors_total", opObtain) > 0 })
	for _, x := range []*world{w, again} {
		eventually(t, "the certificate expires", func() bool { return x.figure("certificates_expired") == 1 })
		if got := x.serial("app.down.test"); got != serial || x.keeper.Check(t.Context()) == nil {
			t.Errorf("expired: serves %q, want %q, and to say so", got, serial)
		}
	}
	s.keeper.Store(again.keeper)
	if _, err := s.handshake("app.down.test", nil); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a client of the expired one: %v, want its own refusal", err)
	}
}

func TestTwoReplicasOverOneStoreIssueOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ca := acmetest.Start(t, acmetest.Options{TLSPort: s.tlsPort()})
	st := memory.New(memory.Options{})
	one, two := newWorld(t, st, false), newWorld(t, st, false)
	s.keeper.Store(one.keeper) // it answers for both, whoever asked
	hosts := []string{"a.two.test", "b.two.test", "c.two.test"}
	two.use(settingsFor(ca), hosts...)
	one.use(settingsFor(ca), hosts...)
	for _, host := range hosts {
		one.obtained(host)
		two.obtained(host)
		if one.serial(host) != two.serial(host) {
			t.Errorf("%s: %q and %q", host, one.serial(host), two.serial(host))
		}
	}
	if ca.Issued() != len(hosts) || one.figure("renewals_total")+two.figure("renewals_total") != float64(len(hosts)) {
		t.Errorf("%d issued, want %d", ca.Issued(), len(hosts))
	}
}

func TestAnotherAuthorityTakesOverWhileTheOldCertificateIsServed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	old := acmetest.Start(t, acmetest.Options{TLSPort: s.tlsPort()})
	next := acmetest.Start(t, acmetest.Options{TLSPort: s.tlsPort()})
	w := newWorld(t, memory.New(memory.Options{}), false)
	s.keeper.Store(w.keeper)
	w.use(settingsFor(old), "app.move.test")
	w.obtained("app.move.test")
	before := w.serial("app.move.test")
	w.use(settingsFor(next), "app.move.test")
	if w.serial("app.move.test") != before {
		t.Error("a gap: the old certificate is gone before the new one stands")
	}
	eventually(t, "the new authority's certificate", func() bool { return w.serial("app.move.test") != before })
	if _, err := s.handshake("app.move.test", next.Roots()); err != nil {
		t.Error(err)
	}
}

func TestStopGivesUpWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	ca := acmetest.Start(t, acmetest.Options{}) // it looks where nobody answers
	st := memory.New(memory.Options{})
	w := newWorld(t, st, true)
	w.use(settingsFor(ca), "app.stop.test")
	eventually(t, "an order under way", func() bool { return strings.Contains(ca.Log(), "app.stop.test") })
	w.stop()
	if _, held, err := st.Acquire(t.Context(), leaseOf(issueLock("app.stop.test")), "another", time.Minute); err != nil || !held {
		t.Errorf("the lock is still taken: %v, %v", held, err)
	}
	w.use(settingsFor(ca), "late.stop.test")
	if w.serial("late.stop.test") != "" || strings.Contains(ca.Log(), "late") {
		t.Error("it ordered after Stop")
	}
}
