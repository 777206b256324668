package config

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what was found into testdata")

// base is what a file of testdata need not say.
var base = map[string]string{
	"authenticate_service_url": "https://authenticate.example.com",
	"idp_provider":             "okta",
	"idp_provider_url":         "https://acme.okta.com",
	"idp_client_id":            "0oaclient",
	"idp_client_secret":        "a-client-secret",
	"pass_identity_headers":    "true",
}

// testNow is before the certificates of testdata expire.
func testNow() time.Time { return time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC) }

// loadTestdata loads one file as its comments say:
//
//	# env: NAME=VALUE   sets a variable
//	# base: none        leaves out what is given to every file
func loadTestdata(t testing.TB, path string, body []byte) (*Config, []Problem) {
	t.Helper()
	environ := []string{"HOME=/home/sallyport"}
	if !strings.Contains(string(body), "# base: none") {
		for key, text := range base {
			if !regexp.MustCompile(`(?m)^` + key + `(_file)?:|^# env: ` + strings.ToUpper(key) + `(_FILE)?=`).Match(body) {
				environ = append(environ, strings.ToUpper(key)+"="+text)
			}
		}
	}
	for line := range strings.Lines(string(body)) {
		if v, ok := strings.CutPrefix(line, "# env: "); ok {
			environ = append(environ, strings.TrimRight(v, "\n"))
		}
	}
	return Load(LoadOptions{File: path, Environ: environ, Now: testNow})
}

// comments writes problems as testdata states them.
func comments(word string, ps []Problem) string {
	var b strings.Builder
	for _, p := range ps {
		place := fmt.Sprintf("%d:%d", p.Position.Line, p.Position.Col)
		if p.Position.Line == 0 {
			place = p.Position.File
		} else if name, ok := strings.CutPrefix(p.Position.File, "env "); ok {
			place = "env " + name + ":" + place
		}
		fmt.Fprintf(&b, "# %s: %s: %s\n", word, place, p.Message)
		if p.Hint != "" {
			fmt.Fprintf(&b, "# hint: %s\n", p.Hint)
		}
	}
	return b.String()
}

// stated returns the lines of the file that state problems.
func stated(body string) string {
	var b strings.Builder
	for line := range strings.Lines(body) {
		for _, word := range []string{"# want: ", "# warn: ", "# hint: "} {
			if strings.HasPrefix(line, word) {
				b.WriteString(line)
			}
		}
	}
	return b.String()
}

// NAME.bad.yml is one mistake and what is said about it; NAME.good.yml loads,
// with the warnings that it states.
func TestTestdata(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yml")
	if err != nil || len(files) < 80 {
		t.Fatalf("expected 80 files and more in testdata, got %d (%v)", len(files), err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yml"), func(t *testing.T) {
			body, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			cfg, problems := loadTestdata(t, path, body)
			got := comments("want", problems)
			if cfg != nil {
				got = comments("warn", cfg.Warnings)
			}
			if good := strings.HasSuffix(path, ".good.yml"); good != (cfg != nil) || good != (len(problems) == 0) {
				t.Errorf("expected good %v, got problems:\n%s", good, got)
			}
			if *update {
				rewriteStated(t, path, string(body), got)
				return
			}
			if diff := cmp.Diff(stated(string(body)), got); diff != "" {
				t.Errorf("stated (-), said (+):\n%s", diff)
			}
		})
	}
}

func rewriteStated(t *testing.T, path, body, got string) {
	var b strings.Builder
	old := stated(body)
	for line := range strings.Lines(body) {
		if !strings.HasPrefix(line, "#") || !strings.Contains(old, line) {
			b.WriteString(line)
		}
	}
	if err := os.WriteFile(path, []byte(b.String()+got), 0o644); err != nil {
		t.Fatal(err)
	}
}

// What is wrong is half of what an operator needs: each problem and each warning
// says what to write instead, in its hint or by what was expected.
func TestEveryProblemSaysWhatToDo(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, path := range files {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		cfg, problems := loadTestdata(t, path, body)
		if cfg != nil {
			problems = append(problems, cfg.Warnings...)
		}
		for _, p := range problems {
			if p.Hint == "" && !strings.Contains(p.Message, "expected") {
				t.Errorf("%s does not say what to do", p)
			}
		}
	}
}
