package proxy

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/config"
	"sallyport/identity"
	"sallyport/internal/requestid"
	"sallyport/internal/weberr"
	"sallyport/policy"
)

// Each of these names has made some application take a client's word for who is
// there, from where, or for which address. They are spelt out, so that none can
// leave the tables unnoticed.
func TestNamesThatApplicationsBelieveAreDropped(t *testing.T) {
	r := newReserved([]config.ClaimHeader{{Header: "X-My-Claim"}})
	for _, name := range strings.Fields(`Forwarded Proxy Http2-Settings Remote-User X-Remote-User X-Remote-Group X-Original-Url
		X-Original-Uri X-Original-Host X-Original-Method X-Original-Path X-Rewrite-Url X-Rewrite-Uri X-Override-Url X-Host
		X-Http-Host-Override X-Original-Forwarded-For X-Pomerium-Jwt-Assertion X-Pomerium-Claim-Email X-Forwarded-For
		X-Forwarded-Host X-Forwarded-User X-Forwarded-Client-Cert Client-Cert Client-Cert-Chain X-Client-Cert Ssl-Client-Verify
		X-Ssl-Client-Cert X-Amzn-Mtls-Clientcert X-Auth-Request-Email X-Webauth-User X-My-Claim`) {
		if !r.drops(name, false) || !r.drops(name, true) {
			t.Errorf("%s is passed on: from strangers %v, from trusted proxies %v", name, !r.drops(name, false), !r.drops(name, true))
		}
	}
	for _, name := range strings.Fields(`X-Real-Ip X-Client-Ip X-Cluster-Client-Ip X-Remote-Ip X-Remote-Addr X-Originating-Ip True-Client-Ip
		Cf-Connecting-Ip Cf-Connecting-Ipv6 Cf-Pseudo-Ipv4 Fastly-Client-Ip Fly-Client-Ip X-Azure-Clientip X-Azure-Socketip
		X-Appengine-User-Ip X-Envoy-External-Address X-Envoy-Original-Path X-Proxyuser-Ip Proxy-Client-Ip Wl-Proxy-Client-Ip
		Client-Ip Front-End-Https X-Url-Scheme X-Scheme X-Forwarded-Prefix`) {
		if !r.drops(name, false) {
			t.Errorf("%s is passed on from strangers", name)
		}
		if r.drops(name, true) {
			t.Errorf("%s is dropped although a trusted proxy says it", name)
		}
	}
	for _, name := range []string{"X-Forwarded", "Accept", "Http-Accept", "X-Mine", "Cookie"} {
		if r.drops(name, false) {
			t.Errorf("%s is dropped, and is the client's to send", name)
		}
	}
}

func TestAuthorizationMeantForUsGoesAlone(t *testing.T) {
	for _, tt := range []struct {
		name       string
		given, out []string
	}{
		{"none", nil, nil},
		{"another's", []string{"Basic x"}, []string{"Basic x"}},
		{"ours", []string{"Pomerium token"}, nil},
		{"ours, in capitals", []string{" BEARER \tpomerium-token"}, nil},
		{"ours among others", []string{"Basic x", "Pomerium token", "Bearer y"}, []string{"Basic x", "Bearer y"}},
		{"a bearer that begins alike", []string{"Bearer Pomerium"}, []string{"Bearer Pomerium"}},
		{"a bearer of the same length", []string{"Bearer Pomerania-token"}, []string{"Bearer Pomerania-token"}},
		{"another scheme", []string{"Basic Pomerium-token"}, []string{"Basic Pomerium-token"}},
	} {
		h := http.Header{"Accept": {"*/*"}}
		want := h.Clone()
		if tt.given != nil {
			h["Authorization"] = tt.given
		}
		if tt.out != nil {
			want["Authorization"] = tt.out
		}
		if cleanAuthorization(h); cmp.Diff(want, h) != "" {
			t.Errorf("%s: %v, want %v", tt.name, h, want)
		}
	}
}

