package policy

import (
	"fmt"
	"strings"
	"testing"
)

func TestPublic(t *testing.T) {
	for policy, want := range map[string]bool{
		"[]":                                                                                  false,
		"allow: {or: [accept: true]}":                                                         true,
		"allow: {and: [accept: true]}":                                                        true,
		"allow: {or: [reject: true]}":                                                         false,
		"allow: {not: [reject: true]}":                                                        true,
		"allow: {not: [accept: true]}":                                                        false,
		"allow: {or: [email: a]}":                                                             false,
		"allow: {or: [email: {not: a}]}":                                                      false,
		"allow: {not: [email: a]}":                                                            false,
		"allow: {nor: [email: a]}":                                                            false,
		"allow: {or: [http_method: GET]}":                                                     true,
		"allow: {or: [source_ip: 10.0.0.0/8, email: a]}":                                      true,
		"allow: {and: [source_ip: 10.0.0.0/8, email: a]}":                                     false,
		"allow: {nor: [http_method: GET, email: a]}":                                          false,
		"allow: {or: [accept: true], and: [email: a]}":                                        true,
		"allow: {or: [accept: true], not: [email: a]}":                                        false,
		"allow: {or: [accept: true], not: [email: a, http_method: GET]}":                      true,
		"{allow: {or: [accept: true]}, deny: {or: [email: a]}}":                               false,
		"{allow: {or: [accept: true]}, deny: {and: [email: a]}}":                              false,
		"{allow: {or: [accept: true]}, deny: {not: [email: a]}}":                              false,
		"{allow: {or: [accept: true]}, deny: {not: [email: a, http_method: GET]}}":            true,
		"{allow: {or: [accept: true]}, deny: {nor: [email: a, accept: true]}}":                false,
		"{allow: {or: [accept: true]}, deny: {or: [http_method: GET]}}":                       true,
		"{allow: {or: [accept: true]}, deny: {or: [accept: true]}}":                           false,
		"{allow: {or: [accept: true]}, deny: {or: [reject: true]}}":                           true,
		"{allow: {or: [accept: true]}, deny: {or: []}}":                                       true,
		"{allow: {or: []}}":                                                                   false,
		"{allow: {or: [accept: true]}, deny: {and: [email: a, reject: true], or: [user: b]}}": false,
		"allow: {and: []}":                                                                    false,
		"allow: {not: []}":                                                                    false,
		"{allow: {or: [accept: true]}, deny: {and: []}}":                                      true,
	} {
		if got := parsed(t, policy).Public(); got != want {
			t.Errorf("%s: got %v, want %v", policy, got, want)
		}
	}
	if (*Policy)(nil).Public() {
		t.Error("no policy is public")
	}
	if !(*Policy)(nil).WithLegacy(Legacy{AllowPublic: on(1)}).Public() {
		t.Error("allow_public_unauthenticated_access is not public")
	}
}

func TestPublicConditionsAreWhatARequestMustBring(t *testing.T) {
	for text, want := range map[string]string{
		"allow: {or: [accept: true]}":                                                                                           "",
		"allow: {or: [accept: true, groups: wiki]}":                                                                             "",
		"[{allow: {or: [accept: true]}}, {allow: {or: [http_method: GET]}}]":                                                    "",
		"allow: {and: [http_method: POST, source_ip: 192.0.2.0/24]}":                                                            `http_method is "POST"|source_ip 192.0.2.0/24`,
		"allow: {or: [http_method: POST, source_ip: 192.0.2.0/24, groups: wiki]}":                                               `http_method is "POST" or source_ip 192.0.2.0/24`,
		"allow: {not: [http_method: POST, http_path: /x]}":                                                                      `not http_method is "POST"|not http_path is "/x"`,
		"[{allow: {or: [http_method: GET]}}, {allow: {and: [http_method: PUT, http_path: /x]}}, {allow: {or: [groups: wiki]}}]": `http_method is "GET" or http_method is "PUT" and http_path is "/x"`,
		"{allow: {or: [accept: true]}, deny: {not: [source_ip: 10.0.0.0/8]}}":                                                   "source_ip 10.0.0.0/8",
		"{allow: {or: [http_method: GET]}, deny: {or: [http_path: /x], mode: shadow}}":                                          `http_method is "GET"`,
	} {
		p := parsed(t, text)
		a := p.Strangers()
		if a == nil {
			t.Errorf("%s: not public", text)
			continue
		}
		if got := strings.Join(a.Conditions, "|"); got != want || !p.Public() || a.Sure != (want == "") {
			t.Errorf("%s: public %v, got %s, want %s", text, p.Public(), got, want)
		}
	}
}

