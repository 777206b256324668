package ui

import (
	"net/http"
	"time"

	"sallyport/identity"
	"sallyport/internal/requestid"
)

// Form is how a page sends its answer. The page posts Fields, unseen, to Action.
type Form struct {
	Action string  // path on this host, or an http(s) URL
	Fields []Field // CSRF token, return URL and the like
	// Targets are addresses that the answer to the form may redirect to, one
	// after the other if need be (the identity provider's sign-out, route hosts,
	// a program's loopback port). Only scheme and host count.
	Targets []string
}

// Field is one hidden value of a form.
type Field struct{ Name, Value string }

// UserPage is what a person sees of themselves at /.pomerium/.
type UserPage struct {
	// SignedIn false shows nothing but a way to sign in.
	SignedIn  bool
	SignInURL string

	Host   string // where they are looking
	Name   string
	Email  string
	ID     string // "sub"
	Groups []identity.Group
	// Directory says that groups come from the directory; without one the page
	// does not speak of groups.
	Directory bool
	Claims    identity.Claims

	Created, Expires, LastUsed time.Time
	IdleTimeout                time.Duration // 0: none
	// SignOutURL leads to the confirmation; nothing ends by a GET.
	SignOutURL string
	// SessionsURL leads to the list of one's sessions, "" shows no way there.
	SessionsURL string
}

// SessionsPage lists a person's sessions. A button posts the Handle of the one to
// end as "end", or "others" for all but the current.
type SessionsPage struct {
	Account  string
	Sessions []SessionRow
	More     int // sessions that are not shown
	Ended    int // how many the last click ended
	Form     Form
	UserURL  string
}

// SessionRow is one session of the list.
type SessionRow struct {
	Handle    string // names the session in the form, and is good for nothing else
	Kind      string // "browser" or "program"
	UserAgent string
	Program   string // what a program calls itself
	Host      string // the only host that a program's is good for
	Address   string // where the sign-in came from
	Current   bool   // the one that asks

	Created, LastUsed, Expires time.Time
}

// PopupPage ends a sign-in that a script began in a window of its own.
type PopupPage struct {
	Host string
	// Origin is the one that is told, and no other.
	Origin string
}

// SignOutPage asks whether to sign out; only the form does it.
type SignOutPage struct {
	Account   string
	Form      Form
	CancelURL string // "" shows no way back
}

// SignedOutPage is the end of a sign-out.
type SignedOutPage struct {
	// SignInURL leads back in, "" if it is not known where to.
	SignInURL string
	// StillAtProvider warns that the identity provider was not told.
	StillAtProvider bool
}

// ProgramPage asks whether a program may act in the person's name on one host.
type ProgramPage struct {
	Host      string // the only route host it will be good for
	Program   string // what the program calls itself, "" if it does not say
	Account   string
	ReturnTo  string    // where the program waits, e.g. "http://localhost:8900"
	Expires   time.Time // end of the access
	Form      Form      // says yes
	CancelURL string    // says no; "" shows only advice
}

// LapsedPage tells that what a form sent was not delivered because the session
// had ended.
type LapsedPage struct {
	Host     string
	LoginURL string // signs in and comes back to a page of the host
}

type userView struct {
	UserPage
	Claims    []claimView
	RequestID string
}

// User shows who is signed in.
func (p *Renderer) User(w http.ResponseWriter, r *http.Request, v UserPage) {
	title := "Not signed in"
	if v.SignedIn {
		title = "Your sign-in"
	}
	p.page(w, r, "user", page{Title: title, Body: userView{
		UserPage: v, Claims: claimViews(v.Claims), RequestID: requestid.From(r.Context()),
	}})
}

// sessionView is a row with its browser's name.
type sessionView struct {
	SessionRow
	Browser string
}

// Sessions lists a person's sessions.
func (p *Renderer) Sessions(w http.ResponseWriter, r *http.Request, v SessionsPage) {
	body := struct {
		SessionsPage
		Sessions []sessionView
		Others   bool
	}{SessionsPage: v}
	current := false
	for _, row := range v.Sessions {
		current = current || row.Current
		body.Sessions = append(body.Sessions, sessionView{row, browserName(row.UserAgent)})
	}
	body.Others = current && len(v.Sessions)+v.More > 1
	p.page(w, r, "sessions", page{Title: "Your sessions", Forms: true, FormTargets: v.Form.Targets, Body: body})
}

// popupScript tells the window that opened this one, or, where a page on the way
// cut that tie, the other windows of the host; then it closes the window. What it
// tells is no secret, and it is told to one origin.
const popupScript = `(() => {
const { host, origin } = document.querySelector('[data-origin]').dataset
const message = { type: 'sallyport:signed-in', host }
if (window.opener) window.opener.postMessage(message, origin)
if (origin === location.origin) new BroadcastChannel('sallyport').postMessage(message)
window.close()
})()`

// Popup shows that the sign-in is done and closes the window.
func (p *Renderer) Popup(w http.ResponseWriter, r *http.Request, v PopupPage) {
	o := page{Title: "Signed in", Script: popupScript}
	if v.Origin == "" || origin(v.Origin) != v.Origin {
		v.Origin, o.Script = "", ""
	}
	o.Body = v
	p.page(w, r, "popup", o)
}

// SignOut shows the confirmation of a sign-out.
func (p *Renderer) SignOut(w http.ResponseWriter, r *http.Request, v SignOutPage) {
	p.page(w, r, "sign_out", page{Title: "Sign out?", Forms: true, FormTargets: v.Form.Targets, Body: v})
}

// SignedOut shows that the sign-out is done.
func (p *Renderer) SignedOut(w http.ResponseWriter, r *http.Request, v SignedOutPage) {
	p.page(w, r, "signed_out", page{Title: "Signed out", Body: v})
}

// ProgramConsent shows which program asks for access to which host.
func (p *Renderer) ProgramConsent(w http.ResponseWriter, r *http.Request, v ProgramPage) {
	p.page(w, r, "program", page{Title: "Allow a program access?", Forms: true, FormTargets: v.Form.Targets, Body: v})
}

// SignInAgain answers a request with a body whose session lapsed. A redirect
// would throw away what was sent without a word, so this is a 401 that says so.
func (p *Renderer) SignInAgain(w http.ResponseWriter, r *http.Request, v LapsedPage) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="sallyport"`)
	p.page(w, r, "lapsed", page{
		Title: "Please sign in again", Status: http.StatusUnauthorized,
		Body: struct {
			LapsedPage
			RequestID string
		}{v, requestid.From(r.Context())},
	})
}
