package paper

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sallyport/authorize/review"
	"sallyport/config"
	"sallyport/identity"
	"sallyport/policy"
)

// words are the criteria that routes are made of here: what the directory knows,
// and what a request or a token brings.
var words = []string{
	"groups: a", "groups: b", "groups: {exclude: a}", "user: 00u1", "user: {not: 00u2}", "domain: example.com", "email: u2@example.com",
	"app: wiki", "profile/team: red", "user_status: LOCKED_OUT", "authenticated_user: true", "accept: true", "reject: true",
	"http_method: GET", "http_method: {in: [PUT, POST]}", "http_path: {starts_with: /x}", "source_ip: 10.0.0.0/8", "http_header/X-Team: red",
	"claim/level: high", "auth_method: mfa", "auth_age: {max: 1h}", "day_of_week: mon", "time_of_day: {after: 8:00, before: 17:00}",
	"cors_preflight: true", "invalid_client_certificate: true",
}

func oneOf[T any](t *rapid.T, label string, of ...T) T { return rapid.SampledFrom(of).Draw(t, label) }

func drawPolicy(t *rapid.T) string {
	var rules []string
	for range rapid.IntRange(0, 4).Draw(t, "rules") {
		var lists []string
		for _, op := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"or", "and", "not", "nor"}), 1, 2, rapid.ID).Draw(t, "operators") {
			criteria := rapid.SliceOfN(rapid.SampledFrom(words), 1, 3).Draw(t, "criteria")
			lists = append(lists, op+": [{"+strings.Join(criteria, "}, {")+"}]")
		}
		mode := oneOf(t, "mode", "", "", "", "mode: shadow, ")
		rules = append(rules, "{"+mode+oneOf(t, "effect", "allow", "allow", "deny")+": {"+strings.Join(lists, ", ")+"}}")
	}
	return "[" + strings.Join(rules, ", ") + "]"
}

func drawQuestion(t *rapid.T) Question {
	q := Question{
		Method: oneOf(t, "method", "GET", "PUT", "POST", "OPTIONS"), Header: http.Header{},
		URL: &url.URL{Scheme: "https", Host: "app.example.com", Path: oneOf(t, "path", "/", "/x", "/x/y")},
		IP:  netip.MustParseAddr(oneOf(t, "ip", "10.1.2.3", "192.0.2.1", "2001:db8::1")),
		At:  oneOf(t, "at", time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), time.Date(2026, 3, 3, 23, 0, 0, 0, time.UTC)),
	}
	if rapid.Bool().Draw(t, "team") {
		q.Header.Set("X-Team", "red")
	}
	if rapid.Bool().Draw(t, "origin") {
		q.Header.Set("Origin", "https://x.example.com")
		q.Header.Set("Access-Control-Request-Method", "PUT")
	}
	return q
}

// crowd has everybody twice: with a session that brings everything and with one
// that brings nothing.
func drawCrowd(t *rapid.T) string {
	var b strings.Builder
	b.WriteString("people:\n")
	for i := range 4 {
		fmt.Fprintf(&b, "  - {id: 00u%d, email: u%d@%s, status: %s, groups: %s, apps: %s, profile: {team: %s}}\n", i, i,
			oneOf(t, "domain", "example.com", "EXAMPLE.com", "example.org"), oneOf(t, "status", "ACTIVE", "ACTIVE", "LOCKED_OUT", "SUSPENDED"),
			oneOf(t, "groups", "[]", "[a]", "[a, b]"), oneOf(t, "apps", "[]", "[wiki]"), oneOf(t, "team", "red", "blue"))
	}
	b.WriteString("sessions:\n")
	for i := range 4 {
		fmt.Fprintf(&b, "  - {id: full%d, subject: 00u%d, amr: [pwd, mfa], authenticated_at: 2026-03-02T08:59:00Z, claims: {level: high}}\n", i, i)
		fmt.Fprintf(&b, "  - {id: bare%d, subject: 00u%d}\n", i, i)
	}
	return b.String()
}

// What the review says of people is what requests meet: those it does not list pass
// none, those it lists without a condition pass all, and so it is for nobody in
// particular and for rules in shadow. The explanation says the same.
func TestReviewExplanationAndDecisionAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := parsed(t, drawPolicy(t))
		f := known(t, drawCrowd(t))
		w, err := ForPolicy(p, f, nil)
		if err != nil {
			t.Fatal(err)
		}
		r := review.New([]*config.Route{w.only}, review.Options{})
		for _, person := range f.People {
			r.Add(person)
		}
		entries := map[string]review.Entry{}
		r.Each(func(e review.Entry) bool { entries[e.Person] = e; return true })
		for range 12 {
			q := drawQuestion(t)
			for _, person := range append([]*identity.Person{nil}, f.People...) {
				key := "*"
				if q.Who = (Who{}); person != nil {
					key, q.Who.Session = person.ID, oneOf(t, "session", "full", "bare")+strings.TrimPrefix(person.ID, "00u")
				}
				d, err := w.Check(q)
				if err != nil {
					t.Fatal(err)
				}
				explained, err := w.Explain(q)
				if err != nil || explained.Decision != d.Effect.String() {
					t.Fatalf("decided %s, explained %+v, %v", d.Effect, explained, err)
				}
				allowed := explained.Decision == "allow" && !d.Anonymous
				e, listed := entries[key]
				compare(t, p.String(), fmt.Sprintf("%+v", q), e, listed, allowed)
				if !d.Anonymous && !d.DenyReasons.Has(policy.ReasonUserInactive) {
					compareShadow(t, p.String(), e, allowed, d.Shadow.String())
				}
			}
		}
	})
}

func compare(t *rapid.T, text, q string, e review.Entry, listed, allowed bool) {
	t.Helper()
	switch {
	case allowed && (!listed || e.Access == "none"):
		t.Fatalf("passes, and the review has %+v\n%s\n%s", e, q, text)
	case !allowed && listed && e.Access == "allow":
		t.Fatalf("does not pass, and the review has %+v\n%s\n%s", e, q, text)
	case listed && (e.Access == "conditional") != (len(e.Conditions) > 0):
		t.Fatalf("%s has the conditions %q\n%s", e.Access, e.Conditions, text)
	}
}

// compareShadow: what the review says surely is what is recorded.
func compareShadow(t *rapid.T, text string, e review.Entry, allowed bool, cast string) {
	t.Helper()
	switch {
	case e.Shadow == "shadow-deny" && allowed && cast != "shadow-deny", e.Shadow == "shadow-allow" && !allowed && cast != "shadow-allow":
		t.Fatalf("recorded %q, and the review has %+v\n%s", cast, e, text)
	case e.Shadow == "shadow-deny" && cast == "shadow-allow", e.Shadow == "shadow-allow" && cast == "shadow-deny":
		t.Fatalf("recorded %s, and the review has %+v\n%s", cast, e, text)
	case e.Shadow == "" && e.Access == "allow" && allowed && cast == "shadow-deny":
		t.Fatalf("recorded %s, and the review has %+v\n%s", cast, e, text)
	}
}
