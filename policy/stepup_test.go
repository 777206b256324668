package policy

import (
	"testing"
	"time"

	"sallyport/identity"
)

func TestWhatASignInMustBring(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	aged := SignIn{Aged: true, MaxAge: time.Minute}
	all := SignIn{Aged: true, MaxAge: time.Minute, Context: "urn:a", Method: "mfa"}
	for name, tt := range map[string]struct {
		asked   SignIn
		at      time.Time
		methods []string
		context string
		want    bool
	}{
		"nothing asked":              {SignIn{}, time.Time{}, nil, "", true},
		"nothing asked of the age":   {SignIn{MaxAge: time.Minute}, now.Add(-time.Hour), nil, "", true},
		"new enough":                 {aged, now, nil, "", true},
		"as old as the leeway lets":  {aged, now.Add(-2 * time.Minute), nil, "", true},
		"older":                      {aged, now.Add(-2*time.Minute - time.Nanosecond), nil, "", false},
		"of an age that is not said": {aged, time.Time{}, nil, "", false},
		"a context nobody asked for": {SignIn{}, now, nil, "urn:b", true},
		"the context":                {SignIn{Context: "urn:a"}, now, nil, "urn:a", true},
		"another context":            {SignIn{Context: "urn:a"}, now, nil, "urn:b", false},
		"no context":                 {SignIn{Context: "urn:a"}, now, nil, "", false},
		"the method":                 {SignIn{Method: "mfa"}, now, []string{"pwd", "mfa"}, "", true},
		"another method":             {SignIn{Method: "mfa"}, now, []string{"pwd"}, "", false},
		"no method":                  {SignIn{Method: "mfa"}, now, nil, "", false},
		"all of it":                  {all, now, []string{"mfa"}, "urn:a", true},
		"all but the age":            {all, now.Add(-time.Hour), []string{"mfa"}, "urn:a", false},
		"all but the context":        {all, now, []string{"mfa"}, "urn:b", false},
		"all but the method":         {all, now, []string{"pwd"}, "urn:a", false},
	} {
		if got := tt.asked.Met(tt.at, now, tt.methods, tt.context); got != tt.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
	// A directory of the far past: the zero time is no time, however old that is.
	if (SignIn{Aged: true, MaxAge: 24 * time.Hour}).Met(time.Time{}, time.Time{}.Add(time.Hour), nil, "") {
		t.Error("a sign-in of which nobody says when it was is taken for a new one")
	}
}

func TestBothSignInsTogether(t *testing.T) {
	hour, minute := SignIn{Aged: true, MaxAge: time.Hour}, SignIn{Aged: true, MaxAge: time.Minute}
	for name, tt := range map[string]struct{ a, b, want SignIn }{
		"the shorter first":      {minute, hour, minute},
		"the shorter last":       {hour, minute, minute},
		"one has an age":         {SignIn{Method: "mfa"}, hour, SignIn{Aged: true, MaxAge: time.Hour, Method: "mfa"}},
		"an age that is not one": {hour, SignIn{MaxAge: time.Second, Context: "urn:a"}, SignIn{Aged: true, MaxAge: time.Hour, Context: "urn:a"}},
		"the first context":      {SignIn{Context: "urn:a"}, SignIn{Context: "urn:b"}, SignIn{Context: "urn:a"}},
		"the first method":       {SignIn{Method: "a"}, SignIn{Method: "b"}, SignIn{Method: "a"}},
		"the only method":        {SignIn{}, SignIn{Method: "b"}, SignIn{Method: "b"}},
	} {
		if got := tt.a.and(tt.b); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", name, got, tt.want)
		}
	}
}

