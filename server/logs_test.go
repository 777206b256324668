package server_test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/harness"
)

// T48: each request is one line of the log, and nothing that it says of itself
// makes another or breaks the one.
func TestEachRequestIsOneLineOfTheLogWhateverItSays(t *testing.T) {
	w := harness.Start(t, harness.Options{Extra: "insecure_server: true\naccess_log_fields: [method, path, query, user-agent, referer, headers.X-Odd]"})
	hostile := []string{
		"GET /a%0d%0a{\"message\":\"http-request\"} HTTP/1.1\r\nHost: %s\r\n",
		"GET /?q=%0a\"},{\"x\":\" HTTP/1.1\r\nHost: %s\r\n",
		"GET / HTTP/1.1\r\nHost: %s\r\nUser-Agent: \x1b[2J\x1b]0;owned\x07\r\n",
		"GET / HTTP/1.1\r\nHost: %s\r\nReferer: \",\"level\":\"error\",\"x\":\"\r\n",
		"GET / HTTP/1.1\r\nHost: %s\r\nX-Odd: \xe2\x80\xa8\xe2\x80\xae\xff\r\n",
		"GET / HTTP/1.1\r\nHost: %s\r\nX-Request-Id: a\"b,c\r\n",
		"BREW\" / HTTP/1.1\r\nHost: %s\r\n",
	}
	before := len(requestLines(t, w.Log.String()))
	answered := 0
	for _, text := range hostile {
		c, err := net.Dial("tcp", "127.0.0.1:"+w.Port)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, strings.Replace(text, "%s", "public.localhost:"+w.Port, 1)+"X-Mark: here\r\nConnection: close\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = c.Close()
		if res.Header.Get("X-Request-Id") != "" { // net/http refuses some itself, before there is a request
			answered++
		}
	}
	if answered < 5 {
		t.Fatalf("%d requests were answered", answered)
	}
	until(t, "all lines are there", func() bool { return len(requestLines(t, w.Log.String()))-before >= answered })
	if got := len(requestLines(t, w.Log.String())) - before; got != answered {
		t.Errorf("%d lines for %d requests", got, answered)
	}
}

// T48: what a request says of itself, it says in bounds, however long it is.
func TestALineOfTheLogIsBounded(t *testing.T) {
	w := harness.Start(t, harness.Options{Extra: "insecure_server: true\naccess_log_fields: [authority, method, path, query, user-agent, referer, forwarded-for, headers.X-Odd]"})
	long := strings.Repeat("\xff", 11_000)
	for _, head := range []string{
		"GET /" + strings.Repeat("a", 7_900) + "?" + strings.Repeat("b", 7_900) + " HTTP/1.1\r\nHost: %s\r\nUser-Agent: " + long + "\r\nReferer: https://x/" + long + "\r\nX-Odd: " + long + "\r\nX-Forwarded-For: " + long + "\r\n",
		strings.Repeat("A", 50_000) + " / HTTP/1.1\r\nHost: %s\r\n",
		"GET / HTTP/1.1\r\nHost: " + strings.Repeat("h", 50_000) + "\r\n",
	} {
		before := len(w.Log.String())
		c, err := net.Dial("tcp", "127.0.0.1:"+w.Port)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, strings.Replace(head, "%s", "public.localhost:"+w.Port, 1)+"X-Mark: here\r\nConnection: close\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = c.Close()
		until(t, "it is in the log", func() bool { return strings.Contains(w.Log.String()[before:], `"http-request"`) })
		for line := range strings.Lines(w.Log.String()[before:]) {
			if len(line) > 40_000 {
				t.Errorf("%.30q: a line of %d bytes: %.200s", head, len(line), line)
			}
		}
	}
}

// requestLines are those that record a request. Every line must be one JSON
// object without control characters or characters that reorder text.
func requestLines(t *testing.T, log string) (lines []string) {
	t.Helper()
	for line := range strings.Lines(log) {
		if !strings.HasSuffix(line, "\n") {
			continue // still being written
		}
		line = strings.TrimSuffix(line, "\n")
		var rec map[string]any
		if err := json.Unmarshal([]byte(line), &rec); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		if strings.ContainsAny(line, "\x1b\x07\r\u2028\u2029") {
			t.Errorf("line %q orders a terminal about", line)
		}
		if rec["message"] == "http-request" || rec["msg"] == "http-request" {
			lines = append(lines, line)
		}
	}
	return lines
}

