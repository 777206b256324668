package config

import (
	"slices"
	"testing"

	"sallyport/identity"
)

func TestStatusesThatMayPass(t *testing.T) {
	never := []identity.Status{identity.StatusSuspended, identity.StatusDeprovisioned, identity.StatusStaged, identity.StatusProvisioned, "NEW", ""}
	choice := []identity.Status{identity.StatusLockedOut, identity.StatusPasswordExpired, identity.StatusRecovery}
	for text, pass := range map[string][]identity.Status{
		"routes: []\n":                                     choice,
		"directory: {pass_statuses: []}\n":                 nil,
		"directory: {pass_statuses: [locked_out]}\n":       {identity.StatusLockedOut},
		"directory: {pass_statuses: [ACTIVE, RECOVERY]}\n": {identity.StatusRecovery},
		"directory: {pass_statuses: [PASSWORD_EXPIRED]}\n": {identity.StatusPasswordExpired},
	} {
		d := load(t, text).Directory
		for _, s := range never {
			if d.MayPass(s) {
				t.Errorf("%q: %q passes", text, s)
			}
		}
		if !d.MayPass(identity.StatusActive) {
			t.Errorf("%q: active people do not pass", text)
		}
		for _, s := range choice {
			if got := d.MayPass(s); got != slices.Contains(pass, s) {
				t.Errorf("%q: %s passes: %v", text, s, got)
			}
		}
	}
}

func TestShareOfTheRateLimit(t *testing.T) {
	if got := load(t, "routes: []\n").Directory.RateLimitShare; got != 0.8 {
		t.Errorf("by default %v", got)
	}
	if got := load(t, "directory: {rate_limit_share: 0.25}\n").Directory.RateLimitShare; got != 0.25 {
		t.Errorf("got %v", got)
	}
}

func TestGroupsFilterOfARouteAddsToTheGlobalOne(t *testing.T) {
	const text = `
jwt_groups_filter: [everywhere]
routes:
  - {from: "https://a.example.com", to: "http://127.0.0.1:1", jwt_groups_filter: [00g1, admins], policy: [{allow: {or: [{accept: true}]}}]}
  - {from: "https://b.example.com", to: "http://127.0.0.1:1", policy: [{allow: {or: [{accept: true}]}}]}
`
	cfg := load(t, text)
	if got := cfg.Routes[0].GroupsFilter; !slices.Equal(got, []string{"everywhere", "00g1", "admins"}) {
		t.Errorf("first route %v", got)
	}
	if got := cfg.Routes[1].GroupsFilter; !slices.Equal(got, []string{"everywhere"}) {
		t.Errorf("second route %v", got)
	}
	if got := loadRoute(t, "policy: [{allow: {or: [{accept: true}]}}]").GroupsFilter; got != nil {
		t.Errorf("without a filter %v", got)
	}
}
