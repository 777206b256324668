package policy

import (
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"

	"sallyport/identity"
)

// The words are few, so that policies and inputs often meet, and nasty.
var (
	mails = []string{
		"alice@example.com", "ALICE@Example.COM", "bob@example.org", "kim@example.com", "\u212Aim@example.com",
		"\u00c4rzte@example.com", "\u00e4rzte@EXAMPLE.com", "a@b@example.com", `"a b"@example.com`, "alice@", "@example.com",
		" alice@example.com", "alice@example.com ", "alice@example.com.", "alice@.example.com", "alice\u200b@example.com",
		"alice\n@example.com", "noat", "", "x@sub.example.com", "alice@example..com",
	}
	unwritable = "alice\xff@example.com" // YAML has no such text
	mailParts  = []string{"", "alice", "ALICE@", "@example.com", "EXAMPLE", ".org", "\u00c4rz", "k", "example.com"}
	domains    = []string{"example.com", "EXAMPLE.com", "example.org", "sub.example.com", "", "example"}
	users      = []string{"00ualice", "00ubob", "00uALICE", ""}
	groupWord  = []string{"admins", "Admins", "00gadmins", "00gdev", "dev", "", "7"}
	methods    = []string{"GET", "POST", "get", "OPTIONS"}
	paths      = []string{"/", "/admin", "/admin/x", "/Admin", "/public"}
	addresses  = []string{"10.0.0.1", "10.0.0.0/8", "::ffff:10.0.0.1", "192.0.2.0/24", "2001:db8::/32", "fe80::1", "::/0", "0.0.0.0/0"}
	claims     = []string{"groups", "department", "a/b", "a.b", "example.com/key", "a/b/c/d/e", "a/b/c/d/e/f", "a.b.c.d.e.f", "example.com/key.b", "a.b.c", "flag", "n"}
	scalars    = []any{"admins", "dev", "1", "true", "", 1, 1.5, true, false}
)

func oneOfThese[T any](t *rapid.T, label string, values []T) T {
	return rapid.SampledFrom(values).Draw(t, label)
}

// drawDocument draws a policy of any shape the language has.
func drawDocument(t *rapid.T) []any {
	doc := []any{}
	for range rapid.IntRange(0, 4).Draw(t, "objects") {
		object := map[string]any{}
		for _, effect := range []string{"allow", "deny"} {
			if rapid.IntRange(0, 2).Draw(t, effect) > 0 {
				object[effect] = drawRule(t)
			}
		}
		if rapid.IntRange(0, 5).Draw(t, "mode") == 0 {
			object["mode"] = "shadow"
		}
		doc = append(doc, object)
	}
	return doc
}

func drawRule(t *rapid.T) map[string]any {
	rule := map[string]any{}
	for _, op := range operatorNames {
		if !rapid.Bool().Draw(t, op) {
			continue
		}
		list := []any{}
		for range rapid.IntRange(0, 4).Draw(t, "criteria") {
			list = append(list, drawCriterion(t))
		}
		rule[op] = list
	}
	return rule
}

