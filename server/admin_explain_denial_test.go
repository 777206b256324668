package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"sallyport/internal/harness"
	"sallyport/internal/weberr"
)

// denying is a route that denies both alice, of the admins, and bob.
const denying = `
  - {name: vault, from: "https://vault.localhost:%[1]s", to: "%[2]s", policy: [{allow: {or: [{groups: keepers}, {email: carol.private@example.com}]}}]}
`

const operators = "error_details_policy: {allow: {and: [groups: admins]}}\n"

// everything is everything that an answer holds.
func everything(p *harness.Page) string {
	return fmt.Sprint(p.Header) + p.Body
}

func TestAnOperatorSeesHowTheyWereDeniedAndNobodyElseDoes(t *testing.T) {
	w := harness.Start(t, harness.Options{Routes: denying, Extra: operators})
	alice, bob := harness.NewBrowser(t), harness.NewBrowser(t)
	page := alice.SignIn(w.URL("vault", "/"), "alice@example.com", harness.AlicePassword)
	for _, want := range []string{"How this was decided", "is not in group keepers", "config.yaml:", "carol.private@example.com", "admins (", "groups-unauthorized", "What the directory knows about this account is"} {
		if !strings.Contains(page.Body, want) {
			t.Errorf("the operator's page does not say %q", want)
		}
	}
	if page.Status != http.StatusForbidden || page.Header.Get("Cross-Origin-Opener-Policy") != "same-origin" ||
		!strings.Contains(page.Header.Get("Content-Security-Policy"), " sandbox allow-popups ") || strings.Contains(page.Header.Get("Content-Security-Policy"), "allow-same-origin") || page.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", page.Status, page.Header)
	}
	var told struct {
		Code  string
		Trace *weberr.Trace
	}
	program := alice.Fetch("GET", w.URL("vault", "/"), http.Header{"Sec-Fetch-Mode": nil, "Sec-Fetch-Site": nil, "Sec-Fetch-Dest": nil, "Accept": {"application/json"}})
	if err := json.Unmarshal([]byte(program.Body), &told); err != nil || told.Code != "denied" || told.Trace == nil || len(told.Trace.Rules) != 1 || told.Trace.DirectoryAge == "" {
		t.Errorf("a program of the operator reads %v %s", err, program.Body)
	}

	bob.SignIn(w.URL("vault", "/"), "bob@example.com", harness.BobPassword)
	for who, p := range map[string]*harness.Page{
		"somebody else's page":             bob.Get(w.URL("vault", "/")),
		"somebody else's program":          bob.Fetch("GET", w.URL("vault", "/"), http.Header{"Sec-Fetch-Mode": nil, "Sec-Fetch-Site": nil, "Sec-Fetch-Dest": nil, "Accept": {"application/json"}}),
		"somebody else's gRPC client":      bob.Fetch("POST", w.URL("vault", "/"), http.Header{"Content-Type": {"application/grpc"}}),
		"a service worker's request":       alice.Fetch("GET", w.URL("vault", "/"), http.Header{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"empty"}, "Accept": {"text/html"}}),
		"a worker's preload":               alice.Fetch("GET", w.URL("vault", "/"), http.Header{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}, "Service-Worker-Navigation-Preload": {"true"}, "Accept": {"text/html"}}),
		"the operator's browser's script":  alice.Fetch("GET", w.URL("vault", "/"), http.Header{"Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Site": {"same-origin"}}),
		"the operator's old script":        alice.Fetch("GET", w.URL("vault", "/"), http.Header{"Sec-Fetch-Mode": nil, "Sec-Fetch-Site": nil, "X-Requested-With": {"XMLHttpRequest"}}),
		"a script of another origin":       alice.Fetch("GET", w.URL("vault", "/"), http.Header{"Sec-Fetch-Mode": nil, "Sec-Fetch-Site": nil, "Origin": {"https://evil.example"}, "Accept": {"application/json"}}),
		"the operator's gRPC client":       alice.Fetch("POST", w.URL("vault", "/"), http.Header{"Content-Type": {"application/grpc"}}),
		"the operator's Kubernetes client": alice.Fetch("GET", w.URL("vault", "/"), http.Header{"Sec-Fetch-Mode": nil, "Sec-Fetch-Site": nil, "User-Agent": {"kubectl/1.31"}}),
		"nobody":                           harness.NewBrowser(t).Fetch("GET", w.URL("vault", "/"), nil),
	} {
		text := everything(p)
		for _, secret := range []string{"keepers", "carol", "config.yaml", "How this was decided", `"trace"`, `class="trace"`, "groups-", "admins", "engineers"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s says %q:\n%s", who, secret, text)
			}
		}
	}
	if p := bob.Get(w.URL("vault", "/")); p.Status != http.StatusForbidden || !strings.Contains(p.Body, "not allowed to open") {
		t.Errorf("bob reads %d\n%s", p.Status, p.Body)
	}
}

// Without the policy, and with one that cannot decide, nobody sees anything.
func TestNobodySeesHowTheyWereDeniedWithoutAPolicyThatSaysSo(t *testing.T) {
	for name, extra := range map[string]string{
		"none":     "",
		"empty":    "error_details_policy: []\n",
		"others":   "error_details_policy: {allow: {or: [email: somebody.else@example.com]}}\n",
		"denied":   "error_details_policy: [{allow: {or: [accept: true]}}, {deny: {or: [groups: admins]}}]\n",
		"shadowed": "error_details_policy: [{mode: shadow, allow: {or: [groups: admins]}}]\n",
	} {
		t.Run(name, func(t *testing.T) {
			w := harness.Start(t, harness.Options{Routes: denying, Extra: extra})
			p := harness.NewBrowser(t).SignIn(w.URL("vault", "/"), "alice@example.com", harness.AlicePassword)
			if p.Status != http.StatusForbidden || strings.Contains(everything(p), "keepers") || strings.Contains(p.Body, "How this was decided") {
				t.Errorf("%d\n%s", p.Status, p.Body)
			}
		})
	}
}

// Whoever does not count for the directory counts for no page either.
func TestASuspendedOperatorSeesNothing(t *testing.T) {
	w := harness.Start(t, harness.Options{Routes: denying, Extra: "error_details_policy: {allow: {or: [accept: true]}}\n"})
	alice := harness.NewBrowser(t)
	if p := alice.SignIn(w.URL("vault", "/"), "alice@example.com", harness.AlicePassword); !strings.Contains(p.Body, "How this was decided") {
		t.Fatalf("the operator sees nothing to begin with:\n%s", p.Body)
	}
	w.Okta.Suspend("alice@example.com")
	until(t, "the suspension counts", func() bool {
		p := alice.Get(w.URL("vault", "/"))
		return !strings.Contains(everything(p), "keepers")
	})
}

func TestADenialsRecordNamesTheFactAndItsAge(t *testing.T) {
	w := harness.Start(t, harness.Options{Routes: denying})
	harness.NewBrowser(t).SignIn(w.URL("vault", "/"), "alice@example.com", harness.AlicePassword)
	until(t, "the record of the denial", func() bool {
		for line := range strings.Lines(w.Log.String()) {
			var r struct {
				Msg    string   `json:"msg"`
				Effect string   `json:"effect"`
				Facts  []string `json:"directory-facts"`
				Age    *float64 `json:"directory-age"`
			}
			if json.Unmarshal([]byte(line), &r) == nil && r.Msg == "authorize check" && r.Effect == "deny" && len(r.Facts) == 1 && r.Facts[0] == `not groups has "keepers"` && r.Age != nil {
				return true
			}
		}
		return false
	})
}
