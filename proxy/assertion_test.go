package proxy

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"sallyport/config"
	"sallyport/identity"
)

func claimHeaders(names ...string) []config.ClaimHeader {
	var all []config.ClaimHeader
	for _, n := range names {
		all = append(all, config.ClaimHeader{Header: "X-Pomerium-Claim-" + n, Claim: n})
	}
	return all
}

// verified checks a JWT as an application does: with the keys as published.
func verified(t testing.TB, a *Assertions, jwt string) map[string]any {
	t.Helper()
	rec := httptest.NewRecorder()
	a.JWKS().ServeHTTP(rec, httptest.NewRequest("GET", "/.well-known/pomerium/jwks.json", nil))
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(rec.Body.Bytes(), &set); err != nil {
		t.Fatal(err)
	}
	jws, err := jose.ParseSignedCompact(jwt, []jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.RS256, jose.EdDSA})
	if err != nil {
		t.Fatal(err)
	}
	header := jws.Signatures[0].Protected
	keys := set.Key(header.KeyID)
	if len(keys) != 1 || !keys[0].IsPublic() || keys[0].Algorithm != header.Algorithm || header.ExtraHeaders["typ"] != "JWT" {
		t.Fatalf("header %+v, keys %+v", header, set)
	}
	raw, err := jws.Verify(keys[0])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestAssertionHasPomeriumsClaims(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	a := assertions(t, AssertionOptions{Now: func() time.Time { return now }, ClaimsHeaders: claimHeaders("email", "department", "family_name", "address/city", "missing")})
	s := aSession("alice")
	s.Subject.Claims = identity.Claims{
		"groups": []any{"a", "b,c"}, "department": []any{"R&D", "x,y"}, "family_name": "Müller, PhD", "address": map[string]any{"city": "Köln"},
	}
	person := identity.NewPerson(identity.Person{ID: "00ualice", Email: "Alice@corp.test", Name: "Alice Müller", Groups: []identity.Group{{ID: "g2", Name: "Ops"}, {ID: "g1", Name: "Dev"}}})
	want := map[string]any{
		"iss": "app.test", "aud": "app.test", "iat": 1_700_000_000.0, "exp": 1_700_000_300.0, "sub": "00ualice", "user": "00ualice",
		"email": "Alice@corp.test", "name": "Alice Müller", "sid": "session-of-alice", "groups": []any{"g1", "g2", "Dev", "Ops"},
		"department": "R&D,x%2Cy", "family_name": "Müller, PhD", "address/city": "Köln", "missing": "",
	}
	jwt, err := a.Header(s, person, "app.test:8443", "")
	if err != nil {
		t.Fatal(err)
	}
	got := verified(t, a, jwt)
	if id, _ := got["jti"].(string); len(id) != 36 || id[14] != '4' {
		t.Errorf("jti = %q, want a UUID", id)
	}
	delete(got, "jti")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	uri := a.Claims(s, nil, "app.test", "uri")
	if uri["iss"] != "https://app.test/" || uri["aud"] != "app.test" {
		t.Errorf("iss = %v, aud = %v", uri["iss"], uri["aud"])
	}
	if diff := cmp.Diff([]string{"a", "b,c"}, uri["groups"]); diff != "" {
		t.Errorf("groups of the token (-want +got):\n%s", diff)
	}
	s.Subject.Claims = nil
	if g, ok := a.Claims(s, nil, "app.test", "")["groups"].([]string); !ok || g == nil || len(g) != 0 {
		t.Errorf("groups of nobody = %#v, want an empty list", g)
	}
}

