package okta

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// State says how a finding is.
type State string

// States of findings. Unknown is what cannot be told from here.
const (
	OK      State = "ok"
	Warning State = "warning"
	Problem State = "problem"
	Unknown State = "unknown"
)

// Finding is one thing that was tried.
type Finding struct {
	Area   string `json:"area"` // "organisation", "credentials", "directory", "sign-in"; "policies" of who knows them
	What   string `json:"what"`
	State  State  `json:"state"`
	Detail string `json:"detail"`
	Step   string `json:"step,omitempty"` // what mends it
}

// Mode is how people's groups are known with these credentials.
type Mode string

// Modes, from the best.
const (
	// Following: everybody is listed, changes arrive through the System Log.
	Following Mode = "following"
	// Listing: everybody is listed, changes arrive through repeated listings.
	Listing Mode = "listing"
	// PerPerson: each person is read when they sign in and while they have a
	// session.
	PerPerson Mode = "per-person"
	// None: not even single people can be read.
	None Mode = "none"
)

// Limit is a rate limit as Okta showed it to us.
type Limit struct {
	Bucket string `json:"bucket"`
	Limit  int    `json:"limit_per_minute"`
	Ours   int    `json:"used_for_following_per_minute"` // the rest is left to sign-ins
}

// Report is what a Probe found.
type Report struct {
	Organisation string    `json:"organisation"` // URL as Okta says it
	ID           string    `json:"organisation_id,omitempty"`
	Mode         Mode      `json:"mode"`
	Delay        string    `json:"changes_seen_within,omitempty"`
	Scopes       []string  `json:"scopes,omitempty"`
	Limits       []Limit   `json:"limits,omitempty"`
	Findings     []Finding `json:"findings"`
}

// OK reports whether nothing is a problem.
func (r *Report) OK() bool {
	return !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.State == Problem })
}

func (r *Report) add(area, what string, state State, step, detail string, args ...any) {
	r.Findings = append(r.Findings, Finding{Area: area, What: what, State: state, Detail: fmt.Sprintf(detail, args...), Step: step})
}

// fail adds an error, whose advice is the step.
func (r *Report) fail(area, what string, state State, err error) {
	step, detail := "", err.Error()
	var e *Error
	if errors.As(err, &e) {
		step, detail = e.Advice(), e.Facts()
	}
	r.add(area, what, state, step, "%s", detail)
}

// Probe tries what works with the directory's credentials: a few small requests,
// none of which changes anything.
func (d *Directory) Probe(ctx context.Context) *Report {
	r := &Report{Organisation: d.transport.org.String(), Mode: None}
	if !d.probeOrganisation(ctx, r) || !d.probeToken(ctx, r) {
		return r
	}
	d.probeReading(ctx, r)
	return r
}

// probeToken gets an access token, where it takes one.
func (d *Directory) probeToken(ctx context.Context, r *Report) bool {
	s, app := d.transport.credential.(*tokens)
	if !app {
		r.add("credentials", "kind", OK, "", "API token; an API Services app would not depend on a person's account (sallyport okta keygen)")
		return true
	}
	t, failed := s.get(ctx)
	if failed != nil {
		r.fail("credentials", "access token", Problem, failed)
		return false
	}
	r.Scopes = t.scopes
	proof := ""
	if t.scheme == schemeDPoP {
		proof = ", with proofs of possession (DPoP)"
	}
	r.add("credentials", "access token", OK, "", "app %s gets tokens for %s%s", s.account.ClientID, t.expires.Sub(t.fetched).Round(time.Minute), proof)
	if len(s.account.Keys) > 1 {
		s.mu.Lock()
		used := s.keyUsed
		s.mu.Unlock()
		state, step := OK, ""
		if used > 0 {
			state, step = Warning, keyStep
		}
		r.add("credentials", "key", state, step, "key %d of %d is in use (id %q)", used+1, len(s.account.Keys), s.account.Keys[used].ID)
	}
	if skew := s.clock(); skew.Abs() > 30*time.Second {
		r.add("credentials", "clock", Warning, "set this host's clock by NTP", "it differs from Okta's by %s", skew.Round(time.Second))
	}
	return true
}
