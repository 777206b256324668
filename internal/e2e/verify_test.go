package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"sallyport/internal/harness"
)

const verifyPage = "verify-the-assertion.md"

// genuine runs a proxy that signs with the key that is returned, and takes one
// assertion for wiki.localhost and one for another application from it.
func genuine(t *testing.T) (w *harness.World, key *ecdsa.PrivateKey, good, elsewhere string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "signing.key")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	w = harness.Start(t, harness.Options{Extra: "signing_key_file: " + file, Routes: `
  - {name: wiki, from: "https://wiki.localhost:%[1]s", to: "%[2]s", policy: [{allow: {or: [{authenticated_user: true}]}}]}
  - {name: files, from: "https://files.localhost:%[1]s", to: "%[2]s", policy: [{allow: {or: [{authenticated_user: true}]}}]}
`})
	alice := harness.NewBrowser(t)
	good = alice.SignIn(w.URL("wiki", "/"), "alice@example.com", harness.AlicePassword).Seen(t).Header.Get("X-Pomerium-Jwt-Assertion")
	elsewhere = alice.Get(w.URL("files", "/")).Seen(t).Header.Get("X-Pomerium-Jwt-Assertion")
	if good == "" || elsewhere == "" {
		t.Fatal("the proxy sent no assertion")
	}
	return w, key, good, elsewhere
}

// forgery is an assertion that must be refused, or the good one.
type forgery struct{ name, token string }

// forgeries are made from a genuine assertion and the proxy's own key, so that
// each is wrong in one thing only.
func forgeries(t *testing.T, key *ecdsa.PrivateKey, good, elsewhere string) []forgery {
	t.Helper()
	parsed, err := jwt.ParseSigned(good, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := parsed.Claims(&key.PublicKey, &claims); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"iat", "exp"} { // whole numbers, as they came
		claims[name] = int64(claims[name].(float64))
	}
	f := forger{t: t, key: key, id: parsed.Headers[0].KeyID, claims: claims}
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	unsigned, _, _ := strings.Cut(good[strings.IndexByte(good, '.')+1:], ".")
	header, _, _ := strings.Cut(good, ".")
	encode := base64.RawURLEncoding.EncodeToString
	now := time.Now().Unix()
	return []forgery{
		{"good", good},
		{"good, signed anew", f.sign(jose.ES256, key, nil)},
		{"no token", "x"},
		{"noise", "a.b.c"},
		{"algorithm none", encode([]byte(`{"alg":"none","kid":"`+f.id+`"}`)) + "." + unsigned + "."},
		{"algorithm none with a signature", encode([]byte(`{"alg":"None","kid":"`+f.id+`"}`)) + good[strings.IndexByte(good, '.'):]},
		{"HMAC with the public key", f.sign(jose.HS256, public, nil)},
		{"HMAC with the point", f.sign(jose.HS256, append(key.X.FillBytes(make([]byte, 32)), key.Y.FillBytes(make([]byte, 32))...), nil)},
		{"other key", f.sign(jose.ES256, stranger, nil)},
		{"signature of zeros", header + "." + unsigned + "." + encode(make([]byte, 64))},
		{"no signature", header + "." + unsigned + "."},
		{"other claims under the signature", header + "." + encode([]byte(strings.Replace(f.json(), "alice@", "mallory@", 1))) + good[strings.LastIndexByte(good, '.'):]},
		{"of another application", elsewhere},
		{"other audience", f.sign(jose.ES256, key, map[string]any{"aud": "files.localhost"})},
		{"other issuer", f.sign(jose.ES256, key, map[string]any{"iss": "files.localhost"})},
		{"expired", f.sign(jose.ES256, key, map[string]any{"iat": now - 900, "exp": now - 600})},
		{"never expires", f.sign(jose.ES256, key, map[string]any{"exp": nil})},
		{"nobody's", f.sign(jose.ES256, key, map[string]any{"sub": nil})},
	}
}

