package proxy

import (
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/http/httpguts"

	"sallyport/config"
)

// FuzzRequestHeaders feeds one header line, a query and an Upgrade: whatever a
// client sends, nothing that is ours or speaks of who is there is left.
func FuzzRequestHeaders(f *testing.F) {
	for _, name := range []string{"X_Pomerium_Claim_Email", "X-Email", "HTTP_X_EMAIL", "Http-X-Forwarded-User", "Cookie", "Authorization", "Upgrade", "Connection", "Forwarded", "Remote_User"} {
		f.Add(name, "a=1; __Host-sp=alice; \"__Host-sp_csrf\"=x", "a=1&%70omerium_session=t&b")
		f.Add(name, "bearer  POMERIUM-x", "pomerium_session")
	}
	gates := map[string]*gate{}
	for _, action := range []string{"reject_request", "drop_header", "allow"} {
		g, err := newGate(config.Hygiene{Underscores: action})
		if err != nil {
			f.Fatal(err)
		}
		gates[action] = &g
	}
	drops := newReserved([]config.ClaimHeader{{Header: "X-Email", Claim: "email"}})
	owns := (&people{}).Owns
	f.Fuzz(func(t *testing.T, name, value, query string) {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return // net/http answers these itself
		}
		for action, g := range gates {
			h := http.Header{}
			h.Add(name, value)
			if g.checkHeaders(h) != nil {
				continue
			}
			drops.clean(h, false)
			cleanCookies(h, owns)
			for kept, values := range h {
				checkKept(t, action, kept, values)
			}
		}
		if q := cleanQuery(query); len(q) > len(query) || strings.Contains("&"+q+"&", "&pomerium_session&") || strings.HasPrefix(q, "pomerium_session=") {
			t.Errorf("query %q became %q", query, q)
		}
	})
}

// checkKept looks at what is left with rules of its own.
func checkKept(t *testing.T, action, name string, values []string) {
	t.Helper()
	plain := strings.TrimPrefix(strings.ToLower(strings.ReplaceAll(name, "_", "-")), "http-")
	for _, family := range []string{"x-pomerium-", "x-forwarded-", "x-email", "remote-user", "x-auth-request-", "x-webauth-"} {
		if plain == family || strings.HasSuffix(family, "-") && strings.HasPrefix(plain, family) {
			t.Errorf("%s: header %q is left", action, name)
		}
	}
	if action != "allow" && strings.Contains(name, "_") {
		t.Errorf("%s: header %q is left", action, name)
	}
	if name != "Cookie" {
		return
	}
	for _, value := range values {
		for pair := range strings.SplitSeq(value, ";") {
			if n, _, _ := strings.Cut(pair, "="); strings.HasPrefix(strings.TrimSpace(n), "__Host-sp") && (&people{}).Owns(strings.TrimSpace(n)) {
				t.Errorf("%s: cookie %q is left", action, pair)
			}
		}
	}
}

// FuzzOrigin feeds origins: what counts as a host's own names that host alone.
func FuzzOrigin(f *testing.F) {
	for _, s := range []string{"https://app.test", "https://app.test:443", "https://APP.test.", "null", "https://app.test@evil.test", "https://evil.test/app.test", "http://app.test"} {
		f.Add(s)
	}
	x := &exchange{host: "app.test", plan: &plan{route: route("app", "app.test")}}
	f.Fuzz(func(t *testing.T, origin string) {
		if !x.isOwnOrigin(origin) {
			return
		}
		rest, ok := strings.CutPrefix(origin, "https://")
		rest = strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(rest), ":443"), ".")
		if !ok || rest != "app.test" {
			t.Errorf("%q counts as own", origin)
		}
	})
}