func drawCriterion(t *rapid.T) map[string]any {
	name := oneOfThese(t, "criterion", Criteria())
	switch name {
	case "http_header":
		return map[string]any{name + "/" + oneOfThese(t, "header", []string{"X-Team", "x-team", "Origin"}): drawStringMatch(t, []string{"x", "dev", "x, y"}, []string{"", "x"})}
	case "mcp_tool":
		return map[string]any{name: drawStringMatch(t, []string{"read", "write", ""}, []string{"", "r"})}
	case "app":
		return map[string]any{name: oneOfThese(t, "app", []any{"wiki", "0oawiki", "", map[string]any{"exclude": "wiki"}, map[string]any{"has": "0oawiki", "exclude": "mail"}})}
	case "profile":
		return map[string]any{name + "/" + oneOfThese(t, "attribute", []string{"department", "level", "none"}): drawListMatch(t, scalars)}
	case "user_status":
		return map[string]any{name: drawStringMatch(t, []string{"ACTIVE", "active", "LOCKED_OUT"}, []string{"", "ACT", "out"})}
	case "device":
		return map[string]any{name: oneOfThese(t, "device", []any{map[string]any{"approved": true}, map[string]any{"type": "any", "is": "x"}})}
	case "auth_age":
		return map[string]any{name: map[string]any{"max": oneOfThese(t, "age", []string{"15m", "1h", "24h"})}}
	case "auth_method":
		return map[string]any{name: oneOfThese(t, "method", []any{"mfa", "hwk", map[string]any{"has": "pwd"}})}
	case "auth_context":
		return map[string]any{name: oneOfThese(t, "context", []any{"urn:a", map[string]any{"is": "urn:b"}, map[string]any{"in": []any{"urn:c", "urn:a"}}})}
	case "client_certificate":
		return map[string]any{name: oneOfThese(t, "certificate", certificateMatches)}
	case "date":
		return map[string]any{name: oneOfThese(t, "dates", []any{map[string]any{"after": "2026-03-29T00:30:00Z"}, map[string]any{"before": "2026-03-29T01:00:00Z", "after": "2026-01-01T00:00:00Z"}})}
	case "day_of_week":
		days := oneOfThese(t, "days", []string{"*", "mon-fri", "sat,sun", "fri-mon", "Wednesday"})
		if rapid.Bool().Draw(t, "bare") {
			return map[string]any{name: days}
		}
		return map[string]any{name: map[string]any{"is": days, "timezone": oneOfThese(t, "zone", zones)}}
	case "time_of_day":
		m := map[string]any{"timezone": oneOfThese(t, "zone", zones)}
		for op, times := range map[string][]string{"after": {"9:00", "23:59"}, "before": {"4:30PM", "2:20:00"}} {
			if op == "after" || rapid.Bool().Draw(t, op) {
				m[op] = oneOfThese(t, "time", times)
			}
		}
		return map[string]any{name: m}
	case "email":
		return map[string]any{name: drawStringMatch(t, mails, mailParts)}
	case "domain":
		return map[string]any{name: drawStringMatch(t, domains, mailParts)}
	case "user":
		return map[string]any{name: drawStringMatch(t, users, []string{"", "00u", "alice"})}
	case "http_method":
		return map[string]any{name: drawStringMatch(t, methods, []string{"", "G", "T"})}
	case "http_path":
		return map[string]any{name: drawStringMatch(t, paths, []string{"", "/", "/admin", "min"})}
	case "groups":
		return map[string]any{name: drawListMatch(t, append(anys(groupWord), 7))}
	case "claim":
		return map[string]any{"claim/" + oneOfThese(t, "claim", claims): drawListMatch(t, scalars)}
	case "source_ip":
		if rapid.Bool().Draw(t, "one address") {
			return map[string]any{name: oneOfThese(t, "address", addresses)}
		}
		return map[string]any{name: anys(rapid.SliceOfN(rapid.SampledFrom(addresses), 1, 3).Draw(t, "addresses"))}
	}
	return map[string]any{name: true}
}

var (
	zones = []string{"UTC", "Europe/Zurich", "America/New_York", "Asia/Kolkata"}
	// moments are around changes of clocks and days.
	moments = []time.Time{
		time.Date(2026, 3, 29, 0, 59, 59, 0, time.UTC), time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC), time.Date(2026, 7, 1, 14, 30, 0, 0, time.UTC),
		time.Date(2026, 11, 2, 4, 59, 0, 0, time.UTC),
		{},
	}
)

func anys[T any](values []T) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

func drawStringMatch(t *rapid.T, values, parts []string) any {
	scalar := append(anys(values), 1, true)
	if rapid.Bool().Draw(t, "bare") {
		return oneOfThese(t, "value", scalar)
	}
	match := map[string]any{}
	for _, op := range rapid.SliceOfNDistinct(rapid.SampledFrom(stringOperatorNames), 1, 2, rapid.ID).Draw(t, "operators") {
		switch op {
		case "is", "not":
			match[op] = oneOfThese(t, "value", scalar)
		case "in", "not_in":
			match[op] = rapid.SliceOfN(rapid.SampledFrom(scalar), 1, 7).Draw(t, "values")
		default:
			match[op] = oneOfThese(t, "part", parts)
		}
	}
	return match
}

