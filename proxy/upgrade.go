package proxy

import (
	"crypto/sha1" // #nosec G505 -- RFC 6455 4.2.2 demands it; nothing is protected by it
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http/httpguts"

	"sallyport/internal/weberr"
)

// closeGrace is how long a client may take to read why its WebSocket ends.
const closeGrace = 2 * time.Second

var errSwitch = errors.New("the upstream switched protocols without being asked")

// checkUpgrade lets only those protocols through that the route allows, one at
// a time, in a request that can do nothing else.
func (x *exchange) checkUpgrade() error {
	if len(x.r.Header["Upgrade"]) == 0 {
		return nil
	}
	err := x.takeUpgrade(x.r.Header["Upgrade"])
	if err != nil && x.r.ProtoMajor == 1 {
		x.w.Header().Set("Connection", "close") // what follows may be meant for the other protocol
	}
	return err
}

func (x *exchange) takeUpgrade(values []string) error {
	token := strings.ToLower(strings.TrimSpace(values[0]))
	if len(values) > 1 || !slices.Contains(x.plan.upgrades, token) {
		return upgradeRefused(http.StatusForbidden, fmt.Errorf("upgrade to %q is not allowed on this route", values))
	}
	if x.r.ProtoMajor != 1 || x.r.ProtoMinor != 1 || !httpguts.HeaderValuesContainsToken(x.r.Header["Connection"], "upgrade") {
		return upgradeRefused(http.StatusBadRequest, errors.New("upgrade without a connection that could be"))
	}
	if x.r.ContentLength != 0 && token == "websocket" {
		return upgradeRefused(http.StatusBadRequest, errors.New("upgrade with a body"))
	}
	if token == "websocket" && !isHandshake(x.r) {
		return upgradeRefused(http.StatusBadRequest, errors.New("no WebSocket handshake of version 13"))
	}
	x.upgrade = token
	return nil
}

func upgradeRefused(status int, err error) *weberr.Error {
	return &weberr.Error{
		Status: status, Code: "upgrade-refused", Title: "Protocol not allowed",
		Message: "This address does not speak the protocol that was asked for.",
		Next:    "If it should, tell the people who run this application.", Err: err,
	}
}

// isHandshake checks what RFC 6455 4.1 demands of a client, so that no upstream
// is led to answer a half-made one in a way of its own.
func isHandshake(r *http.Request) bool {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(r.Header.Get("Sec-Websocket-Key")))
	return r.Method == http.MethodGet && err == nil && len(key) == 16 &&
		len(r.Header["Sec-Websocket-Key"]) == 1 && r.Header.Get("Sec-Websocket-Version") == "13"
}

// checkSwitch believes a 101 only if it answers what was asked.
func (x *exchange) checkSwitch(res *http.Response) error {
	if x.upgrade == "" || !strings.EqualFold(strings.TrimSpace(res.Header.Get("Upgrade")), x.upgrade) {
		return errSwitch
	}
	if x.upgrade == "websocket" && res.Header.Get("Sec-Websocket-Accept") != accept(x.r.Header.Get("Sec-Websocket-Key")) {
		return fmt.Errorf("%w: wrong Sec-WebSocket-Accept", errSwitch)
	}
	return nil
}

