package oktaurl

import (
	"strings"
	"testing"
)

func TestCanonicalPutsRightWhatPeoplePaste(t *testing.T) {
	for _, c := range []struct{ raw, want, note string }{
		{"https://acme.okta.com", "https://acme.okta.com", ""},
		{"https://acme.okta.com/", "https://acme.okta.com", "trailing slash"},
		{" https://acme.okta.com ", "https://acme.okta.com", ""},
		{"acme.okta.com", "https://acme.okta.com", "added https://"},
		{"HTTPS://Acme.Okta.com", "https://acme.okta.com", "lower case"},
		{"https://acme.okta.com:443", "https://acme.okta.com", "port"},
		{"https://acme.okta.com:", "https://acme.okta.com", "port"},
		{"https://acme.okta.com.", "https://acme.okta.com", "trailing dot"},
		{"https://acme-admin.okta.com", "https://acme.okta.com", "-admin"},
		{"https://dev-890645-admin.okta.com/", "https://dev-890645.okta.com", "-admin"},
		{"https://acme-admin.oktapreview.com", "https://acme.oktapreview.com", "-admin"},
		{"https://acme-admin.okta-emea.com", "https://acme.okta-emea.com", "-admin"},
		{"https://acme-admin.okta-gov.com", "https://acme.okta-gov.com", "-admin"},
		{"https://acme-admin.okta.mil", "https://acme.okta.mil", "-admin"},
		{"https://acme-admin.trexcloud.com", "https://acme.trexcloud.com", "-admin"},
		{"https://acme-admin.okta.com/oauth2/default/", "https://acme.okta.com/oauth2/default", "-admin"},
		{"https://acme.okta.com/oauth2/aus9o8wzkhckw9TLa0h7", "https://acme.okta.com/oauth2/aus9o8wzkhckw9TLa0h7", ""},
		{"https://id.acme.example", "https://id.acme.example", ""},
		{"https://my-admin.acme.example", "https://my-admin.acme.example", ""}, // a customer's own domain
		{"http://okta.localhost:9000", "http://okta.localhost:9000", ""},
		{"http://127.0.0.1:9000/", "http://127.0.0.1:9000", "trailing slash"},
		{"http://[::1]:9000", "http://[::1]:9000", ""},
	} {
		got, note, err := Canonical(c.raw)
		if err != nil || got != c.want {
			t.Errorf("Canonical(%q) = %q, %v; want %q", c.raw, got, err, c.want)
		}
		if (c.note == "") != (note == "") || !strings.Contains(note, c.note) {
			t.Errorf("Canonical(%q) notes %q, want it to say %q", c.raw, note, c.note)
		}
	}
}

func TestCanonicalRefusesWhatCannotBeAnIssuer(t *testing.T) {
	for _, c := range []struct{ raw, says string }{
		{"", "got none"},
		{"https://{yourOktaDomain}", "placeholder"},
		{"https://${yourOktaDomain}/oauth2/default", "placeholder"},
		{"https://yourOktaDomain.okta.com", "placeholder"},
		{"https://<acme>.okta.com", "placeholder"},
		{"https://acme.okta.com.com", ".com.com"},
		{"http://acme.okta.com", "https://"},
		{"ftp://acme.okta.com", "https://"},
		{"http://localhost.evil.example", "https://"},
		{"http://evillocalhost", "https://"},
		{"https://user:pass@acme.okta.com", "user name"},
		{"https://acme.okta.com?x=1", "query"},
		{"https://acme.okta.com?", "query"},
		{"https://acme.okta.com#top", "fragment"},
		{"https://acme.okta.com#", "fragment"},
		{"https://acme.okta.com/admin/dashboard", "not that of an Okta issuer"},
		{"https://acme.okta.com/oauth2/v1/authorize", "not that of an Okta issuer"},
		{"https://acme.okta.com/oauth2/v1", "not that of an Okta issuer"},
		{"https://acme.okta.com/oauth2/a%2fb", "not that of an Okta issuer"},
		{"https://-admin.okta.com", "not a host name"},
		{"https://ac me.okta.com", "not a URL"},
		{"https://ácme.okta.com", "xn--"},
		{"https://acme..okta.com", "not a host name"},
		{"https://", "not a host name"},
	} {
		got, _, err := Canonical(c.raw)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("Canonical(%q) = %q, %v; want an error that says %q", c.raw, got, err, c.says)
		}
		if err != nil && strings.Contains(err.Error(), "pass@") {
			t.Errorf("error repeats the password: %v", err)
		}
	}
}

func TestOrgURLIsTheRootOfTheOrganisation(t *testing.T) {
	for raw, want := range map[string]string{
		"https://acme.okta.com":                "https://acme.okta.com",
		"https://acme.okta.com/oauth2/default": "https://acme.okta.com",
		"https://id.acme.example:8443/":        "https://id.acme.example:8443",
	} {
		if got, err := OrgURL(raw); err != nil || got != want {
			t.Errorf("OrgURL(%q) = %q, %v; want %q", raw, got, err, want)
		}
	}
	if got, err := OrgURL("http://acme.okta.com"); err == nil {
		t.Errorf("OrgURL of plain http = %q, want an error", got)
	}
}

func TestOnOktaKnowsOktasOwnHosts(t *testing.T) {
	for host, want := range map[string]bool{
		"acme.okta.com": true, "ACME-admin.okta.com": true, "acme.okta-gov.com": true,
		"okta.com": false, "okta.com.evil.example": false, "evilokta.com": false, "x.evilokta.com": false, "id.acme.example": false,
	} {
		if got := OnOkta(host); got != want {
			t.Errorf("OnOkta(%q) = %v, want %v", host, got, want)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"https://acme-admin.okta.com/", "acme.okta.com:443", "http://[::1]:1", "https://a@b?c#d", "x://", "https://a-admin-admin.okta.com"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		first, _, err := Canonical(raw)
		if err != nil {
			return
		}
		again, note, err := Canonical(first)
		if err != nil || again != first || note != "" {
			t.Errorf("Canonical(%q) = %q, but Canonical of that = %q, %q, %v", raw, first, again, note, err)
		}
		if strings.ContainsAny(first, "@?# {}") {
			t.Errorf("Canonical(%q) = %q", raw, first)
		}
	})
}
