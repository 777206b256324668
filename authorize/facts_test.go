package authorize

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"sallyport/config"
	"sallyport/identity"
	"sallyport/policy"
)

func TestRecordOfADenialNamesWhatOfTheDirectoryItGoesBy(t *testing.T) {
	directory := people{"ann": person("ann", identity.StatusActive), "eve": person("eve", identity.StatusSuspended)}
	for name, tt := range map[string]struct {
		policy, who, facts string
	}{
		"a group that is missing":   {"allow: {or: [groups: admins, email: x@example.com]}", "ann", `not groups has "admins"`},
		"all that is missing":       {"allow: {and: [groups: admins, profile/team: red]}", "ann", `not groups has "admins", not profile/team has "red"`},
		"a status that denies":      {"[{allow: {or: [accept: true]}}, {deny: {or: [user_status: ACTIVE]}}]", "ann", `user_status is "ACTIVE"`},
		"what nobody may lack":      {"[{allow: {or: [accept: true]}}, {deny: {nor: [groups: admins]}}]", "ann", `not groups has "admins"`},
		"suspended":                 {"allow: {or: [accept: true]}", "eve", ""},
		"suspended and asked for":   {"allow: {or: [groups: admins]}", "eve", "status SUSPENDED"},
		"unknown":                   {"allow: {or: [groups: admins]}", "nobody", "not in the directory"},
		"allowed":                   {"allow: {or: [authenticated_user: true]}", "ann", ""},
		"nothing of the directory":  {"allow: {or: [email: x@example.com]}", "ann", ""},
		"a rule in shadow":          {"[{mode: shadow, allow: {or: [groups: admins]}}, {allow: {or: [groups: keepers]}}]", "ann", `not groups has "keepers"`},
		"the deny rule decides":     {"[{allow: {or: [groups: admins, accept: true]}}, {deny: {or: [email: ann@example.com]}}]", "ann", ""},
		"an application":            {"allow: {or: [app: mail]}", "ann", `not app has "mail"`},
		"what is not missing":       {"allow: {and: [groups: wiki, groups: admins]}", "ann", `not groups has "admins"`},
		"what none may lack":        {"[{allow: {or: [accept: true]}}, {deny: {not: [groups: admins, groups: keepers]}}]", "ann", `not groups has "admins", not groups has "keepers"`},
		"another way in beside":     {"[{allow: {or: [accept: true]}}, {allow: {or: [groups: admins]}}, {deny: {or: [email: ann@example.com]}}]", "ann", ""},
		"with a request":            {"[{allow: {or: [accept: true]}}, {deny: {and: [groups: wiki, http_method: GET]}}]", "ann", `groups has "wiki"`},
		"at a time":                 {"[{allow: {or: [accept: true]}}, {deny: {and: [groups: wiki, date: {after: 2020-01-01T00:00:00Z}]}}]", "ann", `groups has "wiki"`},
		"a request that is refused": {"allow: {and: [groups: admins, http_method: POST]}", "ann", `not groups has "admins"`},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			r := route(t, "r", tt.policy)
			a := newAuthorizer(t, Options{Routes: []*config.Route{r}, Directory: directory, Logger: slog.New(slog.NewJSONHandler(&log, nil))})
			a.Decide(r, signedIn(tt.who), policy.Request{Method: "GET"})
			var got struct {
				Facts []string `json:"directory-facts"`
			}
			if err := json.Unmarshal(log.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if facts := strings.Join(got.Facts, ", "); facts != tt.facts {
				t.Errorf("facts %q, want %q", facts, tt.facts)
			}
		})
	}
}

// A long list of groups makes no long line.
func TestRecordNamesAFewFacts(t *testing.T) {
	var log bytes.Buffer
	r := route(t, "r", "allow: {or: [groups: a, groups: b, groups: c, groups: d, groups: e, groups: f, groups: g]}")
	a := newAuthorizer(t, Options{Routes: []*config.Route{r}, Directory: people{"ann": person("ann", identity.StatusActive)}, Logger: slog.New(slog.NewJSONHandler(&log, nil))})
	a.Decide(r, signedIn("ann"), policy.Request{})
	if n := strings.Count(log.String(), "not groups"); n != maxFacts {
		t.Errorf("%d facts, want %d: %s", n, maxFacts, log.String())
	}
}
