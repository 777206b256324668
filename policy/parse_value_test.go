package policy

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

// told is every problem of a policy that may use "wiki" and read "list" and
// "empty".
func told(t *testing.T, text string) []string {
	t.Helper()
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(text), &node); err != nil {
		t.Fatal(err)
	}
	_, problems := ParseWith(&node, "p", ParseOptions{
		Named: map[string]*Policy{"wiki": {}},
		ReadFile: func(path string) ([]byte, error) {
			switch path {
			case "list":
				return []byte("a\n"), nil
			case "bom":
				return []byte("\ufeffzoe@example.com\r\n# left\r\n"), nil
			case "utf16":
				return []byte("\xff\xfez\x00o\x00e\x00"), nil
			case "latin":
				return []byte("zo\xeb@example.com\n"), nil
			case "empty":
				return []byte("# nothing\n\n"), nil
			}
			return nil, errors.New("no such file")
		},
	})
	var out []string
	for _, p := range problems {
		text := fmt.Sprintf("%d: %s", p.Position.Col, p.Message)
		if p.Hint != "" {
			text += " (" + p.Hint + ")"
		}
		out = append(out, text)
	}
	return out
}

func TestReferencesAndModesAreChecked(t *testing.T) {
	const day = `8: expected shadow or enforce for "mode", got %s (a rule in shadow is evaluated and recorded, and never decides)`
	for text, want := range map[string][]string{
		"mode: shadow":                          nil,
		"mode: enforce":                         nil,
		"mode:  shade":                          {fmt.Sprintf(day, `"shade"`)},
		"mode:  [shadow]":                       {fmt.Sprintf(day, "a list")},
		"mode:  [enforce]":                      {fmt.Sprintf(day, "a list")},
		"use:   wiki":                           nil,
		"use:   wikki":                          {`8: there is no policy "wikki" (did you mean "wiki"?)`},
		"wiki":                                  {`1: expected allow and deny rules or a list of them, got "wiki" (write use: wiki)`},
		"[wiki]":                                {`2: expected allow or deny, got "wiki" (write use: wiki)`},
		"use:   zzzzzzz":                        {`8: there is no policy "zzzzzzz" (policies are named at the top of the configuration, under policies:)`},
		"use:   [wiki]":                         {"8: expected the name of a policy, got a list (write use: NAME, and the policy under policies:)"},
		"use:   1":                              {"8: expected the name of a policy, got the number 1 (write use: NAME, and the policy under policies:)"},
		"allow: {use: wiki}":                    {`9: a policy is used as a whole, not under "allow" (write it beside allow and deny)`},
		"allow: {or: [email: {in_file: list}]}": nil,
		"allow: {or: [email: {in_file: ''}]}":   {`31: expected the path of a file for "in_file" of "email", got "" (write in_file: /etc/sallyport/list.txt)`},
		"allow: {or: [email: {in_file: 1}]}":    {`31: expected the path of a file for "in_file" of "email", got the number 1 (write in_file: /etc/sallyport/list.txt)`},
		"allow: {or: [email: {in_file: [list]}]}":      {`31: expected the path of a file for "in_file" of "email", got a list (write in_file: /etc/sallyport/list.txt)`},
		"allow: {or: [email: {in_file: empty}]}":       {`31: "in_file" of "email": the file "empty" holds no values (one value a line)`},
		"allow: {or: [email: {in_file: bom}]}":         nil,
		"allow: {or: [email: {in_file: utf16}]}":       {`31: "in_file" of "email": the file "utf16" is not UTF-8 (save the file as UTF-8)`},
		"allow: {or: [email: {in_file: latin}]}":       {`31: "in_file" of "email": the file "latin" is not UTF-8 (save the file as UTF-8)`},
		"allow: {or: [email: {in_file: none}]}":        {`31: "in_file" of "email": no such file (paths are relative to the working directory)`},
		"allow: {or: [groups: {in_file: list}]}":       {`23: unknown operator "in_file" for "groups", expected one of exclude, has, is`},
		"allow: {or: [email: {has_file: list}]}":       {`22: unknown operator "has_file" for "email", expected one of contains, ends_with, in, is, not, not_in, starts_with (did you mean "is"?)`},
		"allow: {or: [client_certificate: {like: x}]}": {`35: unknown operator "like" for "client_certificate", expected one of fingerprint, spki_hash, san_email, san_dns, san_uri`},
	} {
		got := told(t, text)
		if strings.Contains(text, "has_file") || strings.Contains(text, "groups: {in_file") {
			// What is near is the suggestions' matter.
			if len(got) != 1 || !strings.HasPrefix(got[0], strings.Split(want[0], " (did")[0]) {
				t.Errorf("%s: got %q", text, got)
			}
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestValuesOfSpecialCriteriaAreChecked(t *testing.T) {
	const print = "expected a SHA-256 fingerprint: 64 digits in lower case, or pairs in upper case between colons for"
	const hash = "expected the base64 of a SHA-256 digest for"
	const days = `expected days such as "mon-fri", "sat,sun" or "*" for`
	good := strings.Repeat("ab", 32)
	up := colons(good)
	for criterion, want := range map[string]string{
		"client_certificate: {fingerprint: " + good + "}":                          "",
		"client_certificate: {fingerprint: '" + up + "'}":                          "",
		"client_certificate: {fingerprint: ['" + up + "', " + good + "]}":          "",
		"client_certificate: {fingerprint: " + strings.ToUpper(good) + "}":         print,
		"client_certificate: {fingerprint: '" + strings.ToLower(up) + "'}":         print,
		"client_certificate: {fingerprint: '" + up[:92] + "'}":                     print,
		"client_certificate: {fingerprint: '" + up + ":AB'}":                       print,
		"client_certificate: {fingerprint: " + good[:62] + "}":                     print,
		"client_certificate: {fingerprint: " + good + "ab}":                        print,
		"client_certificate: {fingerprint: " + good[:63] + "x}":                    print,
		"client_certificate: {fingerprint: '" + good[:32] + ":" + good[32:] + "'}": print,
		"client_certificate: {fingerprint: []}":                                    `expected at least one value for "fingerprint" of "client_certificate", got an empty list`,
		"client_certificate: {fingerprint: [" + good + ", [" + good + "]]}":        print,
		"client_certificate: {spki_hash: " + strings.Repeat("A", 43) + "=}":        "",
		"client_certificate: {spki_hash: " + strings.Repeat("A", 44) + "}":         hash,
		"client_certificate: {spki_hash: " + strings.Repeat("A", 40) + "}":         hash,
		"client_certificate: {spki_hash: '" + strings.Repeat("!", 44) + "'}":       hash,
		"client_certificate: x":                `expected a mapping for "client_certificate", got "x"`,
		"device: {approved: true}":             "",
		"device: {approved: false}":            "",
		"device: {approved: yes}":              `expected true or false for "approved" of "device", got "yes"`,
		"device: {type: any}":                  "",
		"device: {type: enclave_only}":         "",
		"device: {type: ''}":                   `expected any or enclave_only for "type" of "device", got ""`,
		"device: {is: x}":                      "",
		"device: {is: }":                       `expected a credential id for "is" of "device", got nothing`,
		"device: {is: [x]}":                    `expected a credential id for "is" of "device", got a list`,
		"date: {after: 2026-02-01T00:00:00Z}":  "",
		"date: {before: 2026-02-01T00:00:00Z}": "",
		"date: {after: 2026-02-01T00:00:00Z, before: 2026-02-01T00:00:00Z}": `after is not before before: "date" never holds`,
		"date: {after: 2026-02-01T00:00:00Z, before: 2026-02-01T00:00:01Z}": "",
		"date: {after: 2026-02-01}":                                         "",
		"date: {after: 2026-02-01T10:00}":                                   "",
		"date: {after: 2026-02-01T10:00:00}":                                "",
		"date: {after: 2026-02-01T10:00:00.25+02:00}":                       "",
		"date: {after: 2026-02-30}":                                         `got "2026-02-30" (there is no such day or time)`,
		"date: {after: 2026-02-01T25:00:00Z}":                               `got "2026-02-01T25:00:00Z" (there is no such day or time)`,
		"date: {after: '2026-02-01 10:00:00Z'}":                             `got "2026-02-01 10:00:00Z" (write "T" between the date and the time, and no spaces)`,
		"date: {after: [2026-02-01]}":                                       `expected a time such as 2026-01-31T12:00:00Z for "after" of "date", got a list`,
		"date: {after: 2026-02-01, before: 2026-02-01T00:00:00Z}":           `after is not before before: "date" never holds`,
		"day_of_week: mon-":                                                 days,
		"day_of_week: -mon":                                                 days,
		"day_of_week: mo":                                                   days,
		"day_of_week: mon-fry":                                              days,
		"day_of_week: 'mon,'":                                               days,
		"day_of_week: ''":                                                   days,
		"day_of_week: [mon]":                                                days,
		"day_of_week: {is: mon, timezone: Mars}":                            `expected a time zone such as`,
		"day_of_week: {is: mon, timezone: UTC}":                             "",
		"day_of_week: {is: mon, timezone: Local}":                           `expected a time zone such as "UTC" or "Europe/Zurich" for "timezone" of "day_of_week", got "Local"`,
		"day_of_week: {is: mon, timezone: ''}":                              `expected a time zone such as "UTC" or "Europe/Zurich" for "timezone" of "day_of_week", got ""`,
		"day_of_week: {is: mon, at: x}":                                     `unknown operator "at" for "day_of_week", expected one of is, timezone`,
		"time_of_day: {after: 9:00}":                                        "",
		"time_of_day: {before: 9:00:30}":                                    "",
		"time_of_day: {}":                                                   `expected an operator for "time_of_day", got an empty mapping`,
		"time_of_day: x":                                                    `expected a mapping for "time_of_day", got "x"`,
		"time_of_day: []":                                                   `expected a mapping for "time_of_day", got a list`,
		"time_of_day: {after: 9:00, before: 9AM}":                           `after and before are the same: "time_of_day" never holds`,
		"time_of_day: {after: 13PM, before: 9AM}":                           `expected a time of day such as "16:30" or "4:30PM" for "after" of "time_of_day", got "13PM"`,
		"time_of_day: {after: 0:00, timezone: Mars/Base}":                   `expected a time zone such as`,
		"auth_age: {max: 1s}":                                               "",
		"auth_age: {max: 999ms}":                                            "expected a duration such as",
		"auth_age: {max: 1x}":                                               "expected a duration such as",
		"auth_age: {max: }":                                                 "expected a duration such as",
		"auth_age: {min: 1h}":                                               `unknown operator "min" for "auth_age", expected one of max`,
		"auth_context: ''":                                                  `expected one authentication context for "auth_context", got ""`,
		"auth_context: \"a\\tb\"":                                           `expected one authentication context for "auth_context", got "a\tb"`,
		"auth_context: {in: [a, b c]}":                                      `expected one authentication context for "auth_context", got "b c"`,
		"auth_context: {is: a}":                                             "",
		"app: {has: a, exclude: b}":                                         "",
		"accept: 0":                                                         "expected true for",
		"accept: .nan":                                                      "expected true for",
		"accept: 9e99":                                                      "expected true for",
		"accept: [true]":                                                    "expected true for",
		"accept: 9007199254740993":                                          "expected true for",
		"time_of_day: [x]":                                                  `expected a mapping for "time_of_day", got a list`,
		"time_of_day: {before: 0:00}":                                       `no time is before midnight: "time_of_day" never holds`,
		"time_of_day: {before: 12AM}":                                       `no time is before midnight: "time_of_day" never holds`,
		"time_of_day: {after: 22:00, before: 0:00}":                         "",
		"time_of_day: {after: 3 PM, before: 4:30 PM}":                       "",
		"time_of_day: {after: 15:04:05.999999999}":                          "",
		"time_of_day: {after: 9:00, before: 24:00}":                         `got "24:00" (a day ends before 24:00: leave before out, for until midnight)`,
		"time_of_day: {after: 17}":                                          `got the number 17 (say the minutes, or AM or PM)`,
		"time_of_day: {after: x, timezone: UTC}":                            `expected a time of day such as "16:30" or "4:30PM" for "after" of "time_of_day", got "x"`,
		"time_of_day: {timezone: UTC}":                                      `"time_of_day" names no time`,
		"time_of_day: {after: 9:00, timezone: CEST}":                        `got "CEST" (zones are called as in the IANA database`,
		"day_of_week: {is: }":                                               `expected days such as "mon-fri", "sat,sun" or "*" for "is" of "day_of_week", got nothing`,
		"device: {is: ~}":                                                   `expected a credential id for "is" of "device", got nothing`,
		"client_certificate: {fingerprint: '" + up + ":'}":                  print,
		"client_certificate: {fingerprint: " + good + "x}":                  print,
		"date: x":                       `expected a mapping for "date", got "x" (known are after, before)`,
		"claim/x: !!int abc":            "number abc for",
		"accept: off":                   "expected true for",
		"source_ip: 10.0.0.0/33":        "expected an address or network",
		"source_ip: fe80::1%eth0":       "expected an address or network",
		"source_ip: ::ffff:10.0.0.0/90": "expected an address or network",
		"source_ip: ::ffff:10.0.0.0/96": "",
		"source_ip: 1":                  `expected an address or network for "source_ip", got the number 1`,
		"source_ip: {a: b}":             `expected an address or network for "source_ip", got a mapping`,
		"source_ip: [[10.0.0.1]]":       `expected an address or network for "source_ip", got a list`,
		"source_ip: []":                 `expected at least one address or network for "source_ip", got an empty list`,
		"email: {in: [a, [b]]}":         `expected one value for "in" of "email", got a list`,
		"email: {in: [a, {b: c}]}":      `expected a value for "in" of "email", got a mapping`,
		"claim/x: 9007199254740993":     "number 9007199254740993 for",
		"claim/x: 9007199254740992":     "number 9007199254740992 for",
		"email: {contains: 1}":          `expected text for "contains" of "email", got the number 1`,
		"email: {contains: 1.5}":        `expected text for "contains" of "email", got the number 1.5`,
		"email: {starts_with: true}":    `expected text for "starts_with" of "email", got true`,
		"email: {ends_with: }":          `expected text for "ends_with" of "email", got nothing`,
		"email: {contains: {a: b}}":     `expected a value for "contains" of "email", got a mapping`,
		"email/x: a":                    `unknown criterion "email/x"`,
	} {
		got := told(t, "allow: {or: [{"+criterion+"}]}")
		switch {
		case want == "" && got != nil:
			t.Errorf("%s: got %q", criterion, got)
		case want != "" && (len(got) != 1 || !strings.Contains(got[0], want)):
			t.Errorf("%s: got %q, want %q", criterion, got, want)
		}
	}
}

func TestAliasesStandForValues(t *testing.T) {
	hash := strings.Repeat("ab", 32)
	for _, text := range []string{
		"allow: {or: [source_ip: &a 10.0.0.1, source_ip: [*a, 10.0.0.2]]}",
		"allow: {or: [{client_certificate: {fingerprint: &a " + hash + "}}, {client_certificate: {fingerprint: [*a]}}]}",
	} {
		if got := told(t, text); got != nil {
			t.Errorf("%s: got %q", text, got)
		}
	}
}

// Wherever reading ends because there is too much, there is that one problem.
func TestTooMuchIsToldWhereverItEnds(t *testing.T) {
	const text = `
- {mode: enforce, use: wiki}
- allow: {mode: shadow, or: [email: {in: [a, b]}, source_ip: [10.0.0.1, 10.0.0.2], groups: {has_file: f}], and: [day_of_week: {is: mon}]}
- deny: {or: [client_certificate: {fingerprint: [x, y], san_dns: {is: a}}, accept: true]}
`
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(text), &node); err != nil {
		t.Fatal(err)
	}
	for left := 1; ; left++ {
		p := &parser{left: left, told: map[Problem]bool{}, options: ParseOptions{Named: map[string]*Policy{"wiki": {}}, ReadFile: func(string) ([]byte, error) { return []byte("a"), nil }}}
		p.document(&node)
		if p.left > 0 {
			if left < 50 {
				t.Errorf("all was read of %d values", left)
			}
			return
		}
		more := 0
		for _, problem := range p.problems {
			if strings.Contains(problem.Message, "more than") {
				more++
			} else if !strings.Contains(problem.Message, "fingerprint") && !strings.Contains(problem.Message, "names no days") {
				t.Errorf("%d values: %s", left, problem.Message)
			}
		}
		if more != 1 {
			t.Errorf("%d values: told %d times that it is too much", left, more)
		}
	}
}

func TestLookingAtCriteriaCanEnd(t *testing.T) {
	n := 0
	for range parsed(t, "allow: {or: [accept: true, reject: true], and: [accept: true]}").criteria() {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("looked at %d", n)
	}
}

func TestPlacesOfLegacyKeysAreThoseOfTheirValues(t *testing.T) {
	p := (*Policy)(nil).WithLegacy(Legacy{AllowedUsers: []Valued{{"ann", at(3)}}, AllowedGroups: []Valued{{"wiki", at(4)}}})
	for _, m := range []Position{p.rules[0].lists[0].criteria[0].matchers[0].pos, p.UsesGroups()[0].Position} {
		if m.Line == 0 {
			t.Errorf("a value stands nowhere: %+v", m)
		}
	}
}

// Whatever node a caller hands over: what cannot be followed is no policy.
func TestNodesThatNoParserMakes(t *testing.T) {
	for name, n := range map[string]*yaml.Node{
		"an alias to nothing": {Kind: yaml.AliasNode},
		"an empty document":   {Kind: yaml.DocumentNode},
	} {
		p, problems := Parse(n, "x")
		if len(problems) == 0 {
			t.Errorf("%s: no problem", name)
		}
		if _, err := Compile(p); err == nil {
			t.Errorf("%s compiles", name)
		}
	}
	if p, problems := Parse(&yaml.Node{}, "x"); p == nil || len(problems) > 0 {
		t.Errorf("no node at all: %v", problems)
	}
}

// An editor's byte order mark and line ends must not make the first value of a
// deny rule one that nobody has.
func TestValuesInFilesAreReadAsMeant(t *testing.T) {
	var node yaml.Node
	if err := yaml.Unmarshal([]byte("deny: {or: [email: {in_file: list}]}"), &node); err != nil {
		t.Fatal(err)
	}
	p, problems := ParseWith(&node, "p", ParseOptions{ReadFile: func(string) ([]byte, error) {
		return []byte("\ufeffzoe@example.com\r\n\r\n# left\r\n yan@example.com "), nil
	}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	want := []GroupRef{{"zoe@example.com", Position{"list", 1, 1}}, {"yan@example.com", Position{"list", 4, 1}}}
	if diff := cmp.Diff(want, p.Named("email")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
