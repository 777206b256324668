// Package acmetest runs a certificate authority for tests: Let's Encrypt's own
// test authority (pebble) as a process of its own, with a DNS server that sends
// every name to 127.0.0.1. It checks challenges as a real authority does. The
// programs come from `make test-deps`; without them a test skips and says so,
// and fails where CI=true.
package acmetest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Options are how the authority behaves.
type Options struct {
	// HTTPPort and TLSPort are where it looks for challenges; 0: a port on which
	// nobody listens.
	HTTPPort, TLSPort int
	// Life is how long its certificates hold; 0: 90 days.
	Life time.Duration
	// EAB are external accounts by key id, the keys in base64url. With one, an
	// account needs a binding.
	EAB map[string]string
	// Environ are pebble's own switches: "PEBBLE_WFE_NONCEREJECT=50".
	Environ []string
}

// Authority is a running pebble.
type Authority struct {
	t       testing.TB
	o       Options
	dir     string
	address string
	manage  string
	dns     string
	cert    []byte
	cmd     *exec.Cmd

	mu  sync.Mutex
	log bytes.Buffer
}

// Start runs an authority until the test ends.
func Start(t testing.TB, o Options) *Authority {
	t.Helper()
	pebble, dns := program(t, "pebble"), program(t, "pebble-challtestsrv")
	a := &Authority{t: t, o: o, dir: t.TempDir(), address: freeAddress(t), manage: freeAddress(t), dns: freeAddress(t)}
	a.run(exec.Command(dns, "-dnsserver", a.dns, "-management", freeAddress(t), "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "",
		"-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", ""))
	a.writeConfig()
	a.cmd = exec.Command(pebble, "-config", filepath.Join(a.dir, "config.json"), "-dnsserver", a.dns)
	a.cmd.Env = append(append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_AUTHZREUSE=0"), o.Environ...)
	a.run(a.cmd)
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if resp, err := a.client().Get(a.Directory()); err == nil {
			_ = resp.Body.Close()
			return a
		} else if time.Now().After(end) {
			t.Fatalf("pebble does not answer: %v\n%s", err, a.Log())
		}
	}
}

// program finds a program that `make test-deps` builds.
func program(t testing.TB, name string) string {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	path := filepath.Join(filepath.Dir(here), "..", "..", "build", name)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: run `make test-deps`", name)
	}
	t.Skipf("SKIPPED, NOT TESTED: %s is missing: run `make test-deps`", name)
	return ""
}

func (a *Authority) run(cmd *exec.Cmd) {
	a.t.Helper()
	cmd.Stdout, cmd.Stderr = (*logWriter)(a), (*logWriter)(a)
	if err := cmd.Start(); err != nil {
		a.t.Fatalf("start %s: %v", cmd.Path, err)
	}
	a.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
}

// Stop ends the authority; nobody answers at its address from then on.
func (a *Authority) Stop() {
	_ = a.cmd.Process.Kill()
	_ = a.cmd.Wait()
}

func (a *Authority) writeConfig() {
	a.t.Helper()
	key, cert := a.serverCertificate()
	life := a.o.Life
	if life == 0 {
		life = 90 * 24 * time.Hour
	}
	port := func(p int) int {
		if p != 0 {
			return p
		}
		_, free, _ := net.SplitHostPort(freeAddress(a.t))
		n, _ := strconv.Atoi(free)
		return n
	}
	config := map[string]any{"pebble": map[string]any{
		"listenAddress": a.address, "managementListenAddress": a.manage, "certificate": cert, "privateKey": key,
		"httpPort": port(a.o.HTTPPort), "tlsPort": port(a.o.TLSPort), "keyAlgorithm": "ecdsa",
		"externalAccountBindingRequired": len(a.o.EAB) > 0, "externalAccountMACKeys": a.o.EAB,
		"retryAfter": map[string]int{"authz": 1, "order": 1},
		"profiles":   map[string]any{"default": map[string]any{"description": "the only one", "validityPeriod": int(life.Seconds())}},
	}}
	body, err := json.Marshal(config)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write("config.json", body)
}

// serverCertificate is for the authority's own listener, signed by itself.
func (a *Authority) serverCertificate() (keyFile, certFile string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "pebble listener"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, key.Public(), key)
	if err != nil {
		a.t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return a.write("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})), a.write("cert.pem", a.cert)
}

func (a *Authority) write(name string, body []byte) string {
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, body, 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

// Directory is the authority's address for clients.
func (a *Authority) Directory() string { return "https://" + a.address + "/dir" }

// Trust is, in PEM, what a client trusts to reach Directory; TrustFile is where
// it stands.
func (a *Authority) Trust() []byte     { return a.cert }
func (a *Authority) TrustFile() string { return filepath.Join(a.dir, "cert.pem") }

// Roots are what a client of a certified host trusts.
func (a *Authority) Roots() *x509.CertPool {
	a.t.Helper()
	resp, err := a.client().Get("https://" + a.manage + "/roots/0")
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(body) {
		a.t.Fatalf("pebble's root: %v\n%s", err, body)
	}
	return pool
}

func (a *Authority) client() *http.Client {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(a.cert)
	return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
}

// Log is what the authority said; Issued counts the certificates it issued.
func (a *Authority) Log() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.log.String()
}

// Issued counts the certificates issued so far.
func (a *Authority) Issued() int { return strings.Count(a.Log(), "Issued certificate serial") }

type logWriter Authority

func (w *logWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(p)
}

func freeAddress(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}
