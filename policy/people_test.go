package policy

import (
	"net/http"
	"net/netip"
	"testing"

	"sallyport/identity"
)

// alice is signed in and in the directory; the request is a GET of /wiki.
func alice() *Input {
	return &Input{
		Subject: &identity.Subject{
			ID:    "00ualice",
			Email: "token@example.net",
			Claims: identity.Claims{
				"family_name":     "Smith",
				"groups":          []any{"engineering", "everyone"},
				"single":          []any{"one"},
				"empty":           []any{},
				"null":            nil,
				"level":           3.0,
				"ratio":           0.5,
				"admin":           true,
				"address":         map[string]any{"country": "CH", "city": map[string]any{"zip": "8000"}},
				"example.com/key": "whole",
				"mixed":           []any{1.0, "1", true, nil},
			},
		},
		Person: identity.NewPerson(identity.Person{
			ID: "00ualice", Email: "alice@example.com", Status: identity.StatusActive,
			Groups: []identity.Group{{ID: "00gwiki", Name: "wiki"}, {ID: "00gdev", Name: "developers"}},
		}),
		Request: Request{
			Method: "GET", Host: "wiki.example.com", Path: "/wiki", IP: netip.MustParseAddr("10.1.2.3"), Header: http.Header{},
		},
	}
}

// stranger makes the same request without a session.
func stranger() *Input {
	in := alice()
	in.Subject, in.Person = nil, nil
	return in
}

func withMail(mail string) *Input {
	in := alice()
	in.Person.Email = mail
	return in
}

func withMethod(in *Input, method string) *Input {
	in.Request.Method = method
	return in
}

func withIP(ip string) *Input {
	in := alice()
	in.Request.IP = netip.MustParseAddr(ip)
	return in
}

func withGroups(groups ...identity.Group) *Input {
	in := alice()
	in.Person = identity.NewPerson(identity.Person{ID: "00ualice", Email: "alice@example.com", Groups: groups})
	return in
}

func withHeader(in *Input, pairs ...string) *Input {
	for i := 0; i < len(pairs); i += 2 {
		in.Request.Header.Set(pairs[i], pairs[i+1])
	}
	return in
}

// criterionHolds evaluates one criterion alone.
func criterionHolds(t *testing.T, criterion string, in *Input) (bool, string) {
	t.Helper()
	d := compiled(t, "allow: {and: [{"+criterion+"}]}").Eval(in)
	reasons := d.AllowReasons.Names()
	if len(reasons) != 1 {
		t.Fatalf("%s gives reasons %q, want one", criterion, reasons)
	}
	return d.AllowHolds, reasons[0]
}
