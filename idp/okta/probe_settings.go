package okta

import (
	"context"
	"encoding/json"
	"slices"
)

// probeSettings reads the app itself, for which the sign-out URI cannot be told
// otherwise: Okta looks at it once somebody is signed in.
func (s SignIn) probeSettings(ctx context.Context, r *Report, d *Directory) {
	const what = "sign-out URI"
	if d == nil {
		r.add(areaSignIn, what, Unknown, "", "whether %s is registered cannot be told without a service account that may read applications", s.SignOutURI)
		return
	}
	if !plausibleID(s.ClientID) {
		return
	}
	a, err := d.ask(withPriority(ctx, steady), "/api/v1/apps/"+s.ClientID)
	if err != nil {
		r.add(areaSignIn, what, Unknown, "", "whether %s is registered cannot be told: the service account may not read the app", s.SignOutURI)
		return
	}
	var app struct {
		Settings struct {
			Client *struct {
				SignOut []string `json:"post_logout_redirect_uris"`
			} `json:"oauthClient"`
		} `json:"settings"`
	}
	if json.Unmarshal(a.body, &app) != nil || app.Settings.Client == nil {
		r.add(areaSignIn, what, Unknown, "", "whether %s is registered cannot be told: the app has no OpenID Connect settings", s.SignOutURI)
		return
	}
	if !slices.Contains(app.Settings.Client.SignOut, s.SignOutURI) {
		r.add(areaSignIn, what, Warning, "add it "+inSignInApp+" > Sign-out redirect URIs", "%s is not registered: signing out ends at an error page of Okta's", s.SignOutURI)
		return
	}
	r.add(areaSignIn, what, OK, "", "%s is registered", s.SignOutURI)
}
