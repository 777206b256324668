package policy

import (
	"testing"

	"sallyport/identity"
)

// Nobody gets past a rule because what it asks about is missing or can be read in
// two ways: not by "deny what is not X", nor by "allow unless it is not X".
func TestWhatIsNotKnownNeverLeadsPastARule(t *testing.T) {
	const unclear = `"mallory"@example.com`
	for _, tt := range []struct {
		criterion, mail string
		holds           bool // where it counts against the person
	}{
		{"email: {not: boss@example.com}", "", true},
		{"email: {not_in: [a@example.com, b@example.com]}", "", true},
		{"email: {contains: ''}", "", true},
		{"email: ''", "", true},
		{"email: {in: ['', x]}", "", true},
		{"email: mallory@example.com", "", false},
		{"email: {not: a, ends_with: .com}", "", false},
		{"domain: {not: example.com}", "", false}, // Pomerium's meaning: no @, no domain
		{"domain: {not: example.com}", "noat", false},
		{"email: {not: boss@example.com}", unclear, true},
		{"email: mallory@example.com", unclear, true},
		{"email: {in: [mallory@example.com]}", unclear, true},
		{"domain: example.com", unclear, true},
		{"domain: {not: example.com}", unclear, true},
		{"email: bob@example.com", "alice@example.com", false},
		{"email: {not: bob@example.com}", "alice@example.com", true},
		{"domain: {not_in: [example.com]}", "alice@example.com", false},
	} {
		in := withMail(tt.mail)
		in.Person, in.Subject.Email = identity.NewPerson(*in.Person), tt.mail
		for policy, denied := range map[string]bool{
			"[{allow: {or: [accept: true]}}, {deny: {or: [{" + tt.criterion + "}]}}]":  tt.holds,
			"[{allow: {or: [accept: true]}}, {deny: {and: [{" + tt.criterion + "}]}}]": tt.holds,
			"allow: {not: [{" + tt.criterion + "}]}":                                   tt.holds,
			"allow: {nor: [{" + tt.criterion + "}]}":                                   tt.holds,
		} {
			program := compiled(t, policy)
			if got := program.Eval(in).Effect; (got == Deny) != denied {
				t.Errorf("%s for %q: got %s, want denied %v", policy, tt.mail, got, denied)
			}
			if got := program.Trace(in).Decision.Effect; (got == Deny) != denied {
				t.Errorf("trace of %s for %q: got %s, want denied %v", policy, tt.mail, got, denied)
			}
			crowd := NewCrowd(program.policy)
			crowd.Add(in.Person)
			if passes := crowd.Reach(program.policy).Of(0) != nil; passes == denied {
				t.Errorf("review of %s for %q: passes %v, want denied %v", policy, tt.mail, passes, denied)
			}
		}
	}
}

// An address that the provider does not vouch for lets nobody in, and keeps out
// whom a rule keeps out that is about it.
func TestAnUnvouchedMailLeadsPastNoRule(t *testing.T) {
	for _, tt := range []struct {
		criterion, mail string
		holds           bool // where it counts against the person
	}{
		{"email: mallory@example.com", "mallory@example.com", true},
		{"email: mallory@example.com", "Mallory@Example.com", true},
		{"email: mallory@example.com", "alice@example.com", false},
		{"email: mallory@example.com", `"mallory"@example.com`, true},
		{"email: {ends_with: '@example.com'}", "mallory@example.com", true},
		{"email: {not: boss@example.com}", "boss@example.com", true},
		{"domain: example.com", "mallory@example.com", true},
		{"domain: example.com", "mallory@example.org", false},
		{"domain: {not: example.com}", "mallory@example.com", true},
		{"domain: {not_in: [example.com]}", "mallory@example.org", true},
	} {
		in := alice()
		in.Person, in.Subject.Email, in.Subject.UnverifiedEmail = nil, "", tt.mail
		for policy, denied := range map[string]bool{
			"[{allow: {or: [accept: true]}}, {deny: {or: [{" + tt.criterion + "}]}}]": tt.holds,
			"allow: {not: [{" + tt.criterion + "}]}":                                  tt.holds,
			"allow: {or: [{" + tt.criterion + "}]}":                                   true,
		} {
			if got := compiled(t, policy).Eval(in).Effect; (got == Deny) != denied {
				t.Errorf("%s for %q: got %s, want denied %v", policy, tt.mail, got, denied)
			}
		}
		in.Person = identity.NewPerson(identity.Person{ID: in.Subject.ID, Status: identity.StatusActive})
		in.Subject.Email, in.Subject.UnverifiedEmail = tt.mail, ""
		if got := compiled(t, "[{allow: {or: [accept: true]}}, {deny: {or: [{"+tt.criterion+"}]}}]").Eval(in).Effect; (got == Deny) != tt.holds {
			t.Errorf("%s for %q of the token, none in the directory: got %s, want denied %v", tt.criterion, tt.mail, got, tt.holds)
		}
		in.Person = identity.NewPerson(identity.Person{ID: in.Subject.ID, Email: "alice@example.com", Status: identity.StatusActive})
		if got := compiled(t, "[{allow: {or: [accept: true]}}, {deny: {or: [email: {in: [mallory@example.com, boss@example.com]}]}}]").Eval(in).Effect; got != Allow {
			t.Errorf("%q of the token counts beside the directory's: %s", tt.mail, got)
		}
	}
}

func TestAMissingHeaderLeadsPastNoRule(t *testing.T) {
	public := "{allow: {or: [accept: true]}}, "
	for _, tt := range []struct {
		policy        string
		without, with Effect // the header X-Team: dev
	}{
		{"[" + public + "{deny: {or: [http_header/X-Team: {not: dev}]}}]", Deny, Allow},
		{"[" + public + "{deny: {or: [http_header/X-Team: {not_in: [dev]}]}}]", Deny, Allow},
		{"[" + public + "{deny: {or: [http_header/X-Team: dev]}}]", Allow, Deny},
		{"[" + public + "{deny: {not: [http_header/X-Team: dev]}}]", Deny, Allow},
		{"[" + public + "{deny: {not: [http_header/X-Team: {not: x}]}}]", Deny, Allow},
		{"allow: {not: [http_header/X-Team: {not: dev}]}", Deny, Allow},
		{"allow: {or: [http_header/X-Team: {not: x}]}", Deny, Allow},
	} {
		for in, want := range map[*Input]Effect{stranger(): tt.without, withHeader(stranger(), "X-Team", "dev"): tt.with} {
			if got := compiled(t, tt.policy).Eval(in).Effect; got != want {
				t.Errorf("%s with %v: got %s, want %s", tt.policy, in.Request.Header, got, want)
			}
		}
	}
}