type forger struct {
	t      *testing.T
	key    *ecdsa.PrivateKey
	id     string
	claims map[string]any
}

// sign makes an assertion of the genuine claims with changes; nil takes one away.
func (f forger) sign(alg jose.SignatureAlgorithm, key any, changes map[string]any) string {
	f.t.Helper()
	claims := map[string]any{}
	for name, v := range f.claims {
		claims[name] = v
	}
	for name, v := range changes {
		if claims[name] = v; v == nil {
			delete(claims, name)
		}
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: f.id}}, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		f.t.Fatal(err)
	}
	return token
}

func (f forger) json() string {
	text, err := json.Marshal(f.claims)
	if err != nil {
		f.t.Fatal(err)
	}
	return string(text)
}

// programs are the programs of the page by language: each answers tokens, in their
// order, with "sub=" and the subject, or with "refused". keys is where the
// proxy's key set is served.
var programs = map[string]func(t *testing.T, dir, keys string, tokens []string) []string{
	"go": askGo, "js": askNode, "python": askPython, "java": askJava,
}

// What the page on verification shows, in each of its languages, with a genuine
// assertion and with forged ones.
func TestShownProgramsBelieveGenuineAssertionsOnly(t *testing.T) {
	w, key, good, elsewhere := genuine(t)
	forged := forgeries(t, key, good, elsewhere)
	var tokens []string
	for _, f := range forged {
		tokens = append(tokens, f.token)
	}
	keys := keySet(t, w, "wiki")
	for language, ask := range programs {
		t.Run(language, func(t *testing.T) {
			answers := ask(t, t.TempDir(), keys, tokens)
			if len(answers) != len(forged) {
				t.Fatalf("%d answers, want %d: %q", len(answers), len(forged), answers)
			}
			for i, f := range forged {
				want := "refused"
				if strings.HasPrefix(f.name, "good") {
					want = "sub=" + w.Okta.PersonID("alice@example.com")
				}
				if got := strings.TrimSpace(answers[i]); got != want {
					t.Errorf("%s: %s, want %s", f.name, got, want)
				}
			}
		})
	}
}

// byLine gives tokens to a program that reads one a line.
func byLine(t *testing.T, cmd *exec.Cmd, tokens []string) []string {
	t.Helper()
	var complaints bytes.Buffer
	cmd.Stdin, cmd.Stderr = strings.NewReader(strings.Join(tokens, "\n")+"\n"), &complaints
	out, err := cmd.Output()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("it said:\n%s", &complaints)
		}
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// adapted is the page's program for wiki.localhost, with the key set from keys.
func adapted(t *testing.T, language string, replace ...string) string {
	t.Helper()
	text := shown(t, verifyPage, language)
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("the %s of the page holds no %s", language, replace[i])
		}
		text = strings.ReplaceAll(text, replace[i], replace[i+1])
	}
	return text
}

