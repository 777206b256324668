package oktatest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/oktatest"
)

// receiver is the far end of an event hook.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	answers  []int // statuses of the next posts, 204 afterwards
	bodies   []any
	headers  []http.Header
	verified func(w http.ResponseWriter, challenge string)
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{verified: func(w http.ResponseWriter, challenge string) {
		_ = json.NewEncoder(w).Encode(map[string]string{"verification": challenge})
	}}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.headers = append(r.headers, req.Header)
	if req.Method == http.MethodGet {
		r.verified(w, req.Header.Get("X-Okta-Verification-Challenge"))
		return
	}
	var body any
	raw, _ := io.ReadAll(req.Body)
	_ = json.Unmarshal(raw, &body)
	r.bodies = append(r.bodies, body)
	status := http.StatusNoContent
	if len(r.answers) > 0 {
		status, r.answers = r.answers[0], r.answers[1:]
	}
	w.WriteHeader(status)
}

// got are the types of the events that came, in order.
func (r *receiver) got() (types []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, body := range r.bodies {
		events := body.(map[string]any)["data"].(map[string]any)["events"].([]any)
		types = append(types, events[0].(map[string]any)["eventType"].(string))
	}
	return types
}

func hookOf(r *receiver) oktatest.EventHook {
	return oktatest.EventHook{
		Name: "sallyport", URL: r.URL + "/hook", Authorization: "the-static-secret", Headers: map[string]string{"X-Extra": "x"},
		Events: []string{"user.lifecycle.suspend", "user.lifecycle.unsuspend", "user.lifecycle.delete.completed"},
	}
}

