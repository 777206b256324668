package paper

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"sallyport/config"
	"sallyport/policy"
	"sallyport/policy/facts"
	"sallyport/policy/policytest"
)

func parsed(t fataler, text string) *policy.Policy {
	t.Helper()
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(text), &node); err != nil {
		t.Fatal(err)
	}
	p, problems := policy.Parse(&node, "p.yaml")
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return p
}

func known(t fataler, text string) *facts.Facts {
	t.Helper()
	f, problems := facts.Read("facts.yaml", []byte(text))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return f
}

func ask(t *testing.T, w *World, who Who, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	d, err := w.Check(Question{Who: who, Method: "GET", URL: u})
	if err != nil {
		return err.Error()
	}
	return d.Effect.String()
}

const people = `
people:
  - {id: 00ua, email: a@example.com, groups: [admins]}
  - {id: 00ub, email: twice@example.com, login: ben}
  - {id: 00uc, email: twice@example.com}
sessions: [{id: s1, subject: 00ua, claims: {x: y}, authenticated_at: 2026-01-01T00:00:00Z}]
`

func TestWhoAsksIsWhoTheFactsKnow(t *testing.T) {
	for _, tt := range []struct {
		policy, facts string
		who           Who
		want          string
	}{
		{"allow: {or: [groups: admins]}", people, Who{Email: "A@example.com"}, "allow"},
		{"allow: {or: [user: 00ua]}", people, Who{Email: "a@example.com"}, "allow"},
		{"allow: {or: [claim/x: y]}", people, Who{Email: "a@example.com"}, "allow"},
		{"allow: {or: [groups: admins]}", people, Who{Email: "00ua"}, "allow"},
		{"allow: {or: [user: 00ub]}", people, Who{Email: "00ub"}, "allow"},
		{"allow: {or: [user: 00ub]}", people, Who{Email: "BEN"}, "allow"},
		{"allow: {or: [claim/x: y]}", people, Who{Session: "s1"}, "allow"},
		{"allow: {or: [claim/x: y]}", people, Who{}, "unauthenticated"},
		{"allow: {or: [authenticated_user: true]}", people, Who{Email: "else@example.com"}, "deny"},
		{"allow: {or: [authenticated_user: true]}", people, Who{Email: "twice@example.com"}, "2 people in the facts have the e-mail twice@example.com: name one by id or login, or a session"},
		{"allow: {or: [authenticated_user: true]}", people, Who{Session: "s2"}, `there is no session "s2" in the facts`},
		{"allow: {or: [domain: example.com]}", "{}", Who{Email: "else@example.com"}, "allow"},
		{"allow: {or: [groups: admins]}", "{}", Who{Email: "else@example.com"}, "deny"},
	} {
		w, err := ForPolicy(parsed(t, tt.policy), known(t, tt.facts), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := ask(t, w, tt.who, "https://x.example.com/"); got != tt.want {
			t.Errorf("%s as %+v: got %q, want %q", tt.policy, tt.who, got, tt.want)
		}
	}
}

func TestWhatWasNotTakenFromSessionsIsSaid(t *testing.T) {
	f := known(t, "{people: [{id: a, email: a@example.com}], sessions: [{id: s1, subject: a, amr: [mfa]}, {id: s2, subject: a}]}")
	w, err := ForPolicy(parsed(t, "allow: {or: [auth_method: mfa]}"), f, nil)
	if err != nil {
		t.Fatal(err)
	}
	for who, notes := range map[Who]string{
		{Email: "a@example.com"}: "they have 2 sessions in the facts, so that nothing is taken from their tokens: name one of these",
		{Session: "s2"}:          "", {}: "",
	} {
		e, err := w.Explain(Question{Who: who, Method: "GET", URL: &url.URL{Host: "x"}})
		if got := strings.Join(e.Notes, "|"); err != nil || got != notes {
			t.Errorf("%+v: %v, %q", who, err, got)
		}
	}
}

func TestPathsAreReadAsTheProxyReadsThem(t *testing.T) {
	cfg := &config.Config{Hygiene: config.Hygiene{MergeSlashes: true, NormalizePath: true}, Routes: []*config.Route{
		{ID: "admin", From: config.From{Scheme: "https", Host: "x.example.com"}, Match: config.Match{Prefix: "/admin"}, Policy: parsed(t, "[]")},
		{ID: "rest", From: config.From{Scheme: "https", Host: "x.example.com"}, Policy: parsed(t, "allow: {or: [accept: true]}")},
	}}
	w, err := New(cfg, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for raw, want := range map[string]string{
		"https://x.example.com/":             "allow",
		"https://x.example.com":              "allow",
		"https://X.example.com:443/a/../b":   "allow",
		"https://x.example.com/a/../admin":   "deny",
		"https://x.example.com//admin":       "deny",
		"https://x.example.com/%61dmin?a=b":  "deny",
		"https://y.example.com/":             "deny",
		"https://x.example.com/a%2Fb":        "the proxy refuses \"https://x.example.com/a%2Fb\": the path holds an escaped slash or backslash",
		"https://x.example.com/../../passwd": "the proxy refuses \"https://x.example.com/../../passwd\": the path leaves the root",
	} {
		if got := ask(t, w, Who{}, raw); got != want {
			t.Errorf("%s: got %q, want %q", raw, got, want)
		}
	}
}

// A path with parameters passes only if every reading of it does, as at the proxy.
func TestEveryReadingOfAPathMustBeAllowed(t *testing.T) {
	cfg := &config.Config{Hygiene: config.Hygiene{MergeSlashes: true, NormalizePath: true}, Routes: []*config.Route{{
		ID: "app", From: config.From{Scheme: "https", Host: "x.example.com"},
		Policy: parsed(t, "{allow: {or: [accept: true]}, deny: {or: [{http_path: {starts_with: /admin/}}]}}"),
	}}}
	w, err := New(cfg, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for raw, want := range map[string]string{
		"https://x.example.com/app;v=1/y":  "allow",
		"https://x.example.com/admin;x/y":  "deny",
		"https://x.example.com/admin%3bx/": "deny",
	} {
		if got := ask(t, w, Who{}, raw); got != want {
			t.Errorf("%s: got %q, want %q", raw, got, want)
		}
	}
	u := &url.URL{Scheme: "https", Host: "x.example.com", Path: "/admin;x/y"}
	e, err := w.Explain(Question{Method: "GET", URL: u})
	if err != nil || !slices.Contains(e.Reasons, "path-ambiguous") || len(e.Change) != 1 || !strings.Contains(e.Change[0], "semicolon") {
		t.Errorf("%v: reasons %v, change %q; want path-ambiguous and what to leave out", err, e.Reasons, e.Change)
	}
	cfg.Hygiene.EscapedSlashes = "keep_unchanged"
	if w, err = New(cfg, nil, nil); err != nil {
		t.Fatal(err)
	}
	for raw, want := range map[string]string{"https://x.example.com/admin%2Fy": "deny", "https://x.example.com/open%2Fy": "allow"} {
		if got := ask(t, w, Who{}, raw); got != want {
			t.Errorf("%s where slashes are kept: got %q, want %q", raw, got, want)
		}
	}
	u = &url.URL{Scheme: "https", Host: "x.example.com", Path: "/admin/y", RawPath: "/admin%2Fy"}
	e, err = w.Explain(Question{Method: "GET", URL: u})
	if err != nil || len(e.Change) != 1 || !strings.Contains(e.Change[0], "slashes") {
		t.Errorf("%v: change %q, want how to write the slashes", err, e.Change)
	}
}

func run(t *testing.T, text string, o RunOptions) *policytest.Report {
	t.Helper()
	f, problems := policytest.Read("t.yaml", []byte(text), nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	report := &policytest.Report{}
	if err := Run(f, o, report); err != nil {
		t.Fatal(err)
	}
	return report
}

func TestFailuresAreExplainedAndRulesCovered(t *testing.T) {
	r := run(t, `policy:
  - allow: {or: [http_method: GET]}
  - deny: {or: [http_path: /x]}
tests:
  - {name: a, anonymous: true, want: allow, reasons: [http-method-ok]}
  - {name: b, anonymous: true, want: deny}
  - {name: c, anonymous: true, want: deny, policy: {allow: {or: [reject: true]}}}
`, RunOptions{Coverage: true})
	if len(r.Results) != 3 || !r.Results[0].Passed() || r.Results[1].Passed() || !r.Results[2].Passed() || !strings.HasPrefix(r.Results[1].Explanation, "allow\n") || r.Results[0].Explanation != "" {
		t.Errorf("got %+v", r.Results)
	}
	if r.Rules != 3 || len(r.Unused) != 2 || r.Unused[0].Line != 3 || r.Unused[1].Line != 7 {
		t.Errorf("%d rules, uncovered %+v", r.Rules, r.Unused)
	}
}

func TestATestMayHaveATimeOfItsOwn(t *testing.T) {
	w, err := ForPolicy(parsed(t, "[]"), nil, func() time.Time { return time.Unix(1, 0) })
	if err != nil {
		t.Fatal(err)
	}
	q := Question{URL: &url.URL{Host: "x"}, At: time.Unix(2, 0)}
	if _, _, _, err := w.read(q); err != nil || !w.clock().Equal(time.Unix(2, 0)) {
		t.Errorf("%v %v", w.clock(), err)
	}
	if _, err := w.Check(q); err != nil || !w.clock().Equal(time.Unix(1, 0)) {
		t.Errorf("after the question it is %v, %v", w.clock(), err)
	}
}

// fataler is what testing.TB and rapid.T have in common.
type fataler interface {
	Helper()
	Fatal(args ...any)
}
