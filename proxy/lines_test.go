package proxy

import (
	"strings"
	"testing"
)

// Mistake 8: lines that are folded, or end without CR, are read by net/http. What
// the upstream reads is written anew, so that nobody behind us reads them otherwise
// (RFC 9112 2.2 and 5.2); a CR alone is refused.
func TestOddEndsOfLinesReachNoUpstream(t *testing.T) {
	w := identityWorld(t, nil)
	for _, raw := range []string{
		"GET /x HTTP/1.1\r\nHost: app.test\r\nX-A: b\r\n X-Email: FOLDED\r\n\r\n",
		"GET /x HTTP/1.1\r\nHost: app.test\r\nX-A: b\r\n\tTransfer-Encoding: chunked\r\n\r\n",
		"GET /x HTTP/1.1\nHost: app.test\r\nX-A: b\n\r\n",
	} {
		if status, _ := w.raw(raw); status != 200 && status != 400 {
			t.Errorf("%q: status %d", raw, status)
		}
		got := w.up.Raw()
		if strings.Contains(strings.ReplaceAll(got, "\r\n", ""), "\n") || strings.Contains(got, "\r\n ") || strings.Contains(got, "\r\n\t") {
			t.Errorf("%q: the upstream read %q", raw, got)
		}
		for _, r := range w.up.Requests() {
			if r.Header.Get("X-Email") != "" || r.Header.Get("Transfer-Encoding") != "" {
				t.Errorf("%q: a folded line became a header: %v", raw, r.Header)
			}
		}
		w.up.Reset()
	}
	for _, raw := range []string{
		"GET /x HTTP/1.1\r\nHost: app.test\r\nX-A: b\rX-Email: FORGED\r\n\r\n",
		"GET /x HTTP/1.1\r\nHost: app.test\r\n X-A: b\r\n\r\nGET /y HTTP/1.1\r\nHost: other.test\r\n\r\n",
		"GET /x HTTP/1.1\r\n Host: app.test\r\n\r\n",
		"GET /x HTTP/1.1\r\nX-A\r\nHost: app.test\r\n\r\n",
	} {
		status, _ := w.raw(raw)
		for _, r := range w.up.Requests() {
			t.Errorf("%q: status %d, and the upstream read %s %v", raw, status, r.Target, r.Header)
		}
		w.up.Reset()
	}
}
