package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever is written, Load answers with a Config or with problems that have
// places and can be printed, and never with a secret.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yml")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range files {
		body, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(body))
	}
	var environ []string
	for key, v := range base {
		environ = append(environ, strings.ToUpper(key)+"="+v)
	}
	const secret = "Zm9yLXRoZS1mdXp6ZXItYWxvbmUtMzItYnl0ZXMtb2Y="
	f.Fuzz(func(t *testing.T, text string) {
		o := LoadOptions{
			File: "c.yaml", Bytes: []byte("cookie_secret: " + secret + "\n" + text), Environ: environ, Now: testNow,
			ReadFile: func(path string) ([]byte, error) { return nil, os.ErrNotExist },
		}
		cfg, problems := Load(o)
		if (cfg == nil) == (len(problems) == 0) {
			t.Fatalf("config %v with %d problems", cfg != nil, len(problems))
		}
		var out bytes.Buffer
		Format(&out, problems, true)
		if cfg != nil {
			Format(&out, cfg.Warnings, true)
			for _, r := range cfg.Routes {
				if r.Policy == nil || r.ID == "" {
					t.Errorf("route without policy or id: %+v", r)
				}
			}
		}
		for _, p := range problems {
			if p.Position.File == "" || p.Message == "" {
				t.Errorf("problem without place or message: %+v", p)
			}
		}
		if strings.Contains(out.String(), secret) && !strings.Contains(text, secret[:12]) {
			t.Errorf("told the secret:\n%s", out.String())
		}
	})
}
