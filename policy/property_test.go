package policy

import (
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"testing"

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
	claims     = []string{"groups", "department", "a/b", "a.b", "example.com/key", "a/b/c/d/e", "a/b/c/d/e/f", "flag", "n"}
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
		Path:   oneOfThese(t, "path", paths),
		Header: http.Header{},
	}}
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
	}
	if rapid.Bool().Draw(t, "person") {
		in.Person = identity.NewPerson(identity.Person{
			ID: in.Subject.ID, Email: oneOfThese(t, "directory mail", append(mails, unwritable)), Groups: drawGroups(t),
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
		[]any{[]any{"admins"}},
		map[string]any{"b": []any{"dev", "admins"}},
		map[string]any{"b": map[string]any{"c": map[string]any{"d": map[string]any{"e": "dev"}}}},
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
			fast, naive := program.Eval(in), naiveDecide(doc, in)
			if trace := program.Trace(in).Decision; trace != fast {
				t.Fatalf("trace %+v, eval %+v", trace, fast)
			}
			want := Decision{Effect: naive.effect, AllowHolds: naive.allow.value, DenyHolds: naive.deny.value}
			if naive.rule >= 0 {
				want.Rule = program.rules[naive.rule]
			}
			got := fast
			got.AllowReasons, got.DenyReasons = 0, 0
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
		if written(t, doc).Eval(in).Effect == Allow && written(t, more).Eval(in).Effect != Allow {
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
				for op, list := range rule.(map[string]any) {
					rule.(map[string]any)[op] = rapid.Permutation(list.([]any)).Draw(t, "criteria order")
				}
			}
		}
		after := written(t, rapid.Permutation(doc).Draw(t, "rule order")).Eval(in)
		before.Rule, after.Rule = nil, nil
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
