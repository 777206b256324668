package proxy

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"sallyport/internal/requestid"
)

// h2 sends one request, field by field, on a fresh HTTP/2 connection and
// returns the status, or how the stream ended.
func (w *world) h2(t *testing.T, sni string, fields ...string) string {
	t.Helper()
	return w.h2Body(t, sni, "", fields...)
}

func (w *world) h2Body(t *testing.T, sni, body string, fields ...string) string {
	t.Helper()
	c, err := tls.Dial("tcp", w.tls, &tls.Config{ServerName: sni, InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for i := 0; i < len(fields); i += 2 {
		_ = enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
		if i == 0 && fields[1] != "CONNECT" {
			_ = enc.WriteField(hpack.HeaderField{Name: ":scheme", Value: "https"})
		}
	}
	_, _ = io.WriteString(c, http2.ClientPreface)
	f := http2.NewFramer(c, c)
	_ = f.WriteSettings()
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndStream: body == "", EndHeaders: true})
	if body != "" {
		_ = f.WriteData(1, true, []byte(body))
	}
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return err.Error()
		}
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			return frame.PseudoValue("status")
		case *http2.RSTStreamFrame:
			return frame.ErrCode.String()
		case *http2.GoAwayFrame:
			return frame.ErrCode.String()
		}
	}
}

// Mistake 1: a CONNECT with a body would reach an HTTP/1.1 upstream unframed.
func TestHTTP2ConnectReachesNoUpstream(t *testing.T) {
	w := newWorld(t, nil)
	smuggled := "GET /admin HTTP/1.1\r\nHost: app.test\r\nX-Pomerium-Jwt-Assertion: forged\r\n\r\n"
	if got := w.h2Body(t, "app.test", smuggled, ":method", "CONNECT", ":authority", "app.test:443"); got != "405" {
		t.Errorf("CONNECT with a body: %s, want 405", got)
	}
	if got := w.h2Body(t, "app.test", smuggled, ":method", "CONNECT", ":authority", "app.test", ":protocol", "websocket", ":path", "/"); got == "200" {
		t.Error("extended CONNECT was accepted")
	}
	if raw := w.up.Raw(); raw != "" {
		t.Errorf("the upstream read %q", raw)
	}
}

// T50 on HTTP/2: what HTTP/1.1 behind us would read otherwise.
func TestHTTP2RequestsThatHTTP1ReadsOtherwise(t *testing.T) {
	w := newWorld(t, nil)
	get := []string{":method", "GET", ":path", "/", ":authority", "app.test"}
	for name, fields := range map[string][]string{
		"CRLF in a value":     append(get[:6:6], "x-a", "b\r\nx-forged: 1"),
		"colon in a name":     append(get[:6:6], "x-a: b", "c"),
		"upper case name":     append(get[:6:6], "X-A", "c"),
		"connection header":   append(get[:6:6], "connection", "close"),
		"transfer-encoding":   append(get[:6:6], "transfer-encoding", "chunked"),
		"upgrade":             append(get[:6:6], "upgrade", "h2c"),
		"te other than trail": append(get[:6:6], "te", "gzip"),
		"two paths":           append(get[:6:6], ":path", "/admin"),
		"pseudo after header": append(get[:6:6], "x-a", "b", ":path", "/x"),
		"space in the path":   {":method", "GET", ":path", "/ HTTP/1.1\r\nX: y", ":authority", "app.test"},
		"absolute path":       {":method", "GET", ":path", "https://other.test/", ":authority", "app.test"},
		"no path":             {":method", "GET", ":authority", "app.test"},
		"method with a space": {":method", "GET /x", ":path", "/", ":authority", "app.test"},
		"host beside":         append(get[:6:6], "host", "other.test"),
		"user information":    {":method", "GET", ":path", "/", ":authority", "x@app.test"},
		"underscore":          append(get[:6:6], "x_a", "b"),
		"trace":               {":method", "TRACE", ":path", "/", ":authority", "app.test"},
	} {
		if got := w.h2(t, "app.test", fields...); strings.HasPrefix(got, "2") {
			t.Errorf("%s: status %s", name, got)
		}
	}
	if raw := w.up.Raw(); raw != "" {
		t.Errorf("the upstream read %q", raw)
	}
	if got := w.h2(t, "app.test", append(get[:6:6], "host", "app.test")...); got != "200" {
		t.Errorf("the same host twice: %s, want 200", got)
	}
}

