// Package harness runs the whole of Sallyport for a test: the stand-in Okta, an
// echo application, and a real server with real listeners between them, on free
// ports of 127.0.0.1. Its Browser keeps cookies as browsers do and walks through
// sign-in as a person would. Nothing is faked inside the proxy.
package harness

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/config"
	"sallyport/internal/oktatest"
	"sallyport/server"
)

// The secrets of every world; a test greps all that was emitted for them.
const (
	ClientID      = "0oaharness0000000001"
	ClientSecret  = "harness-client-secret-7f3a"
	APIToken      = "harness-api-token-91bc"
	AlicePassword = "harness-alice-password"
	BobPassword   = "harness-bob-password"
)

// Options change the world that Start makes.
type Options struct {
	// Routes is the YAML list under "routes:"; nil is DefaultRoutes. %[1]s is the
	// port of the proxy, %[2]s the URL of the echo application.
	Routes string
	// Extra is YAML added at the top level.
	Extra string
	// Environ is added to the environment.
	Environ []string
	// Provider starts another identity provider instead of the stand-in Okta; it
	// is told where it must redirect to.
	Provider func(redirectURI, postLogoutURI string) Provider
	// NoDirectory leaves the service account out: people are known by their
	// tokens alone.
	NoDirectory bool
	// Okta changes the stand-in before it starts.
	Okta func(*oktatest.Options)
	// Dir is the data directory; "" is a new one.
	Dir string
	// Upstream replaces the echo application.
	Upstream http.Handler
	Now      func() time.Time
	// MaxConnections is that of server.Options.
	MaxConnections int
}

// Provider is a foreign identity provider.
type Provider struct{ Name, URL, ClientID, ClientSecret string }

// DefaultRoutes are an application for everybody signed in, one for admins, and
// a public one.
const DefaultRoutes = `
  - {name: app, from: "https://app.localhost:%[1]s", to: "%[2]s", allow_websockets: true, policy: [{allow: {or: [{authenticated_user: true}]}}]}
  - {name: admin, from: "https://admin.localhost:%[1]s", to: "%[2]s", allow_websockets: true, policy: [{allow: {or: [{groups: {has: admins}}]}}]}
  - {name: public, from: "https://public.localhost:%[1]s", to: "%[2]s", allow_public_unauthenticated_access: true}
`

// World is everything that runs.
type World struct {
	T        testing.TB
	Okta     *oktatest.Okta
	Server   *server.Server
	Upstream *httptest.Server
	Port     string
	Dir      string
	Log      *Buffer
	File     string
	// Broken says that the test took something away from the server, which may
	// say so when it stops.
	Broken   bool
	provider Provider
	environ  []string
	opts     Options
}

// Start runs a world until the test ends.
func Start(t testing.TB, o Options) *World {
	t.Helper()
	w := &World{T: t, Log: new(Buffer), Port: FreePort(t), Dir: o.Dir, opts: o}
	if w.Dir == "" {
		w.Dir = t.TempDir()
	}
	upstream := o.Upstream
	if upstream == nil {
		upstream = http.HandlerFunc(Echo)
	}
	w.Upstream = httptest.NewServer(upstream)
	t.Cleanup(w.Upstream.Close)
	front := "https://authenticate.localhost:" + w.Port
	if o.Provider != nil {
		w.provider = o.Provider(front+"/oauth2/callback", front+"/.pomerium/signed_out")
	} else {
		w.startOkta(o, front)
	}
	w.writeConfig(o)
	w.StartServer()
	return w
}

