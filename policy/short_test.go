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
