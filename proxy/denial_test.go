package proxy

import (
	"testing"

	"go.yaml.in/yaml/v4"

	"sallyport/config"
	"sallyport/internal/weberr"
	"sallyport/policy"
)

// What the authors of a policy say to those it keeps out stands in place of our
// own words, and only where the route tells details.
func TestADenialSaysWhatThePolicySays(t *testing.T) {
	parse := func(text string, a policy.Advice) *policy.Policy {
		var n yaml.Node
		if err := yaml.Unmarshal([]byte(text), &n); err != nil {
			t.Fatal(err)
		}
		p, problems := policy.Parse(&n, "config.yaml")
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		return p.Advise(a)
	}
	r := &config.Route{ShowErrorDetails: true, Policy: policy.Join(
		parse("allow: {or: [groups: admins]}", policy.Advice{Explanation: "Only admins.", Remediation: "Ask IT."}),
		parse("allow: {or: [groups: boss]}", policy.Advice{Explanation: "Or bosses.", Remediation: "Ask IT."}),
	)}
	plain := weberr.Denied("app.test", "")
	for name, tt := range map[string]struct {
		tells         bool
		d             policy.Decision
		message, next string
	}{
		"nothing allows":     {true, policy.Decision{}, "Only admins. Or bosses.", "Ask IT."},
		"details are hidden": {false, policy.Decision{}, plain.Message, plain.Next},
		"no rule denied":     {true, policy.Decision{DenyHolds: true, Anonymous: true}, plain.Message, plain.Next},
	} {
		r.ShowErrorDetails = tt.tells
		if e := denial("app.test", r, nil, nil, tt.d); e.Message != tt.message || e.Next != tt.next {
			t.Errorf("%s: got %q, %q", name, e.Message, e.Next)
		}
	}
}

// A denial for want of a certificate is told as one wherever the policy asks for
// it, and no other denial is.
func TestADenialForWantOfACertificateSaysSo(t *testing.T) {
	for text, want := range map[string]int{
		"[{allow: {or: [accept: true]}}, {deny: {or: [invalid_client_certificate: true]}}]":                   495,
		"allow: {not: [invalid_client_certificate: true]}":                                                    495,
		"allow: {not: [invalid_client_certificate: true, http_method: POST]}":                                 495,
		"[{allow: {not: [invalid_client_certificate: true]}}, {deny: {or: [http_method: GET]}}]":              403,
		"[{allow: {or: [invalid_client_certificate: true]}}, {deny: {or: [http_method: GET]}}]":               403,
		"allow: {and: [invalid_client_certificate: true, http_method: POST]}":                                 403,
		"allow: {or: [http_method: POST]}":                                                                    403,
		"[{allow: {or: [accept: true]}}, {deny: {or: [invalid_client_certificate: true, http_method: GET]}}]": 495,
	} {
		var n yaml.Node
		if err := yaml.Unmarshal([]byte(text), &n); err != nil {
			t.Fatal(err)
		}
		p, problems := policy.Parse(&n, "config.yaml")
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		program, err := policy.Compile(p)
		if err != nil {
			t.Fatal(err)
		}
		d := program.Eval(&policy.Input{Request: policy.Request{Method: "GET", Path: "/"}})
		if e := denial("app.test", &config.Route{Policy: p}, nil, nil, d); d.Effect != policy.Deny || e.Status != want {
			t.Errorf("%s: %s with %d, want %d", text, d.Effect, e.Status, want)
		}
	}
}
