package oktatest

import (
	"net/http"

	"sallyport/identity"
)

// Paths of the pages, as Okta's.
const (
	signInPath  = "/login/login.htm"
	signOutPath = "/login/signout"
)

// failedSignIn is all that is said, whoever fails for whatever reason: unknown,
// wrong password, suspended, locked.
const failedSignIn = "Unable to sign in. Check the username and the password, then try again."

// signInForm shows the sign-in page of a transaction.
func (k *Okta) signInForm(w http.ResponseWriter, r *http.Request) {
	key := r.URL.Query().Get("okta_key")
	req, ok := k.sessions.pending(key)
	if !ok {
		k.showError(w, oauthError{http.StatusBadRequest, "login_required", "Request expired, please start over and try again."})
		return
	}
	k.show(w, http.StatusOK, "signin", signInPage{Key: key, Username: req.loginHint, App: req.client.Label})
}

// signIn takes the form. Whoever is let in gets a session of a new id.
func (k *Okta) signIn(w http.ResponseWriter, r *http.Request) {
	key, username := r.PostForm.Get("okta_key"), r.PostForm.Get("username")
	req, ok := k.sessions.pending(key)
	if !ok {
		k.showError(w, oauthError{http.StatusBadRequest, "login_required", "Request expired, please start over and try again."})
		return
	}
	p, err := k.org.findPerson(username)
	if err != nil || p.Status != identity.StatusActive || p.Password == "" || p.Password != r.PostForm.Get("password") {
		page := signInPage{Key: key, Username: username, App: req.client.Label, Problem: failedSignIn}
		k.show(w, http.StatusUnauthorized, "signin", page)
		return
	}
	if id, _, ok := k.sessions.of(r); ok {
		k.sessions.end(id)
	}
	methods := p.Methods
	if len(methods) == 0 {
		methods = []string{"pwd"}
	}
	id, s := k.sessions.start(p.ID, methods)
	k.org.signedIn(p.ID)
	k.setCookie(w, id, 0)
	k.answer(w, r, req, s)
}

// home says what this is and who is signed in.
func (k *Okta) home(w http.ResponseWriter, r *http.Request) {
	page := homePage{}
	if _, s, ok := k.sessions.of(r); ok {
		if p, err := k.org.findPerson(s.personID); err == nil {
			page.Login = p.Login
		}
	}
	k.show(w, http.StatusOK, "home", page)
}

// signOut ends the browser's session by hand, without an application.
func (k *Okta) signOut(w http.ResponseWriter, r *http.Request) {
	k.endBrowserSession(w, r)
	k.show(w, http.StatusOK, "signedout", nil)
}

func (k *Okta) endBrowserSession(w http.ResponseWriter, r *http.Request) {
	if id, s, ok := k.sessions.of(r); ok {
		k.endSession(id, s)
	}
	k.setCookie(w, "", -1)
}
