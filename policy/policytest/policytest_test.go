package policytest

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/policy"
)

func noFiles(string) ([]byte, error) { return nil, errors.New("no such file") }

func TestMistakesAreTold(t *testing.T) {
	const head = "policy: {allow: {or: [accept: true]}}\n"
	for name, tt := range map[string]struct{ text, want string }{
		"empty":              {"", "1:1: the file: is empty (list tests under tests:)"},
		"no tests":           {head, "1:1: the file: holds no tests (list tests under tests:)"},
		"no name":            {head + "tests: [{anonymous: true, want: allow}]", "2:9: tests: the test has no name (say what it proves)"},
		"nobody":             {head + "tests: [{name: a, want: allow}]", "2:9: tests: expected exactly one of as: e-mail, session: id and anonymous: true"},
		"two people":         {head + "tests: [{name: a, as: x, anonymous: true, want: allow}]", "2:9: tests: expected exactly one of as: e-mail, session: id and anonymous: true"},
		"no want":            {head + "tests: [{name: a, anonymous: true}]", `2:9: tests: expected want to be one of allow, deny, unauthenticated, step-up, got ""`},
		"no text as want":    {head + "tests: [{name: a, anonymous: true, want: [deny]}]", `2:42: want: expected text, got a list`},
		"another want":       {head + "tests: [{name: a, anonymous: true, want: dney}]", `2:42: want: expected want to be one of allow, deny, unauthenticated, step-up, got "dney" (did you mean "deny"?)`},
		"unknown reason":     {head + "tests: [{name: a, anonymous: true, want: allow, reasons: [acept]}]", `2:58: reasons: unknown reason "acept" (did you mean "accept"?)`},
		"unknown session":    {head + "facts: {sessions: [{id: s1, subject: x}]}\ntests: [{name: a, session: s2, want: allow}]", `3:28: session: there is no session "s2" in the facts (did you mean "s1"?)`},
		"nothing decides":    {"tests: [{name: a, anonymous: true, want: allow, request: {url: 'https://x/'}}]", "1:9: tests: nothing decides this test (give config: or policy:)"},
		"no URL":             {"config: c.yaml\ntests: [{name: a, anonymous: true, want: allow}]", "2:9: tests: the test asks for no URL (write request: {url: https://...})"},
		"no host":            {head + "tests: [{name: a, anonymous: true, want: allow, request: {url: /x}}]", `2:64: url: expected a URL such as`},
		"no address":         {head + "tests: [{name: a, anonymous: true, want: allow, request: {ip: ten}}]", `2:63: ip: expected an address`},
		"two deciders":       {"config: c\n" + head + "tests: [{name: a, anonymous: true, want: allow}]", "2:9: policy: config and policy are both given (keep one of them)"},
		"bad policy":         {"policy: {alow: {or: [accept: true]}}\ntests: [{name: a, anonymous: true, want: allow}]", `1:10: unknown rule key "alow"`},
		"facts twice":        {"facts: {}\nfacts_file: x\n" + head + "tests: [{name: a, anonymous: true, want: allow}]", "2:13: facts_file: facts and facts_file are both given (keep one of them)"},
		"facts not there":    {"facts_file: x\n" + head + "tests: [{name: a, anonymous: true, want: allow}]", "1:13: facts_file: cannot be read: no such file (the path is relative to this file)"},
		"bad facts":          {"facts: {people: [{id: x, status: Y}]}\n" + head + "tests: [{name: a, anonymous: true, want: allow}]", `1:34: status: unknown status "Y"`},
		"no certificate":     {head + "tests: [{name: a, anonymous: true, want: allow, request: {client_certificate: x.pem}}]", "2:79: client_certificate: cannot be read: no such file (the path is relative to this file)"},
		"broken certificate": {head + "tests: [{name: a, anonymous: true, want: allow, request: {client_certificate: \"-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----\\n\"}}]", "2:79: client_certificate: expected a certificate in PEM: certificate number 1"},
		"not YAML":           {"a: [", "2:1: not YAML"},
		"tests of no sort":   {head + "tests: x", "2:8: tests: expected a list"},
		"not a URL":          {head + "tests: [{name: a, anonymous: true, want: allow, request: {url: 'https://x/%zz'}}]", `2:64: url: expected a URL such as`},
		"problem in a test":  {"tests: [{name: a, anonymous: true, want: allow, policy: {alow: x}}]", `1:58: unknown rule key "alow"`},
		"wrong certificate":  {head + "tests: [{name: a, anonymous: true, want: allow, request: {client_certificate: '-----BEGIN X'}}]", "2:79: client_certificate: expected a certificate in PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			_, problems := Read("f", []byte(tt.text), noFiles)
			if len(problems) == 0 {
				t.Fatal("nothing was told")
			}
			got := problems[0].Error()
			if problems[0].Hint != "" {
				got += " (" + problems[0].Hint + ")"
			}
			if len(problems) > 1 {
				t.Errorf("one mistake is told as %v", problems)
			}
			if !strings.HasPrefix(got, "f:"+tt.want) {
				t.Errorf("got  %s\nwant f:%s", got, tt.want)
			}
		})
	}
}

