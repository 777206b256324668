package policy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/identity"
)

// measured is what Pomerium's evaluator (0.32.5) made of a policy and a request.
type measured struct {
	Policy       string   `json:"policy"`
	Who          string   `json:"who"`
	Method       string   `json:"method"`
	Path         string   `json:"path"`
	IP           string   `json:"ip"`
	Preflight    bool     `json:"preflight"`
	Allow        bool     `json:"allow"`
	Deny         bool     `json:"deny"`
	AllowReasons []string `json:"allow_reasons"`
	DenyReasons  []string `json:"deny_reasons"`
}

// allowed is what Pomerium does about it.
func (m measured) allowed() bool {
	for _, why := range slices.Concat(m.AllowReasons, m.DenyReasons) {
		if why == "user-unauthenticated" || why == "device-unauthenticated" {
			return false
		}
	}
	return m.Allow && !m.Deny
}

// measuredPeople are who asked; all but nobody have a session.
var measuredPeople = map[string]*identity.Subject{
	"nobody":                 nil,
	"alice":                  {ID: "u1", Email: "a@x.com", Claims: measuredClaims},
	"alice of the directory": {ID: "u1", Email: "a@x.com", Claims: measuredClaims},
	"bob of the directory":   {ID: "u2", Email: "b@y.org"},
	"no mail":                {ID: "u1"},
	"no at":                  {ID: "u1", Email: "noat"},
	"two ats":                {ID: "u1", Email: "a@x.com@y.org"},
	"quoted":                 {ID: "u1", Email: `"a"@x.com`},
}

// measuredClaims are alice's. Pomerium was given them as it keeps claims: nested
// ones under their names joined by dots, each as a list.
var measuredClaims = identity.Claims{
	"groups": []any{"a", "b"}, "one": []any{"a"}, "name": "a", "n": 1.0, "f": 1.5, "t": true, "null": nil, "empty": []any{}, "text": "",
	"o":                map[string]any{"k": "v", "my.app": map[string]any{"r": []any{"x"}}},
	"https://e.com/ns": map[string]any{"role": []any{"adm"}}, "a.b": "dot", "a/b": "slash",
	"six":   map[string]any{"b": map[string]any{"c": map[string]any{"d": map[string]any{"e": map[string]any{"f": "v"}}}}},
	"mixed": []any{1.0, "a", true, nil, map[string]any{"q": 1.0}, []any{"l"}},
}

func (m measured) input() *Input {
	in := &Input{Subject: measuredPeople[m.Who], Request: Request{Method: m.Method, Path: m.Path, IP: netip.MustParseAddr(m.IP), Header: http.Header{}}}
	if m.Preflight {
		in.Request.Header = http.Header{"Origin": {"x"}, "Access-Control-Request-Method": {"y"}}
	}
	groups := map[string][]identity.Group{"alice of the directory": {{ID: "g1"}, {ID: "g2"}}, "bob of the directory": {{ID: "g1"}}}
	if g, ok := groups[m.Who]; ok {
		in.Person = identity.NewPerson(identity.Person{ID: in.Subject.ID, Email: in.Subject.Email, Groups: g, Status: identity.StatusActive})
	}
	return in
}

var (
	// aboutThePerson may hold without a session there, and never does here.
	aboutThePerson = regexp.MustCompile(`(email|domain|user|groups|claim/[^:]*): \{(not|not_in|exclude|contains: '')\b?`)
	aboutTheMail   = regexp.MustCompile(`\b(email|domain):`)
)

// differs reports whether the decision may be another here, as the page for those
// who move from Pomerium says.
func (m measured) differs() bool {
	switch m.Who {
	case "nobody":
		return aboutThePerson.MatchString(m.Policy)
	case "no mail", "two ats", "quoted":
		return aboutTheMail.MatchString(m.Policy)
	}
	return false
}

func TestDecisionsAreThoseOfPomerium(t *testing.T) {
	text, err := os.ReadFile("testdata/measured.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	n, other := 0, 0
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); n++ {
		var want measured
		if err := json.Unmarshal(lines.Bytes(), &want); err != nil {
			t.Fatalf("line %d: %v", n+1, err)
		}
		d := compiled(t, want.Policy).Eval(want.input())
		got := want
		got.Allow, got.Deny, got.AllowReasons, got.DenyReasons = d.AllowHolds, d.DenyHolds, sorted(d.AllowReasons), sorted(d.DenyReasons)
		diff := cmp.Diff(want, got)
		if diff != "" && want.differs() {
			diff, other = "", other+1
		}
		if diff != "" || d.Effect == Allow && !want.allowed() {
			t.Errorf("line %d: %s here, allowed there: %v (-there +here)\n%s", n+1, d.Effect, want.allowed(), diff)
		}
	}
	if n < 600 || other > n/10 {
		t.Errorf("%d decisions, %d of them other than there on purpose", n, other)
	}
}