func TestOurCookiesGoAndTheOthersStayAsTheyAre(t *testing.T) {
	owns := func(name string) bool { return name == "ours" }
	for given, want := range map[string][]string{
		"a=b":                   {"a=b"},
		"a=b;; c=d ":            {"a=b;; c=d "},
		"a=b; ours=x":           {"a=b"},
		"ours=x; ; a=b;":        {"a=b"},
		"ours=x":                nil,
		"=ours=x; a=b; \"c\"=d": {`a=b; "c"=d`},
		"ours; ours = y":        nil,
	} {
		h := http.Header{"Cookie": {given}}
		cleanCookies(h, owns)
		got, there := h["Cookie"]
		if diff := cmp.Diff(want, got); diff != "" || there != (want != nil) {
			t.Errorf("%q (-want +got):\n%s", given, diff)
		}
	}
	h := http.Header{}
	if cleanCookies(h, owns); len(h) != 0 {
		t.Errorf("no cookies became %v", h)
	}
}

func TestTheSessionsTokenLeavesTheQuery(t *testing.T) {
	for given, want := range map[string]string{
		"":                                     "",
		"a=b&&c":                               "a=b&&c",
		"pomerium_session=x":                   "",
		"a=%20&pomerium_session=x&b":           "a=%20&b",
		"%70omerium%5Fsessio%6e=x&a":           "a",
		"pomerium_session":                     "",
		"pomerium_sessions=x":                  "pomerium_sessions=x",
		"xpomerium_session=x":                  "xpomerium_session=x",
		"Pomerium_session=x":                   "Pomerium_session=x",
		"pomerium_sessio%6=x":                  "pomerium_sessio%6=x",
		"pomerium_sessio%6g=x":                 "pomerium_sessio%6g=x",
		"pomerium_sessio%g6=x":                 "pomerium_sessio%g6=x",
		"pomerium_sessio%6":                    "pomerium_sessio%6",
		"pomerium_sessio%me=x":                 "pomerium_sessio%me=x",
		"pomerium_sessio%6>=x":                 "pomerium_sessio%6>=x",
		"x70omerium_session=%20":               "x70omerium_session=%20",
		"pomerium_sessio%":                     "pomerium_sessio%",
		strings.Repeat("%70", 17) + "_session": strings.Repeat("%70", 17) + "_session",
	} {
		if got := cleanQuery(given); got != want {
			t.Errorf("cleanQuery(%q) = %q, want %q", given, got, want)
		}
	}
}

