package oktatest

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// EventHook is an event hook of the org: Okta sends it events by itself.
type EventHook struct {
	Name string
	// URL is asked once with GET (see VerifyEventHook), then gets every event
	// with POST.
	URL string
	// Authorization is the static value of that header: all that a receiver
	// can know Okta by, since nothing is signed.
	Authorization string
	Headers       map[string]string
	// Events are types of events; those that hooks do not deliver never come.
	Events []string
	// Client sends; a client with Okta's timeout of three seconds if nil.
	Client *http.Client
	// Twice delivers everything a second time, as "at least once" allows.
	Twice bool
}

// Delivery is an event that went to a hook, or was to go.
type Delivery struct {
	Hook     string // id
	Event    string // UUID
	Type     string
	Attempts int
	Status   int // of the last answer; 0 if there was none
	Err      error
}

type eventHook struct {
	EventHook
	id       string // "who..."
	created  time.Time
	creator  string
	verified bool
}

// eventHooks deliver events one after the other, in the background.
type eventHooks struct {
	mu         sync.Mutex
	changed    *sync.Cond
	all        []*eventHook
	queue      []pending
	deliveries []Delivery
	held       bool
	busy       bool
	closed     bool
}

// pending is an event on its way to a hook.
type pending struct {
	hook  *eventHook
	event Event
}

func newEventHooks() *eventHooks {
	h := &eventHooks{}
	h.changed = sync.NewCond(&h.mu)
	return h
}

// AddEventHook adds a hook and returns its id. It gets events once it is
// verified.
func (k *Okta) AddEventHook(h EventHook) string {
	if h.Client == nil {
		h.Client = &http.Client{Timeout: hookTimeout}
	}
	k.org.mu.Lock()
	kept := &eventHook{EventHook: h, id: k.org.ids.next("who"), created: k.org.second(), creator: k.org.actor.ID}
	k.org.mu.Unlock()
	k.hooks.mu.Lock()
	defer k.hooks.mu.Unlock()
	k.hooks.all = append(k.hooks.all, kept)
	return kept.id
}

// HoldEventHooks keeps deliveries back until ReleaseEventHooks: Okta promises no
// time.
func (k *Okta) HoldEventHooks() {
	k.hooks.mu.Lock()
	defer k.hooks.mu.Unlock()
	k.hooks.held = true
}

// ReleaseEventHooks delivers what was held back; with backwards, the last first,
// since Okta promises no order either.
func (k *Okta) ReleaseEventHooks(backwards bool) {
	k.hooks.mu.Lock()
	defer k.hooks.mu.Unlock()
	if backwards {
		slices.Reverse(k.hooks.queue)
	}
	k.hooks.held = false
	k.hooks.changed.Broadcast()
}

// WaitForEventHooks returns when nothing is on its way any more; while deliveries
// are held, that is never.
func (k *Okta) WaitForEventHooks() {
	k.hooks.mu.Lock()
	defer k.hooks.mu.Unlock()
	for !k.hooks.closed && (k.hooks.busy || len(k.hooks.queue) > 0) {
		k.hooks.changed.Wait()
	}
}

// Deliveries are all deliveries so far, in order.
func (k *Okta) Deliveries() []Delivery {
	k.hooks.mu.Lock()
	defer k.hooks.mu.Unlock()
	return slices.Clone(k.hooks.deliveries)
}

// offer queues an event for the hooks that want it.
func (h *eventHooks) offer(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, hook := range h.all {
		if !e.Hook || !hook.verified || !slices.Contains(hook.Events, e.Type) {
			continue
		}
		h.queue = append(h.queue, pending{hook, e})
		if hook.Twice {
			h.queue = append(h.queue, pending{hook, e})
		}
	}
	h.changed.Broadcast()
}

// next waits for a delivery to make; ok is false at the end.
func (h *eventHooks) next() (p pending, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.busy = false
	h.changed.Broadcast()
	for !h.closed && (h.held || len(h.queue) == 0) {
		h.changed.Wait()
	}
	if h.closed {
		return pending{}, false
	}
	p, h.queue = h.queue[0], h.queue[1:]
	h.busy = true
	return p, true
}

func (h *eventHooks) note(d Delivery) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deliveries = append(h.deliveries, d)
}

func (h *eventHooks) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.changed.Broadcast()
}
