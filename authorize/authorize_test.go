package authorize

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"sallyport/config"
	"sallyport/identity"
	"sallyport/policy"
	"sallyport/session"
	"sallyport/telemetry"
)

// people is a directory by subject id.
type people map[string]*identity.Person

func (p people) Person(id string) *identity.Person { return p[id] }

func person(id string, status identity.Status) *identity.Person {
	return identity.NewPerson(identity.Person{
		ID: id, Email: id + "@example.com", Status: status, Groups: []identity.Group{{ID: "00gwiki", Name: "wiki"}},
	})
}

func route(t testing.TB, id, text string) *config.Route {
	t.Helper()
	p, problems := parse(t, text)
	if len(problems) > 0 {
		t.Fatalf("%s: %v", text, problems)
	}
	return &config.Route{ID: id, Name: id + " name", Policy: p}
}

func parse(t testing.TB, text string) (*policy.Policy, []policy.Problem) {
	t.Helper()
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(text), &node); err != nil {
		t.Fatal(err)
	}
	return policy.Parse(&node, "config.yaml")
}

func signedIn(id string) *session.Session {
	return &session.Session{ID: "s-" + id, Subject: identity.Subject{ID: id, Email: id + "@token.example", Claims: identity.Claims{"dept": "x"}}}
}