func TestWhoIsThereIsSaidInTheDirectorysWords(t *testing.T) {
	s := aSession("alice")
	s.Subject.Claims["email"], s.Subject.Claims["team"] = "claimed@example.com", []any{"a", "b"}
	person := identity.NewPerson(identity.Person{ID: "00ualice", Email: "alice@corp.test", Name: "Alice C", Groups: []identity.Group{{ID: "g1", Name: "dev"}, {ID: "g2", Name: "ops"}}})
	for path, want := range map[string][2][]string{
		"groups": {{"everyone"}, {"g1", "g2", "dev", "ops"}},
		"email":  {{"alice@example.com"}, {"alice@corp.test"}},
		"name":   {{"Alice"}, {"Alice C"}},
		"sub":    {{"00ualice"}, {"00ualice"}},
		"user":   {{"00ualice"}, {"00ualice"}},
		"sid":    {{"session-of-alice"}, {"session-of-alice"}},
		"team":   {{"a", "b"}, {"a", "b"}},
		"none":   {nil, nil},
	} {
		p := identity.NewClaimPath(path)
		if got := [2][]string{factsOf(s, nil).values(p), factsOf(s, person).values(p)}; cmp.Diff(want, got) != "" {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	// A person without a name or address in the directory keeps the provider's.
	blank := factsOf(s, identity.NewPerson(identity.Person{ID: "00ualice"}))
	if blank.email != "alice@example.com" || blank.name != "Alice" || len(blank.groups) != 0 {
		t.Errorf("facts %+v, want the provider's address and name, and no groups", blank)
	}
}

func TestGroupsThatDoNotFitAreSaidToBeCut(t *testing.T) {
	f := facts{groups: []string{strings.Repeat("a", maxGroupBytes-3)}}
	if m := f.base(); m["groups_truncated"] != nil || len(m["groups"].([]string)) != 1 {
		t.Errorf("groups that just fit: %v", m["groups_truncated"])
	}
	f.groups = append(f.groups, "b")
	if m := f.base(); m["groups_truncated"] != true || len(m["groups"].([]string)) != 1 {
		t.Errorf("one more: truncated %v, %d groups; want the first alone", m["groups_truncated"], len(m["groups"].([]string)))
	}
}

func TestDenialsSayWhatTheRouteLetsThemSay(t *testing.T) {
	d := policy.Decision{AllowReasons: policy.Reasons(policy.ReasonEmailUnauthorized, policy.ReasonGroupsUnauthorized), DenyReasons: policy.Reasons(policy.ReasonHTTPPathOK, policy.ReasonHTTPMethodOK)}
	for _, tt := range []struct {
		name    string
		detail  bool
		d       policy.Decision
		details []string
		code    string
	}{
		{"nothing", false, d, nil, "denied"},
		{"all", true, d, []string{"allow: email-unauthorized, groups-unauthorized", "deny: http-method-ok, http-path-ok"}, "denied"},
		{"no reasons", true, policy.Decision{}, nil, "denied"},
		{"stale", false, policy.Decision{DenyReasons: policy.Reasons(policy.ReasonDirectoryStale)}, nil, "directory-stale"},
		{"unclear", false, policy.Decision{DenyReasons: policy.Reasons(policy.ReasonDirectoryUnclear)}, nil, "directory-unclear"},
		{"certificate", false, policy.Decision{DenyReasons: policy.Reasons(policy.ReasonInvalidClientCertificate)}, nil, "invalid-client-certificate"},
	} {
		e := denial("app.test", &config.Route{ShowErrorDetails: tt.detail}, aSession("alice"), nil, tt.d)
		if diff := cmp.Diff(tt.details, e.Details); diff != "" || e.Status != http.StatusForbidden && e.Status != weberr.StatusClientCertificate {
			t.Errorf("%s: status %d, details (-want +got):\n%s", tt.name, e.Status, diff)
		}
		if tt.code == "invalid-client-certificate" {
			if e.Code != tt.code {
				t.Errorf("%s: code %q", tt.name, e.Code)
			}
			continue
		}
		if stale := e.Code == "directory-stale"; stale != (tt.code == "directory-stale") {
			t.Errorf("%s: code %q", tt.name, e.Code)
		}
		if tt.code == "directory-unclear" && (e.Code != tt.code || e.Title != "Access cannot be checked yet" || !strings.Contains(e.Message, "not known yet") || !strings.Contains(e.Next, "Try again in a minute")) {
			t.Errorf("%s: %q, %q, %q; want the cause and the next step", tt.name, e.Code, e.Message, e.Next)
		}
		if tt.code == "directory-stale" && (e.Title != "Access cannot be checked" || !strings.Contains(e.Message, "directory") || !strings.Contains(e.Next, "Try again later")) {
			t.Errorf("%s: %q, %q, %q; want the cause and the next step", tt.name, e.Title, e.Message, e.Next)
		}
	}
	for reason, want := range map[policy.Reason]string{
		policy.ReasonUserInactive: "is not active in your organisation's directory",
		policy.ReasonUserUnknown:  "directory does not list your account",
	} {
		e := denial("app.test", &config.Route{}, aSession("alice"), nil, policy.Decision{DenyReasons: policy.Reasons(reason)})
		if e.Code != "denied" || !strings.Contains(e.Message, want) || !strings.Contains(e.Next, "manage accounts") {
			t.Errorf("%q, %q, %q; want %q and whom to ask", e.Code, e.Message, e.Next, want)
		}
	}
	with, without := denial("app.test", &config.Route{}, aSession("alice"), nil, d), denial("app.test", &config.Route{}, nil, nil, d)
	if cmp.Diff(with, without) == "" {
		t.Error("a denial does not name the account that was denied")
	}
}

func TestUpstreamsLearnTheRequestID(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	x := &exchange{host: "app.test", plan: &plan{route: route("app", "app.test")}, h: &Handler{}}
	x.r = r.WithContext(requestid.With(r.Context(), "01request"))
	h := http.Header{}
	if x.forwarding(h, false); h.Get(requestid.Header) != "01request" {
		t.Errorf("request id %q, want the request's", h.Get(requestid.Header))
	}
	x.r = r
	h = http.Header{}
	if x.forwarding(h, false); h[requestid.Header] != nil {
		t.Errorf("request id %q, want none", h[requestid.Header])
	}
}

// A route may use the assertion in a header of its own and still tell nothing in
// the usual one.
func TestIdentityIsToldOnlyWhereItIsPassed(t *testing.T) {
	w := newWorld(t, func(s *setup) {
		s.routes[0].SetRequestHeaders = []config.Header{{Name: "X-Mine", Value: "${pomerium.jwt}"}}
	})
	w.raw("GET / HTTP/1.1\nHost: app.test\nCookie: __Host-sp=alice\nX-Keep: me\n\n")
	got := w.up.Last().Header
	if got.Get("X-Mine") == "" || got[assertionHeader] != nil || got.Get("X-Keep") != "me" {
		t.Errorf("upstream read %v, want the assertion in X-Mine alone", got)
	}
}

func TestKubernetesLearnsNothingButThePerson(t *testing.T) {
	w := newWorld(t, func(s *setup) { s.routes[0].KubernetesToken = "service-token" })
	nameless := aSession("carol")
	nameless.Subject.Email = ""
	w.people.sessions["carol"] = nameless
	w.raw("GET / HTTP/1.1\nHost: app.test\nCookie: __Host-sp=carol\nImpersonate-User: admin\nX-Keep: me\n\n")
	got := w.up.Last().Header
	if got.Get("Impersonate-User") != "00ucarol" || got.Get("X-Keep") != "me" || got.Get("X-Forwarded-Host") != "app.test" {
		t.Errorf("upstream read %v, want the person by id, and the rest of the request", got)
	}
}

func TestBrowsersForgetWhatIsTheApplicationsOwn(t *testing.T) {
	for given, want := range map[string]string{
		`"cache"`: `"cache"`, `"storage"`: `"storage"`, `"clientHints", "executionContexts"`: `"clientHints", "executionContexts"`,
		`"prefetchCache","prerenderCache"`: `"prefetchCache", "prerenderCache"`, `"*"`: `"cache", "storage"`,
		`"cookies"`: "", `"cookies", "cache"`: `"cache"`, `cache`: "",
	} {
		h := http.Header{"Clear-Site-Data": {given}}
		cleanClearSiteData(h)
		if _, there := h["Clear-Site-Data"]; h.Get("Clear-Site-Data") != want || there != (want != "") {
			t.Errorf("%s becomes %q, want %q", given, h["Clear-Site-Data"], want)
		}
	}
}

func TestViaSaysWhatTheClientSpoke(t *testing.T) {
	for want, r := range map[string]*http.Request{"1.0 sallyport": {ProtoMajor: 1}, "1.1 sallyport": {ProtoMajor: 1, ProtoMinor: 1}, "2.0 sallyport": {ProtoMajor: 2}} {
		if got := via(r); got != want {
			t.Errorf("Via %q, want %q", got, want)
		}
	}
}
