package oktatest

import (
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Fault makes answers go wrong: Act is asked instead of the handler for requests
// that match, after the first Skip of them, Times times (0: until cleared).
// Requests are recorded all the same. Of several faults that match, the one
// that was set first acts.
type Fault struct {
	Path   string // prefix of the path; "" is every path
	Method string // "" is every method
	// Match narrows further, e.g. to one grant type: see Grant. The form is parsed.
	Match func(*http.Request) bool
	Skip  int
	Times int
	Act   Act
}

// Act answers a request, or lets next do it. See acts.go for those there are.
type Act func(w http.ResponseWriter, r *http.Request, next http.Handler)

// Grant matches token requests with that grant_type.
func Grant(grant string) func(*http.Request) bool {
	return func(r *http.Request) bool { return r.PostForm.Get("grant_type") == grant }
}

// Fail sets faults and returns what clears these again.
func (k *Okta) Fail(faults ...Fault) (clear func()) { return k.faults.set(faults) }

// ClearFaults clears all faults.
func (k *Okta) ClearFaults() { k.faults.clear() }

type faults struct {
	mu  sync.Mutex
	all []*fault
}

type fault struct {
	Fault
	seen int
}

func (f *faults) set(faults []Fault) (clear func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	mine := map[*fault]bool{}
	for _, one := range faults {
		kept := &fault{Fault: one}
		mine[kept] = true
		f.all = append(f.all, kept)
	}
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.all = slices.DeleteFunc(f.all, func(one *fault) bool { return mine[one] })
	}
}

func (f *faults) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = nil
}

// wrap lets the faults act before next.
func (f *faults) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if act := f.pick(r); act != nil {
			act(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (f *faults) pick(r *http.Request) Act {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range f.all {
		if one.takes(r) {
			return one.Act
		}
	}
	return nil
}

// takes counts r if it matches and reports whether the fault acts on it.
func (f *fault) takes(r *http.Request) bool {
	matches := strings.HasPrefix(r.URL.Path, f.Path) && (f.Method == "" || f.Method == r.Method) &&
		(f.Match == nil || f.Match(r))
	if !matches || f.Times > 0 && f.seen >= f.Skip+f.Times {
		return false
	}
	f.seen++
	return f.seen > f.Skip
}
