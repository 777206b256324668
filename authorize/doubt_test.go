package authorize

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/config"
	"sallyport/identity"
	"sallyport/policy"
	"sallyport/session"
)

// doubtful is an authorizer of one route whose directory is three seconds and a
// bit old and doubts everybody whose id begins with "doubt".
func doubtful(t *testing.T, r *config.Route, reason policy.Reason, o Options) *Authorizer {
	t.Helper()
	o.Routes = []*config.Route{r}
	o.Directory = people{
		"ann": person("ann", identity.StatusActive), "doubted": person("doubted", identity.StatusActive),
		"doubtful-sue": person("doubtful-sue", identity.StatusSuspended),
	}
	o.Age = func(id string) (time.Duration, bool) { return 3*time.Second + time.Millisecond, id != "doubtful-sue" }
	o.Doubt = func(p *identity.Person, asked *policy.Asked) *Doubt {
		if p == nil || !asked.Any() {
			t.Errorf("doubt about %v, asked %v: only who is known, and what is asked, can be in doubt", p, asked)
		}
		if strings.HasPrefix(p.ID, "doubt") {
			return &Doubt{Reason: reason, Why: "groups of " + p.ID + " are old"}
		}
		return nil
	}
	return newAuthorizer(t, o)
}

// What is in doubt decides nothing: whoever asks is a stranger where the policy
// asks the directory, and nobody is doubted where it does not.
func TestDoubtDeniesWhereTheDirectoryIsAsked(t *testing.T) {
	for _, tt := range []struct {
		policy, who string
		want        policy.Effect
		why         string
		anonymous   bool
	}{
		{wiki, "ann", policy.Allow, "", false},
		{wiki, "doubted", policy.Deny, "DOUBT", true},
		{anyone, "doubted", policy.Allow, "", false},
		{public, "doubted", policy.Allow, "", false},
		{"allow: {or: [accept: true, groups: wiki]}", "doubted", policy.Allow, "", true},
		{"{allow: {or: [accept: true]}, deny: {or: [groups: wiki]}}", "doubted", policy.Deny, "DOUBT", true},
		{"{allow: {or: [authenticated_user: true]}, deny: {mode: shadow, or: [groups: wiki]}}", "doubted", policy.Allow, "", false},
		{"[{allow: {or: [groups: wiki]}}, {deny: {mode: shadow, or: [app: x]}}]", "doubted", policy.Deny, "DOUBT", true},
		{wiki, "doubtful-sue", policy.Deny, "user-inactive", true},
		{wiki, "nobody", policy.Deny, "user-unknown", true},
		{wiki, "", policy.Unauthenticated, "", false},
	} {
		for _, reason := range []policy.Reason{policy.ReasonDirectoryStale, policy.ReasonDirectoryUnclear} {
			r := route(t, "r", tt.policy)
			var got Record
			a := doubtful(t, r, reason, Options{Record: func(r Record) { got = r }})
			var s *session.Session
			if tt.who != "" {
				s = signedIn(tt.who)
			}
			d, who := a.Decide(r, s, policy.Request{})
			why := strings.ReplaceAll(tt.why, "DOUBT", reason.String())
			if d.Effect != tt.want || d.Anonymous != tt.anonymous || strings.Join(d.DenyReasons.Names(), " ") != why {
				t.Errorf("%s as %q: got %+v, want %s, %q", tt.policy, tt.who, d, tt.want, why)
			}
			if (who != nil) != (s != nil && !tt.anonymous) {
				t.Errorf("%s as %q: got person %v", tt.policy, tt.who, who)
			}
			if (got.Doubt != nil) != (tt.why == "DOUBT") || got.Decision != d {
				t.Errorf("%s as %q: recorded %+v", tt.policy, tt.who, got)
			}
		}
	}
}

