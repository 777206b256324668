package okta

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

const (
	testKey  = "00api-token-secret-of-the-test"
	aliceID  = "00ualice000000000001"
	userPath = "/api/v1/users/" + aliceID
)

// org answers as a test says; every request is remembered.
type org struct {
	*httptest.Server
	mu       sync.Mutex
	handlers map[string]http.HandlerFunc // by path
	requests []*http.Request
}

func newOrg(t *testing.T) *org {
	o := &org{handlers: map[string]http.HandlerFunc{
		userPath:             jsonAnswer(200, user(aliceID, "ACTIVE")),
		userPath + "/groups": jsonAnswer(200, `[`+group("00gadmins00000000001", "admins")+`]`),
	}}
	o.Server = httptest.NewServer(o)
	t.Cleanup(o.Close)
	return o
}

func (o *org) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	o.requests = append(o.requests, r)
	h := o.handlers[r.URL.Path]
	o.mu.Unlock()
	if h == nil {
		h = jsonAnswer(404, `{"errorCode":"E0000007","errorSummary":"Not found: Resource not found"}`)
	}
	h(w, r)
}

func (o *org) handle(path string, h http.HandlerFunc) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.handlers[path] = h
}

func (o *org) asked() []*http.Request {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]*http.Request(nil), o.requests...)
}

func jsonAnswer(status int, body string) http.HandlerFunc {
	return withHeaders(status, body, "Content-Type", "application/json")
}

func withHeaders(status int, body string, pairs ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(pairs); i += 2 {
			w.Header().Add(pairs[i], pairs[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func user(id, status string) string {
	return fmt.Sprintf(`{"id":%q,"status":%q,"profile":{"login":"alice@example.com","email":"alice@example.com","firstName":"Alice","lastName":"Liddell","displayName":null}}`, id, status)
}

func group(id, name string) string {
	return fmt.Sprintf(`{"id":%q,"type":"OKTA_GROUP","profile":{"name":%q,"description":null}}`, id, name)
}

// slept records the pauses of a directory under test instead of making them.
type slept struct {
	mu  sync.Mutex
	all []time.Duration
}

func (s *slept) sleep(ctx context.Context, d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, d)
	return ctx.Err()
}

func (s *slept) pauses() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Duration(nil), s.all...)
}

func under(t *testing.T, url string, change ...func(*Options)) (*Directory, *slept) {
	t.Helper()
	o := Options{OrgURL: url, APIKey: testKey}
	for _, c := range change {
		c(&o)
	}
	d, err := NewDirectory(o)
	if err != nil {
		t.Fatal(err)
	}
	s := &slept{}
	d.transport.sleep = s.sleep
	return d, s
}