// T48: people who sign in, are denied, read streams and ask for what anybody may
// have, all at once: each request that was answered has one record, each decision
// one more, and no line is torn or joined with another.
func TestEveryRequestHasItsRecordsWhateverElseHappens(t *testing.T) {
	w := harness.Start(t, harness.Options{
		Upstream: http.HandlerFunc(fewEvents), Extra: "access_log_fields: [request-id, path, authority]\nauthorize_log_fields: [request-id, path]",
	})
	people := []struct{ login, password string }{{"alice@example.com", harness.AlicePassword}, {"bob@example.com", harness.BobPassword}}
	browsers := make([]*harness.Browser, 8)
	var wg sync.WaitGroup
	for i := range browsers {
		browsers[i] = harness.NewBrowser(t)
		wg.Go(func() {
			b, who := browsers[i], people[i%2]
			for _, host := range []string{"app", "admin"} { // bob is denied on admin
				b.SignIn(w.URL(host, "/"), who.login, who.password)
			}
			for range 5 {
				for _, to := range []string{w.URL("public", "/"), w.URL("app", "/events"), w.URL("admin", "/"), w.URL("nowhere", "/")} {
					b.Get(to)
				}
			}
		})
	}
	wg.Wait()
	asked := map[string]int{} // by host; each page of ours and of the application is one request
	for _, b := range browsers {
		for _, visited := range b.Trail {
			if u, err := url.Parse(visited); err == nil && strings.HasSuffix(u.Host, ".localhost:"+w.Port) {
				asked[u.Host]++
			}
		}
	}
	total := 0
	for _, n := range asked {
		total += n
	}
	until(t, "every request is recorded", func() bool { return len(requestLines(t, w.Log.String())) >= total })
	recorded, requests, decisions := map[string]int{}, map[string]bool{}, map[string]int{}
	for line := range strings.Lines(w.Log.String()) {
		var rec map[string]any
		if err := json.Unmarshal([]byte(line), &rec); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		id, _ := rec["request-id"].(string)
		switch rec["msg"] {
		case "http-request":
			if host, _ := rec["authority"].(string); id == "" || requests[id] {
				t.Errorf("a request without an id of its own: %s", line)
			} else {
				recorded[host]++
			}
			requests[id] = true
		case "authorize check":
			decisions[id]++
		}
	}
	if d := cmp.Diff(asked, recorded); d != "" || total < 8*20 {
		t.Errorf("%d requests by host, asked and recorded (-/+):\n%s", total, d)
	}
	for id, n := range decisions {
		if !requests[id] || n != 1 {
			t.Errorf("request %q: %d decisions are recorded, and the request %t", id, n, requests[id])
		}
	}
	if want := asked["app.localhost:"+w.Port]/2 + asked["public.localhost:"+w.Port]; len(decisions) < want {
		t.Errorf("%d decisions are recorded, want %d at least", len(decisions), want)
	}
}

// T48: who breaks off before the end of an answer has had most of it, and is recorded
// like everybody else; so is an answer that the application breaks off.
func TestRequestsThatBreakOffAreRecorded(t *testing.T) {
	w := harness.Start(t, harness.Options{
		Extra: "access_log_fields: [request-id, path, response-code-details, size]",
		Upstream: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Length", "20000000")
			for range 2000 {
				if _, err := rw.Write(make([]byte, 5000)); err != nil {
					return
				}
			}
			if r.URL.Path == "/upstream" {
				panic(http.ErrAbortHandler)
			}
			<-r.Context().Done()
		}),
	})
	for _, path := range []string{"/client", "/upstream"} {
		for _, proto := range []string{"h2", "http/1.1"} {
			before := len(requestLines(t, w.Log.String()))
			transport := &http.Transport{DialContext: harness.DialLoopback, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: proto == "h2"}
			res, err := transport.RoundTrip(must(http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL("public", path), nil)))
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.CopyN(io.Discard, res.Body, 9_000_000)
			if path == "/upstream" {
				_, _ = io.Copy(io.Discard, res.Body)
			}
			_ = res.Body.Close()
			transport.CloseIdleConnections()
			until(t, path+" over "+proto+" is recorded", func() bool { return len(requestLines(t, w.Log.String())) == before+1 })
			last := requestLines(t, w.Log.String())[before:]
			if len(last) != 1 || !strings.Contains(last[0], `"aborted"`) && !strings.Contains(last[0], `"client-gone"`) {
				t.Errorf("%s over %s: %s", path, proto, last)
			}
		}
	}
	until(t, "nothing is in flight", func() bool { return strings.Contains(metricsOf(t, w), "\nsallyport_requests_in_flight 0\n") })
}

func metricsOf(t *testing.T, w *harness.World) string {
	t.Helper()
	res, err := http.Get("http://" + w.Server.MetricsAddr() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return string(must(io.ReadAll(res.Body)))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// fewEvents is an application that sends a stream with an end.
func fewEvents(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/events" {
		harness.Echo(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for range 3 {
		_, _ = io.WriteString(w, "data: beat\n\n")
		_ = http.NewResponseController(w).Flush()
	}
}
