package proxy

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// manyFrames is more than any buffer on the way holds.
const manyFrames = 2_000_000

// flood opens an HTTP/2 connection and sends frames until the server ends it, or
// after enough; it returns how many were taken and why the connection ended, "" if it
// did not.
func (w *world) flood(enough int, deaf bool, send func(f *http2.Framer, i int) error) (taken int, why string) {
	w.t.Helper()
	c, err := tls.Dial("tcp", w.tls, &tls.Config{InsecureSkipVerify: true, ServerName: "app.test", NextProtos: []string{"h2"}})
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(c, http2.ClientPreface)
	buffered := bufio.NewWriterSize(c, 16<<10)
	out := http2.NewFramer(buffered, nil)
	_ = out.WriteSettings()
	ended := make(chan string, 1)
	if !deaf {
		go func() { ended <- goodbye(c) }()
	}
	for taken < enough {
		select {
		case why := <-ended:
			return taken, why
		default:
		}
		if send(out, taken) != nil {
			break
		}
		taken++
	}
	switch {
	case taken == enough && buffered.Flush() == nil:
		return taken, ""
	case deaf:
		return taken, "closed"
	}
	return taken, <-ended
}

// goodbye reads until the connection ends.
func goodbye(c net.Conn) string {
	in := http2.NewFramer(nil, c)
	for {
		switch frame, err := in.ReadFrame(); frame := frame.(type) {
		case *http2.GoAwayFrame:
			return frame.ErrCode.String()
		default:
			if err != nil {
				return "closed"
			}
		}
	}
}

func request(fields ...string) []byte {
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for i := 0; i < len(fields); i += 2 {
		_ = enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return block.Bytes()
}

// T52: what costs a client next to nothing, and a server much, ends the connection
// or reaches the upstream in bounds; others are served meanwhile and afterwards.
func TestFloodsOfFramesAreBounded(t *testing.T) {
	w := newWorld(t, nil)
	hang := request(":method", "GET", ":scheme", "https", ":authority", "app.test", ":path", "/_/hang")
	begin := func(f *http2.Framer, i int) error {
		return f.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: hang, EndStream: true, EndHeaders: true})
	}
	line := request("x-a", strings.Repeat("b", 40))
	for _, tt := range []struct {
		name   string
		enough int
		deaf   bool
		want   string
		send   func(f *http2.Framer, i int) error
	}{
		{"streams that are reset at once", manyFrames, false, "ENHANCE_YOUR_CALM", func(f *http2.Framer, i int) error {
			if i%2 == 0 {
				return begin(f, i/2)
			}
			return f.WriteRSTStream(uint32(i), http2.ErrCodeCancel)
		}},
		{"more streams than there may be", 20_000, false, "", begin},
		{"a header without end", manyFrames, false, "PROTOCOL_ERROR", func(f *http2.Framer, i int) error {
			if i == 0 {
				return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: hang})
			}
			return f.WriteContinuation(1, false, line)
		}},
		{"pings whose answers nobody reads", manyFrames, true, "closed", func(f *http2.Framer, _ int) error { return f.WritePing(false, [8]byte{}) }},
	} {
		taken, why := w.flood(tt.enough, tt.deaf, tt.send)
		if why != tt.want {
			t.Errorf("%s: %q after %d frames, want %q", tt.name, why, taken, tt.want)
		}
		if n := len(w.up.Requests()); why == "" && n > maxStreams {
			t.Errorf("%s: %d requests arrived upstream, want %d at most", tt.name, n, maxStreams)
		}
		w.up.Reset()
		if got := w.h2(t, "app.test", ":method", "GET", ":path", "/", ":authority", "app.test"); got != "200" {
			t.Errorf("%s: somebody else gets %s", tt.name, got)
		}
		w.up.Reset()
	}
}
