package oktatest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"time"
)

// systemLog is the System Log: events in the order they were persisted in, which
// lags make another than that of publication.
type systemLog struct {
	now  func() time.Time
	seed uint64
	mu   sync.Mutex
	lag  Lag
	made int
	// turns counts events by type: whose target comes first goes round.
	turns map[string]int
	// latest is the latest time that was seen here.
	latest time.Time
	// twice says which events are persisted a second time.
	twice func(Event) bool
	all   []Event
	hook  func(Event)
}

func newSystemLog(seed uint64, now func() time.Time, lag Lag) *systemLog {
	return &systemLog{now: now, seed: seed, lag: lag, turns: map[string]int{}}
}

func (l *systemLog) setLag(lag Lag) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lag = lag
}

// RepeatEvents persists the events that which says a second time, with the same
// UUID; nil none.
func (k *Okta) RepeatEvents(which func(Event) bool) {
	k.org.log.mu.Lock()
	defer k.org.log.mu.Unlock()
	k.org.log.twice = which
}

// Events are all events, also those not yet persisted, in the order they were
// written in.
func (k *Okta) Events() []Event {
	k.org.log.mu.Lock()
	all := slices.Clone(k.org.log.all)
	k.org.log.mu.Unlock()
	slices.SortFunc(all, func(a, b Event) int { return a.seq - b.seq })
	return all
}

// add completes an event, persists it and hands it to the event hooks.
func (l *systemLog) add(e Event) Event {
	l.mu.Lock()
	e = l.complete(e)
	l.persist(e)
	if l.twice != nil && l.twice(e) {
		l.persist(e)
	}
	hook := l.hook
	l.mu.Unlock()
	if hook != nil {
		hook(e)
	}
	return e
}

func (l *systemLog) complete(e Event) Event {
	known := kinds[e.Type]
	if e.Published.IsZero() {
		e.Published = l.now().UTC()
	}
	e.Published = e.Published.Truncate(time.Millisecond)
	e.Message = or(or(e.Message, known.message), e.Type)
	e.Severity, e.Outcome = or(e.Severity, "INFO"), or(e.Outcome, "SUCCESS")
	e.Hook = e.Hook || known.hook
	if e.UUID == "" {
		e.UUID = l.uuid()
	}
	// Which target comes first is nothing to rely on, and is not at Okta.
	if n := len(e.Targets); n > 1 {
		turn := l.turns[e.Type] % n
		l.turns[e.Type]++
		e.Targets = append(slices.Clone(e.Targets[turn:]), e.Targets[:turn]...)
	}
	return e
}

func (l *systemLog) uuid() string {
	l.made++
	sum := sha256.Sum256(fmt.Appendf(nil, "%d/event/%d", l.seed, l.made))
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// persist puts an event where its lag has it.
func (l *systemLog) persist(e Event) {
	e.persisted = l.present().Add(l.lag.next())
	e.seq = len(l.all) + 1
	at, _ := slices.BinarySearchFunc(l.all, e, Event.comparePersisted)
	l.all = slices.Insert(l.all, at, e)
}

func (e Event) comparePersisted(other Event) int {
	if c := e.persisted.Compare(other.persisted); c != 0 {
		return c
	}
	return e.seq - other.seq
}

// scan shows the events persisted by now after the place, in that order, until
// take has had enough.
func (l *systemLog) scan(after place, take func(Event) (more bool)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first, found := slices.BinarySearchFunc(l.all, Event{persisted: after.persisted, seq: after.seq}, Event.comparePersisted)
	if found {
		first++
	}
	for _, e := range l.all[first:] {
		if e.persisted.After(l.present()) || !take(e) {
			return
		}
	}
}

// present never goes back, whatever the clock does: what is persisted is
// persisted after all that was.
func (l *systemLog) present() time.Time {
	if now := l.now(); now.After(l.latest) {
		l.latest = now
	}
	return l.latest
}

// place is a place in the log: after the event of that number persisted then.
type place struct {
	persisted time.Time
	seq       int
}
