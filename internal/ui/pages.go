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
	p.page(w, r, "program", page{Title: "Let a program in?", Forms: true, FormTargets: v.Form.Targets, Body: v})
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
