package main

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/internal/harness"
)

// screen is what the program prints, read while it runs.
type screen struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// start runs the quickstart as `go run` does, on its own ports, until the test
// ends.
func start(t *testing.T) string {
	t.Helper()
	out := new(screen)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx, t.TempDir(), out) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("quickstart: %v", err)
		}
	})
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if strings.Contains(out.String(), "Ctrl-C") {
			return out.String()
		}
		select {
		case err := <-done:
			done <- nil
			t.Fatalf("quickstart: %v", err)
		default:
		}
	}
	t.Fatal("the quickstart did not say that it runs within 20 s")
	return ""
}

func TestTheQuickstartDoesWhatItsScreenPromises(t *testing.T) {
	text := start(t)
	for _, line := range strings.Split(text, "\n") {
		if len(line) > 100 {
			t.Errorf("a line does not fit a terminal: %q", line)
		}
	}
	if n := strings.Count(text, "\n"); n > 40 {
		t.Errorf("%d lines are more than a screen", n)
	}

	browser := harness.NewBrowser(t)
	p := browser.SignIn("https://verify.localhost:8443/", "alice", alicePassword)
	if p.Status != 200 || !strings.Contains(p.Body, "Hello, Alice Liddell.") || !strings.Contains(p.Body, "admins") {
		t.Fatalf("alice on verify: %d at %s\n%s", p.Status, p.URL, p.Body)
	}
	if p := browser.Get("https://admin.localhost:8443/"); p.Status != 200 || !strings.Contains(p.Body, "admin.localhost:8443") {
		t.Errorf("alice on admin: %d\n%s", p.Status, p.Body)
	}
	browser.Submit(browser.Get("https://verify.localhost:8443/.pomerium/sign_out"), nil)
	if p := browser.Fetch("GET", "https://admin.localhost:8443/", nil); p.Status != 401 {
		t.Errorf("after sign-out: %d, want 401", p.Status)
	}
	p = browser.SignIn("https://admin.localhost:8443/", "bob", bobPassword)
	if p.Status != 403 || !strings.Contains(p.Body, "bob@example.com") {
		t.Errorf("bob on admin: %d at %s\n%s", p.Status, p.URL, p.Body)
	}
}

func TestAKeptDirectoryIsUsedAgain(t *testing.T) {
	dir := t.TempDir()
	first, err := newPKI(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := newPKI(dir)
	if err != nil {
		t.Fatal(err)
	}
	if string(first.pair.Certificate[0]) != string(second.pair.Certificate[0]) {
		t.Error("a new certificate was made: every browser would warn again")
	}
}
