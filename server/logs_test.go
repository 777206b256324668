package server_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

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
