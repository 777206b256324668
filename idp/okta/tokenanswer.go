package okta

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// visible is what an access token may consist of (RFC 6750 §2.1).
var visible = regexp.MustCompile(`^[A-Za-z0-9._~+/=-]+$`)

// readToken reads the answer of RFC 6749 §5.1.
func readToken(resp *http.Response, body []byte, asked []string, at time.Time, proving bool) (*token, *Error) {
	var a struct {
		Type    string  `json:"token_type"`
		Value   string  `json:"access_token"`
		Expires float64 `json:"expires_in"`
		Scope   *string `json:"scope"`
	}
	if !isJSON(resp.Header) || json.Unmarshal(body, &a) != nil {
		return nil, nonsense(tokenPath, "token answer is not JSON")
	}
	t := &token{value: a.Value, scopes: slices.Clone(asked), fetched: at, hash: accessHash(a.Value)}
	switch {
	case strings.EqualFold(a.Type, schemeBearer):
		t.scheme = schemeBearer
	case strings.EqualFold(a.Type, schemeDPoP) && proving:
		t.scheme = schemeDPoP
	default:
		return nil, nonsense(tokenPath, "expected a token of type Bearer or DPoP, got %q", clip(a.Type, 40))
	}
	if len(a.Value) > maxToken || !visible.MatchString(a.Value) {
		return nil, nonsense(tokenPath, "access token is missing or malformed")
	}
	if !(a.Expires > 0) {
		return nil, nonsense(tokenPath, "expected expires_in, got none")
	}
	if a.Scope != nil { // absent: as asked (RFC 6749 §5.1)
		t.scopes = strings.Fields(clip(*a.Scope, 4096))
	}
	life := min(time.Duration(min(a.Expires, maxTokenLife.Seconds())*float64(time.Second)), maxTokenLife)
	t.expires = at.Add(life - min(life/20, 10*time.Second))
	t.renew = at.Add(time.Duration(renewAfter * float64(life)))
	return t, nil
}

// tokenFailure reads the answer of RFC 6749 §5.2.
func tokenFailure(resp *http.Response, body []byte, now time.Time) *Error {
	e := failure(tokenPath, resp, body, now)
	e.byApp = true
	var told struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}
	if isJSON(resp.Header) && json.Unmarshal(body, &told) == nil && told.Code != "" {
		e.Code, e.Summary = clip(told.Code, 60), told.Description
	}
	return e
}
