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

// What a second document says would be dropped without a word.
func TestATextHoldsOnePolicy(t *testing.T) {
	for text, want := range map[string]string{
		`"allow: {or: [user: a]}\n---\ndeny: {or: [accept: true]}\n"`: "got several YAML documents",
		`"allow: {or: [user: a]}\n---\n{"`:                            "line 3 of the text: ",
		`"allow:\n  or:\n  - user: [a\n"`:                             "expected a policy as YAML or JSON: line ",
		`"` + strings.Repeat("[", 10000) + `"`:                        "exceeded max depth",
		`"allow: {or: [usr: a]}"`:                                     `unknown criterion "usr"`,
		`"allow: {or: [user: a]}\n"`:                                  "",
		`'[{"allow": {"or": [{"user": "a"}]}}]'`:                      "",
		`{allow: {or: [user: a]}}`:                                    "",
		`""`:                                                          "",
		`"# nothing\n"`:                                               "",
	} {
		cfg, problems := tryLoad("routes:\n  - from: https://wiki.example.com\n    to: http://wiki.internal\n    sub_policies: [{source_ppl: " + text + "}]\n" + baseText())
		switch {
		case want == "" && len(problems) > 0:
			t.Errorf("%s: got %v", text, problems)
		case want == "":
			if rules := len(cfg.Routes[0].Policy.Rules()); (rules == 0) != !strings.Contains(text, "user") {
				t.Errorf("%s: got %d rules", text, rules)
			}
		case len(problems) != 1 || !strings.Contains(problems[0].Message, want):
			t.Errorf("%.60s: got %v, want %q", text, problems, want)
		}
	}
}

// A claim that is a number is not the text of it.
func TestAllowedClaimsKeepTheirType(t *testing.T) {
	for claims, want := range map[string]string{
		"{n: 5}":                           `allow claim/n has 5`,
		"{n: '5'}":                         `allow claim/n has "5"`,
		"{n: 1.5}":                         `allow claim/n has 1.5`,
		"{n: 0x1f}":                        `allow claim/n has 31`,
		"{n: [0o17, 1_000]}":               `allow claim/n has 15 or claim/n has 1000`,
		"{n: 9007199254740993}":            `!expected text, a number or true or false for claim "n", got 9.007199254740992e+15`,
		"{n: true}":                        `allow claim/n has true`,
		"{n: a}":                           `allow claim/n has "a"`,
		"{n: 'a, b'}":                      `allow claim/n has "a" or claim/n has "b"`,
		"{n: ['a, b', 5, true]}":           `allow claim/n has "a, b" or claim/n has 5 or claim/n has true`,
		"{'https://example.com/app': [a]}": `allow claim/https://example.com/app has "a"`,
		"{n: [[a]]}":                       "!allowed_idp_claims.n: expected text, a number or true or false, got a list",
		"{n: [null]}":                      "!allowed_idp_claims.n: expected text, a number or true or false, got nothing",
		"{n: {a: [b]}}":                    "!allowed_idp_claims.n: expected a list, got a mapping",
		"{'': [a]}":                        "!allowed_idp_claims: expected the name of a claim, got nothing",
	} {
		cfg, problems := tryLoad("routes:\n  - from: https://wiki.example.com\n    to: http://wiki.internal\n    allowed_idp_claims: " + claims + "\n" + baseText())
		var got string
		if len(problems) > 0 {
			got = "!" + problems[0].Message
		} else {
			got = cfg.Routes[0].Policy.String()
		}
		if got != want || len(problems) > 1 {
			t.Errorf("%s: got %s, want %s (%v)", claims, got, want, problems)
		}
	}
}

func TestSubPoliciesWithoutProgramsAndClaimsByAnotherName(t *testing.T) {
	cfg, problems := tryLoad(`routes:
  - from: https://wiki.example.com
    to: http://wiki.internal
    allowed_idp_claims: {claim/groups: [a], claims: [b]}
    sub_policies: [{rego: [""], allowed_users: [b]}, {rego: [], allowed_users: [c]}, {rego: "", allowed_users: [d]}]
` + baseText())
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var told []string
	for _, w := range cfg.Warnings {
		if w.Code == policy.LintNeverHolds {
			told = append(told, w.Error()+" ("+w.Hint+")")
		}
	}
	want := `config.yaml:4:26: claims are named without claim/ here, and hardly any is called "claim/groups" (write groups)`
	if len(told) != 1 || told[0] != want {
		t.Errorf("told was %q, want %q", told, want)
	}
	if _, problems := tryLoad("routes:\n  - from: https://wiki.example.com\n    to: http://wiki.internal\n    sub_policies: [{rego: ['', 'allow := true']}]\n" + baseText()); len(problems) != 1 {
		t.Errorf("a program beside empty text: %v", problems)
	}
}
