package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReferenceSaysWhatEachCriterionGives(t *testing.T) {
	got := map[string]CriterionText{}
	var order []string
	for _, c := range Reference() {
		got[c.Name] = c
		order = append(order, c.Name)
	}
	if !slices.IsSorted(order) {
		t.Errorf("not in order: %v", order)
	}
	for name, tt := range map[string]struct {
		person  bool
		reasons string
	}{
		"accept":                     {false, "accept"},
		"authenticated_user":         {true, "user-ok"},
		"claim/NAME":                 {true, "claim-ok claim-unauthorized"},
		"profile/NAME":               {true, "profile-ok profile-unauthorized"},
		"http_header/NAME":           {false, "http-header-ok http-header-unauthorized"},
		"device":                     {true, "device-ok device-unauthorized device-unauthenticated"},
		"invalid_client_certificate": {false, "invalid-client-certificate valid-client-certificate client-certificate-required"},
		"mcp_tool":                   {false, "mcp-tool-match mcp-tool-no-match mcp-not-a-tool-call"},
		"groups":                     {true, "groups-ok groups-unauthorized"},
		"app":                        {true, "app-ok app-unauthorized"},
		"user_status":                {true, "user-status-ok user-status-unauthorized"},
		"auth_age":                   {true, "auth-age-ok auth-age-unauthorized"},
		"client_certificate":         {false, "client-certificate-ok client-certificate-unauthorized"},
	} {
		if c := got[name]; c.Person != tt.person || strings.Join(c.Reasons, " ") != tt.reasons {
			t.Errorf("%s: got %+v", name, c)
		}
	}
	var names []string
	for i, r := range AllReasons() {
		if int(r) != i {
			t.Errorf("reason %d stands at place %d", r, i)
		}
		names = append(names, r.String())
	}
	if diff := cmp.Diff(ReasonNames(), names); diff != "" {
		t.Error(diff)
	}
	for name, why := range Unsupported() {
		if name == "" || why == "" || kinds[name] != nil {
			t.Errorf("%q is not supported because of %q", name, why)
		}
	}
	if got := strings.Join(slices.Sorted(func(yield func(string) bool) {
		for name := range Unsupported() {
			if !yield(name) {
				return
			}
		}
	}), " "); got != "postgres_application_name postgres_database postgres_statement_class postgres_username record "+
		"ssh_access_request_approved ssh_access_request_not_approved ssh_ca ssh_publickey ssh_username ssh_username_matches_claim ssh_username_matches_email" {
		t.Errorf("not supported are %s", got)
	}
}
