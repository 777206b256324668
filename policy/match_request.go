package policy

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

func always(answer bool) func(*criterion) question {
	return func(*criterion) question { return func(facts) bool { return answer } }
}

func compileEmail(c *criterion) question {
	test := stringTest(anyCase, c.matchers)
	return func(f facts) bool { return f.mail != "" && test(f.mail) }
}

func compileDomain(c *criterion) question {
	test := stringTest(anyCase, c.matchers)
	return func(f facts) bool { return f.domain != "" && test(f.domain) }
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

// compileSourceIP looks an address up once for each length of prefix named,
// however many networks there are.
func compileSourceIP(c *criterion) question {
	networks := make(map[netip.Prefix]struct{}, len(c.networks))
	var v4, v6 []int
	for _, n := range c.networks {
		networks[n] = struct{}{}
		if n.Addr().Is4() {
			v4 = append(v4, n.Bits())
		} else {
			v6 = append(v6, n.Bits())
		}
	}
	v4, v6 = distinct(v4), distinct(v6)
	return func(f facts) bool {
		ip := f.in.Request.IP.Unmap()
		lengths := v6
		if ip.Is4() {
			lengths = v4
		}
		for _, bits := range lengths {
			network, err := ip.Prefix(bits) // without zone: that is an interface of ours
			if err != nil {
				return false // no address known: Prefix of the zero Addr
			}
			if _, ok := networks[network]; ok {
				return true
			}
		}
		return false
	}
}

func distinct(lengths []int) []int {
	slices.Sort(lengths)
	return slices.Compact(lengths)
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
