package authenticate

import (
	"context"
	"net/http"
	"time"

	"sallyport/idp"
	"sallyport/internal/weberr"
)

const (
	purposeJourney = "journey"
	purposeState   = "state"
)

// passage is one visit to the provider as the authenticate host remembers it,
// in an attempt cookie of its own.
type passage struct {
	ID       string  `json:"i"`
	State    string  `json:"s"` // stands in the state parameter too
	Nonce    string  `json:"n"`
	Verifier string  `json:"v"` // PKCE
	Journey  journey `json:"j"`
}

// stateLife is longer than an attempt's: somebody who comes back from lunch to
// the provider's page is sent on to the application instead of to an error.
const stateLife = 24 * time.Hour

// stateClaims is the state parameter, sealed: enough to send a browser that has
// lost its cookie back to where it came from, and nothing to sign in with.
type stateClaims struct {
	ID      string  `json:"i"`
	State   string  `json:"s"`
	Journey journey `json:"j"`
}

// askProvider sends the browser to the identity provider.
func (s *Service) askProvider(w http.ResponseWriter, r *http.Request, j journey, c *client) error {
	p := passage{
		ID: newAttemptID(s.now()), State: randomText(32), Nonce: randomText(32), Verifier: randomText(32), Journey: j,
	}
	known := j
	known.Binding = ""
	state, err := s.o.Codec.Seal(purposeState, s.host, stateLife, stateClaims{ID: p.ID, State: p.State, Journey: known})
	if err != nil {
		return weberr.Internal(err)
	}
	req := idp.AuthRequest{RedirectURI: s.redirectURI(), State: state, Nonce: p.Nonce, Verifier: p.Verifier}
	if j.Prompt != "" {
		req.Params = providerParams(j.Prompt)
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.o.Settings.ProviderTimeout)
	defer cancel()
	location, err := c.provider.AuthURL(ctx, req)
	if err != nil {
		return s.providerDown(r, j, err)
	}
	if err := s.sealAttempt(w, r, purposeJourney, s.host, p.ID, p); err != nil {
		return weberr.Internal(err)
	}
	redirect(w, r, location)
	return nil
}

func (s *Service) redirectURI() string { return "https://" + s.host + pathOAuthCallback }

// providerDown tells that the provider let a sign-in down, with the way to try
// again.
func (s *Service) providerDown(r *http.Request, j journey, err error) error {
	told := weberr.As(providerError(err))
	told.LoginURL, told.Route = j.retryURL(), j.Host
	s.metrics.signIns.WithLabelValues(told.Code).Inc()
	s.o.Logger.WarnContext(r.Context(), "sign-in failed", "reason", told.Code, "error", err, "host", j.Host)
	return told
}
