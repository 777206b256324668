package policy

import (
	"net/http"
	"strings"
)

func always(answer bool) func(*criterion) question {
	return func(*criterion) question { return func(facts) bool { return answer } }
}

func compileEmail(c *criterion) question {
	lower, mixed := stringTest(folded, c.matchers), stringTest(anyCase, c.matchers)
	return func(f facts) bool {
		if f.mail.Folded {
			return f.mail.Address != "" && lower(f.mail.Address)
		}
		return f.mail.Address != "" && mixed(f.mail.Address)
	}
}

func compileDomain(c *criterion) question {
	lower, mixed := stringTest(folded, c.matchers), stringTest(anyCase, c.matchers)
	return func(f facts) bool {
		if f.mail.Folded {
			return f.mail.Domain != "" && lower(f.mail.Domain)
		}
		return f.mail.Domain != "" && mixed(f.mail.Domain)
	}
}

func compileUser(c *criterion) question {
	test := stringTest(exact, c.matchers)
	return func(f facts) bool { return f.in.Subject.ID != "" && test(f.in.Subject.ID) }
}

func compileMethod(c *criterion) question {
	test := stringTest(exact, c.matchers)
	return func(f facts) bool { return test(f.in.Request.Method) }
}

func compilePath(c *criterion) question {
	test := stringTest(exact, c.matchers)
	return func(f facts) bool { return test(f.in.Request.Path) }
}

// compilePreflight asks for a CORS preflight as the Fetch standard has it: an
// OPTIONS request that says where it is from and what it wants to send.
func compilePreflight(*criterion) question {
	return func(f facts) bool {
		r := &f.in.Request
		return r.Method == http.MethodOptions &&
			r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
	}
}

// compileHeader asks for a header of the request. Without it the criterion does
// not hold, whatever its operator; several lines count as one with commas, as
// HTTP has it.
func compileHeader(c *criterion) question {
	name := http.CanonicalHeaderKey(c.path)
	test := stringTest(exact, c.matchers)
	return func(f facts) bool {
		switch values := f.in.Request.Header[name]; len(values) {
		case 0:
			return false
		case 1:
			return test(values[0])
		default:
			return test(strings.Join(values, ", "))
		}
	}
}

func hadHeader(f facts, c *criterion) []string { return f.in.Request.Header.Values(c.path) }

// compilePomeriumRoutes asks whether the proxy answers the path itself.
func compilePomeriumRoutes(*criterion) question {
	return func(f facts) bool {
		rest, ours := strings.CutPrefix(f.in.Request.Path, "/.pomerium")
		return ours && (rest == "" || rest[0] == '/')
	}
}

// compileTool asks which tool of the Model Context Protocol is called.
func compileTool(c *criterion) question {
	test := stringTest(exact, c.matchers)
	return func(f facts) bool { return f.in.Request.Tool != nil && test(*f.in.Request.Tool) }
}

func whyTool(f facts, holds bool) Reason {
	switch {
	case holds:
		return ReasonMCPToolMatch
	case f.in.Request.Tool == nil:
		return ReasonMCPNotAToolCall
	}
	return ReasonMCPToolNoMatch
}

func hadTool(f facts, _ *criterion) []string {
	if f.in.Request.Tool == nil {
		return nil
	}
	return []string{*f.in.Request.Tool}
}
