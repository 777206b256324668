package policy

import (
	"slices"
	"time"

	"sallyport/identity"
)

// compileApp asks for assignment to an application, by id or label.
func compileApp(c *criterion) question {
	tests := make([]func(*identity.Person) bool, len(c.matchers))
	for i, m := range c.matchers {
		wanted := textsOf(m.operands)
		assigned := func(p *identity.Person) bool { return slices.ContainsFunc(wanted, p.HasApp) }
		tests[i] = assigned
		if m.op == "exclude" {
			tests[i] = func(p *identity.Person) bool { return !assigned(p) }
		}
	}
	return func(f facts) bool { return f.in.Person != nil && every(tests, f.in.Person) }
}

func every(tests []func(*identity.Person) bool, p *identity.Person) bool {
	for _, test := range tests {
		if !test(p) {
			return false
		}
	}
	return true
}

// textsOf are the operands as text, numbers and booleans as they would be written.
func textsOf(operands []operand) []string {
	out := make([]string, len(operands))
	for i, o := range operands {
		out[i] = o.value.text()
	}
	return out
}

// compileProfile asks for the values of an attribute of the directory's profile,
// which are text: an operand that is a number counts as its text.
func compileProfile(c *criterion) question {
	tests := make([]func(*identity.Person) bool, len(c.matchers))
	for i, m := range c.matchers {
		wanted := newWords(textsOf(m.operands))
		has := func(p *identity.Person) bool { return slices.ContainsFunc(p.Profile[c.path], wanted.has) }
		tests[i] = has
		switch m.op {
		case "exclude":
			tests[i] = func(p *identity.Person) bool { return !has(p) }
		case "is":
			tests[i] = func(p *identity.Person) bool { return len(p.Profile[c.path]) == 1 && has(p) }
		}
	}
	return func(f facts) bool { return f.in.Person != nil && every(tests, f.in.Person) }
}

// compileStatus asks for the life-cycle status in the directory, in any case.
func compileStatus(c *criterion) question {
	test := stringTest(anyCase, c.matchers)
	return func(f facts) bool { return f.in.Person != nil && test(string(f.in.Person.Status)) }
}

// whyDevice: sessions know of no device, so that nobody can be let in for theirs.
func whyDevice(facts, bool) Reason { return ReasonDeviceUnauthenticated }

// compileAuthAge asks how long ago the person proved who they are.
func compileAuthAge(c *criterion) question {
	most, _ := time.ParseDuration(c.operandOf("max"))
	return func(f facts) bool {
		at := f.in.Subject.AuthenticatedAt
		return !at.IsZero() && f.in.Now.Sub(at) <= most
	}
}

// compileAuthMethod asks for a method that the provider says was used (amr).
func compileAuthMethod(c *criterion) question {
	wanted := newWords(textsOf(c.matchers[0].operands))
	return func(f facts) bool { return slices.ContainsFunc(f.in.Subject.Methods, wanted.has) }
}

// compileAuthContext asks for the strength that the provider vouches for (acr).
func compileAuthContext(c *criterion) question {
	wanted := newWords(textsOf(c.matchers[0].operands))
	return func(f facts) bool { return f.in.Subject.Context != "" && wanted.has(f.in.Subject.Context) }
}

func hadApps(f facts, _ *criterion) []string {
	if f.in.Person == nil {
		return nil
	}
	return f.in.Person.Apps
}

func hadProfile(f facts, c *criterion) []string {
	if f.in.Person == nil {
		return nil
	}
	return f.in.Person.Profile[c.path]
}

func hadStatus(f facts, _ *criterion) []string {
	if f.in.Person == nil {
		return nil
	}
	return some(string(f.in.Person.Status))
}

func hadAuthAge(f facts, _ *criterion) []string {
	at := f.in.Subject.AuthenticatedAt
	if at.IsZero() {
		return nil
	}
	return some(Span(f.in.Now.Sub(at).Round(time.Second)))
}

func hadAuthMethod(f facts, _ *criterion) []string { return f.in.Subject.Methods }

func hadAuthContext(f facts, _ *criterion) []string { return some(f.in.Subject.Context) }