func writeProgram(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func askNode(t *testing.T, dir, keys string, tokens []string) []string {
	modules, err := filepath.Abs("op/node_modules/jose/dist/webapi/index.js")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("node"); err != nil {
		missing(t, "node", "run `make test-deps`")
	}
	if _, err := os.Stat(modules); err != nil {
		missing(t, "npm jose", "run `make test-deps`")
	}
	text := adapted(t, "js", "'wiki.example.com'", "'wiki.localhost'", "`https://${host}/.well-known/pomerium/jwks.json`", "'"+keys+"'", "'jose'", "'"+modules+"'")
	return byLine(t, exec.Command("node", writeProgram(t, dir, "verify.mjs", text+`
import readline from 'node:readline'
for await (const line of readline.createInterface({ input: process.stdin })) {
  try {
    console.log('sub=' + (await whoIsThere({ headers: { 'x-pomerium-jwt-assertion': line } })).sub)
  } catch (refusal) { console.error(refusal.message); console.log('refused') }
}
`)), tokens)
}

func askPython(t *testing.T, dir, keys string, tokens []string) []string {
	python := ""
	for _, candidate := range []string{"python3", "/usr/bin/python3"} {
		if python == "" && exec.Command(candidate, "-c", "import jwt, cryptography").Run() == nil {
			python = candidate
		}
	}
	if python == "" {
		missing(t, "python3 with PyJWT and cryptography", "run `make test-deps`")
	}
	text := adapted(t, "python", `"wiki.example.com"`, `"wiki.localhost"`, `f"https://{HOST}/.well-known/pomerium/jwks.json"`, `"`+keys+`"`)
	return byLine(t, exec.Command(python, writeProgram(t, dir, "verify.py", text+`
import sys
for line in sys.stdin:
    try:
        print("sub=" + who_is_there({"X-Pomerium-Jwt-Assertion": line.strip()})["sub"])
    except Exception as refusal:
        print(refusal, file=sys.stderr)
        print("refused")
`)), tokens)
}

// askJava uses Jackson where Debian puts it.
func askJava(t *testing.T, dir, keys string, tokens []string) []string {
	const jars = "/usr/share/java/jackson-"
	if exec.Command("javac", "-version").Run() != nil {
		missing(t, "a JDK", "run `make test-deps`")
	}
	if _, err := os.Stat(jars + "databind.jar"); err != nil {
		missing(t, "Jackson for Java", "run `make test-deps`")
	}
	path := jars + "core.jar:" + jars + "annotations.jar:" + jars + "databind.jar"
	text := adapted(t, "java", `"https://" + host + "/.well-known/pomerium/jwks.json"`, `"`+keys+`"`)
	files := []string{writeProgram(t, dir, "Assertions.java", text), writeProgram(t, dir, "Main.java", `
class Main {
    public static void main(String[] args) throws Exception {
        var assertions = new Assertions("wiki.localhost");
        var lines = new java.io.BufferedReader(new java.io.InputStreamReader(System.in));
        for (String line; (line = lines.readLine()) != null;) {
            try {
                System.out.println("sub=" + assertions.verify(line).get("sub").asText());
            } catch (Exception refusal) {
                System.err.println(refusal);
                System.out.println("refused");
            }
        }
    }
}
`)}
	if out, err := exec.Command("javac", append([]string{"-Xlint:all", "-Werror", "-proc:none", "-cp", path, "-d", dir}, files...)...).CombinedOutput(); err != nil {
		t.Fatalf("the Java of the page does not compile: %v\n%s", err, out)
	}
	return byLine(t, exec.Command("java", "-cp", path+":"+dir, "Main"), tokens)
}

// askGo asks the checker of examples/verify, whose middle the page shows.
func askGo(t *testing.T, dir, keys string, tokens []string) (answers []string) {
	port := harness.FreePort(t)
	background(t, buildChecker(t, dir), "-host", "wiki.localhost", "-listen", "127.0.0.1:"+port, "-keys", keys)
	listening(t, "http://127.0.0.1:"+port+"/")
	for _, token := range tokens {
		req, err := http.NewRequest("GET", "http://127.0.0.1:"+port+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Pomerium-Jwt-Assertion", token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		answer := "refused"
		if _, greeted, ok := strings.Cut(string(body), "Hello alice@example.com ("); ok && res.StatusCode == http.StatusOK {
			subject, _, _ := strings.Cut(greeted, ")")
			answer = "sub=" + subject
		} else if res.StatusCode != http.StatusUnauthorized {
			answer = res.Status
		}
		answers = append(answers, answer)
	}
	return answers
}

func buildChecker(t *testing.T, dir string) string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		missing(t, "go", "install it")
	}
	program := filepath.Join(dir, "verify-assertion")
	if out, err := exec.Command("go", "build", "-o", program, "sallyport/examples/verify").CombinedOutput(); err != nil {
		t.Fatalf("build the checker: %v\n%s", err, out)
	}
	return program
}