func TestUpstreamsAreToldOfTheGroupsTheirRouteLists(t *testing.T) {
	a := assertions(t, AssertionOptions{ClaimsHeaders: claimHeaders("groups", "profile/team")})
	person := identity.NewPerson(identity.Person{
		ID: "00ualice", Profile: map[string][]string{"team": {"red", "b,c"}},
		Groups: []identity.Group{{ID: "g1", Name: "Dev"}, {ID: "g2", Name: "Ops"}, {ID: "g3", Name: "Staff"}},
	})
	s := aSession("alice")
	s.Subject.Claims = identity.Claims{"profile/team": "of the token"}
	for name, tt := range map[string]struct {
		filter *groupFilter
		want   []any
		header string
	}{
		"all":          {nil, []any{"g1", "g2", "g3", "Dev", "Ops", "Staff"}, "g1,g2,g3,Dev,Ops,Staff"},
		"id and name":  {newGroupFilter([]string{"Ops", "g3", "unknown"}), []any{"g3", "Ops"}, "g3,Ops"},
		"another case": {newGroupFilter([]string{"ops"}), []any{}, ""},
	} {
		told, err := a.tell(s, person, "app.test", "", tt.filter) // one after the other from one cache
		if err != nil {
			t.Fatal(err)
		}
		got := verified(t, a, told.jwt[0])
		if diff := cmp.Diff(tt.want, got["groups"]); diff != "" {
			t.Errorf("%s: groups (-want +got):\n%s", name, diff)
		}
		if got["profile/team"] != "red,b%2Cc" {
			t.Errorf("%s: the profile's attribute is %v", name, got["profile/team"])
		}
		if told.headers[0].value[0] != tt.header || told.headers[1].value[0] != "red,b%2Cc" {
			t.Errorf("%s: headers %+v", name, told.headers)
		}
	}
	global := assertions(t, AssertionOptions{GroupsFilter: []string{"Dev"}})
	if diff := cmp.Diff([]string{"Dev"}, global.Claims(s, person, "app.test", "")["groups"]); diff != "" {
		t.Error(diff)
	}
}

