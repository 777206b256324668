package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sallyport/internal/harness"
)

// shown is the block of a how-to page in a language.
func shown(t *testing.T, page, language string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/how-to/" + page)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindSubmatch(text)
	if m == nil {
		t.Fatalf("%s shows no %s", page, language)
	}
	return string(m[1])
}

// background runs a program until the test ends.
func background(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	out := new(harness.Buffer)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", name, out)
		}
	})
}

func listening(t *testing.T, url string) {
	t.Helper()
	until(t, url+" answers", func() bool {
		res, err := http.Get(url)
		if err == nil {
			res.Body.Close()
		}
		return err == nil
	})
}

// keySet serves the proxy's key set without TLS, as a machine behind might get it.
func keySet(t *testing.T, w *harness.World, host string) string {
	keys := harness.NewBrowser(t).Fetch("GET", w.URL(host, "/.well-known/pomerium/jwks.json"), nil).Body
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, keys) }))
	t.Cleanup(srv.Close)
	return srv.URL
}

// startNginx runs nginx with the server block that the page shows.
func startNginx(t *testing.T, port, checkerPort string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil { // its workers are nobody
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "index.html"), []byte("the files"), 0o644); err != nil {
		t.Fatal(err)
	}
	server := strings.NewReplacer("127.0.0.1:8080", "127.0.0.1:"+port, "127.0.0.1:8081", "127.0.0.1:"+checkerPort, "/srv/files", dir).
		Replace(shown(t, "protect-an-nginx-upstream.md", "nginx"))
	conf := fmt.Sprintf("daemon off; master_process off; pid %[1]s/pid; error_log stderr;\nevents {}\nhttp {\naccess_log off;\n"+
		"client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;\n%[2]s}\n", dir, server)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	background(t, "nginx", "-e", "stderr", "-p", dir, "-c", file)
	listening(t, "http://127.0.0.1:"+port+"/")
}

// What the page on nginx shows, with a real nginx: files for whoever the proxy
// lets in, nothing for anybody who comes another way.
func TestNginxServesOnlyRequestsWithAnAssertionForItsHost(t *testing.T) {
	if _, err := exec.LookPath("nginx"); err != nil {
		missing(t, "nginx", "run `make test-deps`")
	}
	checker := buildChecker(t, t.TempDir())
	port, checkerPort := harness.FreePort(t), harness.FreePort(t)
	w := harness.Start(t, harness.Options{Routes: `
  - {name: files, from: "https://files.localhost:%[1]s", to: "http://127.0.0.1:` + port + `", policy: [{allow: {or: [{groups: {has: admins}}]}}]}
  - {name: other, from: "https://other.localhost:%[1]s", to: "%[2]s", policy: [{allow: {or: [{authenticated_user: true}]}}]}
`})
	background(t, checker, "-host", "files.localhost", "-listen", "127.0.0.1:"+checkerPort, "-keys", keySet(t, w, "files"))
	listening(t, "http://127.0.0.1:"+checkerPort+"/")
	startNginx(t, port, checkerPort)

	alice, bob := harness.NewBrowser(t), harness.NewBrowser(t)
	p := alice.SignIn(w.URL("files", "/"), "alice@example.com", harness.AlicePassword)
	if p.Status != 200 || p.Body != "the files" || p.Header.Get("X-Served-For") != "alice@example.com" {
		t.Errorf("alice: %d for %q\n%s", p.Status, p.Header.Get("X-Served-For"), p.Body)
	}
	if p := bob.SignIn(w.URL("files", "/"), "bob@example.com", harness.BobPassword); p.Status != 403 {
		t.Errorf("bob: %d, want 403 of the proxy", p.Status)
	}
	elsewhere := bob.Get(w.URL("other", "/")).Seen(t).Header.Get("X-Pomerium-Jwt-Assertion")
	for what, assertion := range map[string]string{"none": "", "made up": "made.up.token", "for another host": elsewhere} {
		req, _ := http.NewRequest("GET", "http://127.0.0.1:"+port+"/", nil)
		req.Header.Set("X-Pomerium-Jwt-Assertion", assertion)
		req.Header.Set("X-Pomerium-Claim-Email", "alice@example.com")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized || what == "for another host" && assertion == "" {
			t.Errorf("past the proxy, assertion %s: %d, want 401", what, res.StatusCode)
		}
	}
}