func report() *Report {
	at := func(line int) policy.Position { return policy.Position{File: "t.yaml", Line: line, Col: 3} }
	return &Report{Results: []Result{
		{Test: Test{Name: "good", Position: at(2), Want: "allow", Reasons: []string{"groups-ok"}}, Got: "allow", Reasons: []string{"groups-ok"}},
		{Test: Test{Name: "other effect", Position: at(3), Want: "allow"}, Got: "deny", Reasons: []string{"reject"}, Explanation: "deny\n  who x\n"},
		{Test: Test{Name: "other reason", Position: at(4), Want: "deny", Reasons: []string{"reject"}}, Got: "deny"},
		{Test: Test{Name: "no answer", Position: at(5), Want: "deny"}, Got: "error", Error: "the proxy refuses it"},
	}, Rules: 2, Unused: []Unused{{"deny", at(9), "c.yaml", 9}}}
}

func TestTextSaysWhatAReviewerNeeds(t *testing.T) {
	var b bytes.Buffer
	if err := report().Text(&b); err != nil {
		t.Fatal(err)
	}
	want := `FAIL t.yaml:3: other effect
  want allow, got deny (reject)
    deny
      who x
FAIL t.yaml:4: other reason
  deny as wanted, but not because of reject; reasons are none
FAIL t.yaml:5: no answer
  the proxy refuses it
not covered: deny rule at t.yaml:9 held in no test
coverage: 1 of 2 rules
1 passed, 3 failed
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestJSONHasTheStatedForm(t *testing.T) {
	r := report()
	r.Unused = nil
	var b bytes.Buffer
	if err := r.JSON(&b); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	one := func(name string, line float64, passed bool, want, got string, reasons ...any) any {
		if reasons == nil {
			reasons = []any{}
		}
		return map[string]any{"name": name, "file": "t.yaml", "line": line, "passed": passed, "want": want, "got": got, "reasons": reasons}
	}
	failed := func(message string, test any) any {
		test.(map[string]any)["message"] = message
		return test
	}
	want := map[string]any{"passed": 1.0, "failed": 3.0, "tests": []any{
		one("good", 2, true, "allow", "allow", "groups-ok"), failed("want allow, got deny (reject)", one("other effect", 3, false, "allow", "deny", "reject")),
		failed("deny as wanted, but not because of reject; reasons are none", one("other reason", 4, false, "deny", "deny")),
		failed("the proxy refuses it", one("no answer", 5, false, "deny", "error")),
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A denial that no policy made is no proof of one.
func TestTestsThatMayMeanNothingAreTold(t *testing.T) {
	at := policy.Position{File: "t.yaml", Line: 2}
	for _, tt := range []struct {
		want    string
		named   []string
		reasons []string
		note    string
	}{
		{"deny", nil, []string{"route-not-found"}, "it passes because no route matches: write reasons: [route-not-found] if that is meant"},
		{"deny", nil, []string{"user-unknown"}, "it passes because the facts do not know the person: write reasons: [user-unknown] if that is meant"},
		{"deny", []string{"user-unknown"}, []string{"user-unknown"}, ""},
		{"deny", nil, []string{"groups-unauthorized"}, ""},
		{"allow", nil, []string{"route-not-found"}, ""},
	} {
		one := Result{Test: Test{Name: "a\x1b[2Jb\nc", Position: at, Want: tt.want, Reasons: tt.named}, Got: "deny", Reasons: tt.reasons}
		if got := one.Note(); got != tt.note {
			t.Errorf("%+v: got %q", tt, got)
		}
		var b, j strings.Builder
		r := Report{Results: []Result{one}}
		if err := errors.Join(r.Text(&b), r.JSON(&j)); err != nil || strings.Contains(b.String(), "\x1b") || strings.Contains(b.String(), "b\nc") ||
			(tt.note != "") != strings.Contains(b.String(), "note t.yaml:2: a") || (tt.note != "") != strings.Contains(j.String(), `"note": "it passes`) {
			t.Errorf("%v, %q, %q", err, b.String(), j.String())
		}
	}
}

