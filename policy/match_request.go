package policy

import (
	"net/http"
	"strings"

	"sallyport/identity"
)

func always(answer bool) func(*criterion) question {
	return func(*criterion) question { return func(facts) bool { return answer } }
}

// compileEmail asks for the e-mail. Where there is none, the criterion does not
// hold, unless it counts against the person: then it is asked of empty text, as
// Pomerium does everywhere. An address that can be read in two ways, or that
// nobody vouches for, may be the one that a rule is about, and lets nobody past it.
func compileEmail(c *criterion) question {
	lower, mixed := stringTest(folded, c.matchers), stringTest(anyCase, c.matchers)
	against := c.against
	none := against && lower("")
	suspect := func(m identity.Mail) bool { return mixed(m.Address) }
	return func(f facts) bool {
		m := f.mail()
		switch {
		case m.Address == "":
			return none || against && f.suspectMail(suspect)
		case m.Folded:
			return lower(m.Address)
		}
		return mixed(m.Address)
	}
}

// compileDomain asks for the domain of the e-mail, which one without "@" does not
// have.
func compileDomain(c *criterion) question {
	lower, mixed := stringTest(folded, c.matchers), stringTest(anyCase, c.matchers)
	against, none := c.against, lower("")
	suspect := func(m identity.Mail) bool { return none || mixed(m.Domain) }
	return func(f facts) bool {
		m := f.mail()
		switch {
		case m.Domain == "":
			return against && m.Address == "" && f.suspectMail(suspect)
		case m.Folded:
			return lower(m.Domain)
		}
		return mixed(m.Domain)
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
// not hold, whatever its operator, unless it counts against the client: nobody
// passes "deny what is not X" by leaving the header out. Several lines count as
// one with commas, as HTTP has it.
func compileHeader(c *criterion) question {
	name := http.CanonicalHeaderKey(c.path)
	test := stringTest(exact, c.matchers)
	none := c.against && test("")
	return func(f facts) bool {
		switch values := f.in.Request.Header[name]; len(values) {
		case 0:
			return none
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
