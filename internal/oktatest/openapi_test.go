package oktatest_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"sallyport/identity"
	"sallyport/internal/oktatest"
)

// dataDir holds recorded Okta traffic and Okta's OpenAPI documents. It lies beside
// the repository where there is one.
var dataDir = filepath.Join("..", "..", "..", "shared", "okta-data")

// needData skips a test, loudly, where the folder is not there.
func needData(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(dataDir); err != nil {
		t.Skipf("SKIPPED: recorded Okta traffic is not at %s: nothing checks here that the stand-in is like Okta", dataDir)
	}
}

// nullables are properties that recordings show null though the documents do not
// allow it.
var nullables = [][2]string{
	{"OktaUserGroupProfile", "description"},
	{"OktaActiveDirectoryGroupProfile", "description"},
	{"ApplicationAccessibility", "errorRedirectUrl"},
	{"ApplicationAccessibility", "loginRedirectUrl"},
	{"Application", "universalLogout"},
	{"AppUser", "externalId"},
	{"LogActor", "detailEntry"},
	{"LogTarget", "alternateId"},
	{"LogTarget", "detailEntry"},
	{"LogAuthenticationContext", "authenticationProvider"},
	{"LogAuthenticationContext", "credentialProvider"},
	{"LogAuthenticationContext", "credentialType"},
	{"LogAuthenticationContext", "interface"},
	{"LogAuthenticationContext", "issuer"},
	{"LogClient", "device"},
	{"LogClient", "geographicalContext"},
	{"LogClient", "id"},
	{"LogClient", "ipAddress"},
	{"LogClient", "userAgent"},
	{"LogClient", "zone"},
	{"LogEvent", "legacyEventType"},
	{"LogEvent", "target"},
	{"LogIpAddress", "source"},
	{"LogOutcome", "reason"},
}

var errNullable = errors.New("a property that recordings show null is not as the allow-list says")

type document struct {
	doc    *openapi3.T
	router routers.Router
}

var documents = sync.OnceValues(func() ([]document, error) {
	var all []document
	for _, name := range []string{"management-subset.yaml", "oauth-minimal.yaml"} {
		doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(dataDir, "openapi", name))
		if err != nil {
			return nil, err
		}
		doc.Servers = nil // any host
		if kind, ok := doc.Components.Schemas["TokenResponseTokenType"]; ok {
			kind.Value.Enum = append(kind.Value.Enum, "DPoP") // recorded, not described
		}
		for _, n := range nullables {
			if err := allowNull(doc, n[0], n[1]); err != nil {
				return nil, err
			}
		}
		router, err := legacy.NewRouter(doc, openapi3.DisableExamplesValidation(), openapi3.DisableSchemaDefaultsValidation())
		if err != nil {
			return nil, err
		}
		all = append(all, document{doc, router})
	}
	return all, nil
})

func allowNull(doc *openapi3.T, schema, property string) error {
	s, ok := doc.Components.Schemas[schema]
	if !ok {
		return nil // of the other document
	}
	p, ok := s.Value.Properties[property]
	if !ok || p.Value.Nullable {
		return errNullable
	}
	p.Value.Nullable = true
	if len(p.Value.Enum) > 0 {
		p.Value.Enum = append(p.Value.Enum, nil)
	}
	return nil
}

// checkedTransport checks every answer against the documents that know its
// operation.
type checkedTransport struct {
	t    *testing.T
	next http.RoundTripper
}

func (c checkedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if _, errStat := os.Stat(dataDir); errStat != nil {
		return resp, nil
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if _, err := checkAnswer(r, resp, body); err != nil {
		c.t.Errorf("%s %s: answer %d does not fit Okta's OpenAPI document: %v\n%s", r.Method, r.URL.Path, resp.StatusCode, err, body)
	}
	return resp, nil
}

// checkAnswer reports how many documents know the operation, and what does not
// fit. Statuses that an operation does not document must have the body every
// error has.
func checkAnswer(r *http.Request, resp *http.Response, body []byte) (known int, err error) {
	docs, err := documents()
	if err != nil {
		return 0, err
	}
	for _, d := range docs {
		route, params, err := d.router.FindRoute(r)
		if err != nil {
			continue
		}
		known++
		if resp.StatusCode == http.StatusFound || strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
			continue // pages and redirects are not described
		}
		if len(body) == 0 && resp.Header.Get("WWW-Authenticate") != "" {
			continue // refusals of access tokens have no body, whatever is described
		}
		if err := fits(r, resp, body, d, route, params); err != nil {
			return known, err
		}
	}
	return known, nil
}

func fits(r *http.Request, resp *http.Response, body []byte, d document, route *routers.Route, params map[string]string) error {
	if route.Operation.Responses.Status(resp.StatusCode) == nil {
		var value any
		if err := unmarshal(body, &value); err != nil || len(body) == 0 {
			return err
		}
		return d.doc.Components.Schemas["Error"].Value.VisitJSON(value, openapi3.MultiErrors())
	}
	return openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route},
		Status:                 resp.StatusCode, Header: resp.Header, Body: io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	})
}

