package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/internal/harness"
)

// missing ends a test whose real part is not there.
func missing(t *testing.T, part, remedy string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: %s", part, remedy)
	}
	t.Skipf("SKIPPED, NOT TESTED: %s is missing: %s", part, remedy)
}

// op is a running oidc-provider.
type op struct {
	issuer string
	cmd    *exec.Cmd
	mu     sync.Mutex
	events []map[string]string
}

// startOP runs the provider with one client; accessTokenSeconds 0 is an hour.
func startOP(t *testing.T, accessTokenSeconds int) (*op, func(redirect, postLogout string) harness.Provider) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		missing(t, "node", "install Node.js 20 or newer")
	}
	if _, err := os.Stat("op/node_modules/oidc-provider"); err != nil {
		missing(t, "npm oidc-provider", "run `make test-deps`")
	}
	p := &op{issuer: "http://127.0.0.1:" + harness.FreePort(t)}
	return p, func(redirect, postLogout string) harness.Provider {
		p.run(t, redirect, postLogout, accessTokenSeconds)
		return harness.Provider{Name: "oidc", URL: p.issuer, ClientID: "e2e-client", ClientSecret: "e2e-client-secret"}
	}
}

func (p *op) run(t *testing.T, redirect, postLogout string, accessTokenSeconds int) {
	settings := map[string]any{
		"issuer": p.issuer, "clientID": "e2e-client", "clientSecret": "e2e-client-secret",
		"redirectURIs": []string{redirect}, "postLogoutRedirectURIs": []string{postLogout},
	}
	if accessTokenSeconds > 0 {
		settings["accessTokenSeconds"] = accessTokenSeconds
	}
	arg, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	p.cmd = exec.Command("node", "op/op.mjs", string(arg))
	p.cmd.Stderr = os.Stderr
	p.cmd.Env = append(os.Environ(), "NODE_NO_WARNINGS=1")
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close(); p.cmd.Wait() })
	listening := make(chan struct{})
	go p.read(bufio.NewScanner(stdout), listening)
	select {
	case <-listening:
	case <-time.After(30 * time.Second):
		t.Fatal("oidc-provider did not start within 30 s")
	}
}

func (p *op) read(lines *bufio.Scanner, listening chan struct{}) {
	for lines.Scan() {
		var event map[string]string
		if json.Unmarshal(lines.Bytes(), &event) != nil {
			continue
		}
		p.mu.Lock()
		p.events = append(p.events, event)
		p.mu.Unlock()
		if event["event"] == "listening" {
			close(listening)
		}
	}
}

// count counts events of a name.
func (p *op) count(name string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, e := range p.events {
		if e["event"] == name {
			n++
		}
	}
	return n
}

func (p *op) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	for _, e := range p.events {
		fmt.Fprintln(&b, e)
	}
	return b.String()
}

// until waits for something that happens in the background.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Errorf("did not happen: %s", what)
}
