package httpout

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func client(t *testing.T, o Options) *http.Client {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func fetch(c *http.Client, url string) (string, error) {
	resp, err := c.Get(url)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func TestAnswerUpToTheBoundIsReadWhole(t *testing.T) {
	const bound = 1000
	c := client(t, Options{MaxBody: bound})
	for _, size := range []int{0, 1, bound - 1, bound, bound + 1, 10 * bound} {
		for name, announce := range map[string]bool{"announced": true, "chunked": false} {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if announce {
					w.Header().Set("Content-Length", fmt.Sprint(size))
				} else {
					w.(http.Flusher).Flush()
				}
				_, _ = io.WriteString(w, strings.Repeat("x", size))
			}))
			body, err := fetch(c, srv.URL)
			srv.Close()
			if size <= bound && (err != nil || len(body) != size) {
				t.Errorf("%s answer of %d bytes: got %d, %v", name, size, len(body), err)
			}
			if size > bound && !errors.Is(err, ErrTooLarge) {
				t.Errorf("%s answer of %d bytes: got %d, %v; want ErrTooLarge", name, size, len(body), err)
			}
		}
	}
}

func TestAnnouncedLengthPastTheBoundIsNotWaitedFor(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1001")
		w.(http.Flusher).Flush()
		<-r.Context().Done() // and never sends it
	}))
	defer srv.Close()
	if _, err := fetch(client(t, Options{MaxBody: 1000}), srv.URL); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
}

func TestGzipBombIsBoundedAfterDecompression(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		zeros := make([]byte, 1<<20)
		for range 100 {
			if _, err := z.Write(zeros); err != nil {
				return
			}
		}
		_ = z.Close()
	}))
	defer srv.Close()
	body, err := fetch(client(t, Options{MaxBody: 1 << 20}), srv.URL)
	if !errors.Is(err, ErrTooLarge) || len(body) > 1<<20 {
		t.Errorf("bomb: read %d bytes, %v; want ErrTooLarge", len(body), err)
	}
}

func TestRedirectIsAnErrorAndNothingReachesItsTarget(t *testing.T) {
	var reached atomic.Int32
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer target.Close()
	for _, status := range []int{300, 301, 302, 303, 304, 307, 308} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", target.URL)
			w.WriteHeader(status)
		}))
		resp, err := client(t, Options{}).Post(srv.URL, "text/plain", strings.NewReader("client_secret=s"))
		if err == nil {
			_ = resp.Body.Close()
		}
		srv.Close()
		if !errors.Is(err, ErrRedirect) {
			t.Errorf("status %d: got %v, want ErrRedirect", status, err)
		}
		if err != nil && strings.Contains(err.Error(), target.URL) {
			t.Errorf("status %d: the error repeats the target: %v", status, err)
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("the redirects' target got %d requests", n)
	}
}

func TestClosedConnectionIsNotEOF(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_ = conn.Close()
		}
	}()
	_, err = fetch(client(t, Options{}), "http://"+ln.Addr().String())
	if err == nil || errors.Is(err, io.EOF) || !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed and not io.EOF", err)
	}
}

func TestSlowAnswerEndsByTheTimeout(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "begun")
		w.(http.Flusher).Flush()
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer srv.Close()
	defer close(release)
	if _, err := fetch(client(t, Options{Timeout: 50 * time.Millisecond}), srv.URL); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want it to end by the deadline", err)
	}
}

func TestHugeHeaderIsRefused(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Big", strings.Repeat("x", 1<<20))
	}))
	defer srv.Close()
	if _, err := fetch(client(t, Options{}), srv.URL); err == nil {
		t.Error("a header of 1 MiB was taken")
	}
}

func TestLocalhostNamesAreDialledOnLoopback(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Host) }))
	defer srv.Close()
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	t.Setenv("HTTP_PROXY", "http://192.0.2.1:1") // never asked for these
	for _, host := range []string{"okta.localhost", "A.B.LocalHost", "localhost"} {
		body, err := fetch(client(t, Options{}), "http://"+net.JoinHostPort(host, port))
		if err != nil || !strings.EqualFold(body, net.JoinHostPort(host, port)) {
			t.Errorf("host %q: got %q, %v", host, body, err)
		}
	}
	t.Setenv("HTTP_PROXY", "")
	var dialled string
	c := client(t, Options{Dial: func(_ context.Context, _, addr string) (net.Conn, error) {
		dialled = addr
		return nil, errors.New("not today")
	}})
	if _, err := fetch(c, "http://notlocalhost/"); err == nil || dialled != "notlocalhost:80" {
		t.Errorf("dialled %q for a name that only ends alike", dialled)
	}
}