func TestAnswersFitOktasOpenAPIDocuments(t *testing.T) {
	needData(t)
	k := start(t, func(o *oktatest.Options) {
		o.Groups = append(o.Groups, oktatest.Group{Name: "imported", Type: oktatest.AppGroup, Source: appID, Profile: map[string]any{"samAccountName": "imported"}})
		o.People = append(o.People, oktatest.Person{Login: "staged@example.com", Status: identity.StatusStaged})
		o.People[0].Groups = append(o.People[0].Groups, "imported")
	})
	k.AssignGroup(appID, "engineers")
	k.AssignPerson(appID, "alice")
	k.AddClient(oktatest.Client{ID: "0oaService0000000001", Keys: publicKeys(t, "one"), Role: oktatest.ReadOnlyAdmin})
	k.AddEventHook(oktatest.EventHook{Name: "hook", URL: "https://example.com/hook", Events: []string{"user.lifecycle.suspend"}})
	k.WriteLog(oktatest.Event{Type: "group.user_membership.add", Job: true})
	b := newBrowser(t, k)
	got := b.signInTokens("alice@example.com", "wonderland")
	managed := func(path string) *http.Request {
		r := b.request("GET", path, nil)
		r.Header.Set("Authorization", "SSWS "+apiToken)
		return r
	}
	asClient := func(path string, form url.Values) *http.Request {
		r := b.request("POST", path, form)
		basic(r)
		return r
	}
	withToken := b.request("GET", "/oauth2/v1/userinfo", nil)
	bearer(got.Access)(withToken)
	for name, r := range map[string]*http.Request{
		"openid configuration":  b.request("GET", "/.well-known/openid-configuration", nil),
		"organization":          b.request("GET", "/.well-known/okta-organization", nil),
		"keys":                  b.request("GET", "/oauth2/v1/keys", nil),
		"users":                 managed("/api/v1/users?limit=1"),
		"user":                  managed("/api/v1/users/alice@example.com"),
		"user never activated":  managed("/api/v1/users/staged"),
		"user unknown":          managed("/api/v1/users/00uNobody"),
		"user groups":           managed("/api/v1/users/alice/groups"),
		"user apps":             managed("/api/v1/users/alice/appLinks"),
		"users filtered":        managed("/api/v1/users?filter=status+eq+%22ACTIVE%22"),
		"users searched":        managed("/api/v1/users?search=status+eq+%22ACTIVE%22"),
		"users projected":       managed("/api/v1/users?fields=id,status,profile:(login)"),
		"users refused":         managed("/api/v1/users?filter=x"),
		"groups with stats":     managed("/api/v1/groups?expand=stats,app"),
		"group":                 managed("/api/v1/groups/" + k.GroupID("engineers")),
		"group unknown":         managed("/api/v1/groups/00gNobody"),
		"members":               managed("/api/v1/groups/" + k.GroupID("engineers") + "/users"),
		"group apps":            managed("/api/v1/groups/" + k.GroupID("engineers") + "/apps"),
		"apps":                  managed("/api/v1/apps"),
		"apps, bad cursor":      managed("/api/v1/apps?after=nonsense"),
		"app":                   managed("/api/v1/apps/" + appID),
		"app users":             managed("/api/v1/apps/" + appID + "/users?expand=user"),
		"app groups":            managed("/api/v1/apps/" + appID + "/groups?expand=group"),
		"logs":                  managed("/api/v1/logs?limit=1000"),
		"logs refused":          managed("/api/v1/logs?since=x"),
		"event hooks":           managed("/api/v1/eventHooks"),
		"groups":                managed("/api/v1/groups"),
		"no API token":          b.request("GET", "/api/v1/groups", nil),
		"bad limit":             managed("/api/v1/groups?limit=x"),
		"token refused":         asClient("/oauth2/v1/token", codeForm("nonsense")),
		"token without client":  b.request("POST", "/oauth2/v1/token", codeForm("nonsense")),
		"token refreshed":       asClient("/oauth2/v1/token", refreshForm(got.Refresh)),
		"introspect access":     asClient("/oauth2/v1/introspect", url.Values{"token": {got.Access}}),
		"introspect refresh":    asClient("/oauth2/v1/introspect", url.Values{"token": {got.Refresh}}),
		"introspect nonsense":   asClient("/oauth2/v1/introspect", url.Values{"token": {"nonsense"}}),
		"userinfo":              withToken,
		"userinfo, bad token":   b.request("GET", "/oauth2/v1/userinfo", nil),
		"revoke":                asClient("/oauth2/v1/revoke", url.Values{"token": {"nonsense"}}),
		"revoke without token":  asClient("/oauth2/v1/revoke", url.Values{}),
		"authorize":             b.request("GET", "/oauth2/v1/authorize?"+authParams().Encode(), nil),
		"logout without a hint": b.request("GET", "/oauth2/v1/logout", nil),
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := newBrowser(t, k).Do(r.WithContext(t.Context()))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			known, err := checkAnswer(r, resp, body)
			if err != nil || known == 0 {
				t.Errorf("got %d documents that know the operation and error %v, want one at least and none", known, err)
			}
		})
	}
}

func TestCheckAgainstOpenAPISeesWhatDoesNotFit(t *testing.T) {
	needData(t)
	b := newBrowser(t, start(t))
	r := b.request("GET", "/api/v1/groups", nil)
	for _, body := range []string{`{}`, `[{"id": 7}]`, `[{"type": "NO_SUCH_TYPE"}]`, `[{"created": null}]`} {
		resp := &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}}
		if _, err := checkAnswer(r, resp, []byte(body)); err == nil {
			t.Errorf("%s: fits, want an error", body)
		}
	}
}