// T50: the upstream sees one request at most, and never the hidden one.
func TestSmuggledRequestsReachNoUpstream(t *testing.T) {
	hidden := "GET /hidden HTTP/1.1\r\nHost: app.test\r\n\r\n"
	for _, tt := range []struct{ name, raw string }{
		{"CL.TE", "POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden},
		{"TE.CL", "POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + fmt.Sprintf("%x", len(hidden)) + "\r\n" + hidden + "\r\n0\r\n\r\n"},
		{"TE twice", "POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + hidden},
		{"TE obscure", "POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + hidden},
		{"TE with a vertical tab", "POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding:\x0bchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + hidden},
		{"TE with a space before the colon", "POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + hidden},
		{"TE in HTTP/1.0", "POST / HTTP/1.0\r\nHost: app.test\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden},
		{"two lengths", "POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n" + hidden},
		{"list of lengths", "POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 0, 44\r\n\r\n" + hidden},
		{"signed length", "POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: +0\r\n\r\n" + hidden},
		{"bad chunk size", "POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n" + hidden},
		{"CONNECT", "CONNECT app.test:80 HTTP/1.1\r\nHost: app.test:80\r\n\r\n" + hidden},
		{"refused upgrade", "GET / HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"},
	} {
		w := newWorld(t, nil)
		c := w.dial()
		c.send(tt.raw)
		res, err := http.ReadResponse(c.r, nil)
		if err != nil {
			t.Errorf("%s: no answer: %v", tt.name, err)
			continue
		}
		_, _ = io.Copy(io.Discard, res.Body)
		if !res.Close || !c.closed() {
			t.Errorf("%s: status %d, and the connection stays open", tt.name, res.StatusCode)
		}
		for _, r := range w.up.Requests() {
			if r.Target != "/" {
				t.Errorf("%s: the upstream read %q", tt.name, w.up.Raw())
			}
		}
	}
}

// T50: an unfinished body ends the upstream's request unfinished.
func TestBrokenChunkIsTheClientsFault(t *testing.T) {
	w := newWorld(t, nil)
	c := w.dial()
	c.send("POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n")
	res, _ := c.read()
	if res.StatusCode != http.StatusBadRequest || !c.closed() {
		t.Errorf("status %d, want 400 and a closed connection", res.StatusCode)
	}
	if strings.HasSuffix(w.up.Raw(), "0\r\n\r\n") {
		t.Errorf("the upstream read a finished body: %q", w.up.Raw())
	}
}

func TestInterimAnswersLeaveTheRequestID(t *testing.T) {
	w := newWorld(t, nil)
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set(requestid.Header, "01request")
		w.handler.ServeHTTP(rw, r.WithContext(requestid.With(r.Context(), "01request")))
	}))
	defer front.Close()
	for _, path := range []string{"/", "/_/early"} {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", front.URL+path, nil)
		req.Host = "app.test"
		res, _ := w.do(front.Client(), req)
		if got := res.Header[requestid.Header]; len(got) != 1 || got[0] != "01request" {
			t.Errorf("%s: request id %q, want the one that finds the log, once", path, got)
		}
	}
}

// T50: an interim answer of the upstream does not keep a connection open that
// was to be closed.
func TestInterimAnswersKeepNoConnectionOpen(t *testing.T) {
	w := newWorld(t, nil)
	c := w.dial()
	c.send("POST /_/early HTTP/1.1\r\nHost: app.test\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: app.test\r\n\r\n")
	if res, err := http.ReadResponse(c.r, nil); err != nil || res.StatusCode != http.StatusEarlyHints {
		t.Fatalf("%v, %v; want the interim answer", res, err)
	}
	if res, _ := c.read(); res.StatusCode != 200 || !res.Close || !c.closed() {
		t.Errorf("final answer %d, close %t; the connection must end", res.StatusCode, res.Close)
	}
	if got := len(w.up.Requests()); got != 1 {
		t.Errorf("the upstream got %d requests, want 1", got)
	}
}