func newAuthorizer(t testing.TB, o Options) *Authorizer {
	t.Helper()
	a, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

const (
	public = "allow: {or: [accept: true]}"
	anyone = "allow: {or: [authenticated_user: true]}"
	wiki   = "allow: {or: [groups: wiki]}"
	mixed  = "allow: {or: [http_method: GET, groups: wiki]}"
)

func TestOnlyActivePeopleOfTheDirectoryPass(t *testing.T) {
	directory := people{}
	for _, s := range []identity.Status{
		identity.StatusActive, identity.StatusSuspended, identity.StatusDeprovisioned, identity.StatusStaged,
		identity.StatusProvisioned, identity.StatusPasswordExpired, identity.StatusRecovery, identity.StatusLockedOut, "NEW", "",
	} {
		directory[string(s)+"-id"] = person(string(s)+"-id", s)
	}
	for _, tt := range []struct {
		id, policy, method string
		want               policy.Effect
		why                string
		anonymous          bool
	}{
		{"ACTIVE-id", wiki, "GET", policy.Allow, "", false},
		{"ACTIVE-id", anyone, "GET", policy.Allow, "", false},
		{"PASSWORD_EXPIRED-id", wiki, "GET", policy.Allow, "", false},
		{"RECOVERY-id", wiki, "GET", policy.Allow, "", false},
		{"LOCKED_OUT-id", wiki, "GET", policy.Allow, "", false},
		{"SUSPENDED-id", wiki, "GET", policy.Deny, "user-inactive", true},
		{"SUSPENDED-id", anyone, "GET", policy.Deny, "user-inactive", true},
		{"DEPROVISIONED-id", anyone, "GET", policy.Deny, "user-inactive", true},
		{"STAGED-id", anyone, "GET", policy.Deny, "user-inactive", true},
		{"PROVISIONED-id", anyone, "GET", policy.Deny, "user-inactive", true},
		{"NEW-id", anyone, "GET", policy.Deny, "user-inactive", true},
		{"-id", anyone, "GET", policy.Deny, "user-inactive", true},
		{"nobody", anyone, "GET", policy.Deny, "user-unknown", true},
		{"nobody", wiki, "GET", policy.Deny, "user-unknown", true},
		{"", anyone, "GET", policy.Deny, "user-unknown", true},
		{"SUSPENDED-id", public, "GET", policy.Allow, "", true},
		{"nobody", public, "GET", policy.Allow, "", true},
		{"", public, "GET", policy.Allow, "", true},
		{"SUSPENDED-id", mixed, "GET", policy.Allow, "", true},
		{"SUSPENDED-id", mixed, "POST", policy.Deny, "user-inactive", true},
		{"SUSPENDED-id", "deny: {or: [accept: true]}", "GET", policy.Deny, "user-inactive", true},
	} {
		t.Run(tt.id+" "+tt.policy+" "+tt.method, func(t *testing.T) {
			r := route(t, "r", tt.policy)
			a := newAuthorizer(t, Options{Routes: []*config.Route{r}, Directory: directory})
			d, who := a.Decide(r, signedIn(tt.id), policy.Request{Method: tt.method})
			if d.Effect != tt.want || d.Anonymous != tt.anonymous {
				t.Errorf("got %s, anonymous %v", d.Effect, d.Anonymous)
			}
			if why := strings.Join(d.DenyReasons.Names(), " "); why != tt.why {
				t.Errorf("got deny reasons %q, want %q", why, tt.why)
			}
			if (who == nil) != tt.anonymous {
				t.Errorf("got person %v", who)
			}
		})
	}
}

func TestNobodySignedInMeetsThePolicyAlone(t *testing.T) {
	for text, want := range map[string]policy.Effect{public: policy.Allow, anyone: policy.Unauthenticated, wiki: policy.Unauthenticated, "[]": policy.Deny} {
		r := route(t, "r", text)
		d, who := newAuthorizer(t, Options{Routes: []*config.Route{r}, Directory: people{}}).Decide(r, nil, policy.Request{})
		if d.Effect != want || d.Anonymous || who != nil {
			t.Errorf("%s: got %+v, %v", text, d, who)
		}
	}
}

func TestWithoutDirectoryTheSessionSpeaks(t *testing.T) {
	r := route(t, "r", "allow: {and: [email: ann@token.example, claim/dept: x, user: ann]}")
	d, who := newAuthorizer(t, Options{Routes: []*config.Route{r}}).Decide(r, signedIn("ann"), policy.Request{})
	if d.Effect != policy.Allow || d.Anonymous || who != nil {
		t.Errorf("got %+v, %v", d, who)
	}
}

func TestDirectoryMailCounts(t *testing.T) {
	r := route(t, "r", "allow: {or: [email: ann@example.com]}")
	d, who := newAuthorizer(t, Options{Routes: []*config.Route{r}, Directory: people{"ann": person("ann", identity.StatusActive)}}).Decide(r, signedIn("ann"), policy.Request{})
	if d.Effect != policy.Allow || who == nil || who.ID != "ann" {
		t.Errorf("got %+v, %v", d, who)
	}
}

func TestRouteOfAnotherGenerationIsDenied(t *testing.T) {
	a := newAuthorizer(t, Options{Routes: []*config.Route{route(t, "r", public)}})
	for name, r := range map[string]*config.Route{"another": route(t, "r", public), "none": nil} {
		d, _ := a.Decide(r, nil, policy.Request{})
		if d.Effect != policy.Deny || !d.DenyReasons.Has(policy.ReasonRouteNotFound) {
			t.Errorf("%s: got %+v", name, d)
		}
	}
}

func TestRouteWithoutPolicyIsDenied(t *testing.T) {
	r := &config.Route{ID: "r"}
	if d, _ := newAuthorizer(t, Options{Routes: []*config.Route{r}}).Decide(r, signedIn("ann"), policy.Request{}); d.Effect != policy.Deny {
		t.Errorf("got %+v", d)
	}
}

// panicking stands for a fault of ours.
type panicking struct{}

func (panicking) Person(string) *identity.Person { panic("broken snapshot") }

func TestPanicDeniesThisRequestOnly(t *testing.T) {
	var log bytes.Buffer
	r := route(t, "r", public)
	a := newAuthorizer(t, Options{Routes: []*config.Route{r}, Directory: panicking{}, Logger: slog.New(slog.NewJSONHandler(&log, nil))})
	d, who := a.Decide(r, signedIn("ann"), policy.Request{ID: "q1"})
	if d.Effect != policy.Deny || !d.DenyReasons.Has(policy.ReasonEvaluationFailed) || who != nil {
		t.Errorf("got %+v, %v", d, who)
	}
	if !strings.Contains(log.String(), `"panic":"broken snapshot"`) || !strings.Contains(log.String(), `"request-id":"q1"`) {
		t.Errorf("the log does not tell: %s", log.String())
	}
	if d, _ := a.Decide(r, nil, policy.Request{}); d.Effect != policy.Allow {
		t.Errorf("the next request gets %+v", d)
	}
}

func TestNewRefusesWhatCannotDecide(t *testing.T) {
	broken, problems := parse(t, "{allow: {or: [accept: true]}, deny: {or: [emial: x]}}")
	if len(problems) == 0 {
		t.Fatal("the policy is not broken")
	}
	for name, tt := range map[string]struct {
		o    Options
		want string
	}{
		"a broken policy":          {Options{Routes: []*config.Route{{ID: "r", Name: "wiki", Policy: broken}}}, "route wiki"},
		"groups without directory": {Options{Routes: []*config.Route{route(t, "r", "{allow: {or: [accept: true]}, deny: {or: [groups: contractors]}}")}}, `group "contractors" at config.yaml:1:`},
		"an unknown log field":     {Options{Fields: []string{"email", "emial"}}, `unknown field "emial"`},
		"a header without name":    {Options{Fields: []string{"headers."}}, `unknown field "headers."`},
	} {
		if a, err := New(tt.o); a != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, %v", name, a, err)
		}
	}
}