// A rule that one file's tests exercise is covered, whatever the other's do.
func TestCoverageIsThatOfAllFiles(t *testing.T) {
	at := func(line int) policy.Position { return policy.Position{File: "c.yaml", Line: line} }
	var r Report
	r.Cover([]Covered{{policy.Allow, at(1), true}, {policy.Deny, at(2), false}, {policy.Deny, at(3), false}, {policy.Allow, at(1), false}})
	r.Cover([]Covered{{policy.Allow, at(1), false}, {policy.Deny, at(2), true}, {policy.Deny, at(3), false}, {policy.Allow, at(4), true}})
	if want := []Unused{{"deny", at(3), "c.yaml", 3}}; r.Rules != 4 || !cmp.Equal(want, r.Unused) {
		t.Errorf("%d rules, uncovered %+v", r.Rules, r.Unused)
	}
}

func TestJUnitIsXML(t *testing.T) {
	var b bytes.Buffer
	if err := report().JUnit(&b); err != nil {
		t.Fatal(err)
	}
	var got junitSuites
	if err := xml.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Tests != 4 || got.Failures != 3 || len(got.Suites) != 1 || len(got.Suites[0].Cases) != 4 || got.Suites[0].Cases[0].Failure != nil ||
		got.Suites[0].Cases[1].Failure.Message != "want allow, got deny (reject)" {
		t.Errorf("got %+v", got)
	}
}

// brittle fails at the write of that number.
type brittle struct{ left int }

var errFull = errors.New("disk full")

