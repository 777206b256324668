package server_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport/internal/harness"
)

// passedOn asks the public route as a balancer in front would: header, TLS,
// request. It returns X-Forwarded-For as the application saw it.
func passedOn(t *testing.T, w *harness.World, header, more string) (seen string, answered bool) {
	t.Helper()
	c, err := net.Dial("tcp", "127.0.0.1:"+w.Port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, header); err != nil {
		return "", false
	}
	secure := tls.Client(c, &tls.Config{InsecureSkipVerify: true, ServerName: "public.localhost"})
	if _, err := io.WriteString(secure, "GET / HTTP/1.1\r\nHost: public.localhost:"+w.Port+"\r\n"+more+"Connection: close\r\n\r\n"); err != nil {
		return "", false
	}
	res, err := http.ReadResponse(bufio.NewReader(secure), nil)
	if err != nil {
		return "", false
	}
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v\n%s", res.StatusCode, err, body)
	}
	p := &harness.Page{Status: res.StatusCode, Header: res.Header, Body: string(body)}
	return p.Seen(t).Header.Get("X-Forwarded-For"), true
}

// T15: the PROXY protocol counts from trusted proxies alone, and there it must
// be spoken; what they are changes with a reload.
func TestPROXYProtocolCountsFromTrustedProxiesAlone(t *testing.T) {
	const spoken = "PROXY TCP4 203.0.113.9 127.0.0.1 4711 443\r\n"
	w := harness.Start(t, harness.Options{Extra: "use_proxy_protocol: true\ntrusted_proxies: [127.0.0.0/8]"})
	if seen, ok := passedOn(t, w, spoken, "X-Forwarded-For: 10.0.0.1\r\n"); !ok || seen != "203.0.113.9" {
		t.Errorf("the application saw %q, %t; want the client's address alone", seen, ok)
	}
	until(t, "the log holds the client's address", func() bool { return strings.Contains(w.Log.String(), "203.0.113.9") })
	if seen, ok := passedOn(t, w, "PROXY UNKNOWN\r\n", "X-Forwarded-For: 10.0.0.1\r\n"); !ok || seen != "" {
		t.Errorf("of a client of which nothing is said the application saw %q, %t; want nothing", seen, ok)
	}
	for _, header := range []string{"", "PROXY TCP4 203.0.113.9\r\n"} {
		if _, ok := passedOn(t, w, header, ""); ok {
			t.Errorf("a trusted proxy was answered with header %q", header)
		}
	}

	w.WriteConfig(harness.DefaultRoutes, "use_proxy_protocol: true\ntrusted_proxies: [192.0.2.0/24]")
	until(t, "others are trusted", func() bool { _, ok := passedOn(t, w, "", ""); return ok })
	if _, ok := passedOn(t, w, spoken, ""); ok {
		t.Error("a stranger who spoke the PROXY protocol was answered")
	}
	if seen, _ := passedOn(t, w, "", "X-Forwarded-For: 10.0.0.1\r\n"); seen != "127.0.0.1" {
		t.Errorf("of a stranger the application saw %q, want the connection's address", seen)
	}
}
