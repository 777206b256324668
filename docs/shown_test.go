package docs_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"sallyport/policy"
	"sallyport/policy/policytest"
	"sallyport/server/paper"
)

// Every policy that a page or an example shows is a policy test that runs, and
// makes each of its rules hold.
func TestShownPoliciesAreTested(t *testing.T) {
	tests := shownTests(t)
	used := map[string]bool{}
	for place, node := range shownPolicies(t) {
		p, problems := policy.Parse(node, place)
		if len(problems) > 0 {
			t.Errorf("%s: %v", place, problems)
			continue
		}
		rest, ok := tests[p.String()]
		if !ok {
			t.Errorf("%s shows a policy of which testdata/shown-policies.yaml tests nothing: %s", place, p)
			continue
		}
		used[p.String()] = true
		runShown(t, place, node, rest)
	}
	for name := range tests {
		if !used[name] {
			t.Errorf("testdata/shown-policies.yaml tests what nothing shows: %s", name)
		}
	}
}

func runShown(t *testing.T, place string, shown *yaml.Node, rest map[string]any) {
	t.Helper()
	whole := map[string]any{"policy": shown}
	for key, v := range rest {
		whole[key] = v
	}
	text, err := yaml.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	file, problems := policytest.Read(place, text, func(path string) ([]byte, error) { return os.ReadFile(filepath.Join("testdata", filepath.Base(path))) })
	if len(problems) > 0 {
		t.Errorf("%s: %v", place, problems)
		return
	}
	report := &policytest.Report{}
	if err := paper.Run(file, paper.RunOptions{Coverage: true}, report); err != nil {
		t.Fatal(err)
	}
	if report.Failed() > 0 || len(report.Unused) > 0 || len(report.Results) == 0 {
		var b strings.Builder
		_ = report.Text(&b)
		t.Errorf("%s:\n%s", place, b.String())
	}
}

// shownTests are the tests by what the policy says in one line.
func shownTests(t *testing.T) map[string]map[string]any {
	t.Helper()
	text, err := os.ReadFile("testdata/shown-policies.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var tests map[string]map[string]any
	if err := yaml.Unmarshal(text, &tests); err != nil {
		t.Fatal(err)
	}
	return tests
}

// shownPolicies are all values of "policy" and of the like in what pages show as
// YAML, but for files of policy tests, and in the quickstart, by their place.
func shownPolicies(t *testing.T) map[string]*yaml.Node {
	t.Helper()
	out := map[string]*yaml.Node{}
	add := func(place, text string) {
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
			t.Errorf("%s: %v", place, err)
			return
		}
		for i, n := range policiesIn(&doc) {
			out[place+strings.Repeat("'", i)] = n
		}
	}
	for _, p := range pages(t) {
		for _, f := range p.fences {
			if strings.HasPrefix(f.info, "yaml") && f.info != "yaml policytest" {
				add(p.path+" "+f.info+" in line "+strconv.Itoa(f.line), f.text)
			}
		}
	}
	name := filepath.Join(root, "examples/quickstart/config.yaml")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	add(name, string(text))
	if len(out) < 10 {
		t.Errorf("only %d policies are shown", len(out))
	}
	return out
}

func policiesIn(n *yaml.Node) (out []*yaml.Node) {
	for i, c := range n.Content {
		key := ""
		if n.Kind == yaml.MappingNode && i%2 == 1 {
			key = n.Content[i-1].Value
		}
		if key == "policy" || key == "error_details_policy" {
			out = append(out, c)
			continue
		}
		out = append(out, policiesIn(c)...)
	}
	return out
}
