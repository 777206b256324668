package oktatest

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Recorded is one request that came in. It holds no values that could be
// secret.
type Recorded struct {
	At     time.Time
	Method string
	Path   string
	Query  []string // names of query parameters, sorted
	Form   []string // names of form parameters, sorted
	Grant  string   // grant_type
	Auth   string   // scheme of Authorization: "Basic", "Bearer", "SSWS", ""
	Client string   // client_id, wherever it stood
	Status int      // of the answer; 0 if there is none (yet)
}

// Requests returns what came in so far, in order.
func (k *Okta) Requests() []Recorded { return k.log.list() }

// Count counts requests by method ("" is any) and prefix of the path.
func (k *Okta) Count(method, path string) int {
	n := 0
	for _, r := range k.log.list() {
		if (method == "" || r.Method == method) && strings.HasPrefix(r.Path, path) {
			n++
		}
	}
	return n
}

// ForgetRequests empties the record.
func (k *Okta) ForgetRequests() { k.log.forget() }

type recorder struct {
	now func() time.Time
	mu  sync.Mutex
	all []*Recorded
}

func (l *recorder) list() []Recorded {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]Recorded, len(l.all))
	for i, r := range l.all {
		out[i] = *r
	}
	return out
}

func (l *recorder) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = nil
}

// add records r, whose form is parsed, and returns what to tell the status.
func (l *recorder) add(r *http.Request) (done func(status int)) {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	query := r.URL.Query()
	one := &Recorded{
		At: l.now(), Method: r.Method, Path: r.URL.Path, Query: names(query), Form: names(r.PostForm),
		Grant: r.PostForm.Get("grant_type"), Auth: scheme,
		Client: or(r.PostForm.Get("client_id"), query.Get("client_id")),
	}
	if id, _, ok := r.BasicAuth(); ok {
		one.Client, _ = url.QueryUnescape(id)
	}
	if assertion := parameter(r, "client_assertion"); assertion != "" {
		one.Client, _ = assertedClient(assertion)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, one)
	return func(status int) {
		l.mu.Lock()
		defer l.mu.Unlock()
		one.Status = status
	}
}

func names(v url.Values) []string { return slices.Sorted(maps.Keys(v)) }
