package docs_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport/config"
	"sallyport/policy/policytest"
	"sallyport/server/paper"
)

// A block marked "yaml policytest" is a file of policy tests, and they pass.
func TestShownPolicyTestsPass(t *testing.T) {
	n := 0
	for _, p := range pages(t) {
		for _, f := range p.fences {
			if f.info != "yaml policytest" {
				continue
			}
			n++
			file, problems := policytest.Read(p.path, []byte(f.text), func(string) ([]byte, error) { return nil, errors.New("no files here") })
			if len(problems) > 0 {
				t.Errorf("%s:%d: %v", p.path, f.line, problems)
				continue
			}
			report := &policytest.Report{}
			if err := paper.Run(file, paper.RunOptions{Coverage: true}, report); err != nil {
				t.Fatal(err)
			}
			if report.Failed() > 0 || len(report.Unused) > 0 {
				var b strings.Builder
				_ = report.Text(&b)
				t.Errorf("%s:%d:\n%s", p.path, f.line, b.String())
			}
		}
	}
	if n == 0 {
		t.Error("no policy tests are shown")
	}
}

// The policy tests under examples pass, and none of the rules goes untested.
func TestExamplePolicyTestsPass(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "examples", "policies", "*.test.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no policy tests are there: %v", err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, problems := policytest.Read(name, text, os.ReadFile)
		if len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
			continue
		}
		cfg, found := config.Load(config.LoadOptions{File: filepath.Join(filepath.Dir(name), file.Config), Environ: []string{}})
		if cfg == nil {
			t.Errorf("%s: %v", file.Config, found)
			continue
		}
		report := &policytest.Report{}
		if err := paper.Run(file, paper.RunOptions{Config: cfg, Coverage: true}, report); err != nil {
			t.Fatal(err)
		}
		if report.Failed() > 0 || len(report.Unused) > 0 || len(report.Results) == 0 {
			var b strings.Builder
			_ = report.Text(&b)
			t.Errorf("%s:\n%s", name, b.String())
		}
	}
}
