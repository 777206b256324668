package proxy

import (
	"strings"
	"testing"

	"sallyport/identity"
)

// T10: spellings of names that are no names: one with a dash in front is another
// name, which nothing folds to ours; what holds a space, a tab or a letter beyond
// ASCII is no request.
func TestNamesThatAreNoneReachNoUpstream(t *testing.T) {
	w := identityWorld(t, nil)
	for _, name := range []string{"X-Pomerium-Jwt-Assertion", "X-Email", "X-Forwarded-Email", "Remote-User"} {
		for _, odd := range []string{
			name + " ", name + "\t", " " + name, "\t" + name, strings.Replace(name, "-", " ", 1), strings.Replace(name, "-", "\t", 1),
			name + "\u00a0", "\u00a0" + name, name + "\x00", name + "\x0b", name + ":", strings.Replace(name, "-", "\u2010", 1),
		} {
			status, _ := w.raw("GET / HTTP/1.1\nHost: pass.test\nCookie: __Host-sp=alice\nX-First: 1\n" + odd + ": FORGED\n\n")
			for _, r := range w.up.Requests() {
				for _, told := range identityNames() {
					if strings.Contains(strings.Join(r.Header.Values(told), " "), "FORGED") {
						t.Errorf("%q: status %d, and the upstream read it as %s", odd, status, told)
					}
				}
				if odd[0] != ' ' && odd[0] != '\t' && odd[len(odd)-1] != ':' { // a folded line is more of the one before, a second colon more of the value
					t.Errorf("%q: status %d, and the upstream read %v", odd, status, r.Header)
				}
			}
			w.up.Reset()
		}
		for _, odd := range []string{"-" + name, "--" + name, "_" + name, name + "-"} {
			w.raw("GET / HTTP/1.1\nHost: pass.test\nCookie: __Host-sp=alice\n" + odd + ": FORGED\n\n")
			for _, r := range w.up.Requests() {
				for _, told := range append(identityNames(), name) {
					if strings.Contains(strings.Join(r.Header.Values(told), " "), "FORGED") {
						t.Errorf("%q: the upstream read it as %s", odd, told)
					}
				}
			}
			w.up.Reset()
		}
	}
}

// T09: what is told of a person is what holds at each request: a claim that is
// gone since leaves nothing behind, of ours or of the client's.
func TestAClaimThatIsGoneIsNotToldAnyMore(t *testing.T) {
	w := identityWorld(t, nil)
	ask := func(forged string) (string, map[string]any) {
		w.up.Reset()
		w.raw("GET / HTTP/1.1\nHost: pass.test\nCookie: __Host-sp=alice\n" + forged + "\n")
		got := w.up.Last().Header
		return strings.Join(got["X-Department"], "|"), payload(t, got.Get("X-Pomerium-Jwt-Assertion"))
	}
	change := func(claims identity.Claims) { // as a refresh does: another version of the session
		w.people.mu.Lock()
		defer w.people.mu.Unlock()
		next := *w.people.sessions["alice"]
		next.Version++
		next.Subject.Claims = claims
		w.people.sessions["alice"] = &next
	}
	change(identity.Claims{"department": "treasury"})
	if told, claims := ask(""); told != "treasury" || claims["department"] != "treasury" {
		t.Fatalf("told %q and %v, want treasury", told, claims["department"])
	}
	change(identity.Claims{})
	for _, forged := range []string{"", "X-Department: FORGED\n", "X_Department: FORGED\n"} {
		if told, claims := ask(forged); told != "" || claims["department"] != nil && claims["department"] != "" {
			t.Errorf("with %q: told %q and %v of a claim that is gone", forged, told, claims["department"])
		}
	}
}
