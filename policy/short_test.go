package policy

import "testing"

func TestAPolicyReadsInOneLine(t *testing.T) {
	for yaml, want := range map[string]string{
		`{}`: "nobody",
		`allow: {or: [{groups: {has: admins}}, {domain: {is: example.com}}]}`:                                       `allow groups has "admins" or domain is "example.com"`,
		`allow: {and: [{claim/a/b: x}, {http_method: {in: [GET, HEAD, POST, PUT, PATCH]}}]}`:                        `allow (claim/a/b has "x" and http_method in "GET", "HEAD", "POST", "PUT" and 1 more)`,
		`[{allow: {nor: [{accept: true}, {authenticated_user: true}]}}, {deny: {or: [{source_ip: [10.1.2.3/8]}]}}]`: `allow (not accept or not authenticated_user); deny source_ip 10.0.0.0/8`,
	} {
		p, problems := parseText(t, yaml)
		if got := p.String(); got != want || len(problems) > 0 {
			t.Errorf("%s\n got %s\nwant %s, problems %v", yaml, got, want, problems)
		}
	}
	if got := (*Policy)(nil).String(); got != "nobody" {
		t.Errorf("nil: %s", got)
	}
}

func TestLongRulesReadInOneLine(t *testing.T) {
	for yaml, want := range map[string]string{
		`allow: {or: []}`:                                                                           "allow nobody",
		`allow: {or: [], and: [groups: a]}`:                                                         `allow groups has "a"`,
		`allow: {or: [groups: a], and: [groups: b]}`:                                                `allow groups has "a" or groups has "b"`,
		`allow: {and: [groups: a, accept: true]}`:                                                   `allow (groups has "a" and accept)`,
		`allow: {not: [groups: a, accept: true]}`:                                                   `allow (not groups has "a" and not accept)`,
		`allow: {or: [groups: {has: a, exclude: b}]}`:                                               `allow groups has "a" and exclude "b"`,
		`allow: {or: [http_method: {in: [A, B, C, D]}]}`:                                            `allow http_method in "A", "B", "C", "D"`,
		`deny: {mode: shadow, or: [source_ip: [10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5]]}`: "in shadow deny source_ip 10.0.0.1/32, 10.0.0.2/32, 10.0.0.3/32, 10.0.0.4/32 and 1 more",
	} {
		if got := parsed(t, yaml).String(); got != want {
			t.Errorf("%s\n got %s\nwant %s", yaml, got, want)
		}
	}
}
