package oktatest

import (
	"net/http"
	"net/url"
)

// Errors of client authentication, with Okta's texts.
var (
	errNoCredentials  = oauthError{http.StatusUnauthorized, "invalid_client", "No client credentials found."}
	errBadBasic       = oauthError{http.StatusUnauthorized, "invalid_client", "Found Authentication header but was not valid client credentials."}
	errManyAuth       = oauthError{http.StatusUnauthorized, "invalid_request", "Cannot supply multiple client credentials. Use one of the following: credentials in the Authorization header, credentials in the post body, or a client_assertion in the post body."}
	errInQuery        = oauthError{http.StatusBadRequest, "invalid_request", "Client credentials cannot be supplied via query parameters."}
	errBadSecret      = oauthError{http.StatusUnauthorized, "invalid_client", "The client secret supplied for a confidential client is invalid."}
	errBadClientAuth  = oauthError{http.StatusUnauthorized, "invalid_client", "Client authentication failed. Either the client or the client credentials are invalid."}
	errAssertionsOnly = oauthError{http.StatusBadRequest, "invalid_request", "The client_assertion_type is invalid."}
)

// credentials are what a request brought to authenticate its client. The secret
// of private_key_jwt is the assertion.
type credentials struct{ method, id, secret string }

const (
	authBasic = "client_secret_basic"
	authPost  = "client_secret_post"
	authNone  = "none"
	authKey   = "private_key_jwt"
)

// readCredentials finds the client's credentials, which may come one way only.
func readCredentials(r *http.Request) (credentials, error) {
	header, form := r.Header.Get("Authorization"), r.PostForm
	query := r.URL.Query()
	switch {
	case query.Has("client_secret"):
		return credentials{}, errInQuery
	case parameter(r, "client_assertion") != "":
		return readAssertion(r)
	case header != "" && form.Has("client_secret"):
		return credentials{}, errManyAuth
	case header != "":
		return readBasic(r)
	case form.Has("client_secret"):
		return credentials{authPost, form.Get("client_id"), form.Get("client_secret")}, nil
	case form.Has("client_id"):
		return credentials{method: authNone, id: form.Get("client_id")}, nil
	case query.Has("client_id"):
		return credentials{method: authNone, id: query.Get("client_id")}, nil
	}
	return credentials{}, errNoCredentials
}

// parameter is a parameter of the token endpoint. Okta takes them from the query
// too, though not secrets.
func parameter(r *http.Request, name string) string {
	return or(r.PostForm.Get(name), r.URL.Query().Get(name))
}

// readAssertion reads private_key_jwt (RFC 7523 §2.2).
func readAssertion(r *http.Request) (credentials, error) {
	if r.Header.Get("Authorization") != "" || r.PostForm.Has("client_secret") {
		return credentials{}, errManyAuth
	}
	if parameter(r, "client_assertion_type") != assertionType {
		return credentials{}, errAssertionsOnly
	}
	assertion := parameter(r, "client_assertion")
	id, err := assertedClient(assertion)
	if err != nil {
		return credentials{}, err
	}
	return credentials{authKey, id, assertion}, nil
}

// readBasic decodes client_secret_basic, whose parts are form-encoded before
// they are joined (RFC 6749 §2.3.1).
func readBasic(r *http.Request) (credentials, error) {
	id, secret, ok := r.BasicAuth()
	if !ok {
		return credentials{}, errBadBasic
	}
	id, errID := url.QueryUnescape(id)
	secret, errSecret := url.QueryUnescape(secret)
	if errID != nil || errSecret != nil {
		return credentials{}, errBadBasic
	}
	return credentials{authBasic, id, secret}, nil
}

// authenticate returns the client that a token, introspect or revoke request
// proves to come from, or answers the request itself.
func (k *Okta) authenticate(w http.ResponseWriter, r *http.Request) (*client, bool) {
	cred, err := readCredentials(r)
	if err != nil {
		writeOAuth(w, err)
		return nil, false
	}
	c, known := k.org.client(cred.id)
	if !known {
		refuseUnknown(w, cred)
		return nil, false
	}
	if cred.method == authKey {
		err = k.checkAssertion(c, cred.secret, k.url+r.URL.Path)
	} else {
		err = c.checkCredentials(cred)
	}
	if err != nil {
		writeOAuth(w, err)
		return nil, false
	}
	return c, true
}

func refuseUnknown(w http.ResponseWriter, cred credentials) {
	if cred.method == authKey {
		errAssertionIssuer.write(w)
		return
	}
	errUnknownApp.write(w)
}

func (c *client) checkCredentials(cred credentials) error {
	switch {
	case c.service():
		return errServiceMethod
	case c.public() != (cred.method == authNone):
		return errBadClientAuth
	case c.public():
		return nil
	case c.AuthMethod != "" && c.AuthMethod != cred.method:
		return errBadClientAuth
	case !c.checkSecret(cred.secret):
		return errBadSecret
	}
	return nil
}
