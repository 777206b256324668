package policy

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// What is told of a policy is so for every input, and more than nothing is told.
func TestWhatIsExaminedIsSo(t *testing.T) {
	told := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		doc := drawDocument(t)
		if rapid.Bool().Draw(t, "against itself") { // so that nobody passes now and then
			for _, object := range doc {
				if rule, ok := object.(map[string]any)["allow"]; ok {
					doc = append(doc, map[string]any{"deny": rule})
				}
			}
		}
		p := written(t, doc).policy
		program := must(t, p)
		in := drawInput(t)
		if len(p.Uses("mcp_tool")) > 0 || in.Now.IsZero() {
			return // inputs here have a tool, which the proxy never reads
		}
		e := Examiner{Now: in.Now}
		why := e.NobodyPasses(p)
		if why != "" {
			told[LintNobodyPasses]++
		}
		found := map[Position]Problem{}
		for _, problem := range e.Examine(p) {
			found[problem.Position] = problem
			told[problem.Code]++
		}
		for range 8 {
			in := drawInput(t)
			if !in.Request.IP.IsValid() || in.Now.Before(e.Now) || in.Subject != nil && in.Person == nil {
				continue // whom the directory does not know passes nothing that asks it
			}
			trace := program.Trace(in)
			if why != "" && trace.Decision.Effect == Allow {
				t.Fatalf("somebody passes: %s\n%s", why, p)
			}
			for _, rule := range trace.Rules {
				for _, l := range rule.Lists {
					if problem, ok := found[l.Position]; ok && l.Holds != (problem.Code == LintAlwaysHolds) {
						t.Fatalf("it comes to %v, told was %s\n%s", l.Holds, problem.Message, p)
					}
				}
			}
		}
	})
	if len(told) == 0 {
		t.Errorf("told was %v", told)
	}
}