func drawListMatch(t *rapid.T, values []any) any {
	if rapid.Bool().Draw(t, "bare") {
		return oneOfThese(t, "value", values)
	}
	match := map[string]any{}
	for _, op := range rapid.SliceOfNDistinct(rapid.SampledFrom(listOperatorNames), 1, 2, rapid.ID).Draw(t, "operators") {
		match[op] = oneOfThese(t, "value", values)
	}
	return match
}

func drawInput(t *rapid.T) *Input {
	in := &Input{Request: Request{
		Method: oneOfThese(t, "method", methods),
		Path:   oneOfThese(t, "path", append(paths, "/.pomerium", "/.pomerium/user", "/.pomeriumx")),
		Header: http.Header{},
	}, Now: oneOfThese(t, "now", moments)}
	for range rapid.IntRange(0, 2).Draw(t, "headers") {
		in.Request.Header.Add("X-Team", oneOfThese(t, "team", []string{"x", "y", "dev"}))
	}
	if tool := oneOfThese(t, "tool", []string{"none", "read", "write", ""}); tool != "none" {
		in.Request.Tool = &tool
	}
	if rapid.IntRange(0, 2).Draw(t, "certificate") > 0 {
		in.Request.ClientCertificate = someCertificate
		in.Request.ClientCertificateTrusted = rapid.IntRange(0, 3).Draw(t, "verified") > 0
		if rapid.IntRange(0, 3).Draw(t, "untrusted") == 0 {
			in.Request.ClientCertificateError = errUntrusted
		}
	}
	if ip := oneOfThese(t, "ip", []string{"", "10.0.0.1", "::ffff:10.0.0.1", "192.0.2.7", "2001:db8::1", "fe80::1%eth0"}); ip != "" {
		in.Request.IP = netip.MustParseAddr(ip)
	}
	for _, name := range []string{"Origin", "Access-Control-Request-Method"} {
		if v := oneOfThese(t, name, []string{"", "x"}); v != "" {
			in.Request.Header.Set(name, v)
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "session") == 0 {
		return in
	}
	in.Subject = &identity.Subject{
		ID: oneOfThese(t, "user", users), Email: oneOfThese(t, "mail", append(mails, unwritable)), Claims: drawClaims(t),
		AuthenticatedAt: oneOfThese(t, "signed in", append([]time.Time{in.Now, in.Now.Add(-15 * time.Minute), in.Now.Add(-16 * time.Minute), in.Now.Add(-2 * time.Hour)}, moments...)),
		Methods:         oneOfThese(t, "methods", [][]string{nil, {"pwd"}, {"pwd", "mfa"}}), Context: oneOfThese(t, "context", []string{"", "urn:a", "urn:b"}),
	}
	if rapid.Bool().Draw(t, "unvouched") {
		in.Subject.Email, in.Subject.UnverifiedEmail = "", in.Subject.Email
	}
	if rapid.Bool().Draw(t, "indexed") {
		in.Subject.Index()
	}
	if rapid.Bool().Draw(t, "person") {
		in.Person = identity.NewPerson(identity.Person{
			ID: in.Subject.ID, Email: oneOfThese(t, "directory mail", append(mails, unwritable)), Groups: drawGroups(t),
			Apps:    oneOfThese(t, "apps", [][]string{nil, {"0oawiki", "wiki"}, {"mail"}}),
			Profile: oneOfThese(t, "profile", []map[string][]string{nil, {"department": {"dev"}, "level": {"1"}}, {"department": {"dev", "admins"}, "level": {"true", "1.5"}}}),
			Status:  oneOfThese(t, "status", []identity.Status{identity.StatusActive, identity.StatusLockedOut}),
		})
	}
	return in
}

func drawGroups(t *rapid.T) []identity.Group {
	all := []identity.Group{{ID: "00gadmins", Name: "admins"}, {ID: "00gdev", Name: "dev"}, {ID: "admins", Name: "Admins"}, {ID: "00gx"}}
	return rapid.SliceOfNDistinct(rapid.SampledFrom(all), 0, 4, rapid.ID).Draw(t, "groups")
}

func drawClaims(t *rapid.T) identity.Claims {
	values := []any{
		"admins", "1", "true", "", 1.0, 1.5, true, false, nil,
		map[string]any{"b": "dev"},
		[]any{},
		[]any{"admins"},
		[]any{"admins", "dev"},
		[]any{1.0, true},
		[]any{nil},
		[]any{"a", "b", "admins", "c", "dev"},
		[]any{"1", 1.5, "x", true, nil, "", "Admins"},
		[]any{[]any{"admins"}},
		map[string]any{"b": []any{"dev", "admins"}},
		map[string]any{"b": []any{"dev", "1", "true", "x", "y", "admins"}},
		map[string]any{"b": map[string]any{"c": map[string]any{"d": map[string]any{"e": "dev"}}}},
		map[string]any{"b": map[string]any{"c.d": map[string]any{"e": map[string]any{"f": "dev"}}}},
		map[string]any{"b.c": []any{"admins", 1.0}},
	}
	out := identity.Claims{}
	for _, name := range []string{"groups", "department", "a", "a/b", "example.com/key", "flag", "n"} {
		if rapid.Bool().Draw(t, name) {
			out[name] = oneOfThese(t, "claim value", values)
		}
	}
	return out
}

// fatal is what testing.TB and rapid.T have in common.
type fatal interface {
	Helper()
	Fatalf(format string, args ...any)
}

// written puts a document through YAML and Compile.
func written(t fatal, doc any) *Program {
	t.Helper()
	text, err := yaml.Marshal(doc)
	if err != nil {
		t.Fatalf("marshal: %v", err)
	}
	return compiled(t, string(text))
}

func compiled(t fatal, text string) *Program {
	t.Helper()
	program, err := Compile(parsed(t, text))
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	return program
}

func parsed(t fatal, text string) *Policy {
	t.Helper()
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(text), &node); err != nil {
		t.Fatalf("yaml: %v\n%s", err, text)
	}
	policy, problems := Parse(&node, "policy.yaml")
	if len(problems) > 0 {
		t.Fatalf("problems: %v\n%s", problems, text)
	}
	return policy
}