// What rules in shadow ask may be in doubt: that is told as the denial it would be,
// and decides nothing.
func TestDoubtAboutRulesInShadowIsOnlyTold(t *testing.T) {
	r := route(t, "r", "[{allow: {or: [authenticated_user: true]}}, {allow: {mode: shadow, or: [groups: wiki]}}]")
	a := doubtful(t, r, policy.ReasonDirectoryUnclear, Options{})
	for who, want := range map[string]policy.Shadow{"ann": policy.ShadowAllow, "doubted": policy.ShadowDeny} {
		d, person := a.Decide(r, signedIn(who), policy.Request{})
		if d.Effect != policy.Allow || d.Shadow != want || person == nil {
			t.Errorf("%s: got %+v, want it allowed, and %s in shadow", who, d, want)
		}
		if e := a.Explain(r, signedIn(who), policy.Request{}); e.Decision != "allow" || (e.Notes != nil) != (who == "doubted") || e.Who.Age != "3s" {
			t.Errorf("%s: told %+v", who, e)
		}
	}
}

func TestDoubtAndAgeAreWritten(t *testing.T) {
	for _, tt := range []struct {
		policy, who string
		reason      policy.Reason
		doubt, age  any
	}{
		{wiki, "ann", policy.ReasonDirectoryStale, nil, 3.0},
		{wiki, "doubted", policy.ReasonDirectoryStale, "groups of doubted are old", 3.0},
		{wiki, "doubted", policy.ReasonDirectoryUnclear, "groups of doubted are old", 3.0},
		{wiki, "doubtful-sue", policy.ReasonDirectoryStale, nil, nil},
		{wiki, "nobody", policy.ReasonDirectoryStale, nil, nil},
		{wiki, "", policy.ReasonDirectoryStale, nil, nil},
		{anyone, "ann", policy.ReasonDirectoryStale, nil, nil},
	} {
		var log bytes.Buffer
		r := route(t, "r", tt.policy)
		a := doubtful(t, r, tt.reason, Options{Logger: slog.New(slog.NewJSONHandler(&log, nil))})
		if tt.who == "" {
			a.Decide(r, nil, policy.Request{})
		} else {
			a.Decide(r, signedIn(tt.who), policy.Request{})
		}
		var got map[string]any
		if err := json.Unmarshal(log.Bytes(), &got); err != nil {
			t.Fatalf("%v in %s", err, log.String())
		}
		if got["directory-doubt"] != tt.doubt || got["directory-age"] != tt.age {
			t.Errorf("%s as %q: got doubt %v, age %v", tt.policy, tt.who, got["directory-doubt"], got["directory-age"])
		}
	}
}

func TestDoubtAndAgeAreTold(t *testing.T) {
	r := route(t, "r", wiki)
	for _, reason := range []policy.Reason{policy.ReasonDirectoryStale, policy.ReasonDirectoryUnclear} {
		a := doubtful(t, r, reason, Options{})
		e := a.Explain(r, signedIn("doubted"), policy.Request{})
		if diff := cmp.Diff([]string{"groups of doubted are old"}, e.Notes); diff != "" || e.Change != nil || e.Who.Age != "3s" {
			t.Errorf("%s: notes %s, change %q, age %q", reason, diff, e.Change, e.Who.Age)
		}
		if e := a.Explain(r, signedIn("ann"), policy.Request{}); e.Notes != nil || e.Who.Age != "3s" {
			t.Errorf("got notes %q, age %q of somebody who is not doubted", e.Notes, e.Who.Age)
		}
		for _, id := range []string{"doubtful-sue", "nobody"} {
			if e := a.Explain(r, signedIn(id), policy.Request{}); e.Who.Age != "" {
				t.Errorf("%s: got age %q", id, e.Who.Age)
			}
		}
	}
}

func TestWhoMayPassCanBeSaidOtherwise(t *testing.T) {
	r := route(t, "r", anyone)
	a := newAuthorizer(t, Options{
		Routes: []*config.Route{r}, Directory: people{"ann": person("ann", identity.StatusActive), "sue": person("sue", identity.StatusSuspended)},
		MayPass: func(s identity.Status) bool { return s == identity.StatusSuspended },
	})
	for id, want := range map[string]policy.Effect{"ann": policy.Deny, "sue": policy.Allow} {
		if d, _ := a.Check(r, signedIn(id), policy.Request{}); d.Effect != want {
			t.Errorf("%s: got %s", id, d.Effect)
		}
	}
}

