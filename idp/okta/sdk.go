package okta

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	sdk "github.com/okta/okta-sdk-golang/v2/okta"
	"github.com/okta/okta-sdk-golang/v2/okta/cache"
)

// newSDK returns the SDK's client with every setting stated. NewClient first
// reads ~/.okta/okta.yaml, a file beside its own source and OKTA_* variables;
// what is not set here would be theirs. Authorization, waiting and retrying are
// the transport's: the SDK would retry io.EOF without end or delay, sleep through
// rate limits without room for anyone else, and cache what must be fresh.
func newSDK(org string, client *http.Client) (*sdk.Client, error) {
	_, c, err := sdk.NewClient(context.Background(),
		sdk.WithOrgUrl(org),
		sdk.WithAuthorizationMode("Bearer"), // replaced by the transport
		sdk.WithToken("unused"),
		sdk.WithClientId(""),
		sdk.WithClientAssertion(""),
		sdk.WithScopes(nil),
		sdk.WithPrivateKey(""),
		sdk.WithPrivateKeyId(""),
		sdk.WithPrivateKeySigner(nil),
		sdk.WithCache(false),
		sdk.WithCacheManager(cache.NewNoOpCache()),
		sdk.WithCacheTtl(0),
		sdk.WithCacheTti(0),
		sdk.WithConnectionTimeout(0), // of the SDK's own http.Client, which is not used
		sdk.WithRequestTimeout(0),    // contexts bound every request
		sdk.WithRateLimitMaxRetries(0),
		sdk.WithRateLimitMaxBackOff(0),
		sdk.WithProxyHost(""),
		sdk.WithProxyPort(0),
		sdk.WithProxyUsername(""),
		sdk.WithProxyPassword(""),
		sdk.WithUserAgentExtra("sallyport"),
		// oktaurl allows http on loopback only, for the stand-in.
		sdk.WithTestingDisableHttpsCheck(strings.HasPrefix(org, "http://")),
		sdk.WithHttpClientPtr(client),
	)
	if err != nil {
		return nil, fmt.Errorf("okta: set up the client for %q: %w", org, err)
	}
	return c, nil
}