func names(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }

func TestFastTracingAndNaiveEvaluatorsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		doc := drawDocument(t)
		program := written(t, doc)
		for range 8 {
			in := drawInput(t)
			fast := program.Eval(in)
			naive := naiveWhole(doc, in)
			if trace := program.Trace(in).Decision; trace != fast {
				t.Fatalf("trace %+v, eval %+v", trace, fast)
			}
			want := Decision{Effect: naive.effect, AllowHolds: naive.allow.value, DenyHolds: naive.deny.value}
			if naive.rule >= 0 {
				want.Rule = program.rules[naive.rule]
			}
			got := fast
			got.AllowReasons, got.DenyReasons, got.SignIn = 0, 0, SignIn{}
			if fast.Effect == StepUp {
				checkStepUp(t, program, in, fast.SignIn)
			} else if fast.SignIn != (SignIn{}) {
				t.Fatalf("%s, and a new sign-in is wanted: %+v", fast.Effect, fast.SignIn)
			}
			want.Shadow, want.ShadowRule = naiveCast(doc, in, program)
			if got != want {
				t.Fatalf("got %+v, want %+v", got, want)
			}
			for _, diff := range []string{
				cmp.Diff(names(naive.allow.reasons), sorted(fast.AllowReasons)),
				cmp.Diff(names(naive.deny.reasons), sorted(fast.DenyReasons)),
			} {
				if diff != "" {
					t.Fatalf("reasons (-want +got):\n%s", diff)
				}
			}
		}
	})
}

func sorted(set ReasonSet) []string { return slices.Sorted(slices.Values(set.Names())) }

func TestAddingADenyNeverAllowsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		doc := drawDocument(t)
		more := append(slices.Clone(doc), map[string]any{"deny": drawRule(t)})
		in := drawInput(t)
		if written(t, more).Eval(in).Effect == Allow && written(t, doc).Eval(in).Effect != Allow {
			t.Fatalf("the deny rule let somebody in")
		}
	})
}

// Without a session an allow rule may stand in the way of another: one that
// holds because of "not" keeps its wish for a sign-in. So the property is about
// people who are signed in; TestRuleThatHoldsMayStillAskForSignIn shows the rest.
func TestRemovingAnAllowNeverAllowsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		doc := drawDocument(t)
		more := append(slices.Clone(doc), map[string]any{"allow": drawRule(t)})
		in := drawInput(t)
		if in.Subject == nil {
			return
		}
		with := written(t, more).Eval(in)
		if with.AllowReasons.Has(ReasonDeviceUnauthenticated) {
			return // as with a sign-in: a rule that holds because of "not" keeps its wish for a device
		}
		if written(t, doc).Eval(in).Effect == Allow && with.Effect != Allow {
			t.Fatalf("without the allow rule somebody gets in who does not with it")
		}
	})
}

