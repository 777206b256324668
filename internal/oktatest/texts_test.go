package oktatest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestErrorTextsAreOktas compares codes, texts and statuses with Okta's
// published catalogue, in which "en" stands for what is filled in.
func TestErrorTextsAreOktas(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "okta-data", "errors", "oauth2-error-codes.json"))
	if err != nil {
		t.Skipf("SKIPPED: Okta's catalogue of errors is not there: %v", err)
	}
	var catalogue struct {
		Errors []struct {
			Status      int    `json:"statusCode"`
			Code        string `json:"errorCode"`
			Description string `json:"errorDescription"`
		} `json:"errors"`
	}
	if err := json.Unmarshal(raw, &catalogue); err != nil {
		t.Fatal(err)
	}
	known := func(e oauthError) bool {
		for _, c := range catalogue.Errors {
			pattern := regexp.QuoteMeta(c.Description)
			pattern = strings.NewReplacer(`\[en\]`, `\[.*\]`, `'en'`, `'.*'`, `: en`, `: .*`).Replace(pattern)
			if c.Code == e.code && c.Status == e.status && regexp.MustCompile("^"+pattern+"$").MatchString(e.description) {
				return true
			}
		}
		return false
	}
	for _, e := range []oauthError{
		errCode, errRefresh, errOtherApp, errRedirect, errPKCE, errNoVerifier, errNoPKCE, errNoCredentials, errBadBasic,
		errManyAuth, errInQuery, errBadSecret, errBadClientAuth, errAssertionsOnly, errServiceOnly, errAuthorizeClientText(),
		errState, errDuplicate, errPrompt, errMaxAge, errChallenge, errMethodPKCE, errNeedsPKCE, errResponseType, errNoScopes,
		errAssertionParse, errAssertionIssuer, errAssertionSub, errAssertionNoKeys, errAssertionAlg, errAssertionKid,
		errAssertionSigned, errAssertionAud, errAssertionNoExp, errAssertionOld, errAssertionFar, errAssertionEarly, errAssertionUsed,
		errServiceMethod, errScopeNone, errScopeOpenID, errScopeUnknown, errScopeNothing, errScopeDenied,
		errProofMissing, errProofMany, errProofParse, errProofType, errProofAlg, errProofSigned, errProofMethod, errProofURL,
		errProofIssued, errProofEarly, errProofOld, errProofID, errProofUsed, errProofToken, errProofOther, errProofKey,
		errProofNonce, errNeedsProof, errNeedsDPoP, errNotBound,
		errScope, errACR, errUnmetACR, errLoginRequired, errUnassigned, errNoCodeGrant, errHintOther,
		badRequest("The 'token' parameter is required."), badRequest("The required parameter 'code' is missing."),
		badRequest("The 'redirect_uri' parameter must be a Login redirect URI in the client app settings: https://x.example.com"),
		badRequest("The 'post_logout_redirect_uri' parameter must be a Logout redirect URI in the client app settings: https://x.example.com"),
	} {
		if !known(e) {
			t.Errorf("Okta has no %d %s", e.status, e.Error())
		}
	}
	if known(badRequest("Something that Okta does not say.")) {
		t.Error("the check lets everything pass")
	}
}

// errAuthorizeClientText is the same error as the catalogue has it, for an
// endpoint with a status: the authorize endpoint shows a page.
func errAuthorizeClientText() oauthError {
	e := errAuthorizeClient
	e.status = 401
	return e
}
