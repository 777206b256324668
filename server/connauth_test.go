package server_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"sallyport/internal/harness"
)

// believer is an application that has people sign in to the connection, as NTLM
// does: whoever comes over it later is taken for them.
type believer struct {
	mu  sync.Mutex
	who map[string]string // by the address of the connection's other end
}

func (b *believer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, name, ok := strings.Cut(r.Header.Get("Authorization"), " as-"); ok {
		b.who[r.RemoteAddr] = name
	}
	_, _ = io.WriteString(w, b.who[r.RemoteAddr]+"|"+r.RemoteAddr)
}

// T36: connections to an application are shared by everybody who uses it. One
// that somebody signed in to is used for nobody else.
func TestAConnectionThatSomebodySignedInToIsNobodyElses(t *testing.T) {
	w := harness.Start(t, harness.Options{Upstream: &believer{who: map[string]string{}}})
	alice, bob := harness.NewBrowser(t), harness.NewBrowser(t)
	alice.SignIn(w.URL("app", "/"), "alice@example.com", harness.AlicePassword)
	bob.SignIn(w.URL("app", "/"), "bob@example.com", harness.BobPassword)
	for _, scheme := range []string{"NTLM", "ntlm", "Negotiate", "NEGOTIATE ", "CredSSP", "Nego2", "Kerberos"} {
		p := alice.Fetch("GET", w.URL("app", "/"), http.Header{"Authorization": {scheme + " as-alice"}})
		if name, _, _ := strings.Cut(p.Body, "|"); name != "alice" {
			t.Fatalf("%s: the application takes alice for %q", scheme, p.Body)
		}
		for _, who := range []*harness.Browser{bob, harness.NewBrowser(t)} {
			host := "app"
			if who != bob {
				host = "public"
			}
			if name, _, _ := strings.Cut(who.Fetch("GET", w.URL(host, "/"), nil).Body, "|"); name != "" {
				t.Errorf("%s: somebody else on %s is taken for %q", scheme, host, name)
			}
		}
	}
	// What proves each request by itself keeps its connection.
	first := alice.Fetch("GET", w.URL("app", "/"), http.Header{"Authorization": {"Bearer x"}}).Body
	if second := bob.Fetch("GET", w.URL("app", "/"), nil).Body; first != second {
		t.Errorf("after a bearer token: another connection, %q then %q", first, second)
	}
}