func (w *World) startOkta(o Options, front string) {
	opts := oktatest.Options{
		Groups: []oktatest.Group{{Name: "admins"}, {Name: "engineers"}},
		People: []oktatest.Person{
			{Login: "alice@example.com", Password: AlicePassword, FirstName: "Alice", LastName: "Liddell", Groups: []string{"admins", "engineers"}},
			{Login: "bob@example.com", Password: BobPassword, FirstName: "Bob", LastName: "Builder", Groups: []string{"engineers"}},
		},
		Clients: []oktatest.Client{{
			ID: ClientID, Label: "Sallyport", Secret: ClientSecret, RotateRefresh: true, RequirePKCE: true,
			RedirectURIs:           []string{front + "/oauth2/callback"},
			PostLogoutRedirectURIs: []string{front + "/.pomerium/signed_out"},
		}},
		APITokens: []string{APIToken},
		Now:       o.Now,
	}
	if o.Okta != nil {
		o.Okta(&opts)
	}
	okta, err := oktatest.New(opts)
	if err != nil {
		w.T.Fatal(err)
	}
	w.T.Cleanup(okta.Close)
	w.Okta = okta
	w.provider = Provider{Name: "okta", URL: okta.URL(), ClientID: ClientID, ClientSecret: ClientSecret}
}

func (w *World) writeConfig(o Options) {
	routes := o.Routes
	if routes == "" {
		routes = DefaultRoutes
	}
	w.File = filepath.Join(w.Dir, "config.yaml")
	w.WriteConfig(routes, o.Extra)
	w.environ = []string{"IDP_CLIENT_SECRET=" + w.provider.ClientSecret}
	if w.Okta != nil && !o.NoDirectory {
		account := base64.StdEncoding.EncodeToString([]byte(`{"api_key":"` + APIToken + `"}`))
		w.environ = append(w.environ, "IDP_SERVICE_ACCOUNT="+account)
	}
	w.environ = append(w.environ, o.Environ...)
}

// WriteConfig writes the configuration with other routes; the server notices by
// itself or through Reload.
func (w *World) WriteConfig(routes, extra string) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "address: 127.0.0.1:%s\nauthenticate_service_url: https://authenticate.localhost:%s\n", w.Port, w.Port)
	fmt.Fprintf(&b, "idp_provider: %s\nidp_provider_url: %s\nidp_client_id: %s\n", w.provider.Name, w.provider.URL, w.provider.ClientID)
	fmt.Fprintf(&b, "data_dir: %s\ndrain_delay: 0s\nhealth_check_addr: 127.0.0.1:0\nmetrics_address: 127.0.0.1:0\n", w.Dir)
	if !strings.Contains(extra, "pass_identity_headers") {
		b.WriteString("pass_identity_headers: true\n")
	}
	b.WriteString(extra + "\nroutes:\n")
	routes = strings.ReplaceAll(strings.ReplaceAll(routes, "%[1]s", w.Port), "%[2]s", w.Upstream.URL)
	b.WriteString(routes)
	if err := writeFile(w.File, b.Bytes()); err != nil {
		w.T.Fatal(err)
	}
}

// StartServer runs a server on the world's configuration; after Stop it can be
// called again.
func (w *World) StartServer() {
	w.T.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s, err := server.New(ctx, server.Options{
		Load: config.LoadOptions{File: w.File, Environ: w.environ}, Log: w.Log, Now: w.opts.Now, MaxConnections: w.opts.MaxConnections,
	})
	if err == nil {
		err = s.Start(ctx)
	}
	if err != nil {
		cancel()
		w.T.Fatalf("start the server: %v", err)
	}
	w.Server = s
	w.T.Cleanup(func() { cancel(); w.Stop() })
}

// Stop ends the server as SIGTERM would.
func (w *World) Stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := w.Server.Stop(ctx); err != nil && !w.Broken {
		w.T.Errorf("stop the server: %v", err)
	}
}

// URL is a public URL of this world.
func (w *World) URL(host, path string) string {
	return "https://" + host + ".localhost:" + w.Port + path
}

// DialLoopback sends every connection to *.localhost to this machine.
func DialLoopback(ctx context.Context, network, addr string) (net.Conn, error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
}

// Buffer is a log that tests read while it is written.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
