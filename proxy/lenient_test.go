package proxy

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
)

// RFC 9112 2.2 lets a server take a bare LF for the end of a line, and net/http
// does; it joins folded lines too, which 5.2 has it refuse or join. Both are
// ours to read only: what is forwarded is written anew, with one framing.
func TestLenientLinesAreForwardedAsStrictOnes(t *testing.T) {
	for _, tt := range []struct {
		name, raw string
		status    int
		header    string // X-A as the upstream reads it
		body      string
	}{
		{"bare LF", "POST / HTTP/1.1\nHost: app.test\nX-A: 1\nContent-Length: 3\n\nabc", 200, "1", "abc"},
		{"bare LF among CRLF", "POST / HTTP/1.1\r\nHost: app.test\r\nX-A: 1\nContent-Length: 3\r\n\r\nabc", 200, "1", "abc"},
		{"folded line", "POST / HTTP/1.1\r\nHost: app.test\r\nX-A: 1\r\n 2\r\n\t3\r\nContent-Length: 3\r\n\r\nabc", 200, "1 2 3", "abc"},
		{"folded length", "POST / HTTP/1.1\r\nHost: app.test\r\nX-A: 1\r\nContent-Length:\r\n 3\r\n\r\nabc", 200, "1", "abc"},
		{"folded encoding", "POST / HTTP/1.1\r\nHost: app.test\r\nX-A: 1\r\nTransfer-Encoding:\r\n chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200, "1", "abc"},
		{"folded first line", "POST / HTTP/1.1\r\n X-A: 1\r\nHost: app.test\r\n\r\n", 400, "", ""},
		{"bare CR in a value", "POST / HTTP/1.1\r\nHost: app.test\r\nX-A: 1\r2\r\n\r\n", 400, "", ""},
		{"bare CR as an end", "POST / HTTP/1.1\r\nHost: app.test\rX-A: 1\r\n\r\n", 400, "", ""},
		{"NUL in a value", "POST / HTTP/1.1\r\nHost: app.test\r\nX-A: 1\x002\r\n\r\n", 400, "", ""},
		{"bare LF after a chunk size", "POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", 400, "", ""},
		{"bare LF after a chunk extension", "POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n3;a\nb\r\nabc\r\n0\r\n\r\n", 400, "", ""},
		{"bare LF after a chunk", "POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\n0\r\n\r\n", 400, "", ""},
	} {
		w := newWorld(t, nil)
		c := w.dial()
		if _, err := io.WriteString(c, tt.raw); err != nil { // as it stands: send would mend it
			t.Fatal(err)
		}
		res, err := http.ReadResponse(c.r, nil)
		if err != nil {
			t.Errorf("%s: no answer: %v", tt.name, err)
			continue
		}
		_, _ = io.Copy(io.Discard, res.Body)
		if res.StatusCode != tt.status {
			t.Errorf("%s: %d, want %d", tt.name, res.StatusCode, tt.status)
		}
		if raw := w.up.Raw(); tt.status == 200 {
			checkStrict(t, tt.name, raw, tt.header, tt.body)
		} else if strings.HasSuffix(raw, "0\r\n\r\n") || tt.status == 400 && !res.Close {
			t.Errorf("%s: the upstream read %q, connection closed %t", tt.name, raw, res.Close)
		}
	}
}

// checkStrict reads what an upstream read: one request, its lines ended by CRLF
// and none folded, with the header and the body that were sent, and nothing after.
func checkStrict(t *testing.T, name, raw, header, body string) {
	t.Helper()
	head, _, _ := strings.Cut(raw, "\r\n\r\n")
	for line := range strings.SplitSeq(head, "\r\n") {
		if strings.ContainsAny(line, "\r\n") || strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") {
			t.Errorf("%s: the upstream read the line %q", name, line)
		}
	}
	r := bufio.NewReader(strings.NewReader(raw))
	got, err := http.ReadRequest(r)
	if err != nil {
		t.Fatalf("%s: %v in %q", name, err, raw)
	}
	read, err := io.ReadAll(got.Body)
	if err != nil || string(read) != body || strings.Join(got.Header["X-A"], "|") != header {
		t.Errorf("%s: the upstream read X-A %q and %q, %v; want %q and %q", name, got.Header["X-A"], read, err, header, body)
	}
	if rest, _ := io.ReadAll(r); len(rest) > 0 {
		t.Errorf("%s: after its request the upstream read %q", name, rest)
	}
}