func TestOrderNeverMatters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		doc, in := drawDocument(t), drawInput(t)
		before := written(t, doc).Eval(in)
		for _, object := range doc {
			for _, rule := range object.(map[string]any) {
				rule, ok := rule.(map[string]any)
				if !ok {
					continue
				}
				for op, list := range rule {
					rule[op] = rapid.Permutation(list.([]any)).Draw(t, "criteria order")
				}
			}
		}
		after := written(t, rapid.Permutation(doc).Draw(t, "rule order")).Eval(in)
		before.Rule, after.Rule, before.ShadowRule, after.ShadowRule = nil, nil, nil, nil
		// Which of several sign-ins is asked for goes by the order.
		before.SignIn, after.SignIn = SignIn{}, SignIn{}
		if before != after {
			t.Fatalf("before %+v, after %+v", before, after)
		}
	})
}

func TestStrangersPassOnlyPublicPolicies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		program := written(t, drawDocument(t))
		public := program.policy.Public()
		in := drawInput(t)
		in.Subject, in.Person = nil, nil
		if program.Eval(in).Effect == Allow && !public {
			t.Fatalf("a stranger passed a policy that is not public")
		}
	})
}

func TestLegacyAllowsAsWellAsThePolicy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy := written(t, drawDocument(t)).policy
		user := oneOfThese(t, "allowed user", append(users, mails...))
		legacy := Legacy{AllowedUsers: []Valued{{Value: user}}}
		in := drawInput(t)
		both, alone := must(t, policy.WithLegacy(legacy)).Eval(in), must(t, policy).Eval(in)
		only := must(t, (*Policy)(nil).WithLegacy(legacy)).Eval(in)
		if both.AllowHolds != (alone.AllowHolds || only.AllowHolds) || both.DenyHolds != alone.DenyHolds {
			t.Fatalf("both %+v, policy alone %+v, legacy alone %+v", both, alone, only)
		}
	})
}

func must(t fatal, p *Policy) *Program {
	t.Helper()
	program, err := Compile(p)
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	return program
}

// naiveCast is what rules in shadow would make of a decision.
func naiveCast(doc []any, in *Input, program *Program) (Shadow, *Rule) {
	shadows := false
	for _, o := range doc {
		object := o.(map[string]any)
		shadows = shadows || object["mode"] == "shadow" && (object["allow"] != nil || object["deny"] != nil)
	}
	if !shadows {
		return ShadowNone, nil
	}
	naiveShadow = true
	d := naiveWhole(doc, in)
	naiveShadow = false
	var rule *Rule
	if d.rule >= 0 {
		rule = program.rules[d.rule]
	}
	if d.effect == Allow {
		return ShadowAllow, rule
	}
	return ShadowDeny, rule
}

// checkStepUp wants a new sign-in to ask for something that the present one lacks.
func checkStepUp(t fatal, program *Program, in *Input, want SignIn) {
	t.Helper()
	s := in.Subject
	switch {
	case want == SignIn{}:
		t.Fatalf("a new sign-in is wanted and nothing of it")
	case want.Aged && !s.AuthenticatedAt.IsZero() && in.Now.Sub(s.AuthenticatedAt) <= want.MaxAge,
		want.Context != "" && s.Context == want.Context,
		want.Method != "" && slices.Contains(s.Methods, want.Method):
		t.Fatalf("a new sign-in is wanted for what there is: %+v of %+v", want, s)
	}
}

func TestPolicyEqualsItsRoundTripThroughYAML(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := written(t, drawDocument(t)).policy
		text, err := yaml.Marshal(before)
		if err != nil {
			t.Fatalf("marshal: %v", err)
		}
		after := parsed(t, string(text))
		if before.key() != after.key() {
			t.Fatalf("before %s\nafter %s\n%s", before.key(), after.key(), text)
		}
	})
}