func TestProxyOfTheEnvironmentIsHonoured(t *testing.T) {
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.Host)
		w.WriteHeader(http.StatusTeapot)
	}))
	defer proxy.Close()
	t.Setenv("HTTPS_PROXY", proxy.URL)
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("NO_PROXY", "direct.example")
	refuse := func(ctx context.Context, network, addr string) (net.Conn, error) {
		if "http://"+addr != proxy.URL {
			return nil, fmt.Errorf("dialled %q past the proxy", addr)
		}
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
	c := client(t, Options{Dial: refuse})
	if _, err := fetch(c, "https://acme.okta.com/x"); err == nil {
		t.Error("a proxy that refuses CONNECT gave an answer")
	}
	if _, err := fetch(c, "http://plain.example/"); err != nil {
		t.Errorf("plain http through the proxy: %v", err)
	}
	if _, err := fetch(c, "http://direct.example/"); err == nil || !strings.Contains(err.Error(), "past the proxy") {
		t.Errorf("NO_PROXY: got %v, want a direct connection", err)
	}
	if got := strings.Join(asked, "; "); got != "CONNECT acme.okta.com:443; GET plain.example" {
		t.Errorf("the proxy was asked %q", got)
	}
}

func TestLinkLocalAndUnspecifiedAddressesAreRefused(t *testing.T) {
	for _, address := range []string{"169.254.169.254:80", "[fe80::1]:80", "[::ffff:169.254.169.254]:80", "0.0.0.0:80", "[::]:80", "224.0.0.1:80"} {
		if err := refuseLinkLocal("tcp", address, nil); err == nil {
			t.Errorf("%s may be dialled", address)
		}
	}
	for _, address := range []string{"127.0.0.1:80", "[::1]:443", "10.0.0.1:443", "203.0.113.9:443"} {
		if err := refuseLinkLocal("tcp", address, nil); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := fetch(client(t, Options{}), "http://169.254.169.254/latest/meta-data"); err == nil || !strings.Contains(err.Error(), "link-local") {
		t.Errorf("client: got %v, want a refusal before dialling", err)
	}
}

func TestCertificateAuthorityBundleIsAddedOrTheStartFails(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	defer srv.Close()
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}))
	if body, err := fetch(client(t, Options{CAFile: good}), srv.URL); err != nil || body != "ok" {
		t.Errorf("with the bundle: %q, %v", body, err)
	}
	inline := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	if body, err := fetch(client(t, Options{CA: inline}), srv.URL); err != nil || body != "ok" {
		t.Errorf("with the bundle given inline: %q, %v", body, err)
	}
	if _, err := New(Options{CA: []byte("hello")}); err == nil {
		t.Error("an inline bundle without PEM: New succeeded")
	}
	if _, err := fetch(client(t, Options{}), srv.URL); err == nil {
		t.Error("without the bundle the server was trusted")
	}
	for name, path := range map[string]string{"absent": filepath.Join(dir, "none"), "empty": write("empty", nil), "no PEM": write("text", []byte("hello"))} {
		if _, err := New(Options{CAFile: path}); err == nil {
			t.Errorf("%s bundle: New succeeded", name)
		}
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	srv.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	srv.StartTLS()
	defer srv.Close()
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := fetch(client(t, Options{CAFile: path}), srv.URL); err == nil || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("TLS 1.1: got %v, want a refusal of the version", err)
	}
}

func TestConnectionsPerHostAreBounded(t *testing.T) {
	release, started := make(chan struct{}), make(chan struct{}, 100)
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		started <- struct{}{}
		<-release
	}))
	defer srv.Close()
	var open atomic.Int32
	c := client(t, Options{Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		open.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}})
	done := make(chan error)
	for range 3 * maxConnsPerHost {
		go func() {
			_, err := fetch(c, srv.URL)
			done <- err
		}()
	}
	for range maxConnsPerHost {
		<-started
	}
	close(release)
	for range 3 * maxConnsPerHost {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := open.Load(); n > maxConnsPerHost {
		t.Errorf("%d connections were opened, at most %d may be", n, maxConnsPerHost)
	}
}

func TestBoundHoldsForAForeignClient(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 100)) }))
	defer srv.Close()
	c := &http.Client{Transport: Bound(nil, 99)}
	if _, err := fetch(c, srv.URL); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
}

func TestRedirectsCanBeShownAndAreNotFollowed(t *testing.T) {
	followed := false
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if followed = r.URL.Path == "/next"; !followed {
			http.Redirect(w, r, "/next", http.StatusFound)
		}
	}))
	defer srv.Close()
	client, err := New(Options{ShowRedirects: true})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusFound || resp.Header.Get("Location") != "/next" || followed {
		t.Errorf("status %d, location %q, followed %v", resp.StatusCode, resp.Header.Get("Location"), followed)
	}
}