func TestEventHookIsVerifiedThenDelivers(t *testing.T) {
	k, r := start(t), newReceiver(t)
	id := k.AddEventHook(hookOf(r))
	k.Suspend("bob") // before verification
	if err := k.VerifyEventHook(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	k.Unsuspend("bob")
	k.Join("bob", "admins") // not subscribed to
	k.RemovePerson("bob")   // its end is not delivered by hooks, whatever is subscribed to
	k.WaitForEventHooks()
	if diff := cmp.Diff([]string{"user.lifecycle.unsuspend"}, r.got()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, h := range r.headers {
		if h.Get("Authorization") != "the-static-secret" || h.Get("X-Extra") != "x" {
			t.Errorf("got headers %v, want the secret", h)
		}
	}
	if got := k.Deliveries(); len(got) != 1 || got[0].Status != 204 || got[0].Attempts != 1 || got[0].Err != nil || got[0].Hook != id {
		t.Errorf("got %+v", got)
	}
}

func TestEventHooksThatDoNotVerify(t *testing.T) {
	k, r := start(t), newReceiver(t)
	id := k.AddEventHook(hookOf(r))
	for name, answer := range map[string]func(http.ResponseWriter, string){
		"status":   func(w http.ResponseWriter, _ string) { w.WriteHeader(http.StatusNoContent) },
		"no JSON":  func(w http.ResponseWriter, c string) { io.WriteString(w, c) },
		"another":  func(w http.ResponseWriter, _ string) { io.WriteString(w, `{"verification":"x"}`) },
		"the name": func(w http.ResponseWriter, c string) { io.WriteString(w, `{"Challenge":"`+c+`"}`) },
	} {
		r.mu.Lock()
		r.verified = answer
		r.mu.Unlock()
		if err := k.VerifyEventHook(t.Context(), id); err == nil {
			t.Errorf("%s: verified", name)
		}
	}
	if err := k.VerifyEventHook(t.Context(), "whoNobody"); err == nil {
		t.Error("unknown hook: verified")
	}
	k.Suspend("bob")
	k.WaitForEventHooks()
	if len(r.got()) != 0 {
		t.Errorf("got %v without verification", r.got())
	}
}

func TestDeliveriesAreRetriedOnceAtMost(t *testing.T) {
	for name, c := range map[string]struct {
		answers          []int
		attempts, status int
	}{
		"accepted":       {nil, 1, 204},
		"failed once":    {[]int{500}, 2, 204},
		"failed twice":   {[]int{503, 502, 200}, 2, 502},
		"refused stands": {[]int{401, 200}, 1, 401},
	} {
		t.Run(name, func(t *testing.T) {
			k, r := start(t), newReceiver(t)
			id := k.AddEventHook(hookOf(r))
			if err := k.VerifyEventHook(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			r.answers = c.answers
			k.Suspend("bob")
			k.WaitForEventHooks()
			got := k.Deliveries()
			if len(got) != 1 || got[0].Attempts != c.attempts || got[0].Status != c.status {
				t.Errorf("got %+v, want %d attempts and status %d", got, c.attempts, c.status)
			}
		})
	}
}

func TestDeliveriesOutOfOrderAndTwice(t *testing.T) {
	k, r := start(t), newReceiver(t)
	h := hookOf(r)
	h.Twice = true
	if err := k.VerifyEventHook(t.Context(), k.AddEventHook(h)); err != nil {
		t.Fatal(err)
	}
	k.HoldEventHooks()
	k.Suspend("bob")
	k.Unsuspend("bob")
	if len(r.got()) != 0 {
		t.Fatal("delivered though held")
	}
	k.ReleaseEventHooks(true)
	k.WaitForEventHooks()
	want := []string{"user.lifecycle.unsuspend", "user.lifecycle.unsuspend", "user.lifecycle.suspend", "user.lifecycle.suspend"}
	if diff := cmp.Diff(want, r.got()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReceiverThatNeverAnswersDoesNotHoldTheOrg(t *testing.T) {
	k := start(t)
	entered := make(chan struct{}, 2)
	stuck := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_ = json.NewEncoder(w).Encode(map[string]string{"verification": r.Header.Get("X-Okta-Verification-Challenge")})
			return
		}
		_, _ = io.Copy(io.Discard, r.Body) // so that the server notices the client leave
		entered <- struct{}{}
		<-r.Context().Done()
	}))
	defer stuck.Close()
	id := k.AddEventHook(oktatest.EventHook{URL: stuck.URL, Events: []string{"user.lifecycle.suspend"}, Client: &http.Client{}})
	if err := k.VerifyEventHook(context.Background(), id); err != nil {
		t.Fatal(err)
	}
	k.Suspend("bob")
	<-entered
	k.Unsuspend("bob") // goes on
	done := make(chan struct{})
	go func() { k.Close(); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("the org does not close")
	}
}

func TestDeliveryHasTheDocumentedFields(t *testing.T) {
	needData(t)
	k, r := start(t), newReceiver(t)
	h := hookOf(r)
	h.Events = []string{"group.user_membership.add"}
	if err := k.VerifyEventHook(t.Context(), k.AddEventHook(h)); err != nil {
		t.Fatal(err)
	}
	k.Join("bob", "admins")
	k.WaitForEventHooks()
	raw, err := os.ReadFile(filepath.Join(dataDir, "eventhooks", "delivery-docs-user.session.start.json"))
	if err != nil {
		t.Fatal(err)
	}
	var documented struct{ Blocks []struct{ JSON any } }
	if err := json.Unmarshal(raw, &documented); err != nil {
		t.Fatal(err)
	}
	const debug = ".data.events[].debugContext.debugData."
	want, got := without(shape(documented.Blocks[0].JSON), debug), without(shape(r.bodies[0]), debug)
	if diff := cmp.Diff(sorted(want), sorted(got)); diff != "" {
		t.Errorf("(-documented +ours):\n%s", diff)
	}
	b := newBrowser(t, k)
	listed := without(shape(decode[[]any](t, b.api("/api/v1/eventHooks"))[0]))
	recorded := shape(loadRecording(t, "eventhooks/get.json").Response.Body)
	if diff := cmp.Diff(sorted(recorded), sorted(listed)); diff != "" {
		t.Errorf("hook (-recorded +ours):\n%s", diff)
	}
	if slices.Contains(sorted(listed), "the-static-secret") {
		t.Error("the secret is shown")
	}
}
