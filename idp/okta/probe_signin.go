package okta

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// SignIn is the application that people sign in with, to be probed.
type SignIn struct {
	Issuer       string
	ClientID     string
	ClientSecret string
	RedirectURI  string // where Okta is to send browsers after a sign-in
	SignOutURI   string // and after a sign-out
	// HTTP is made by httpout with ShowRedirects.
	HTTP *http.Client
}

const (
	areaSignIn   = "sign-in"
	inSignInApp  = "in Okta's Admin Console under Applications > the sign-in app > General"
	maxProbeBody = 1 << 20
)

// endpoints of an issuer, as its discovery document names them.
type endpoints struct {
	Issuer    string `json:"issuer"`
	Authorize string `json:"authorization_endpoint"`
	Token     string `json:"token_endpoint"`
}

// Probe tries what can be tried of the sign-in app without anybody signing in.
// It changes nothing: the refresh token that it offers is made up. Directory is
// for what only the Management API tells; nil: it stays unknown.
func (s SignIn) Probe(ctx context.Context, r *Report, d *Directory) {
	found, ok := s.discover(ctx, r)
	if !ok {
		return
	}
	if s.probeGrant(ctx, r, found.Token) {
		s.probeRedirect(ctx, r, found.Authorize)
	}
	s.probeSettings(ctx, r, d)
}

func (s SignIn) discover(ctx context.Context, r *Report) (found endpoints, ok bool) {
	const what = "issuer"
	resp, body, err := s.do(ctx, http.MethodGet, s.Issuer+"/.well-known/openid-configuration", nil)
	switch {
	case err != nil:
		r.add(areaSignIn, what, Problem, reachStep(err), "cannot be reached: %s", clip(err.Error(), 300))
	case resp.StatusCode == http.StatusNotFound:
		r.add(areaSignIn, what, Problem, "look under Security > API > Authorization Servers for the id, or leave the path of idp_provider_url out",
			"there is no authorization server at %s", s.Issuer)
	case resp.StatusCode != http.StatusOK || json.Unmarshal(body, &found) != nil:
		r.add(areaSignIn, what, Problem, betweenStep, "discovery answered status %d, or no JSON", resp.StatusCode)
	case found.Issuer != s.Issuer:
		r.add(areaSignIn, what, Problem, "set idp_provider_url to "+clip(found.Issuer, 200), "expected %s, the authorization server calls itself %q", s.Issuer, clip(found.Issuer, 200))
	case !s.onIssuer(found.Authorize) || !s.onIssuer(found.Token):
		r.add(areaSignIn, what, Problem, betweenStep, "its document names endpoints on another host")
	default:
		r.add(areaSignIn, what, OK, "", "%s", s.Issuer)
		return found, true
	}
	return found, false
}

// onIssuer keeps the client secret from being sent elsewhere.
func (s SignIn) onIssuer(address string) bool {
	u, err1 := url.Parse(address)
	issuer, err2 := url.Parse(s.Issuer)
	return err1 == nil && err2 == nil && u.Scheme == issuer.Scheme && u.Host == issuer.Host && u.User == nil
}

// probeGrant offers a refresh token that cannot be one: what Okta says about it
// tells whether it knows the client, its secret, and the grant.
func (s SignIn) probeGrant(ctx context.Context, r *Report, token string) bool {
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {rand.Text()}, "scope": {"openid offline_access"}}
	resp, body, err := s.do(ctx, http.MethodPost, token, form)
	if err != nil {
		r.add(areaSignIn, "client", Unknown, reachStep(err), "token endpoint cannot be reached: %s", clip(err.Error(), 300))
		return true
	}
	var told struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}
	_ = json.Unmarshal(body, &told)
	says := clip(told.Description, 200)
	switch told.Code {
	case "invalid_client":
		r.add(areaSignIn, "client", Problem, "compare idp_client_id and idp_client_secret with the app: "+inSignInApp+" > Client Credentials; client authentication is \"Client secret\"", "Okta does not take them: %s", says)
		return false
	case "unauthorized_client":
		r.add(areaSignIn, "client", OK, "", "id and secret are accepted")
		r.add(areaSignIn, "refresh grant", Warning, "tick Refresh Token "+inSignInApp+" > Grant type",
			"is off: what Okta said at sign-in holds until the session ends")
	case "invalid_grant":
		if resp.StatusCode != http.StatusBadRequest {
			r.add(areaSignIn, "client", Unknown, "", "the rate limit of the token endpoint is used up")
			return true
		}
		r.add(areaSignIn, "client", OK, "", "id and secret are accepted")
		r.add(areaSignIn, "refresh grant", OK, "", "is on")
	case codeBadProof:
		r.add(areaSignIn, "client", Problem, strings.Replace(dpopStep, inApp, "in Okta's Admin Console under Applications > the sign-in app", 1), "the app demands proofs of possession, which sign-ins do not send")
		return false
	default:
		r.add(areaSignIn, "client", Unknown, "", "token endpoint answered status %d %s: %s", resp.StatusCode, clip(told.Code, 60), says)
	}
	return true
}

// probeRedirect asks for a sign-in without a page: Okta sends an error to the
// redirect URI where it is registered, and shows one itself where it is not.
func (s SignIn) probeRedirect(ctx context.Context, r *Report, authorize string) {
	const what = "redirect URI"
	sum := sha256.Sum256([]byte(rand.Text()))
	query := url.Values{
		"client_id": {s.ClientID}, "response_type": {"code"}, "scope": {"openid"}, "redirect_uri": {s.RedirectURI}, "prompt": {"none"},
		"state": {rand.Text()}, "nonce": {rand.Text()}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	resp, _, err := s.do(ctx, http.MethodGet, authorize+"?"+query.Encode(), nil)
	if err != nil {
		r.add(areaSignIn, what, Unknown, reachStep(err), "authorization endpoint cannot be reached: %s", clip(err.Error(), 300))
		return
	}
	to, _ := url.Parse(resp.Header.Get("Location"))
	wanted, _ := url.Parse(s.RedirectURI)
	back := resp.StatusCode/100 == 3 && to != nil && wanted != nil && to.Host == wanted.Host && to.Path == wanted.Path
	switch {
	case back && to.Query().Get("error") == "unauthorized_client":
		r.add(areaSignIn, what, Problem, "tick Authorization Code "+inSignInApp+" > Grant type", "is registered, but the app may not use the authorization code")
	case back:
		r.add(areaSignIn, what, OK, "", "%s is registered", s.RedirectURI)
	case resp.StatusCode == http.StatusBadRequest:
		r.add(areaSignIn, what, Problem, "add it "+inSignInApp+" > Sign-in redirect URIs", "%s is not registered", s.RedirectURI)
	default:
		r.add(areaSignIn, what, Unknown, "", "authorization endpoint answered status %d", resp.StatusCode)
	}
}

// do makes one exchange. With a form it authenticates the client.
func (s SignIn) do(ctx context.Context, method, address string, form url.Values) (*http.Response, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, nil, err
	}
	r.Header.Set("Accept", "application/json")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(url.QueryEscape(s.ClientID), url.QueryEscape(s.ClientSecret))
	}
	resp, err := s.HTTP.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxProbeBody))
	if err != nil {
		return nil, nil, fmt.Errorf("answer broke off: %w", err)
	}
	return resp, body, nil
}
