package proxy

import (
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport/config"
)

func handshake(t *testing.T, addr string, conf *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	conf.InsecureSkipVerify = true
	c, err := tls.Dial("tcp", addr, conf)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer c.Close()
	return c.ConnectionState(), nil
}

func TestCertificateIsChosenByTheNameAskedFor(t *testing.T) {
	w := newWorld(t, nil) // app.test and *.wild.test; other.test
	for sni, want := range map[string]string{
		"app.test": "app.test", "APP.test": "app.test", "a.wild.test": "app.test", "other.test": "other.test",
		"a.b.wild.test": "Sallyport, no certificate configured", "unknown.test": "Sallyport, no certificate configured", "": "app.test",
	} {
		st, err := handshake(t, w.tls, &tls.Config{ServerName: sni})
		if err != nil || st.PeerCertificates[0].Subject.CommonName != want {
			t.Errorf("%q: %v, %v; want %q", sni, st.PeerCertificates, err, want)
		}
	}
	next, _ := certificate(t, "next.test")
	if err := w.certs.Set([]config.Certificate{next}); err != nil {
		t.Fatal(err)
	}
	if st, err := handshake(t, w.tls, &tls.Config{ServerName: "app.test"}); err != nil || st.PeerCertificates[0].Subject.CommonName == "app.test" {
		t.Errorf("after Set the old certificate is served: %v", err)
	}
	if err := w.certs.Set([]config.Certificate{{Cert: []byte("x"), CertFile: "cert.pem"}}); err == nil || !strings.Contains(err.Error(), "cert.pem") {
		t.Errorf("a broken pair: %v", err)
	}
	if !w.certs.Covers("next.test") || w.certs.Covers("app.test") {
		t.Error("the broken pair changed what is served")
	}
}

func TestSelfSignedCertificateIsKeptUntilItExpires(t *testing.T) {
	now := time.Now()
	c := NewCertificates(func() time.Time { return now })
	get := func() *tls.Certificate {
		pair, err := c.get(&tls.ClientHelloInfo{ServerName: "x.test"})
		if err != nil {
			t.Fatal(err)
		}
		return pair
	}
	first := get()
	if get() != first {
		t.Error("made twice")
	}
	if now = now.Add(fallbackLife + time.Minute); get() == first {
		t.Error("served past its end")
	}
	if c.Same("x.test", "y.test") {
		t.Error("the self-signed certificate is no reason to share connections")
	}
}

// Mistake 8: no CBC, no old versions, no suites without forward secrecy.
func TestOldTLSIsRefused(t *testing.T) {
	w := newWorld(t, nil)
	weak := []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
		tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA,
	}
	for _, suite := range weak {
		if st, err := handshake(t, w.tls, &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}}); err == nil {
			t.Errorf("%s was accepted", tls.CipherSuiteName(st.CipherSuite))
		}
	}
	if _, err := handshake(t, w.tls, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 was accepted")
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		st, err := handshake(t, w.tls, &tls.Config{MaxVersion: version, NextProtos: []string{"h2", "http/1.1"}, ServerName: "app.test"})
		if err != nil || st.Version != version || st.NegotiatedProtocol != "h2" {
			t.Errorf("%s: %q, %v", tls.VersionName(version), st.NegotiatedProtocol, err)
		}
	}
}

func TestServerBoundsWhatAConnectionMayCost(t *testing.T) {
	s := NewServer(http.NotFoundHandler(), ServerOptions{})
	if s.ReadHeaderTimeout != 10*time.Second || s.MaxHeaderBytes != 64<<10 || s.IdleTimeout != 5*time.Minute || s.ReadTimeout != 0 ||
		s.HTTP2.MaxConcurrentStreams != 100 || !s.DisableGeneralOptionsHandler || !s.Protocols.HTTP2() || s.Protocols.UnencryptedHTTP2() {
		t.Errorf("%+v", s)
	}
	s = NewServer(nil, ServerOptions{Insecure: true, ReadTimeout: time.Second, WriteTimeout: time.Minute, IdleTimeout: time.Hour})
	if s.ReadHeaderTimeout != time.Second || s.WriteTimeout != time.Minute || s.IdleTimeout != time.Hour || s.Protocols.HTTP2() {
		t.Errorf("%+v", s)
	}
}

// T53: headers that never end.
func TestSlowHeadersAreNotWaitedFor(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.server.ReadTimeout = 50 * time.Millisecond })
	c := w.dial()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: app.test\r\nX-Slow: ")
	if !c.closed() {
		t.Error("the connection got an answer")
	}
}

func TestHugeHTTP2HeadersAreRefused(t *testing.T) {
	w := newWorld(t, nil)
	if got := w.h2(t, "app.test", ":method", "GET", ":path", "/", ":authority", "app.test", "x-big", strings.Repeat("a", 80<<10)); strings.HasPrefix(got, "2") {
		t.Errorf("80 KiB of headers: status %s", got)
	}
}
