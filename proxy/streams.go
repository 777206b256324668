package proxy

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// kind is what an exchange under way has turned out to be.
type kind uint8

const (
	kindRequest   kind = iota // may end any moment by itself
	kindEvents                // text/event-stream
	kindGRPC                  // application/grpc*
	kindWebSocket             // after the 101
	kindUpgrade               // another protocol after the 101
	kinds
)

func (k kind) String() string {
	return [...]string{"request", "events", "grpc", "websocket", "upgrade"}[k]
}

const streamShards = 64

// Streams are the exchanges under way, by session: what a session started ends
// with it, be it a WebSocket, a stream of events, a call or a long download. It
// lives as long as the process; requests of one session share a lock with few
// others.
type Streams struct {
	seed   maphash.Seed
	shards [streamShards]streamShard
	round  atomic.Pointer[round] // the last time that streams were decided anew
	open   [kinds]atomic.Int64
	cut    [kinds]atomic.Int64
}

type streamShard struct {
	mu sync.Mutex
	m  map[string]*stream // by session: the first of a list
	// Sessions that were cut in the current span of endedFor and in the one
	// before: a request that was let in a moment earlier may still be on its way
	// to add.
	ended, endedBefore map[string]struct{}
	turned             time.Time
}

// endedFor is how long at least a session that was cut is remembered, by far
// longer than a request is between its decision and add, where nothing waits.
const endedFor = time.Minute

// turn forgets the sessions that were cut long ago; the caller holds mu.
func (sh *streamShard) turn() {
	if now := time.Now(); now.Sub(sh.turned) >= endedFor {
		sh.ended, sh.endedBefore = nil, sh.ended
		if now.Sub(sh.turned) >= 2*endedFor {
			sh.endedBefore = nil
		}
		sh.turned = now
	}
}

// hasEnded reports whether a session was cut lately; the caller holds mu.
func (sh *streamShard) hasEnded(session string) bool {
	if len(sh.ended)+len(sh.endedBefore) == 0 {
		return false
	}
	sh.turn()
	if _, ok := sh.ended[session]; ok {
		return true
	}
	_, ok := sh.endedBefore[session]
	return ok
}

// stream is one exchange in the list of its session; "" is nobody's.
type stream struct {
	prev, next *stream
	session    string
	kind       kind // under the shard's lock
	// end stops the exchange; it is called at most once and not after remove.
	end func(why ending)
	cut bool
	// x is the exchange, to be decided again; gone is set by remove.
	x    *exchange
	gone bool
}

// NewStreams registers the counts with reg, which may be nil.
func NewStreams(reg prometheus.Registerer) *Streams {
	s := &Streams{seed: maphash.MakeSeed()}
	for i := range s.shards {
		s.shards[i].m = map[string]*stream{}
	}
	if reg == nil {
		return s
	}
	for k := kindEvents; k < kinds; k++ {
		label := prometheus.Labels{"kind": k.String()}
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "sallyport_streams_open", Help: "Streams under way, by kind.", ConstLabels: label,
		}, func() float64 { return float64(s.open[k].Load()) }))
	}
	for k := kindRequest; k < kinds; k++ {
		label := prometheus.Labels{"kind": k.String()}
		reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "sallyport_streams_cut_total", Help: "Exchanges cut because their session or access ended or the proxy restarts, by kind.", ConstLabels: label,
		}, func() float64 { return float64(s.cut[k].Load()) }))
	}
	return s
}

func (s *Streams) shard(session string) *streamShard {
	return &s.shards[maphash.String(s.seed, session)%streamShards]
}

// add registers an exchange of a session. One whose session was cut since the
// exchange was let in is ended at once.
func (s *Streams) add(st *stream) {
	sh := s.shard(st.session)
	sh.mu.Lock()
	if first := sh.m[st.session]; first != nil {
		st.next, first.prev = first, st
	}
	sh.m[st.session] = st
	s.open[st.kind].Add(1)
	if sh.hasEnded(st.session) {
		s.endLocked(st, sessionEnded("it was no longer valid"))
	}
	sh.mu.Unlock()
}

// become says what the exchange has turned out to be.
func (s *Streams) become(st *stream, k kind) {
	sh := s.shard(st.session)
	sh.mu.Lock()
	was := st.kind
	st.kind = k
	sh.mu.Unlock()
	s.open[was].Add(-1)
	s.open[k].Add(1)
}

// remove ends the registration. When it returns, end is not running and will
// not run.
func (s *Streams) remove(st *stream) {
	sh := s.shard(st.session)
	sh.mu.Lock()
	if st.prev != nil {
		st.prev.next = st.next
	} else if st.next != nil {
		sh.m[st.session] = st.next
	} else {
		delete(sh.m, st.session)
	}
	if st.next != nil {
		st.next.prev = st.prev
	}
	k := st.kind
	st.gone = true
	sh.mu.Unlock()
	s.open[k].Add(-1)
}

// CutSession ends everything that runs in the name of a session and returns how
// much that was. WebSockets are told why.
func (s *Streams) CutSession(id string, why string) int {
	if id == "" {
		return 0
	}
	sh := s.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.turn()
	if sh.ended == nil {
		sh.ended = map[string]struct{}{}
	}
	sh.ended[id] = struct{}{}
	n := 0
	for st := sh.m[id]; st != nil; st = st.next {
		n += s.endLocked(st, sessionEnded(why))
	}
	return n
}

// CutAll ends the streams of everybody, for a restart. Plain requests are left
// to end by themselves.
func (s *Streams) CutAll(why string) int {
	n := 0
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		for _, st := range sh.m {
			for ; st != nil; st = st.next {
				if st.kind == kindEvents || st.kind >= kindWebSocket {
					n += s.endLocked(st, ending{code: closeRestart, reason: why})
				}
			}
		}
		sh.mu.Unlock()
	}
	return n
}

// endLocked calls end, which only flags, cancels and sets deadlines.
func (s *Streams) endLocked(st *stream, why ending) int {
	if st.cut {
		return 0
	}
	st.cut = true
	s.cut[st.kind].Add(1)
	st.end(why)
	return 1
}

// Count is how many streams are open: WebSockets and other upgrades, streams of
// events, gRPC calls.
func (s *Streams) Count() int {
	n := int64(0)
	for k := kindEvents; k < kinds; k++ {
		n += s.open[k].Load()
	}
	return int(n)
}
