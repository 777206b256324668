package config

import (
	"slices"
	"strings"
	"time"

	"sallyport/identity"
)

var directoryTable = newTable("directory", nil, []key[Directory]{
	works("max_staleness", positiveKind, func(d *Directory) *time.Duration { return &d.MaxStaleness },
		"The age at which facts of the directory no longer count and rules on them deny.").def("1h"),
	works("rate_limit_share", shareKind, func(d *Directory) *float64 { return &d.RateLimitShare },
		"How much of what Okta's rate limits allow us goes to following the directory, more than 0 and at most 1; the rest is left to sign-ins and to whoever else uses the same credentials. The bound of `idp_qps` holds too.").def("0.8"),
	custom("pass_statuses", "list of LOCKED_OUT, PASSWORD_EXPIRED, RECOVERY", readPassStatuses,
		"Which people may pass policies beside those who are ACTIVE: with these statuses somebody who is signed in already may go on, though Okta lets them begin no new session. An empty list shuts them all out; note that anybody can lock an account by guessing its password. SUSPENDED, DEPROVISIONED, STAGED and PROVISIONED never pass.").
		unset("all three"),
})

var shareKind = kind[float64]{"number", func(v value) (float64, bool) {
	share, ok := v.number()
	if ok && (share <= 0 || share > 1) {
		v.expected("a number more than 0 and at most 1", "0.8 leaves a fifth of the limit alone")
		return 0, false
	}
	return share, ok
}}

// passable are the statuses of which a configuration may say that they pass.
var passable = []identity.Status{identity.StatusLockedOut, identity.StatusPasswordExpired, identity.StatusRecovery}

func readPassStatuses(d *Directory, v value) {
	items, ok := v.list()
	if !ok {
		return
	}
	d.PassStatuses = []identity.Status{}
	for _, item := range items {
		s, ok := item.word()
		if !ok {
			continue
		}
		status := identity.Status(strings.ToUpper(s))
		switch {
		case status == identity.StatusActive: // passes anyway
		case slices.Contains(passable, status):
			d.PassStatuses = append(d.PassStatuses, status)
		case slices.Contains([]identity.Status{identity.StatusSuspended, identity.StatusDeprovisioned, identity.StatusStaged, identity.StatusProvisioned}, status):
			item.fail("leave it out", "people who are %s never pass", status)
		default:
			item.expected("one of LOCKED_OUT, PASSWORD_EXPIRED, RECOVERY", "")
		}
	}
}

// MayPass reports whether people of a status may pass any policy.
func (d Directory) MayPass(s identity.Status) bool {
	if d.PassStatuses == nil || s == identity.StatusActive {
		return s.MayPass()
	}
	return slices.Contains(d.PassStatuses, s)
}