func (w *brittle) Write(p []byte) (int, error) {
	if w.left--; w.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestReportsThatCannotBeWrittenFail(t *testing.T) {
	for name, tt := range map[string]struct {
		write  func(io.Writer) error
		writes int
	}{"text": {report().Text, 1}, "JSON": {report().JSON, 1}, "JUnit": {report().JUnit, 3}} {
		for n := range tt.writes {
			if err := tt.write(&brittle{n}); !errors.Is(err, errFull) {
				t.Errorf("%s: write %d failed and was told as %v", name, n, err)
			}
		}
		if err := tt.write(&brittle{tt.writes}); err != nil {
			t.Errorf("%s takes more than %d writes: %v", name, tt.writes, err)
		}
	}
}

func TestCoverageIsToldWhereAsked(t *testing.T) {
	for want, r := range map[string]Report{
		"0 passed, 0 failed\n":                         {},
		"coverage: 2 of 2 rules\n0 passed, 0 failed\n": {Rules: 2},
		"coverage: 0 of 0 rules\n0 passed, 0 failed\n": {Unused: []Unused{}},
	} {
		var b strings.Builder
		if err := r.Text(&b); err != nil || b.String() != want {
			t.Errorf("%+v: got %q, %v, want %q", r, b.String(), err, want)
		}
	}
	var b strings.Builder
	if err := report().JSON(&b); err != nil || !strings.Contains(b.String(), "\n  \"uncovered\": [\n    {\n      \"effect\": \"deny\",\n      \"file\": \"c.yaml\",\n      \"line\": 9\n") {
		t.Errorf("got %s, %v", b.String(), err)
	}
}

func TestJUnitTellsEveryCase(t *testing.T) {
	r := Report{Results: []Result{
		{Test: Test{Name: "good", Position: policy.Position{File: "a.yaml", Line: 2}, Want: "allow"}, Got: "allow"},
		{Test: Test{Name: "bad", Position: policy.Position{File: "b.yaml", Line: 3}, Want: "allow", Reasons: []string{"accept", "reject"}}, Got: "allow", Reasons: []string{"email-ok", "user-ok"}, Explanation: "why"},
		{Test: Test{Name: "worse", Position: policy.Position{File: "a.yaml", Line: 4}, Want: "allow"}, Got: "deny", Reasons: []string{"email-ok", "user-ok"}},
	}}
	const want = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="3" failures="2">
  <testsuite name="a.yaml" tests="2" failures="1">
    <testcase name="good" classname="a.yaml" file="a.yaml" line="2"></testcase>
    <testcase name="worse" classname="a.yaml" file="a.yaml" line="4">
      <failure message="want allow, got deny (email-ok, user-ok)"></failure>
    </testcase>
  </testsuite>
  <testsuite name="b.yaml" tests="1" failures="1">
    <testcase name="bad" classname="b.yaml" file="b.yaml" line="3">
      <failure message="allow as wanted, but not because of accept, reject; reasons are email-ok, user-ok">why</failure>
    </testcase>
  </testsuite>
</testsuites>
`
	var b strings.Builder
	if err := r.JUnit(&b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b.Reset()
	if err := (&Report{}).JSON(&b); err != nil || b.String() != "{\n  \"passed\": 0,\n  \"failed\": 0,\n  \"tests\": []\n}\n" {
		t.Errorf("without tests: %s, %v", b.String(), err)
	}
}

func TestDecisionsAreJudged(t *testing.T) {
	d := policy.Decision{AllowReasons: policy.Reasons(policy.ReasonGroupsOK), DenyReasons: policy.Reasons(policy.ReasonReject)}
	for name, tt := range map[string]struct {
		test Test
		want bool
	}{
		"as wanted":           {Test{Want: WantDeny}, true},
		"for reasons of both": {Test{Want: WantDeny, Reasons: []string{"reject", "groups-ok"}}, true},
		"for another reason":  {Test{Want: WantDeny, Reasons: []string{"reject", "email-ok"}}, false},
		"allow wanted":        {Test{Want: WantAllow}, false},
		"a sign-in wanted":    {Test{Want: WantUnauthenticated}, false},
		"another sign-in":     {Test{Want: WantStepUp}, false},
	} {
		if got := Judge(tt.test, d); got.Passed() != tt.want || got.Got != "deny" {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	if r := (Result{Test: Test{Want: "deny"}, Got: "deny", Error: "no answer"}); r.Passed() {
		t.Error("a test without an answer passes")
	}
}

func TestAskingToSignInAgainIsASignIn(t *testing.T) {
	d := policy.Decision{Effect: policy.StepUp}
	if got := Judge(Test{Want: WantUnauthenticated}, d); !got.Passed() {
		t.Errorf("got %+v", got)
	}
	if got := Judge(Test{Want: WantStepUp}, d); !got.Passed() {
		t.Errorf("got %+v", got)
	}
	if got := Judge(Test{Want: WantAllow}, d); got.Passed() || got.Got != WantStepUp {
		t.Errorf("somebody who wanted allow is not told of the step-up: %+v", got)
	}
	if got := Judge(Test{Want: WantStepUp}, policy.Decision{Effect: policy.Unauthenticated}); got.Passed() {
		t.Errorf("got %+v", got)
	}
}

// FuzzRead feeds anything. Whatever comes: no panic, problems have places, and a
// test that is read says who asks for what.
func FuzzRead(f *testing.F) {
	f.Add("policy: {allow: {or: [accept: true]}}\ntests: [{name: a, anonymous: true, want: allow, request: {url: 'https://x/', ip: 10.0.0.1, headers: {A: [b]}}}]")
	f.Add("facts: {groups: [{id: g}], people: [{id: a, groups: [g]}], sessions: [{id: s, subject: a, claims: {x: [1, {y: z}]}}]}\nconfig: c\ntests: [{name: a, session: s, want: deny, reasons: [reject], at: 2026-01-01T00:00:00Z}]")
	f.Add("a: &a [*a]\ntests: *a")
	f.Fuzz(func(t *testing.T, text string) {
		file, problems := Read("f.yaml", []byte(text), noFiles)
		for _, p := range problems {
			if p.Message == "" || p.Position.Line == 0 || p.Position.Col == 0 {
				t.Errorf("problem without words or place: %+v", p)
			}
		}
		if len(problems) > 0 {
			return
		}
		if len(file.Tests) == 0 {
			t.Fatal("no tests and no problem")
		}
		for _, one := range file.Tests {
			if one.Name == "" || one.Want == "" || one.Request.URL == nil || one.Request.URL.Host == "" || one.Policy == nil && file.Config == "" {
				t.Errorf("half a test: %+v", one)
			}
		}
	})
}
