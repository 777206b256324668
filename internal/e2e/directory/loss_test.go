package directory_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/harness"
	"sallyport/internal/oktatest"
)

// get reads one of the operator's addresses.
func get(t *testing.T, address, path string) string {
	t.Helper()
	resp, err := http.Get("http://" + address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// T63: an API token revoked while running changes nothing for people already
// known, and is told by /readyz, metrics and log.
func TestRevokedAPITokenKeepsTheLastDirectory(t *testing.T) {
	w := startWorld(t, nil)
	alice := harness.NewBrowser(t)
	alice.SignIn(w.URL("admin", "/"), "alice@example.com", harness.AlicePassword)
	ready(t, w)
	w.Okta.RemoveAPIToken(harness.APIToken)
	eventually(t, "/readyz to tell", func() bool {
		body := get(t, w.Server.HealthAddr(), "/readyz")
		return strings.Contains(body, `"directory"`) && strings.Contains(body, "token")
	})
	eventually(t, "the log to tell", func() bool { return strings.Contains(w.Log.String(), "what is known stands") })
	if metrics := get(t, w.Server.MetricsAddr(), "/metrics"); strings.Contains(metrics, "sallyport_directory_failures_total 0") ||
		!strings.Contains(metrics, "sallyport_directory_age_seconds") || !strings.Contains(metrics, "sallyport_directory_bytes") ||
		!strings.Contains(metrics, "sallyport_directory_last_success_timestamp_seconds") {
		t.Error("the metrics do not tell")
	}
	if got := alice.Get(w.URL("admin", "/")).Status; got != 200 {
		t.Errorf("somebody known gets %d, expected 200", got)
	}
	w.Okta.AddAPIToken(harness.APIToken)
	w.Okta.Leave("alice@example.com", "admins")
	eventually(t, "changes to count again", func() bool { return alice.Get(w.URL("admin", "/")).Status == 403 })
}

const serviceApp = "0oaservice0000000001"

// T63: a scope withdrawn while running is named, and what is known stands.
func TestWithdrawnScopeIsNamedAndTheDirectoryStands(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := (&jose.JSONWebKey{Key: key, KeyID: "k1"}).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	account := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"client_id":%q,"private_key":%s}`, serviceApp, private))
	w := startWorld(t, func(o *harness.Options) {
		o.Environ = []string{"IDP_SERVICE_ACCOUNT=" + account}
		o.Okta = func(k *oktatest.Options) {
			k.Clients = append(k.Clients, oktatest.Client{
				ID: serviceApp, Keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "k1"}}}, Role: oktatest.ReadOnlyAdmin,
				APIScopes: []string{"okta.users.read", "okta.groups.read", "okta.logs.read", "okta.apps.read"},
			})
		}
	})
	alice := harness.NewBrowser(t)
	alice.SignIn(w.URL("admin", "/"), "alice@example.com", harness.AlicePassword)
	ready(t, w)
	w.Okta.ChangeClient(serviceApp, func(c *oktatest.Client) { c.APIScopes = []string{"okta.users.read", "okta.logs.read"} })
	w.Okta.RevokeClientTokens(serviceApp)
	w.Okta.AddGroup(oktatest.Group{Name: "new"}) // has groups listed at once
	eventually(t, "/readyz to name the scope", func() bool {
		return strings.Contains(get(t, w.Server.HealthAddr(), "/readyz"), "okta.groups.read")
	})
	if got := alice.Get(w.URL("admin", "/")).Status; got != 200 {
		t.Errorf("somebody known gets %d, expected 200", got)
	}
	w.Okta.Leave("alice@example.com", "admins") // the log is still read
	eventually(t, "the log to count", func() bool { return alice.Get(w.URL("admin", "/")).Status == 403 })
}

// A wrong URL, by which another organisation would be read with credentials that
// are not of it, takes nothing away: the stored directory serves once it is right
// again.
func TestWrongURLKeepsTheDirectory(t *testing.T) {
	w := startWorld(t, nil)
	alice := harness.NewBrowser(t)
	alice.SignIn(w.URL("admin", "/"), "alice@example.com", harness.AlicePassword)
	ready(t, w)
	other, err := oktatest.New(oktatest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	w.WriteConfig(harness.DefaultRoutes, "")
	right := readFile(t, w.File)
	writeFile(t, w.File, strings.Replace(right, w.Okta.URL(), other.URL(), 1))
	if err := w.Server.Reload(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "/readyz to name both", func() bool {
		body := get(t, w.Server.HealthAddr(), "/readyz")
		return strings.Contains(body, w.Okta.URL()) && strings.Contains(body, other.URL())
	})
	for _, path := range []string{"/api/v1/groups", "/api/v1/users"} { // nothing can be listed again
		w.Okta.Fail(oktatest.Fault{Path: path, Times: 1 << 20, Act: oktatest.ServerError()})
	}
	writeFile(t, w.File, right)
	if err := w.Server.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := alice.Get(w.URL("admin", "/")).Status; got != 200 {
		t.Errorf("with the right URL again somebody known gets %d, expected 200", got)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
