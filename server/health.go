package server

import (
	"context"
	"encoding/json"
	"net/http"
	"sort"
	"sync"
	"time"
)

// checkEvery bounds how often components are asked how they are.
const checkEvery = 5 * time.Second

// Component is one part whose failure degrades the service without stopping it.
type Component struct {
	Name   string `json:"component"`
	Reason string `json:"reason"`
	Since  string `json:"since,omitempty"`
}

// health knows the phase and what is degraded. Components report themselves
// (set) or are asked (checks).
type health struct {
	now    func() time.Time
	mu     sync.Mutex
	phase  string // "starting", "ready", "draining"
	faults map[string]Component
	checks map[string]func(context.Context) error
	asked  time.Time
}

func newHealth(now func() time.Time) *health {
	return &health{now: now, phase: "starting", faults: map[string]Component{}, checks: map[string]func(context.Context) error{}}
}

func (h *health) started()  { h.setPhase("ready") }
func (h *health) draining() { h.setPhase("draining") }

func (h *health) setPhase(p string) {
	h.mu.Lock()
	h.phase = p
	h.mu.Unlock()
}

// set records what is wrong with a component; nil says that it is well again.
func (h *health) set(name string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		delete(h.faults, name)
		return
	}
	since := h.now().UTC().Format(time.RFC3339)
	if old, ok := h.faults[name]; ok {
		since = old.Since
	}
	h.faults[name] = Component{Name: name, Reason: err.Error(), Since: since}
}

// check has f asked about the component whenever somebody wants to know.
func (h *health) check(name string, f func(context.Context) error) {
	h.mu.Lock()
	h.checks[name] = f
	h.mu.Unlock()
}

// ask asks every component that has a check, at most once in checkEvery.
func (h *health) ask(ctx context.Context) {
	h.mu.Lock()
	if h.now().Sub(h.asked) < checkEvery {
		h.mu.Unlock()
		return
	}
	h.asked = h.now()
	checks := make(map[string]func(context.Context) error, len(h.checks))
	for name, f := range h.checks {
		checks[name] = f
	}
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for name, f := range checks {
		h.set(name, f(ctx))
	}
}

// Status is the body of /readyz and /status.
type Status struct {
	Status   string      `json:"status"` // "ok", "degraded", "starting", "draining"
	Degraded []Component `json:"degraded"`
}

func (h *health) status() Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	st := Status{Status: h.phase, Degraded: []Component{}}
	for _, c := range h.faults {
		st.Degraded = append(st.Degraded, c)
	}
	sort.Slice(st.Degraded, func(i, j int) bool { return st.Degraded[i].Name < st.Degraded[j].Name })
	if h.phase == "ready" {
		st.Status = "ok"
		if len(st.Degraded) > 0 {
			st.Status = "degraded"
		}
	}
	return st
}

// ServeHTTP answers on health_check_addr. A degraded replica stays ready: to
// take it away would end what still works.
func (h *health) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	code := http.StatusOK
	switch r.URL.Path {
	case "/healthz":
	case "/status", "/startupz", "/readyz":
		h.ask(r.Context())
		if st := h.status().Status; st == "starting" || st == "draining" && r.URL.Path == "/readyz" {
			code = http.StatusServiceUnavailable
		}
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(h.status())
}