func accept(key string) string {
	sum := sha1.Sum([]byte(strings.TrimSpace(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) // #nosec G401
	return base64.StdEncoding.EncodeToString(sum[:])
}

// switchTo puts the upstream's side of a switched connection under watch.
func (x *exchange) switchTo(res *http.Response, k kind) error {
	conn, ok := res.Body.(io.ReadWriteCloser)
	if !ok {
		return errSwitch
	}
	s := &switched{ReadWriteCloser: conn, x: x, frames: k == kindWebSocket}
	if d := x.plan.streams; d > 0 {
		s.idleFor = d
		s.idle = time.AfterFunc(d, func() {
			s.end(ending{closeGoingAway, "nothing was sent for too long"})
			x.stop(errIdle)
		})
	}
	x.mu.Lock()
	x.switched = s
	x.mu.Unlock()
	res.Body = s
	return nil
}

// hijacked takes note of the client's connection.
func (x *exchange) hijacked(conn net.Conn) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.switched == nil {
		return
	}
	x.switched.client = conn
	if x.Err() != nil { // ended between the upstream's 101 and ours
		x.switched.bound()
	}
}

// switched is the upstream's side of a connection that left HTTP. It knows
// where WebSocket frames of the upstream begin, so that a close frame of ours
// never falls into the middle of one.
type switched struct {
	io.ReadWriteCloser
	x       *exchange
	frames  bool
	idle    *time.Timer // nil: no bound
	idleFor time.Duration

	client net.Conn // under x.mu

	mu    sync.Mutex
	why   *ending
	said  bool
	track frameTracker
}

// Read gives what the upstream sends, and in the end why it ends.
func (s *switched) Read(p []byte) (int, error) {
	if n := s.farewell(p); n > 0 {
		return n, nil
	}
	n, err := s.ReadWriteCloser.Read(p)
	s.moved(n)
	if s.frames && n > 0 {
		s.mu.Lock()
		s.track.pass(p[:n])
		s.mu.Unlock()
	}
	if err == nil || n > 0 {
		return n, err
	}
	if n := s.farewell(p); n > 0 {
		return n, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why != nil {
		return 0, io.EOF
	}
	return 0, err
}

// Write passes on what the client sends.
func (s *switched) Write(p []byte) (int, error) {
	n, err := s.ReadWriteCloser.Write(p)
	s.moved(n)
	return n, err
}

// CloseWrite passes on that the client has sent everything.
func (s *switched) CloseWrite() error {
	if c, ok := s.ReadWriteCloser.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return s.Close()
}

// Close ends the upstream's side.
func (s *switched) Close() error {
	if s.idle != nil {
		s.idle.Stop()
	}
	return s.ReadWriteCloser.Close()
}

func (s *switched) moved(n int) {
	if s.idle != nil && n > 0 {
		s.idle.Reset(s.idleFor)
	}
}

// end makes the next read give a close frame.
func (s *switched) end(why ending) {
	s.mu.Lock()
	s.why = &why
	s.mu.Unlock()
}

// bound limits how long the client may take to read what is left, and why the
// connection ends. The caller holds x.mu.
func (s *switched) bound() {
	if s.client != nil {
		_ = s.client.SetDeadline(time.Now().Add(closeGrace))
	}
}

// farewell writes the close frame into p, once, between two frames.
func (s *switched) farewell(p []byte) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why == nil || s.said || !s.frames || !s.track.between() {
		return 0
	}
	frame := closeFrame(*s.why)
	if len(frame) > len(p) {
		return 0
	}
	s.said = true
	return copy(p, frame)
}

// closeFrame is an unmasked close frame (RFC 6455 5.5.1).
func closeFrame(why ending) []byte {
	reason := why.reason[:min(len(why.reason), 123)]
	frame := []byte{0x88, byte(2 + len(reason)), byte(why.code >> 8), byte(why.code)}
	return append(frame, reason...)
}

// frameTracker follows frames through a stream of bytes without keeping them.
type frameTracker struct {
	head    [14]byte
	have    int    // bytes of the header seen
	payload uint64 // bytes of the payload still to come
}

// between reports whether the next byte begins a frame.
func (t *frameTracker) between() bool { return t.have == 0 && t.payload == 0 }

func (t *frameTracker) pass(p []byte) {
	for len(p) > 0 {
		if t.payload > 0 {
			n := min(t.payload, uint64(len(p)))
			t.payload -= n
			p = p[n:]
			continue
		}
		t.head[t.have] = p[0]
		t.have++
		p = p[1:]
		if need := t.need(); t.have == need {
			t.payload = t.length()
			t.have = 0
		}
	}
}

// need is how long the header is, as far as that is known.
func (t *frameTracker) need() int {
	if t.have < 2 {
		return 2
	}
	n := 2
	switch t.head[1] & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if t.head[1]&0x80 != 0 {
		n += 4
	}
	return n
}

func (t *frameTracker) length() uint64 {
	n := uint64(t.head[1] & 0x7f)
	var wide []byte
	switch n {
	case 126:
		wide = t.head[2:4]
	case 127:
		wide = t.head[2:10]
	default:
		return n
	}
	n = 0
	for _, b := range wide {
		n = n<<8 | uint64(b)
	}
	return n
}
