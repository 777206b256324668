package proxy

import (
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

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
			s.end(ending{code: closeGoingAway, reason: "nothing was sent for too long"})
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
