package oktatest

import "net/http"

// Scopes of the Management API that this org knows.
const (
	ScopeUsers  = "okta.users.read"
	ScopeGroups = "okta.groups.read"
	ScopeApps   = "okta.apps.read"
	ScopeLogs   = "okta.logs.read"
	ScopeHooks  = "okta.eventHooks.read"
	ScopeRoles  = "okta.roles.read"
)

// endpoint is an endpoint of the Management API: what it is counted against, the
// scope that access tokens need, and what answers.
type endpoint struct {
	path, bucket, scope string
	handle              http.HandlerFunc
}

// apiRoutes are the Management API. An endpoint is one line here.
func (k *Okta) apiRoutes(mux *http.ServeMux) {
	for _, e := range []endpoint{
		{"/api/v1/users", BucketUsers, ScopeUsers, k.listUsers},
		{"/api/v1/users/{id}", BucketUser, ScopeUsers, k.getUser},
		{"/api/v1/users/{id}/groups", BucketAPI, ScopeUsers, k.listUserGroups},
		{"/api/v1/users/{id}/appLinks", BucketAPI, ScopeUsers, k.listAppLinks},
		{"/api/v1/groups", BucketGroups, ScopeGroups, k.listGroups},
		{"/api/v1/groups/{id}", BucketGroup, ScopeGroups, k.getGroup},
		{"/api/v1/groups/{id}/users", BucketGroups, ScopeGroups, k.listMembers},
		{"/api/v1/groups/{id}/apps", BucketGroups, ScopeGroups, k.listGroupApps},
		{"/api/v1/apps", BucketApps, ScopeApps, k.listApps},
		{"/api/v1/apps/{id}", BucketApp, ScopeApps, k.getApp},
		{"/api/v1/apps/{id}/users", BucketApps, ScopeApps, k.listAppUsers},
		{"/api/v1/apps/{id}/users/{user}", BucketApps, ScopeApps, k.getAppUser},
		{"/api/v1/apps/{id}/groups", BucketApps, ScopeApps, k.listAppGroups},
		{"/api/v1/logs", BucketLogs, ScopeLogs, k.listLogs},
		{"/api/v1/eventHooks", BucketAPI, ScopeHooks, k.listEventHooks},
		{"/oauth2/v1/clients/{id}/roles", BucketOAuth, ScopeRoles, k.listRoles},
	} {
		mux.HandleFunc("GET "+e.path, k.api(e))
	}
	mux.HandleFunc("/api/v1/", k.api(endpoint{bucket: BucketAPI, handle: func(w http.ResponseWriter, _ *http.Request) { errMethod.write(w) }}))
}

// api finds out who asks, counts the request against the bucket, and answers.
// Refusals count too and show the limits, as every answer does.
func (k *Okta) api(e endpoint) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache, no-store")
		r, refuse := k.admit(w, r, e.scope)
		who, _ := r.Context().Value(callerKey{}).(caller)
		counted := k.limited(e.bucket, func(*http.Request) string { return who.id }, func(w http.ResponseWriter, r *http.Request) {
			if refuse != nil {
				refuse()
				return
			}
			e.handle(w, r)
		})
		counted(w, r)
	}
}

// permitted refuses callers without a role, for what is not a list.
func permitted(w http.ResponseWriter, r *http.Request) bool {
	if roleOf(r) == NoRole {
		errForbidden.write(w)
		return false
	}
	return true
}
