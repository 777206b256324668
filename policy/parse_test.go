package policy

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

var update = flag.Bool("update", false, "write what is told about testdata/bad beside it")

// Each file of testdata/bad holds mistakes; what must be told about them stands
// beside it in a file of the same name ending in ".want".
func TestMistakesAreToldWithPlaceAndHint(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no mistakes to look at: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			policy, problems := parseFile(t, file)
			var got strings.Builder
			for _, p := range problems {
				fmt.Fprintf(&got, "%s\n", p.Error())
				if p.Hint != "" {
					fmt.Fprintf(&got, "  hint: %s\n", p.Hint)
				}
			}
			beside := strings.TrimSuffix(file, ".yaml") + ".want"
			if *update {
				if err := os.WriteFile(beside, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(beside)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if _, err := Compile(policy); err == nil {
				t.Error("the policy compiles all the same")
			}
			if _, err := Compile(policy.WithLegacy(Legacy{AllowPublic: Flag{On: true}})); err == nil {
				t.Error("the policy compiles together with legacy keys")
			}
			if policy.Public() || policy.WithLegacy(Legacy{AllowPublic: Flag{On: true}}).Public() {
				t.Error("the policy counts as public")
			}
		})
	}
}

func parseFile(t *testing.T, file string) (*Policy, []Problem) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var node yaml.Node
	if err := yaml.Unmarshal(text, &node); err != nil {
		t.Fatal(err)
	}
	return Parse(&node, filepath.Base(file))
}

func TestEveryFormParses(t *testing.T) {
	for name, policy := range map[string]string{
		"one object":          "allow: {or: [accept: true]}",
		"a list":              "[{allow: {or: [accept: true]}}]",
		"nothing":             "null",
		"both in one":         "{deny: {or: [reject: true]}, allow: {or: [accept: true]}}",
		"flag forms":          "allow: {or: [accept: true, accept: 1, accept: 'true', accept: yes, accept: on, accept: , accept: TRUE]}",
		"bare scalars":        "allow: {or: [email: x, user: 5, groups: true, claim/x: 1.5, http_method: GET, http_path: /]}",
		"a date is text":      "allow: {or: [user: 2026-01-01]}",
		"hexadecimal":         "allow: {or: [claim/x: 0x1f]}",
		"large but exact":     "allow: {or: [claim/x: 9007199254740991, claim/x: -9007199254740991]}",
		"quoted number":       "allow: {or: [claim/x: '9007199254740993', email: {contains: '1'}]}",
		"aliases":             "[{allow: &r {or: &l [accept: true]}}, {deny: *r}, {allow: {and: *l}}]",
		"anchored operand":    "[{allow: {or: [email: {in: &l [a, b]}, user: {in: *l}]}}]",
		"anchored key":        "{&k allow: {or: []}}",
		"long claim path":     "allow: {or: [claim/a/b/c/d/e/f/g: x]}",
		"claim with dots":     "allow: {or: [claim/https://example.com/groups: x]}",
		"empty operator list": "allow: {or: [], and: [accept: true]}",
		"empty text":          "allow: {or: [email: '', email: {contains: ''}]}",
	} {
		t.Run(name, func(t *testing.T) { compiled(t, policy) })
	}
	if policy, problems := Parse(nil, "x"); policy == nil || len(problems) > 0 {
		t.Errorf("no node: got %v, %v", policy, problems)
	}
}

func TestFlagsMeanTheSameHoweverWritten(t *testing.T) {
	for _, v := range []string{"true", "1", "'true'", "yes", "ON", ""} {
		if got := compiled(t, "allow: {or: [accept: "+v+"]}").Eval(stranger()).Effect; got != Allow {
			t.Errorf("accept: %s gives %s", v, got)
		}
	}
}

// A policy of aliases to aliases would be read exponentially often.
func TestAliasBombEndsInOneProblem(t *testing.T) {
	var b strings.Builder
	b.WriteString("- allow:\n    or: &l0\n")
	for range 100 {
		b.WriteString("      - source_ip: [10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5, 10.0.0.6, 10.0.0.7, 10.0.0.8]\n")
	}
	b.WriteString("- &r\n  allow:\n    or: *l0\n    and: *l0\n    not: *l0\n    nor: *l0\n")
	for range 1000 {
		b.WriteString("- *r\n")
	}
	policy, problems := parseText(t, b.String())
	if len(problems) != 1 || !strings.Contains(problems[0].Message, "more than 200000 values") {
		t.Errorf("got %d problems, first %v", len(problems), problems[:min(1, len(problems))])
	}
	if _, err := Compile(policy); err == nil {
		t.Error("what could be read of it compiles")
	}
}

func TestNoMoreThanAHundredProblemsAreTold(t *testing.T) {
	if _, problems := parseText(t, "allow:\n  or:\n"+strings.Repeat("    - x: y\n", 500)); len(problems) != maxProblems {
		t.Errorf("got %d problems", len(problems))
	}
	if _, problems := parseText(t, "- &bad\n  allow: {or: [x: y]}\n"+strings.Repeat("- *bad\n", 50)); len(problems) != 1 {
		t.Errorf("one mistake behind 50 aliases gives %d problems", len(problems))
	}
}

func TestDeepNestingIsAPlainMistake(t *testing.T) {
	deep := strings.Repeat("[", 500) + strings.Repeat("]", 500)
	if _, problems := parseText(t, "allow: {or: "+deep+"}"); len(problems) != 1 {
		t.Errorf("got %v", problems)
	}
}

func TestCut(t *testing.T) {
	for s, want := range map[string]string{"abc": "abc", "abcd": "abcd", "abcde": "abcd...", "abc\u00e4": "abc..."} {
		if got := cut(s, 4); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}

func TestLongValuesAreCutInMessages(t *testing.T) {
	_, problems := parseText(t, "allow: {or: [source_ip: "+strings.Repeat("\u00e4", 5000)+"]}")
	if len(problems) != 1 || len(problems[0].Message) > 200 || !strings.HasSuffix(problems[0].Message, "\u00e4...\"") {
		t.Errorf("got %v", problems)
	}
	_, problems = parseText(t, "allow: {or: [claim: x, "+strings.Repeat("email", 5000)+": x]}")
	if len(problems) != 2 || len(problems[1].Message) > 310 || !strings.HasSuffix(problems[1].Message, "...") {
		t.Errorf("got %v", problems)
	}
}

func parseText(t *testing.T, text string) (*Policy, []Problem) {
	t.Helper()
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(text), &node); err != nil {
		t.Fatal(err)
	}
	return Parse(&node, "policy.yaml")
}

func TestCriteriaThatComeLaterAreErrors(t *testing.T) {
	for name := range later {
		if kinds[name] != nil {
			t.Errorf("%s works and is said to come later", name)
		}
		_, problems := parseText(t, "allow: {or: [{"+name+": x}]}")
		if len(problems) != 1 || !strings.Contains(problems[0].Message, "is not supported") || problems[0].Hint == "" {
			t.Errorf("%s: got %v", name, problems)
		}
	}
}