func TestUpstreamsAreToldOfNoGroupThatIsCalledLikeAnID(t *testing.T) {
	const id = "00g1a2B3c4D5e6F7g8H9"
	a := assertions(t, AssertionOptions{ClaimsHeaders: claimHeaders("groups")})
	person := identity.NewPerson(identity.Person{ID: "00ualice", Groups: []identity.Group{{ID: "g1", Name: id}, {ID: "g2", Name: "Dev"}}})
	told, err := a.tell(aSession("alice"), person, "app.test", "", newGroupFilter([]string{id, "g1", "g2", "Dev"}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{"g1", "g2", "Dev"}, verified(t, a, told.jwt[0])["groups"]); diff != "" || told.headers[0].value[0] != "g1,g2,Dev" {
		t.Errorf("header %q, groups (-want +got):\n%s", told.headers[0].value[0], diff)
	}
}

// T35: the assertion for one route says that it is for that route.
func TestAssertionIsForOneHost(t *testing.T) {
	a := assertions(t, AssertionOptions{})
	for _, host := range []string{"a.test", "b.test"} {
		jwt, err := a.Header(aSession("alice"), nil, host, "")
		if err != nil || verified(t, a, jwt)["aud"] != host {
			t.Errorf("aud of %s: %v, %v", host, verified(t, a, jwt)["aud"], err)
		}
	}
}

func TestAssertionIsSignedOncePerVersionAndHalfLife(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	a := assertions(t, AssertionOptions{Now: func() time.Time { return now }})
	s := aSession("alice")
	p := identity.NewPerson(identity.Person{ID: "00ualice", Version: 1})
	get := func() string {
		jwt, err := a.Header(s, p, "app.test", "")
		if err != nil {
			t.Fatal(err)
		}
		return jwt
	}
	first := get()
	now = now.Add(assertionLife/2 - time.Second)
	if get() != first {
		t.Error("signed again within half its life")
	}
	now = now.Add(time.Second)
	second := get()
	if second == first {
		t.Error("not signed again at half its life")
	}
	p = identity.NewPerson(identity.Person{ID: "00ualice", Version: 2, Groups: []identity.Group{{ID: "new"}}})
	third := get()
	if third == second || !strings.Contains(fmt.Sprint(verified(t, a, third)["groups"]), "new") {
		t.Error("a change of the person is not in the next assertion")
	}
	changed := *s
	changed.Version, changed.Subject.Email = 2, "new@example.com"
	s = &changed
	if verified(t, a, get())["email"] != "new@example.com" {
		t.Error("a change of the session is not in the next assertion")
	}
}

// T36: a thousand requests at once never swap identities.
func TestAssertionsNeverMixIdentities(t *testing.T) {
	a := assertions(t, AssertionOptions{ClaimsHeaders: claimHeaders("email")})
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range 1000 {
		wg.Go(func() {
			name := fmt.Sprintf("u%d", i%10)
			s, host := aSession(name), fmt.Sprintf("h%d.test", i%3)
			s.Version = uint64(i % 2)
			<-start
			told, err := a.tell(s, nil, host, "", nil)
			if err != nil {
				t.Error(err)
				return
			}
			got := payload(t, told.jwt[0])
			if got["sub"] != "00u"+name || got["aud"] != host || told.headers[0].value[0] != name+"@example.com" {
				t.Errorf("asked for %s at %s, got %v and %v", name, host, got, told.headers)
			}
		})
	}
	close(start)
	wg.Wait()
	entries := 0
	for i := range a.shards {
		entries += len(a.shards[i].m)
	}
	if entries != 30 {
		t.Errorf("%d assertions were made, want one for each of 30 identities", entries)
	}
}

func TestAssertionCacheIsBounded(t *testing.T) {
	a := assertions(t, AssertionOptions{})
	sh := &a.shards[0]
	for i := range 3 * assertionPerShard {
		sh.get(subjectKey{session: fmt.Sprint(i)}, time.Unix(int64(i), 0))
	}
	if len(sh.m) > assertionPerShard {
		t.Errorf("%d entries, want at most %d", len(sh.m), assertionPerShard)
	}
}

func TestASigningThatFailsIsNotRemembered(t *testing.T) {
	a := assertions(t, AssertionOptions{})
	s := aSession("alice")
	s.Subject.Claims = identity.Claims{"x": make(chan int)}
	a.headers = []claimHeader{{"X-X", identity.NewClaimPath("x")}}
	good := a.signer
	a.signer = failingSigner{good}
	if _, err := a.Header(s, nil, "app.test", ""); err == nil {
		t.Error("no error")
	}
	a.signer = good
	if jwt, err := a.Header(s, nil, "app.test", ""); err != nil || jwt == "" {
		t.Errorf("after the fault: %q, %v", jwt, err)
	}
}

type failingSigner struct{ jose.Signer }

func (failingSigner) Sign([]byte) (*jose.JSONWebSignature, error) { return nil, errTest }

func TestClaimHeadersAreUnambiguous(t *testing.T) {
	for _, tt := range []struct {
		values []string
		want   string
	}{
		{nil, ""},
		{[]string{"alice@example.com"}, "alice@example.com"},
		{[]string{"a", "b c", "d|e;f=g"}, "a,b c,d|e;f=g"},
		{[]string{"a,b", "c"}, "a%2Cb,c"},
		{[]string{"50%", "%2C"}, "50%25,%252C"},
		{[]string{"Müller", `"q"`, `\`}, "M%C3%BCller,%22q%22,%5C"},
		{[]string{" a ", "b\r\nX-Forged: 1", "c\x00"}, "%20a%20,b%0D%0AX-Forged: 1,c%00"},
	} {
		got, cut := encodeValues(tt.values)
		if got != tt.want || cut {
			t.Errorf("%q: %q, %t; want %q", tt.values, got, cut, tt.want)
		}
		var back []string
		for part := range strings.SplitSeq(got, ",") {
			v, err := url.PathUnescape(part)
			if err != nil {
				t.Fatal(err)
			}
			if len(tt.values) > 0 {
				back = append(back, v)
			}
		}
		if diff := cmp.Diff(tt.values, back); diff != "" {
			t.Errorf("%q reads back as (-want +got):\n%s", got, diff)
		}
	}
	if got, cut := encodeValues([]string{strings.Repeat("a", maxClaimHeader-1)}); cut || len(got) != maxClaimHeader-1 {
		t.Errorf("a value that just fits: %d bytes, cut %t", len(got), cut)
	}
	long := strings.Split(strings.Repeat("group-with-a-long-name,", 2000), ",")
	got, cut := encodeValues(long[:2000])
	if !cut || len(got) > maxClaimHeader || !strings.HasSuffix(got, ",group-with-a-long-name") {
		t.Errorf("%d bytes, cut %t, ends in %q", len(got), cut, got[len(got)-30:])
	}
	kept, cut := bounded(long[:2000], maxGroupBytes)
	if total := len(strings.Join(kept, `","`)); !cut || total > maxGroupBytes {
		t.Errorf("%d bytes of groups, cut %t", total, cut)
	}
}

func TestClaimsOfEveryTypeHaveAText(t *testing.T) {
	s := aSession("alice")
	s.Subject.Claims = identity.Claims{
		"n": 1234567890.0, "f": 1.5, "b": true, "null": nil, "o": map[string]any{"k": "v"}, "l": []any{1.0, "x", nil, false},
	}
	f := factsOf(s, nil)
	for claim, want := range map[string]string{
		"n": "1234567890", "f": "1.5", "b": "true", "null": "", "o": "{%22k%22:%22v%22}", "l": "1,x,,false",
		"sub": "00ualice", "user": "00ualice", "sid": "session-of-alice", "name": "Alice", "groups": "",
	} {
		if got, _ := encodeValues(f.values(identity.NewClaimPath(claim))); got != want {
			t.Errorf("%s = %q, want %q", claim, got, want)
		}
	}
}
