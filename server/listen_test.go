package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sallyport/internal/harness"
)

// certify writes a certificate for the names, signed by itself.
func certify(t *testing.T, dir, common string, names ...string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: common}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	for path, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

// served is the common name of the certificate that a new connection gets.
func served(t *testing.T, w *harness.World, name string) string {
	t.Helper()
	conn, err := tls.Dial("tcp", "127.0.0.1:"+w.Port, &tls.Config{InsecureSkipVerify: true, ServerName: name})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
}

func TestANewCertificateIsServedWithoutARestart(t *testing.T) {
	dir := t.TempDir()
	cert, key := certify(t, dir, "first", "*.localhost")
	w := harness.Start(t, harness.Options{Environ: []string{"CERTIFICATE_FILE=" + cert, "CERTIFICATE_KEY_FILE=" + key}})
	if got := served(t, w, "app.localhost"); got != "first" {
		t.Fatalf("served %q, want first", got)
	}
	certify(t, dir, "second", "*.localhost")
	until(t, "the new certificate is served", func() bool { return served(t, w, "app.localhost") == "second" })

	if err := os.WriteFile(key, []byte("not a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, "the broken key is noticed", func() bool {
		_, body := operator(t, w.Server.MetricsAddr(), "/metrics")
		return strings.Contains(body, "sallyport_config_last_reload_success 0")
	})
	if got := served(t, w, "app.localhost"); got != "second" {
		t.Errorf("after a broken key: served %q, want second", got)
	}
}

func TestSIGHUPReloads(t *testing.T) {
	w := harness.Start(t, harness.Options{Extra: "runtime_flags: {config_hot_reload: false}"})
	w.WriteConfig(`
  - {from: "https://public.localhost:%[1]s", response: {status: 200, body: new}, allow_public_unauthenticated_access: true}
`, "runtime_flags: {config_hot_reload: false}")
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	until(t, "the new routes are in force", func() bool { return harness.NewBrowser(t).Get(w.URL("public", "/")).Body == "new" })
}

func TestOperatorsListenersAreNotPublic(t *testing.T) {
	w := harness.Start(t, harness.Options{Extra: "metrics_basic_auth: dXNlcjpwYXNz\ndebug_address: 127.0.0.1:0"})
	b := harness.NewBrowser(t)
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/pprof/heap", "/readyz", "/startupz", "/status", "/v1/sessions", "/v1/sessions/revoke"} {
		// No route, no page of ours, a rule that wants somebody; the application's own where anybody may come.
		for host, want := range map[string]int{"nowhere": 404, "authenticate": 404, "app": 401, "public": 200} {
			for _, method := range []string{"GET", "POST"} {
				p := b.Fetch(method, w.URL(host, path), nil)
				if p.Status != want || (host == "public") != strings.HasPrefix(p.Body, `{"method":"`+method+`"`) {
					t.Errorf("%s %s on %s of the public listener: %d, want %d\n%.200s", method, path, host, p.Status, want, p.Body)
				}
			}
		}
	}
	if code, _ := operator(t, w.Server.MetricsAddr(), "/metrics"); code != http.StatusUnauthorized {
		t.Errorf("metrics without a password: %d, want 401", code)
	}
	for _, wrong := range [][2]string{{"user", ""}, {"", "pass"}, {"user", "passs"}, {"user", "pas"}, {"User", "pass"}, {"user:pass", ""}, {"", "user:pass"}} {
		req, _ := http.NewRequest("GET", "http://"+w.Server.MetricsAddr()+"/metrics", nil)
		req.SetBasicAuth(wrong[0], wrong[1])
		if resp, err := http.DefaultClient.Do(req); err != nil || resp.StatusCode != http.StatusUnauthorized || resp.Body.Close() != nil {
			t.Errorf("metrics with %q: %v, %v; want 401", wrong, resp.Status, err)
		}
	}
	req, _ := http.NewRequest("GET", "http://"+w.Server.MetricsAddr()+"/metrics", nil)
	req.SetBasicAuth("user", "pass")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 || !strings.Contains(string(body), "sallyport_requests_total") {
		t.Errorf("metrics with the password: %d", resp.StatusCode)
	}
}

// T16: browsers send requests for another host of the same certificate over an
// HTTP/2 connection that they have, and are let; for a host of another
// certificate they are told to open a new one.
func TestConnectionsServeTheHostsOfTheirCertificate(t *testing.T) {
	w := harness.Start(t, harness.Options{})
	certFile, keyFile := certify(t, w.Dir, "two hosts", "app.localhost", "public.localhost")
	w.WriteConfig(harness.DefaultRoutes, "certificates: [{cert: "+certFile+", key: "+keyFile+"}]")
	if err := w.Server.Reload(); err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{ForceAttemptHTTP2: true, DialTLSContext: func(_ context.Context, network, _ string) (net.Conn, error) {
		return tls.Dial(network, "127.0.0.1:"+w.Port, &tls.Config{InsecureSkipVerify: true, ServerName: "app.localhost", NextProtos: []string{"h2"}})
	}}
	t.Cleanup(tr.CloseIdleConnections)
	for host, want := range map[string]int{"app": 401, "public": 200, "admin": 421, "nowhere": 421} {
		req, _ := http.NewRequest("GET", w.URL(host, "/"), nil)
		res, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != want || res.ProtoMajor != 2 {
			t.Errorf("%s over a connection for app: %d by %s, want %d", host, res.StatusCode, res.Proto, want)
		}
	}
}
