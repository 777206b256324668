package docs_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const verifyPage = "docs/how-to/verify-the-assertion.md"

func snippet(t *testing.T, language string) string {
	t.Helper()
	for _, f := range read(t, filepath.Join(root, verifyPage)).fences {
		if f.info == language {
			return f.text
		}
	}
	t.Fatalf("%s shows no %s", verifyPage, language)
	return ""
}

// The Go that is shown is the Go that is tested.
func TestShownGoIsTheExample(t *testing.T) {
	source, err := os.ReadFile(filepath.Join(root, "examples/verify/verify.go"))
	if err != nil {
		t.Fatal(err)
	}
	if shown := snippet(t, "go"); !strings.Contains(string(source), shown) {
		t.Errorf("%s differs from examples/verify/verify.go:\n%s", verifyPage, shown)
	}
}

// proxyKeys serves a key set as the proxy does, and signs with its key.
func proxyKeys(t *testing.T) (base string, sign func(claims map[string]any) string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "k1", Algorithm: "ES256", Use: "sig"}}})
	}))
	t.Cleanup(srv.Close)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return srv.URL, func(claims map[string]any) string {
		token, err := jwt.Signed(signer).Claims(claims).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
}

// tokens are one good assertion and some that are not, by name.
func tokens(sign func(map[string]any) string) map[string]string {
	now := time.Now().Unix()
	claims := func(changes map[string]any) map[string]any {
		c := map[string]any{"iss": "wiki.example.com", "aud": "wiki.example.com", "sub": "00ualice", "iat": now, "exp": now + 300}
		for k, v := range changes {
			c[k] = v
			if v == nil {
				delete(c, k)
			}
		}
		return c
	}
	good := sign(claims(nil))
	return map[string]string{
		"good":           good,
		"other audience": sign(claims(map[string]any{"aud": "mail.example.com"})),
		"other issuer":   sign(claims(map[string]any{"iss": "mail.example.com"})),
		"expired":        sign(claims(map[string]any{"iat": now - 900, "exp": now - 600})),
		"never expires":  sign(claims(map[string]any{"exp": nil})),
		"tampered":       good[:len(good)-6] + "AAAAAA",
	}
}

// run gives every token to a program that prints sub or fails.
func run(t *testing.T, tokens map[string]string, name, script string) {
	t.Helper()
	for what, token := range tokens {
		cmd := exec.Command(name, script, token)
		cmd.Dir = t.TempDir()
		out, err := cmd.CombinedOutput()
		switch {
		case what == "good" && (err != nil || strings.TrimSpace(string(out)) != "00ualice"):
			t.Errorf("the good assertion is refused: %v\n%s", err, out)
		case what != "good" && err == nil:
			t.Errorf("the assertion %q is believed: %s", what, out)
		}
	}
}

func TestShownNodeVerifies(t *testing.T) {
	modules, err := filepath.Abs(filepath.Join(root, "internal/e2e/op/node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	node, err := exec.LookPath("node")
	if _, missing := os.Stat(filepath.Join(modules, "jose")); err != nil || missing != nil {
		skipOrFail(t, "node and npm jose (make test-deps)")
	}
	base, sign := proxyKeys(t)
	code := strings.ReplaceAll(snippet(t, "js"), "`https://${host}/", "`"+base+"/")
	code = strings.ReplaceAll(code, "'jose'", "'"+modules+"/jose/dist/webapi/index.js'")
	code += "\nconst claims = await whoIsThere({ headers: { 'x-pomerium-jwt-assertion': process.argv[2] } })\nconsole.log(claims.sub)\n"
	file := filepath.Join(t.TempDir(), "verify.mjs")
	if err := os.WriteFile(file, []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, tokens(sign), node, file)
}

func TestShownPythonVerifies(t *testing.T) {
	var python string
	for _, candidate := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(candidate, "-c", "import jwt, cryptography").Run() == nil {
			python = candidate
		}
	}
	if python == "" {
		t.Skip("*** python3 with PyJWT and cryptography is not here: the Python of " + verifyPage + " was not run")
	}
	base, sign := proxyKeys(t)
	code := strings.ReplaceAll(snippet(t, "python"), `f"https://{HOST}/`, `"`+base+`/`)
	code += "\nimport sys\nprint(who_is_there({'X-Pomerium-Jwt-Assertion': sys.argv[1]})['sub'])\n"
	file := filepath.Join(t.TempDir(), "verify.py")
	if err := os.WriteFile(file, []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, tokens(sign), python, file)
}

func skipOrFail(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing, and CI=true", what)
	}
	t.Skipf("*** %s is missing: this was not tested", what)
}
