package config

import (
	"strings"
	"testing"

	"sallyport/policy"
)

func TestSubPoliciesAdviseThoseTheyKeepOut(t *testing.T) {
	cfg := load(t, `routes:
  - from: https://wiki.example.com
    to: http://wiki.internal
    policy: {allow: {or: [user: a]}}
    sub_policies:
      - {allowed_users: [b], explanation: "Only b. ", remediation: Ask b.}
`+baseText())
	var got []policy.Advice
	for _, r := range cfg.Routes[0].Policy.Rules() {
		got = append(got, r.Advice)
	}
	if len(got) != 2 || got[0] != (policy.Advice{}) || got[1] != (policy.Advice{Explanation: "Only b.", Remediation: "Ask b."}) {
		t.Errorf("got %+v", got)
	}
}

func TestSubPoliciesAdviseBriefly(t *testing.T) {
	for length, good := range map[int]bool{maxSentence: true, maxSentence + 1: false} {
		_, problems := tryLoad("routes:\n  - from: https://wiki.example.com\n    to: http://wiki.internal\n    sub_policies: [{allowed_users: [b], remediation: " +
			strings.Repeat("x", length) + "}]\n" + baseText())
		if got := len(problems) == 0; got != good {
			t.Errorf("%d bytes: %v", length, problems)
		}
	}
}