// What a new sign-in must bring is told the same by both evaluators, and holds for
// the rules that count only.
func TestStepUpAsksForTheLeast(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	in := altered(func(in *Input) {
		in.Now, in.Subject.AuthenticatedAt, in.Subject.Methods = now, now.Add(-time.Hour), []string{"pwd"}
	})
	aged := func(m int) SignIn { return SignIn{Aged: true, MaxAge: time.Duration(m) * time.Minute} }
	for _, tt := range []struct {
		policy string
		effect Effect
		want   SignIn
		rule   int
	}{
		{"allow: {or: [auth_age: {max: 5m}, auth_method: mfa]}", StepUp, aged(5), 0},
		{"allow: {or: [groups: none, auth_age: {max: 5m}]}", StepUp, aged(5), 0},
		{"[{allow: {or: [auth_age: {max: 5m}]}}, {deny: {not: [auth_method: mfa, groups: wiki]}}]", StepUp, aged(5), 0},
		{"allow: {or: [auth_method: mfa, auth_age: {max: 5m}]}", StepUp, SignIn{Method: "mfa"}, 0},
		{"allow: {and: [auth_age: {max: 5m}, auth_method: mfa]}", StepUp, SignIn{Aged: true, MaxAge: 5 * time.Minute, Method: "mfa"}, 0},
		{"allow: {and: [auth_age: {max: 2h}, auth_method: mfa]}", StepUp, SignIn{Method: "mfa"}, 0},
		{"[{allow: {or: [auth_age: {max: 5m}]}}, {allow: {or: [auth_method: mfa]}}]", StepUp, aged(5), 0},
		{"[{allow: {and: [groups: none, auth_age: {max: 5m}]}}, {allow: {or: [auth_method: mfa]}}]", StepUp, SignIn{Method: "mfa"}, 1},
		{"[{allow: {mode: shadow, or: [auth_age: {max: 5m}]}}, {allow: {or: [auth_method: mfa]}}]", StepUp, SignIn{Method: "mfa"}, 1},
		{"[{allow: {or: [auth_age: {max: 5m}]}}, {deny: {mode: shadow, not: [auth_method: mfa]}}]", StepUp, aged(5), 0},
		{"[{allow: {or: [auth_age: {max: 5m}]}}, {deny: {not: [auth_method: mfa]}}]", StepUp, SignIn{Aged: true, MaxAge: 5 * time.Minute, Method: "mfa"}, 0},
		{"[{allow: {or: [auth_age: {max: 5m}]}}, {deny: {not: [auth_age: {max: 2h}]}}]", StepUp, aged(5), 0},
		{"[{allow: {or: [groups: wiki, auth_age: {max: 5m}]}}, {deny: {not: [auth_method: mfa]}}, {deny: {not: [auth_age: {max: 9m}]}}]", StepUp, SignIn{Aged: true, MaxAge: 9 * time.Minute, Method: "mfa"}, 0},
		{"[{allow: {or: [auth_age: {max: 5m}]}}, {deny: {or: [groups: wiki]}}]", Deny, SignIn{}, 1},
		{"[{allow: {or: [auth_age: {max: 5m}]}}, {deny: {or: [http_method: PUT]}}]", StepUp, aged(5), 0},
	} {
		program := compiled(t, tt.policy)
		d := program.Eval(in)
		if d.Effect != tt.effect || d.SignIn != tt.want || d.Rule != program.rules[tt.rule] {
			t.Errorf("%s: got %s, %+v by %+v", tt.policy, d.Effect, d.SignIn, d.Rule)
		}
		if traced := program.Trace(in).Decision; traced != d {
			t.Errorf("%s: traced as %+v, decided as %+v", tt.policy, traced, d)
		}
	}
}

// A policy that no parser made may ask for a sign-in without saying for which.
func TestStepUpOfNothingAsksForNothing(t *testing.T) {
	for name, c := range map[string]*criterion{
		"no operator": {kind: kinds["auth_method"]},
		"no operand":  {kind: kinds["auth_method"], matchers: []matcher{{op: "has"}}},
	} {
		if got := c.wants(); *got != (SignIn{}) {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func TestSignInsRestrict(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	with := func(s identity.Subject) *Input {
		return altered(func(in *Input) { in.Now, in.Subject = now, &s })
	}
	for _, tt := range []tested{
		{"auth_age: {max: 15m}", with(identity.Subject{AuthenticatedAt: now.Add(-15 * time.Minute)}), with(identity.Subject{AuthenticatedAt: now.Add(-15*time.Minute - 1)}), "auth-age-ok", "auth-age-unauthorized"},
		{"auth_age: {max: 15m}", with(identity.Subject{AuthenticatedAt: now}), with(identity.Subject{}), "auth-age-ok", "auth-age-unauthorized"},
		{"auth_method: {has: mfa}", with(identity.Subject{Methods: []string{"pwd", "mfa"}}), with(identity.Subject{Methods: []string{"pwd"}}), "auth-method-ok", "auth-method-unauthorized"},
		{"auth_context: urn:a", with(identity.Subject{Context: "urn:a"}), with(identity.Subject{Context: "urn:b"}), "auth-context-ok", "auth-context-unauthorized"},
		{"auth_context: {in: [urn:a, urn:b]}", with(identity.Subject{Context: "urn:b"}), with(identity.Subject{}), "auth-context-ok", "auth-context-unauthorized"},
	} {
		tt.check(t)
	}
	for _, tt := range []struct {
		criterion string
		subject   identity.Subject
		had       []string
	}{
		{"auth_age: {max: 15m}", identity.Subject{AuthenticatedAt: now.Add(-90*time.Second - time.Millisecond)}, []string{"1m30s"}},
		{"auth_age: {max: 15m}", identity.Subject{}, nil},
		{"auth_method: mfa", identity.Subject{Methods: []string{"pwd", "mfa"}}, []string{"pwd", "mfa"}},
		{"auth_context: urn:a", identity.Subject{Context: "urn:b"}, []string{"urn:b"}},
		{"auth_context: urn:a", identity.Subject{}, nil},
	} {
		checkHad(t, tt.criterion, with(tt.subject), tt.had)
	}
}
