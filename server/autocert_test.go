package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sallyport/internal/acmetest"
	"sallyport/internal/harness"
)

// shownTo is the certificate that a client of host gets.
func shownTo(t *testing.T, w *harness.World, host string) *x509.Certificate {
	t.Helper()
	conn, err := tls.Dial("tcp", "127.0.0.1:"+w.Port, &tls.Config{ServerName: host, InsecureSkipVerify: true, NextProtos: []string{"h2", "acme-tls/1"}})
	if err != nil {
		t.Fatalf("connect to %s: %v", host, err)
	}
	defer conn.Close()
	if proto := conn.ConnectionState().NegotiatedProtocol; proto != "h2" {
		t.Errorf("%s: a client negotiated %q", host, proto)
	}
	return conn.ConnectionState().PeerCertificates[0]
}

// given writes a certificate for host signed by itself, and returns the
// configuration that serves it.
func given(t *testing.T, dir, host string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(7), DNSNames: []string{host}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	files := []string{filepath.Join(dir, "given.crt"), filepath.Join(dir, "given.key")}
	for i, block := range []*pem.Block{{Type: "CERTIFICATE", Bytes: der}, {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(files[i], pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return fmt.Sprintf("certificates: [{cert: %q, key: %q}]\n", files[0], files[1])
}

func TestHostsOfRoutesGetTheirCertificatesAndKeepThem(t *testing.T) {
	w := harness.Start(t, harness.Options{})
	port, err := strconv.Atoi(w.Port)
	if err != nil {
		t.Fatal(err)
	}
	ca := acmetest.Start(t, acmetest.Options{TLSPort: port})
	roots := ca.Roots()
	autocert := fmt.Sprintf("autocert: true\nautocert_ca: %s\nautocert_trusted_ca_file: %s\n", ca.Directory(), ca.TrustFile()) + given(t, w.Dir, "public.localhost")
	certified := func(host string) bool {
		_, err := shownTo(t, w, host).Verify(x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: intermediates(t, w, host)})
		return err == nil
	}
	if certified("app.localhost") {
		t.Fatal("certified before autocert")
	}
	w.WriteConfig(harness.DefaultRoutes, autocert)
	if err := w.Server.Reload(); err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"authenticate.localhost", "app.localhost", "admin.localhost"} {
		until(t, "a certificate for "+host, func() bool { return certified(host) })
	}
	if got := shownTo(t, w, "public.localhost"); got.SerialNumber.Int64() != 7 {
		t.Errorf("public.localhost is served with %v, want the given certificate", got.SerialNumber)
	}
	if certified("foreign.localhost") || ca.Issued() != 3 {
		t.Errorf("%d certificates issued, want 3: none for a given or a foreign name", ca.Issued())
	}
	before := shownTo(t, w, "app.localhost").SerialNumber

	w.WriteConfig(harness.DefaultRoutes+`
  - {name: wiki, from: "https://wiki.localhost:%[1]s", to: "%[2]s", allow_public_unauthenticated_access: true}
`, autocert)
	if err := w.Server.Reload(); err != nil {
		t.Fatal(err)
	}
	until(t, "a certificate for the new host", func() bool { return certified("wiki.localhost") })
	if ca.Issued() != 4 || shownTo(t, w, "app.localhost").SerialNumber.Cmp(before) != 0 {
		t.Errorf("%d issued after a host came, want 4 and the others untouched", ca.Issued())
	}

	w.Stop()
	ca.Stop()
	begin := time.Now()
	w.StartServer()
	if took := time.Since(begin); took > 5*time.Second || shownTo(t, w, "app.localhost").SerialNumber.Cmp(before) != 0 {
		t.Errorf("a start with the authority down took %v; want less than 5s, and the stored certificate served", took)
	}
	if _, body := operator(t, w.Server.MetricsAddr(), "/metrics"); !strings.Contains(body, "sallyport_autocert_certificates 4") || !strings.Contains(body, "sallyport_autocert_certificates_expired 0") {
		t.Error("the metrics do not say that 4 certificates are served")
	}
}

func TestChallengesOverPlainHTTPArriveAtTheRedirectListener(t *testing.T) {
	plain := harness.FreePort(t)
	redirects := "http_redirect_addr: 127.0.0.1:" + plain + "\n"
	w := harness.Start(t, harness.Options{Extra: redirects})
	port, err := strconv.Atoi(plain)
	if err != nil {
		t.Fatal(err)
	}
	ca := acmetest.Start(t, acmetest.Options{HTTPPort: port})
	w.WriteConfig(harness.DefaultRoutes, redirects+fmt.Sprintf("autocert: true\nautocert_ca: %s\nautocert_trusted_ca_file: %s\n", ca.Directory(), ca.TrustFile()))
	if err := w.Server.Reload(); err != nil {
		t.Fatal(err)
	}
	until(t, "a certificate", func() bool { return shownTo(t, w, "app.localhost").VerifyHostname("app.localhost") == nil })
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get("http://127.0.0.1:" + plain + "/.well-known/acme-challenge/unknown")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusMovedPermanently || !strings.HasPrefix(resp.Header.Get("Location"), "https://") {
		t.Errorf("anything else: %d to %q, want a redirect to https", resp.StatusCode, resp.Header.Get("Location"))
	}
}

// intermediates are what the host sends beside its certificate.
func intermediates(t *testing.T, w *harness.World, host string) *x509.CertPool {
	t.Helper()
	conn, err := tls.Dial("tcp", "127.0.0.1:"+w.Port, &tls.Config{ServerName: host, InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	pool := x509.NewCertPool()
	for _, c := range conn.ConnectionState().PeerCertificates[1:] {
		pool.AddCert(c)
	}
	return pool
}
