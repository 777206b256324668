package oktatest

import (
	"net/http"
	"strings"
)

// apiRoutes are the Management API. An endpoint is one line here: its bucket, its
// handler.
func (k *Okta) apiRoutes(mux *http.ServeMux) {
	endpoints := []struct {
		path, bucket string
		handle       http.HandlerFunc
	}{
		{"/api/v1/users", BucketUsers, k.listUsers},
		{"/api/v1/users/{id}", BucketUser, k.getUser},
		{"/api/v1/users/{id}/groups", BucketAPI, k.listUserGroups},
		{"/api/v1/groups", BucketGroups, k.listGroups},
	}
	for _, e := range endpoints {
		mux.HandleFunc("GET "+e.path, k.api(e.bucket, e.handle))
	}
	mux.HandleFunc("/api/v1/", k.api(BucketAPI, func(w http.ResponseWriter, _ *http.Request) { errMethod.write(w) }))
}

// api authenticates, then counts the request against its bucket.
func (k *Okta) api(bucket string, next http.HandlerFunc) http.HandlerFunc {
	counted := k.limited(bucket, apiToken, next)
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache, no-store")
		if k.admit(w, r) {
			counted(w, r)
		}
	}
}

// admit lets requests with a live API token in and answers the others.
func (k *Okta) admit(w http.ResponseWriter, r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case scheme == "":
		errSession.write(w)
	case strings.EqualFold(scheme, "Bearer"):
		challenge(w, http.StatusUnauthorized, "invalid_token", "The access token is invalid.")
	case scheme == "SSWS" && k.org.knowsToken(token):
		return true
	default:
		errBadToken.write(w)
	}
	return false
}

// apiToken tells the callers of the Management API apart.
func apiToken(r *http.Request) string {
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return token
}