func TestRulesInShadowAreToldOfStrangers(t *testing.T) {
	for text, want := range map[string]string{
		"[{allow: {or: [accept: true]}}, {mode: shadow, deny: {or: [accept: true]}}]":  "true, then false []",
		"[{allow: {or: [accept: true]}}, {mode: shadow, deny: {or: [http_path: /x]}}]": `true, then true [unless http_path is "/x"]`,
		"[{allow: {or: [accept: true]}}, {mode: shadow, allow: {or: [groups: wiki]}}]": "true",
		"[{allow: {or: [groups: wiki]}}, {mode: shadow, allow: {or: [accept: true]}}]": "false, then true []",
		"[{allow: {or: [groups: wiki]}}, {mode: shadow, allow: {or: [groups: new]}}]":  "nobody",
		"[{allow: {or: [accept: true]}}, {mode: shadow, deny: {or: [groups: wiki]}}]":  "true, then false []",
	} {
		a, got := parsed(t, text).Strangers(), "nobody"
		if a != nil {
			got = fmt.Sprint(a.May)
			if a.Shadow != nil {
				got += fmt.Sprintf(", then %v %v", a.Shadow.May, a.Shadow.Conditions)
			}
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	if (*Policy)(nil).Strangers() != nil {
		t.Error("somebody passes no policy")
	}
}

func TestPoliciesThatAllowAnybodyAreSeen(t *testing.T) {
	for text, want := range map[string]bool{
		"[]":                          false,
		"allow: {or: [accept: true]}": true,
		"allow: {or: [authenticated_user: true]}":                                           true,
		"allow: {not: [groups: contractors]}":                                               true,
		"allow: {or: [groups: operators]}":                                                  false,
		"allow: {or: [domain: example.com]}":                                                false,
		"{allow: {or: [authenticated_user: true]}, deny: {not: [groups: operators]}}":       false,
		"{allow: {or: [groups: operators]}, mode: shadow}":                                  false,
		"[{allow: {or: [groups: operators]}}, {mode: shadow, allow: {or: [accept: true]}}]": false,
	} {
		if got := parsed(t, text).AllowsAnybody(); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

func TestWhetherAPolicyAsksWhoIsThere(t *testing.T) {
	for text, want := range map[string]bool{
		`[{allow: {or: [{accept: true}]}}]`:                                                         false,
		`[{allow: {or: [{source_ip: 10.0.0.0/8}, {http_path: {is: /x}}]}}]`:                         false,
		`[{allow: {or: [{http_path: {is: /x}}, {authenticated_user: true}]}}]`:                      true,
		`[{allow: {or: [{accept: true}]}}, {deny: {and: [{email: {is: a@example.com}}]}}]`:          true,
		`[{allow: {or: [{accept: true}]}}, {deny: {mode: shadow, and: [{groups: {has: admins}}]}}]`: false,
	} {
		p, problems := parseText(t, text)
		if len(problems) > 0 {
			t.Fatalf("%s: %v", text, problems)
		}
		if got := p.AsksWhoIsThere(); got != want {
			t.Errorf("%s: got %t", text, got)
		}
	}
	if (*Policy)(nil).AsksWhoIsThere() {
		t.Error("no policy asks")
	}
}
