package proxy

import (
	"encoding/base64"
	"encoding/binary"
	"io"
	"net/http"
	"strings"

	"sallyport/internal/ui"
)

// callBody is the answer to a gRPC or gRPC-web call, whose status comes last: a
// call that is cut ends with a status of ours in place of the upstream's.
type callBody struct {
	io.ReadCloser
	x    *exchange
	res  *http.Response
	kind string
	web  *messageTracker // gRPC-web: the status is part of the body
	last []byte          // of the body, ours
	ours bool            // the status is ours
}

// watchCall puts the answer to a call under watch. What an upstream answers a
// call with that is no gRPC at all breaks off like everything else.
func (x *exchange) watchCall(res *http.Response) io.ReadCloser {
	kind := ui.GRPCType(res.Header)
	if kind == "" {
		return res.Body
	}
	b := &callBody{ReadCloser: res.Body, x: x, res: res, kind: kind}
	if strings.HasPrefix(kind, "application/grpc-web") {
		b.web = &messageTracker{text: strings.HasPrefix(kind, "application/grpc-web-text")}
	}
	x.mu.Lock()
	x.calls = true
	x.mu.Unlock()
	return b
}

// Read gives what the upstream sends, and in place of the rest of a call that was
// cut the status that says so.
func (b *callBody) Read(p []byte) (int, error) {
	if b.ours {
		return b.farewell(p)
	}
	n, err := b.ReadCloser.Read(p)
	if b.web != nil {
		b.web.pass(p[:n])
	}
	if n > 0 || err == nil || err == io.EOF {
		return n, err
	}
	why := b.x.wasCut()
	if why == nil || b.web != nil && !b.web.between() {
		return 0, err
	}
	b.ours = true
	if b.web != nil {
		b.last = ui.GRPCWebStatus(b.kind, why.told(b.x.host))
	}
	return b.farewell(p)
}

func (b *callBody) farewell(p []byte) (int, error) {
	n := copy(p, b.last)
	if b.last = b.last[n:]; n == 0 && len(b.last) == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Close lays our status on the trailers.
func (b *callBody) Close() error {
	err := b.ReadCloser.Close()
	why := b.x.wasCut()
	if !b.ours || why == nil {
		return err
	}
	b.res.Trailer = nil
	if b.web == nil {
		status, message := ui.GRPCStatus(why.told(b.x.host))
		b.x.w.Header()[http.TrailerPrefix+"Grpc-Status"] = []string{status}
		b.x.w.Header()[http.TrailerPrefix+"Grpc-Message"] = []string{message}
	}
	return err
}

// messageTracker follows the messages of a gRPC-web body without keeping them, so
// that a status of ours never falls into the middle of one.
type messageTracker struct {
	text    bool // the body is base64, padded wherever it was flushed
	quantum [4]byte
	filled  int
	head    [5]byte // flags and length
	have    int
	left    uint32 // bytes of the message still to come
	over    bool   // the upstream's own status has begun, or the body is no gRPC-web
}

// between reports whether a status may follow what was passed.
func (t *messageTracker) between() bool {
	return !t.over && t.filled == 0 && t.have == 0 && t.left == 0
}

func (t *messageTracker) pass(p []byte) {
	if !t.text {
		t.messages(p)
		return
	}
	var plain [3]byte
	for _, c := range p {
		t.quantum[t.filled] = c
		if t.filled++; t.filled < len(t.quantum) {
			continue
		}
		t.filled = 0
		n, err := base64.StdEncoding.Decode(plain[:], t.quantum[:])
		t.over = t.over || err != nil
		t.messages(plain[:n])
	}
}

func (t *messageTracker) messages(p []byte) {
	for len(p) > 0 && !t.over {
		if t.left > 0 {
			n := min(t.left, uint32(len(p)))
			t.left -= n
			p = p[n:]
			continue
		}
		n := copy(t.head[t.have:], p)
		t.have += n
		p = p[n:]
		if t.have == len(t.head) {
			t.over = t.head[0]&0x80 != 0
			t.left, t.have = binary.BigEndian.Uint32(t.head[1:]), 0
		}
	}
}