func TestWhatCanNeverBeIsTold(t *testing.T) {
	for text, want := range map[string]string{
		"allow: {or: [groups: wiki]}":                                                                  "",
		"allow: {or: [accept: true]}":                                                                  "",
		"allow: {or: [authenticated_user: true]}":                                                      "",
		"allow: {or: [groups: {has: a, exclude: a}]}":                                                  "1:9 never-holds",
		"allow: {or: [groups: {has: a, exclude: a}, groups: b]}":                                       "",
		"allow: {and: [source_ip: 10.0.0.0/8, source_ip: 192.0.2.0/24]}":                               "1:9 never-holds",
		"allow: {and: [source_ip: 10.0.0.0/8, source_ip: 10.1.0.0/16]}":                                "",
		"allow: {and: [http_header/x: {starts_with: a}, http_header/x: {not: a}]}":                     "",
		"allow: {and: [http_header/x: {starts_with: a}, http_header/X: b]}":                            "1:9 never-holds",
		"allow: {and: [email: a@example.com, domain: example.org]}":                                    "1:9 never-holds",
		"allow: {and: [email: a@example.com, domain: example.com]}":                                    "",
		"allow: {and: [user: a, user: {not: a}]}":                                                      "1:9 never-holds",
		"allow: {or: [day_of_week: '*']}":                                                              "1:9 always-holds",
		"allow: {or: [day_of_week: mon-fri, day_of_week: sat-sun]}":                                    "1:9 always-holds",
		"allow: {or: [day_of_week: mon-fri]}":                                                          "",
		"allow: {or: [time_of_day: {after: 8:00}, time_of_day: {before: 8:00}]}":                       "1:9 always-holds",
		"allow: {or: [http_path: {starts_with: /}]}":                                                   "1:9 always-holds",
		"allow: {or: [http_path: {starts_with: /x}]}":                                                  "",
		"[{allow: {or: [groups: a]}}, {deny: {or: [source_ip: [0.0.0.0/0, '::/0']]}}]":                 "1:38 always-holds",
		"[{allow: {or: [groups: a]}}, {deny: {or: [source_ip: 0.0.0.0/0]}}]":                           "",
		"[{allow: {or: [groups: a]}}, {deny: {and: [date: {before: 2020-01-01T00:00:00Z}]}}]":          "1:38 never-holds",
		"[{allow: {or: [groups: a]}}, {deny: {and: [date: {before: 2030-01-01T00:00:00Z}]}}]":          "",
		"[{allow: {or: [groups: a]}}, {deny: {or: [groups: a]}}]":                                      "nobody: whoever an allow rule lets in, a deny rule keeps out",
		"[{allow: {or: [groups: a]}}, {deny: {or: [groups: b]}}]":                                      "",
		"deny: {or: [groups: a]}":                                                                      "nobody: no rule that counts allows anybody",
		"allow: {mode: shadow, or: [groups: a]}":                                                       "nobody: no rule that counts allows anybody",
		"allow: {and: []}":                                                                             "",
		"[{allow: {or: [groups: a]}}, {deny: {or: [accept: true]}}]":                                   "",
		"allow: {and: [device: {type: any}, groups: {has: a, exclude: a}]}":                            "",
		"allow: {and: [http_method: POST, source_ip: 192.0.2.0/24]}":                                   "",
		"[{allow: {or: [accept: true]}}, {deny: {or: [groups: a]}}]":                                   "",
		"{allow: {and: [auth_age: {max: 1h}, auth_method: mfa, app: x]}, deny: {not: [claim/a/b: c]}}": "",
	} {
		var got []string
		e := Examiner{Now: moments[2]}
		for _, p := range e.Examine(parsed(t, text)) {
			got = append(got, fmt.Sprintf("%d:%d %s", p.Position.Line, p.Position.Col, p.Code))
		}
		if why := e.NobodyPasses(parsed(t, text)); why != "" {
			got = append(got, "nobody: "+why)
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("%s: got %q, want %q", text, s, want)
		}
	}
	broken, _ := parseText(t, "{deny: {or: [reject: true]}, alow: x}")
	if e := (Examiner{}); e.Examine(nil) != nil || e.Examine(broken) != nil || e.NobodyPasses(nil)+e.NobodyPasses(broken) != "" {
		t.Error("something is told of no policy, or of half a one")
	}
}

func TestFindingsSayWhatComesOfThem(t *testing.T) {
	for text, want := range map[string]string{
		"allow: {or: [http_method: GET, http_method: {not: GET}]}":                                         "this list always holds: the route is public",
		"[{allow: {or: [accept: true]}}, {deny: {or: [http_method: GET, http_method: {not: GET}]}}]":       "this list always holds: everybody is denied, whatever the other rules say",
		"[{allow: {or: [accept: true]}}, {deny: {and: [source_ip: 10.0.0.0/8, source_ip: 192.0.2.0/24]}}]": "this list can never hold: it denies nobody",
		"allow: {and: [source_ip: 10.0.0.0/8, source_ip: 192.0.2.0/24]}":                                   "this list can never hold: it allows nobody",
		"allow: {and: [date: {before: 2020-01-01T00:00:00Z}]}":                                             "its date is past: this list will never hold again, it allows nobody",
		"allow: {or: [date: {before: 2020-01-01T00:00:00Z}, groups: a]}":                                   "",
		"allow: {or: [date: {before: 2020-01-01T00:00:00Z}]}":                                              "its date is past: this list will never hold again, it allows nobody",
		"[{allow: {or: [accept: true]}}, {deny: {not: [date: {before: 2020-01-01T00:00:00Z}]}}]":           "",
		"[{allow: {or: [groups: a]}}, {deny: {or: [authenticated_user: true, http_method: {not: x}]}}]":    "",
	} {
		e := Examiner{Now: moments[2]}
		got := ""
		for _, p := range e.Examine(parsed(t, text)) {
			got += p.Message
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}