func TestSessionOfNobodyIsNobodys(t *testing.T) {
	r := route(t, "r", anyone)
	d, _ := newAuthorizer(t, Options{Routes: []*config.Route{r}}).Check(r, signedIn(""), policy.Request{})
	if d.Effect != policy.Deny || !d.Anonymous || !d.DenyReasons.Has(policy.ReasonUserUnknown) {
		t.Errorf("got %+v", d)
	}
}

func TestPoliciesSeeTheTime(t *testing.T) {
	r := route(t, "r", "allow: {or: [date: {after: 2026-01-01T00:00:00Z, before: 2026-02-01T00:00:00Z}]}")
	now := time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC)
	a := newAuthorizer(t, Options{Routes: []*config.Route{r}, Now: func() time.Time { return now }})
	for _, want := range []policy.Effect{policy.Allow, policy.Deny} {
		d, _ := a.Check(r, nil, policy.Request{})
		if e := a.Explain(r, nil, policy.Request{}); d.Effect != want || e.Decision != want.String() || e.Rules[0].Holds != (want == policy.Allow) {
			t.Errorf("%s: got %s, told %+v", now, d.Effect, e)
		}
		now = now.AddDate(0, 1, 0)
	}
}

func TestNewWantsADirectoryForWhatOnlyItKnows(t *testing.T) {
	for _, criterion := range []string{"groups: x", "app: x", "profile/x: y", "user_status: ACTIVE"} {
		r := route(t, "r", "{allow: {or: [accept: true]}, deny: {or: ["+criterion+"]}}")
		if a, err := New(Options{Routes: []*config.Route{r}}); a != nil || err == nil || !strings.Contains(err.Error(), "no directory is configured") {
			t.Errorf("%s: got %v, %v", criterion, a, err)
		}
		newAuthorizer(t, Options{Routes: []*config.Route{r}, Directory: people{}})
	}
}

func TestCertificateAndShadowAreWritten(t *testing.T) {
	var log bytes.Buffer
	r := route(t, "r", "[{allow: {or: [accept: true]}}, {deny: {mode: shadow, or: [http_method: GET]}}]")
	a := newAuthorizer(t, Options{Routes: []*config.Route{r}, Fields: []string{"method"}, Logger: slog.New(slog.NewJSONHandler(&log, nil))})
	for _, req := range []policy.Request{
		{Method: "GET", ClientCertificateFingerprint: "ab12", ClientCertificateError: errors.New("it expired")},
		{Method: "POST"},
	} {
		a.Decide(r, nil, req)
	}
	for i, want := range []map[string]any{
		{"shadow": "shadow-deny", "shadow-rule": "config.yaml:1:34", "client-certificate": "ab12", "client-certificate-problem": "it expired"},
		{"shadow": "shadow-allow", "shadow-rule": "config.yaml:1:3"},
	} {
		var line map[string]any
		if err := json.Unmarshal(bytes.Split(log.Bytes(), []byte("\n"))[i], &line); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"shadow", "shadow-rule", "client-certificate", "client-certificate-problem"} {
			if line[key] != want[key] {
				t.Errorf("line %d: %s is %v, want %v", i, key, line[key], want[key])
			}
		}
	}
}

func TestShadowOfNothingNamesNoRule(t *testing.T) {
	var log bytes.Buffer
	r := route(t, "r", "allow: {mode: shadow, or: [http_method: GET]}")
	a := newAuthorizer(t, Options{Routes: []*config.Route{r}, Logger: slog.New(slog.NewJSONHandler(&log, nil))})
	d, _ := a.Decide(r, nil, policy.Request{Method: "POST"})
	if d.Effect != policy.Deny || !strings.Contains(log.String(), `"shadow":"shadow-deny"`) || strings.Contains(log.String(), "shadow-rule") {
		t.Errorf("got %+v, %s", d, log.String())
	}
	if e := a.Explain(r, nil, policy.Request{Method: "POST"}); e.Shadow == nil || *e.Shadow != (ToldShadow{Decision: "shadow-deny"}) {
		t.Errorf("told %+v", e.Shadow)
	}
}
