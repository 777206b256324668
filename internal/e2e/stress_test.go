package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"sallyport/identity"
	"sallyport/internal/ui"
	"sallyport/internal/weberr"
)

// What people, groups and hosts may be called at the far end of what happens.
var (
	longHost  = strings.Repeat("a-department-with-a-long-name.", 7) + "example.com:8443"
	longEmail = strings.Repeat("maximiliane.", 5) + "von-und-zu-hohenstein@" + strings.Repeat("subsidiary-", 8) + "example.com"
	longURL   = "https://wiki.example.com/" + strings.Repeat("path-without-a-break", 40) + "?q=" + strings.Repeat("%F0%9F%A6%8A", 60)
	rtlName   = "محمد بن عبد الله الطويل 🦊👩🏽‍🚀 דוגמה"
)

// extremes are the pages filled with what is longest, most or from another
// script; wide is the longest unbroken word.
func extremes(p *ui.Renderer, w http.ResponseWriter, r *http.Request) map[string]func() {
	form := ui.Form{Action: "/x", Fields: []ui.Field{{Name: "csrf", Value: "c0ffee"}}}
	now := time.Now()
	return map[string]func(){
		"denied": func() {
			e := weberr.Denied(longHost, longEmail)
			e.AccountURL = longURL
			e.Details = []string{"groups-unauthorized", strings.Repeat("claim-", 40) + "unauthorized"}
			p.Error(w, r, e)
		},
		"denied-rtl": func() {
			e := weberr.Denied("مثال.example.com", rtlName)
			e.AccountURL, e.LoginURL = "/a", "/b"
			p.Error(w, r, e)
		},
		"denied-trace": func() {
			e := weberr.Denied(longHost, longEmail)
			groups := make([]string, 40)
			for i := range groups {
				groups[i] = fmt.Sprintf("team-%d %s (00g%017d)", i, rtlName, i)
			}
			position := "/etc/sallyport/" + strings.Repeat("configuration-of-a-department/", 5) + "config.yaml:14:22"
			criteria := []weberr.TraceCriterion{{Name: "groups", Position: position, Reason: "groups-unauthorized", Wanted: `has "` + strings.Repeat("administrators-", 20) + `"`, Had: groups}}
			e.Trace = func() *weberr.Trace {
				return &weberr.Trace{Change: []string{"is not in group " + strings.Repeat("administrators-", 20)}, DirectoryAge: "12s", Rules: []weberr.TraceRule{
					{Effect: "allow", Position: position, Lists: []weberr.TraceList{{Operator: "or", Position: position, Criteria: criteria}}},
				}}
			}
			p.Error(w, r, e)
		},
		"sign-in-failed": func() {
			e := weberr.SignInFailed("Okta says: "+strings.Repeat("error_description_without_spaces_", 30), nil)
			e.LoginURL = longURL
			p.Error(w, r, e)
		},
		"loop": func() {
			p.Error(w, r, weberr.SignInLoop(longHost, "__Host-"+strings.Repeat("cookie", 20), weberr.LostAll))
		},
		"maintenance": func() {
			p.Error(w, r, weberr.Maintenance(longHost, strings.Repeat("The wiki moves to a new machine. ", 60), time.Hour))
		},
		"user": func() {
			v := ui.UserPage{
				SignedIn: true, Host: longHost, Name: rtlName, Email: longEmail, ID: strings.Repeat("00u", 60), Directory: true,
				Claims:  identity.Claims{strings.Repeat("https://example.com/claims/", 8): []any{longURL, rtlName}, "bio": strings.Repeat(rtlName+" ", 30)},
				Created: now.Add(-3 * time.Hour), LastUsed: now, Expires: now.Add(11 * time.Hour), IdleTimeout: 90 * time.Minute,
				SignOutURL: "/.pomerium/sign_out", SessionsURL: "/.pomerium/sessions",
			}
			for i := range 40 {
				v.Groups = append(v.Groups, identity.Group{ID: fmt.Sprintf("00g%017d", i), Name: fmt.Sprintf("team-%d", i)})
			}
			v.Groups = append(v.Groups, identity.Group{ID: "00gx", Name: rtlName}, identity.Group{ID: strings.Repeat("00g", 40), Name: strings.Repeat("administrators-", 20)})
			p.User(w, r, v)
		},
		"sign-out": func() {
			p.SignOut(w, r, ui.SignOutPage{Account: longEmail, CancelURL: longURL, Form: form})
		},
		"program": func() {
			p.ProgramConsent(w, r, ui.ProgramPage{Host: longHost, Program: strings.Repeat("deploy", 40) + rtlName, Account: longEmail, ReturnTo: "http://localhost:8900/" + strings.Repeat("x", 300), Expires: now.Add(time.Hour), CancelURL: "/", Form: form})
		},
		"lapsed": func() { p.SignInAgain(w, r, ui.LapsedPage{Host: longHost, LoginURL: longURL}) },
		"popup":  func() { p.Popup(w, r, ui.PopupPage{Host: longHost}) },
		"sessions": func() {
			v := ui.SessionsPage{Account: longEmail, UserURL: "/.pomerium/", More: 12, Ended: 3, Form: form}
			for i := range 12 {
				v.Sessions = append(v.Sessions, ui.SessionRow{
					Handle: fmt.Sprint(i), Kind: []string{"browser", "program"}[i%2], Current: i == 0, Address: "2001:db8:1234:5678:9abc:def0:1234:5678",
					Program: strings.Repeat("deploy", 20*(i%4)) + rtlName, Host: longHost, UserAgent: strings.Repeat("Mozilla", 60),
					Created: now.Add(-time.Duration(i) * 30 * time.Hour), LastUsed: now, Expires: now.Add(11 * time.Hour),
				})
			}
			p.Sessions(w, r, v)
		},
	}
}

// Whatever people and hosts are called, pages stay readable on a phone and on a
// screen: nothing is wider than the window, and axe has nothing against them.
func TestPagesHoldWhatIsLongestAndFromOtherScripts(t *testing.T) {
	source := axe(t)
	p, err := ui.New(ui.Options{Brand: ui.Brand{Name: strings.Repeat("Bank of Examples ", 6), SupportURL: longURL, SupportText: strings.Repeat("Ask the service desk ", 8)}})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(scriptable(func(w http.ResponseWriter, r *http.Request) {
		if show := extremes(p, w, r)[strings.TrimPrefix(r.URL.Path, "/")]; show != nil {
			show()
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(srv.Close)
	ctx := chromium(t)
	for name := range extremes(nil, nil, nil) {
		do(t, ctx, name, chromedp.Navigate(srv.URL+"/"+name), chromedp.WaitVisible(css("main")), loadScript(source))
		checkPage(t, ctx, "extreme-"+name+"-390", emulate("screen", "light", 390)) // colours: TestPagesAreAccessible
		do(t, ctx, name, emulate("screen", "dark", 1280))
		fits(t, ctx, "extreme-"+name+"-1280")
	}
}
