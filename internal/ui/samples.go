package ui

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"sallyport/identity"
	"sallyport/internal/weberr"
)

// samples is every page there is, filled as in life: templates are tried on
// them, and tests look at them.
var samples = map[string]func(*Renderer, http.ResponseWriter, *http.Request){
	"denied": func(p *Renderer, w http.ResponseWriter, r *http.Request) {
		e := weberr.Denied("admin.example.com", "bob@example.com")
		e.AccountURL = "/.pomerium/sign_in_as?x=1&y=2"
		p.Error(w, r, e)
	},
	"denied_inactive": func(p *Renderer, w http.ResponseWriter, r *http.Request) {
		e := weberr.AccountInactive("admin.example.com", "bob@example.com")
		e.AccountURL = "/.pomerium/sign_in_as?x=1&y=2"
		p.Error(w, r, e)
	},
	"denied_details": func(p *Renderer, w http.ResponseWriter, r *http.Request) {
		e := weberr.Denied("admin.example.com", "bob@example.com")
		e.Details = []string{"config.yaml:14:9: allow: no", "config.yaml:15:13: groups has admins: no"}
		p.Error(w, r, e)
	},
	"client_certificate": func(p *Renderer, w http.ResponseWriter, r *http.Request) {
		p.Error(w, r, weberr.ClientCertificateRequired("wiki.example.com"))
	},
	"denied_trace": func(p *Renderer, w http.ResponseWriter, r *http.Request) {
		e := weberr.Denied("admin.example.com", "bob@example.com")
		e.Trace = func() *weberr.Trace {
			return &weberr.Trace{
				Change: []string{"is not in group admins"}, DirectoryAge: "12s",
				Rules: []weberr.TraceRule{
					{Effect: "allow", Position: "config.yaml:14:9", Lists: []weberr.TraceList{{Operator: "or", Position: "config.yaml:14:16", Criteria: []weberr.TraceCriterion{
						{Name: "groups", Position: "config.yaml:14:22", Reason: "groups-unauthorized", Wanted: `has "admins"`, Had: []string{"engineers (00gengineers)", "Everyone (00geveryone)"}},
						{Name: "email", Position: "config.yaml:15:22", Reason: "email-unauthorized", Wanted: `in "a.person.with.a.long.name@example.com", "alice@example.com"`, Had: []string{"bob@example.com"}},
					}}}},
					{Effect: "deny", Shadow: true, Holds: true, Position: "config.yaml:17:9", Lists: []weberr.TraceList{{Operator: "nor", Holds: true, Position: "config.yaml:17:16", Criteria: []weberr.TraceCriterion{
						{Name: "source_ip", Position: "config.yaml:17:22", Reason: "source-ip-unauthorized", Wanted: "in 10.0.0.0/8"},
					}}}},
				},
			}
		}
		p.Error(w, r, e)
	},
	"sign_in_failed": func(p *Renderer, w http.ResponseWriter, r *http.Request) {
		e := weberr.SignInFailed("Okta says that you are not assigned to this application (access_denied).", nil)
		e.LoginURL = "https://admin.example.com/"
		p.Error(w, r, e)
	},
	"not_found": func(p *Renderer, w http.ResponseWriter, r *http.Request) {
		p.Error(w, r, weberr.NotFound("nowhere.example.com"))
	},
	"upstream_down": func(p *Renderer, w http.ResponseWriter, r *http.Request) {
		p.Error(w, r, weberr.UpstreamUnreachable("wiki.example.com", nil))
	},
	"unavailable": func(p *Renderer, w http.ResponseWriter, r *http.Request) {
		p.Error(w, r, weberr.ProviderUnavailable(30*time.Second, nil))
	},
	"user": func(p *Renderer, w http.ResponseWriter, r *http.Request) {
		p.User(w, r, UserPage{
			SignedIn: true, Host: "wiki.example.com", Name: "Alice Example", Email: "alice@example.com", ID: "00ualice",
			Directory: true, Groups: []identity.Group{{ID: "00gadmins", Name: "admins"}, {ID: "00geveryone", Name: "Everyone"}},
			Claims: identity.Claims{
				"email": "alice@example.com", "email_verified": true, "auth_time": float64(p.now().Unix() - 60), "ver": float64(1),
				"amr": []any{"pwd", "mfa"}, "address": map[string]any{"country": "NZ"},
			},
			Created: p.now().Add(-3 * time.Hour), LastUsed: p.now(), Expires: p.now().Add(11 * time.Hour), IdleTimeout: time.Hour,
			SignOutURL: "/.pomerium/sign_out", SessionsURL: "/.pomerium/sessions",
		})
	},
	"user_nobody": func(p *Renderer, w http.ResponseWriter, r *http.Request) {
		p.User(w, r, UserPage{Host: "wiki.example.com", SignInURL: "/.pomerium/sign_in"})
	},
	"sign_out": func(p *Renderer, w http.ResponseWriter, r *http.Request) {
		p.SignOut(w, r, SignOutPage{
			Account: "alice@example.com", CancelURL: "https://wiki.example.com/",
			Form: Form{
				Action: "/.pomerium/sign_out", Fields: []Field{{Name: "csrf", Value: "c0ffee+/="}, {Name: "pomerium_redirect_uri", Value: "https://wiki.example.com/"}},
				Targets: []string{"https://example.okta.com/oauth2/v1/logout?x", "https://wiki.example.com:8443/"},
			},
		})
	},
	"signed_out": func(p *Renderer, w http.ResponseWriter, r *http.Request) {
		p.SignedOut(w, r, SignedOutPage{SignInURL: "https://wiki.example.com/"})
	},
	"signed_out_not_at_provider": func(p *Renderer, w http.ResponseWriter, r *http.Request) {
		p.SignedOut(w, r, SignedOutPage{StillAtProvider: true})
	},
	"program": func(p *Renderer, w http.ResponseWriter, r *http.Request) {
		p.ProgramConsent(w, r, ProgramPage{
			Host: "api.example.com", Program: "deploy-cli", Account: "alice@example.com", ReturnTo: "http://localhost:8900",
			Expires: p.now().Add(14 * time.Hour), CancelURL: "/",
			Form: Form{Action: "/.pomerium/program", Fields: []Field{{Name: "csrf", Value: "c0ffee"}}, Targets: []string{"http://localhost:8900/x"}},
		})
	},
	"lapsed": func(p *Renderer, w http.ResponseWriter, r *http.Request) {
		p.SignInAgain(w, r, LapsedPage{Host: "wiki.example.com", LoginURL: "https://wiki.example.com/.pomerium/sign_in"})
	},
	"sign_in_loop": func(p *Renderer, w http.ResponseWriter, r *http.Request) {
		e := weberr.SignInLoop("wiki.example.com", "__Host-sallyport", weberr.LostOne)
		e.LoginURL = "https://wiki.example.com/.pomerium/sign_in"
		p.Error(w, r, e)
	},
	"maintenance": func(p *Renderer, w http.ResponseWriter, r *http.Request) {
		p.Error(w, r, weberr.Maintenance("wiki.example.com", "The wiki moves to a new machine until 18:00.", time.Hour))
	},
	"popup": func(p *Renderer, w http.ResponseWriter, r *http.Request) {
		p.Popup(w, r, PopupPage{Host: "api.example.com", Origin: "https://app.example.com"})
	},
	"sessions": func(p *Renderer, w http.ResponseWriter, r *http.Request) {
		now := p.now()
		p.Sessions(w, r, SessionsPage{
			Account: "alice@example.com", UserURL: "/.pomerium/", More: 2, Ended: 1,
			Form: Form{Action: "/.pomerium/sessions", Fields: []Field{{Name: "csrf", Value: "c0ffee"}}},
			Sessions: []SessionRow{
				{
					Handle: "a1", Kind: "browser", Current: true, Address: "203.0.113.7",
					UserAgent: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
					Created:   now.Add(-3 * time.Hour), LastUsed: now, Expires: now.Add(11 * time.Hour),
				},
				{
					Handle: "b2", Kind: "program", Program: "deploy-cli", Host: "api.example.com", Address: "2001:db8::7",
					Created: now.Add(-2 * time.Hour), LastUsed: now.Add(-time.Hour), Expires: now.Add(11 * time.Hour),
				},
			},
		})
	},
}

// SampleNames are the pages that Sample shows, sorted.
func SampleNames() []string { return slices.Sorted(maps.Keys(samples)) }

// Sample shows a page filled with made-up people and hosts: to try templates on,
// and for tests that look. It reports whether there is a page of that name.
func (p *Renderer) Sample(name string, w http.ResponseWriter, r *http.Request) bool {
	show := samples[name]
	if show != nil {
		show(p, w, r)
	}
	return show != nil
}
