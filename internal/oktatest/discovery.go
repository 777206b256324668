package oktatest

import "net/http"

// metadata is a discovery document, in Okta's order of fields. The same type
// serves both addresses; each leaves out what the other one has.
type metadata struct {
	Issuer             string   `json:"issuer"`
	Authorization      string   `json:"authorization_endpoint"`
	Token              string   `json:"token_endpoint"`
	UserInfo           string   `json:"userinfo_endpoint,omitempty"`
	Registration       string   `json:"registration_endpoint"`
	Keys               string   `json:"jwks_uri,omitempty"`
	ResponseTypes      []string `json:"response_types_supported"`
	ResponseModes      []string `json:"response_modes_supported"`
	Grants             []string `json:"grant_types_supported"`
	Subjects           []string `json:"subject_types_supported"`
	IDAlgorithms       []string `json:"id_token_signing_alg_values_supported,omitempty"`
	Scopes             []string `json:"scopes_supported"`
	TokenAuth          []string `json:"token_endpoint_auth_methods_supported"`
	Claims             []string `json:"claims_supported"`
	Challenges         []string `json:"code_challenge_methods_supported"`
	Introspection      string   `json:"introspection_endpoint"`
	IntrospectionAuth  []string `json:"introspection_endpoint_auth_methods_supported"`
	Revocation         string   `json:"revocation_endpoint"`
	RevocationAuth     []string `json:"revocation_endpoint_auth_methods_supported"`
	EndSession         string   `json:"end_session_endpoint"`
	RequestParameter   bool     `json:"request_parameter_supported"`
	RequestAlgorithms  []string `json:"request_object_signing_alg_values_supported"`
	Device             string   `json:"device_authorization_endpoint"`
	Pushed             string   `json:"pushed_authorization_request_endpoint"`
	DPoPAlgorithms     []string `json:"dpop_signing_alg_values_supported,omitempty"`
	FrontLogout        *bool    `json:"frontchannel_logout_supported,omitempty"`
	FrontLogoutSession *bool    `json:"frontchannel_logout_session_supported,omitempty"`
	Chaining           []string `json:"identity_chaining_requested_token_types_supported,omitempty"`
	AnswersWithIssuer  bool     `json:"authorization_response_iss_parameter_supported,omitempty"`
}

var (
	authMethods = []string{authBasic, authPost, "client_secret_jwt", "private_key_jwt", authNone}
	algorithms  = []string{"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512"}
	idClaims    = []string{
		"iss", "ver", "sub", "aud", "iat", "exp", "jti", "auth_time", "amr", "idp", "nonce", "name", "nickname",
		"preferred_username", "given_name", "middle_name", "family_name", "email", "email_verified", "profile",
		"zoneinfo", "locale", "address", "phone_number", "picture", "website", "gender", "birthdate", "updated_at",
		"at_hash", "c_hash",
	}
)

// common is what both documents say. Like Okta's, it names endpoints (device,
// registration, pushed requests) that not every org answers; this one does not.
func (k *Okta) common() metadata {
	at := func(path string) string { return k.url + "/oauth2/v1/" + path }
	return metadata{
		Issuer: k.url, Authorization: at("authorize"), Token: at("token"), Registration: at("clients"),
		ResponseTypes: []string{"code", "id_token", "code id_token", "code token", "id_token token", "code id_token token"},
		ResponseModes: []string{"query", "fragment", "form_post", "okta_post_message"},
		Grants:        []string{grantCode, "implicit", grantRefresh, "password", "urn:ietf:params:oauth:grant-type:device_code"},
		Subjects:      []string{"public"}, Scopes: scopesKnown, TokenAuth: authMethods, Challenges: []string{"S256"},
		Introspection: at("introspect"), IntrospectionAuth: authMethods, Revocation: at("revoke"),
		RevocationAuth: authMethods, EndSession: at("logout"), RequestParameter: true, RequestAlgorithms: algorithms,
		Device: at("device/authorize"), Pushed: at("par"), AnswersWithIssuer: k.opts.AuthorizeIssuer,
	}
}

// openIDConfiguration is /.well-known/openid-configuration.
func (k *Okta) openIDConfiguration(w http.ResponseWriter, _ *http.Request) {
	m := k.common()
	m.UserInfo, m.Keys = k.url+"/oauth2/v1/userinfo", k.url+"/oauth2/v1/keys"
	m.IDAlgorithms, m.Claims = []string{"RS256"}, idClaims
	writeJSON(w, http.StatusOK, m)
}

// oauthServer is /.well-known/oauth-authorization-server. Okta's org server
// names neither keys nor userinfo there: its access tokens are not for others.
func (k *Okta) oauthServer(w http.ResponseWriter, _ *http.Request) {
	m := k.common()
	yes := true
	m.Claims = []string{"ver", "jti", "iss", "aud", "iat", "exp", "cid", "uid", "scp", "sub"}
	m.DPoPAlgorithms = []string{"RS256", "RS384", "RS512", "ES256", "ES384", "ES512"}
	m.FrontLogout, m.FrontLogoutSession = &yes, &yes
	m.Chaining = []string{"urn:ietf:params:oauth:token-type:id-jag"}
	writeJSON(w, http.StatusOK, m)
}

// organization is /.well-known/okta-organization.
func (k *Okta) organization(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"id": k.org.id, "cell": "op3", "pipeline": "idx",
		"_links": map[string]any{"organization": link{Href: k.url}},
		"settings": map[string]bool{
			"analyticsCollectionEnabled": false, "bugReportingEnabled": true, "omEnabled": false,
			"pssoEnabled": false, "desktopMFAEnabled": false, "itpEnabled": false,
		},
	})
}

// jwks is /oauth2/v1/keys.
func (k *Okta) jwks(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "max-age=3600, must-revalidate")
	writeJSON(w, http.StatusOK, k.keys.set())
}
