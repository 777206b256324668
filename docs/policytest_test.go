package docs_test

import (
	"errors"
	"strings"
	"testing"

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