func TestPoliciesSeeTheGivenClockAndRequest(t *testing.T) {
	r := route(t, "r", "allow: {and: [http_method: PUT, http_path: /x, source_ip: 192.0.2.1]}")
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var got Record
	a := newAuthorizer(t, Options{Routes: []*config.Route{r}, Now: func() time.Time { return now }, Record: func(r Record) { got = r }})
	req := policy.Request{Method: "PUT", Path: "/x", IP: netip.MustParseAddr("192.0.2.1")}
	s := signedIn("ann")
	d, _ := a.Decide(r, s, req)
	if d.Effect != policy.Allow {
		t.Errorf("got %+v", d)
	}
	if got.Time != now || got.Route != r || got.Session != s || got.Request.Path != "/x" || got.Decision != d {
		t.Errorf("recorded %+v", got)
	}
}

func TestCheckIsNotRecorded(t *testing.T) {
	r := route(t, "r", public)
	a := newAuthorizer(t, Options{Routes: []*config.Route{r}, Record: func(Record) { t.Error("recorded") }})
	if d, _ := a.Check(r, nil, policy.Request{}); d.Effect != policy.Allow {
		t.Errorf("got %+v", d)
	}
}

func TestCheckAllocatesNothing(t *testing.T) {
	r := route(t, "r", mixed)
	a := newAuthorizer(t, Options{Routes: []*config.Route{r}, Directory: people{"ann": person("ann", identity.StatusActive)}})
	s, req := signedIn("ann"), policy.Request{Method: "POST", Header: http.Header{}}
	for name, decide := range map[string]func(*config.Route, *session.Session, policy.Request) (policy.Decision, *identity.Person){"check": a.Check, "decide for nobody's record": a.Decide} {
		if n := testing.AllocsPerRun(1000, func() { decide(r, s, req) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestDecisionIsWrittenWithPomeriumsNames(t *testing.T) {
	directory := people{"ann": person("ann", identity.StatusActive), "eve": person("eve", identity.StatusSuspended)}
	req := policy.Request{
		ID: "q1", Method: "GET", Host: "wiki.example.com", Path: "/x", Query: "a=1", IP: netip.MustParseAddr("192.0.2.1"),
		Header: http.Header{"User-Agent": {"curl"}, "Authorization": {"Bearer secret"}, "X-Two": {"a", "b"}, "Cookie": {"c=secret"}},
	}
	for _, tt := range []struct {
		name, policy string
		session      *session.Session
		fields       []string
		want         map[string]any
	}{
		{"allowed", wiki, signedIn("ann"), nil, map[string]any{
			"check-request-id": "q1", "email": "ann@example.com", "host": "wiki.example.com", "ip": "192.0.2.1", "method": "GET", "path": "/x",
			"request-id": "q1", "route-id": "r1", "session-id": telemetry.SessionLabel("s-ann"), "user": "ann",
			"allow": true, "allow-why-true": []any{"groups-ok"}, "deny": false, "deny-why-false": []any{}, "effect": "allow", "rule": "config.yaml:1:1",
		}},
		{"signed out", wiki, nil, []string{}, map[string]any{
			"allow": false, "allow-why-false": []any{"user-unauthenticated"}, "deny": false, "deny-why-false": []any{}, "effect": "unauthenticated", "rule": "config.yaml:1:1",
		}},
		{"signed out, every field", wiki, nil, []string{"email", "session-id", "user", "id-token-claims"}, map[string]any{
			"allow": false, "allow-why-false": []any{"user-unauthenticated"}, "deny": false, "deny-why-false": []any{}, "effect": "unauthenticated", "rule": "config.yaml:1:1",
		}},
		{"no claims, no secret", anyone, &session.Session{Subject: identity.Subject{ID: "ann"}}, []string{"id-token-claims", "headers.x-token"}, map[string]any{
			"allow": true, "allow-why-true": []any{"user-ok"}, "deny": false, "deny-why-false": []any{}, "effect": "allow", "rule": "config.yaml:1:1",
		}},
		{"inactive", wiki, signedIn("eve"), []string{"email", "user"}, map[string]any{
			"email": "eve@token.example", "user": "eve",
			"allow": false, "allow-why-false": []any{}, "deny": true, "deny-why-true": []any{"user-inactive"}, "effect": "deny",
			"directory-facts": []any{"status SUSPENDED"},
		}},
		{"optional fields", wiki, signedIn("ann"), []string{"query", "cluster-stat-name", "id-token-claims", "headers", "headers.user-agent", "headers.X-Two", "headers.authorization", "headers.none", "body", "id-token", "envoy-route-id"}, map[string]any{
			"query": "a=1", "cluster-stat-name": "r1 name", "id-token-claims": map[string]any{"dept": "x"},
			"headers":            map[string]any{"User-Agent": "curl", "Authorization": "[redacted]", "X-Two": "a,b", "Cookie": "[redacted]"},
			"headers.user-agent": "curl", "headers.X-Two": "a,b", "headers.authorization": "[redacted]",
			"allow": true, "allow-why-true": []any{"groups-ok"}, "deny": false, "deny-why-false": []any{}, "effect": "allow", "rule": "config.yaml:1:1",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			r := route(t, "r1", tt.policy)
			a := newAuthorizer(t, Options{Routes: []*config.Route{r}, Directory: directory, Fields: tt.fields, Logger: slog.New(slog.NewJSONHandler(&log, nil))})
			a.Decide(r, tt.session, req)
			var got map[string]any
			if err := json.Unmarshal(log.Bytes(), &got); err != nil {
				t.Fatalf("%v in %s", err, log.String())
			}
			delete(got, "time")
			tt.want["msg"], tt.want["level"], tt.want["service"] = "authorize check", "INFO", "authorize"
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnknownRouteIsWrittenToo(t *testing.T) {
	var log bytes.Buffer
	a := newAuthorizer(t, Options{Fields: []string{"route-id", "cluster-stat-name", "ip", "headers"}, Logger: slog.New(slog.NewJSONHandler(&log, nil))})
	a.Decide(nil, nil, policy.Request{})
	if got := log.String(); !strings.Contains(got, `"deny-why-true":["route-not-found"]`) || strings.Contains(got, "route-id") || strings.Contains(got, `"ip"`) || strings.Contains(got, "headers") || strings.Contains(got, "cluster-stat-name") {
		t.Errorf("got %s", got)
	}
}

// What people send must neither break a line nor forge a field.
func TestRecordsAreOneLineEachWhateverIsSent(t *testing.T) {
	var log bytes.Buffer
	r := route(t, "r", public)
	a := newAuthorizer(t, Options{Routes: []*config.Route{r}, Logger: slog.New(slog.NewJSONHandler(&log, nil)), Fields: []string{"path", "host", "email", "user", "query", "headers"}})
	nasty := "x\r\n{\"level\":\"INFO\"}\x1b[31m\"},\"allow\":true \u2028 \xff"
	s := signedIn(nasty)
	for range 3 {
		a.Decide(r, s, policy.Request{Method: nasty, Host: nasty, Path: nasty, Query: nasty, Header: http.Header{"X-A": {nasty}}})
	}
	lines := bytes.Split(bytes.TrimSuffix(log.Bytes(), []byte("\n")), []byte("\n"))
	if len(lines) != 3 {
		t.Fatalf("got %d lines, want 3", len(lines))
	}
	for _, line := range lines {
		if !json.Valid(line) || bytes.ContainsAny(line, "\r\x1b") || bytes.Count(line, []byte(`"effect":`)) != 1 {
			t.Errorf("line %q", line)
		}
	}
}

func TestSecretsInQueriesAreCovered(t *testing.T) {
	for query, want := range map[string]string{
		"":                               "",
		"a=1&b=2":                        "a=1&b=2",
		"pomerium_session=x&a=1":         "pomerium_session=[redacted]&a=1",
		"a=1&access_token=x":             "a=1&access_token=[redacted]",
		"%70omerium_jwt=x":               "%70omerium_jwt=[redacted]",
		"CODE=x&State=y":                 "CODE=[redacted]&State=[redacted]",
		"%zz=x":                          "%zz=[redacted]",
		"token":                          "token",
		"a=b=token=c":                    "a=b=token=c",
		"pomerium_signature=x&api_key=y": "pomerium_signature=[redacted]&api_key=[redacted]",
		"password=x;a=1":                 "password=[redacted]",
	} {
		if got := coverQuery(query); got != want {
			t.Errorf("%q: got %q, want %q", query, got, want)
		}
	}
}

func TestEveryNameOfPomeriumsFieldsIsKnown(t *testing.T) {
	for _, name := range strings.Fields(`check-request-id email envoy-route-checksum envoy-route-id host impersonate-email impersonate-session-id
		impersonate-user-id ip method path removed-groups-count request-id route-checksum route-id service-account-id session-id user body
		cluster-stat-name headers headers.X-Y id-token id-token-claims mcp-method mcp-tool mcp-tool-parameters query`) {
		if _, err := fieldsOf([]string{name}); err != nil {
			t.Errorf("%v", err)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	routes := make([]*config.Route, 1000)
	for i := range routes {
		routes[i] = route(b, fmt.Sprint(i), fmt.Sprintf("allow: {or: [groups: none%d, groups: wiki]}", i))
	}
	directory := people{"ann": person("ann", identity.StatusActive)}
	s, req := signedIn("ann"), policy.Request{Method: "GET", Host: "wiki.example.com", Path: "/", Header: http.Header{}}
	for name, logger := range map[string]*slog.Logger{"silent": nil, "logged": slog.New(slog.NewJSONHandler(discard{}, nil))} {
		b.Run(name, func(b *testing.B) {
			a := newAuthorizer(b, Options{Routes: routes, Directory: directory, Logger: logger})
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				a.Decide(routes[i%len(routes)], s, req)
			}
		})
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// What upstreams may read in place of a path must be allowed too, and to the same
// somebody: a reading that only strangers may see is another decision.
func TestEveryReadingMustBeAllowed(t *testing.T) {
	r := route(t, "r", "{allow: {or: [{http_path: {starts_with: /open/}}, {email: {is: alice@example.com}}]}, deny: {or: [{http_path: {starts_with: /admin/}}]}}")
	a := newAuthorizer(t, Options{Routes: []*config.Route{r}, Directory: people{"alice": person("alice", identity.StatusActive)}})
	for _, tt := range []struct {
		who      string
		readings []string
		want     policy.Effect
	}{
		{"alice", nil, policy.Allow},
		{"alice", []string{"/open/y", "/x"}, policy.Allow},
		{"alice", []string{"/x", "/admin/y"}, policy.Deny},
		{"alice", []string{"/admin/y", "/x"}, policy.Deny},
		{"", []string{"/open/y"}, policy.Allow},
		{"", []string{"/closed/y"}, policy.Deny},
	} {
		var s *session.Session
		if tt.who != "" {
			s = signedIn(tt.who)
		}
		d, _ := a.Check(r, s, policy.Request{Path: "/open/;/y", Readings: tt.readings})
		if d.Effect != tt.want || (tt.want == policy.Deny) != d.DenyReasons.Has(policy.ReasonPathAmbiguous) {
			t.Errorf("%q, readings %q: %v %v, want %v", tt.who, tt.readings, d.Effect, d.DenyReasons.Names(), tt.want)
		}
	}
}
