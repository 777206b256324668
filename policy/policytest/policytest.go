// Package policytest is the format of policy tests: what they ask, what they
// expect, and how the outcome is reported (text, JSON, JUnit). Who decides is
// the caller's to say; a test that is not understood is a problem with a place,
// never a test that passes.
//
//	facts: {...}                  # inline, or facts_file: path
//	config: ../config.yaml        # whose routes are asked; or policy: one document, for the file or a single test
//	tests:
//	  - name: engineers reach the wiki
//	    as: alice@example.com     # or session: s1, or anonymous: true
//	    request: {method: GET, url: "https://wiki.example.com/x"}
//	    want: allow               # allow, deny, unauthenticated or step-up
//	    reasons: [groups-ok]      # optional, all of them must be among the reasons
package policytest

import (
	"crypto/x509"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"sallyport/policy"
	"sallyport/policy/facts"
)

// File is one file of tests.
type File struct {
	Name  string
	Facts *facts.Facts
	// Config is the path of the configuration whose routes are asked, relative to
	// the file; "" where every test has a policy.
	Config         string
	ConfigPosition policy.Position
	Tests          []Test
}

// Test is one expectation.
type Test struct {
	Name     string
	Position policy.Position
	// Policy is asked in place of the configuration's routes; nil: the routes.
	Policy  *policy.Policy
	As      string // e-mail
	Session string
	Request Request
	// At is when the request is made; zero: now.
	At      time.Time
	Want    string
	Reasons []string
}

// Request is what is asked for.
type Request struct {
	Method string
	URL    *url.URL
	IP     netip.Addr
	Header http.Header
	// ClientCertificates are what the client shows, its own first.
	ClientCertificates []*x509.Certificate
	// CertificateProblem is why the certificate is not trusted, "" if it is.
	CertificateProblem string
}

// What a test may want. Where it wants a sign-in, being asked to sign in again is
// as good: both send a browser there.
const (
	WantAllow           = "allow"
	WantDeny            = "deny"
	WantUnauthenticated = "unauthenticated"
	WantStepUp          = "step-up"
)

var wants = []string{WantAllow, WantDeny, WantUnauthenticated, WantStepUp}

// Result is what became of a test.
type Result struct {
	Test Test
	// Got is what was decided, "error" where nothing could be.
	Got     string
	Reasons []string
	// Error is why nothing could be decided.
	Error string
	// Explanation is for people, of a test that failed.
	Explanation string
}

// Judge makes the result of a test from its decision.
func Judge(t Test, d policy.Decision) Result {
	r := Result{Test: t, Got: d.Effect.String(), Reasons: (d.AllowReasons | d.DenyReasons).Names()}
	if r.Got == WantStepUp && t.Want == WantUnauthenticated {
		r.Got = WantUnauthenticated
	}
	return r
}

// Passed reports whether the test got what it wants, for the reasons it names.
func (r Result) Passed() bool {
	return r.Error == "" && r.Got == r.Test.Want && len(r.Missing()) == 0
}

// Missing are the reasons that were expected and not given.
func (r Result) Missing() []string {
	var out []string
	for _, want := range r.Test.Reasons {
		if !slices.Contains(r.Reasons, want) {
			out = append(out, want)
		}
	}
	return out
}
