package authenticate

import (
	"context"
	"sync"
	"time"

	"sallyport/idp"
	"sallyport/session"
)

// revokeTimeout is how long a person waits for the provider to take back tokens.
const revokeTimeout = 3 * time.Second

// providerLogout is the address of RP-initiated logout for the first session
// whose provider has one.
func (s *Service) providerLogout(ctx context.Context, ended []*session.Session, back, state string) string {
	ctx, cancel := context.WithTimeout(ctx, s.o.Settings.ProviderTimeout)
	defer cancel()
	for _, ss := range ended {
		if c := s.clients[ss.Subject.ClientID]; c != nil && ss.Tokens.ID != "" {
			if location := c.provider.LogoutURL(ctx, ss.Tokens.ID, back, state); location != "" {
				return location
			}
		}
	}
	return ""
}

// revokeAll takes the tokens of ended sessions back at the provider: best
// effort, all at once, for as long as a person will wait.
func (s *Service) revokeAll(ctx context.Context, ended []*session.Session) {
	var wg sync.WaitGroup
	for _, ss := range ended {
		if c := s.clients[ss.Subject.ClientID]; c != nil {
			wg.Go(func() { s.revoke(ctx, c, ss.Tokens) })
		}
	}
	wg.Wait()
}

func (s *Service) revoke(ctx context.Context, c *client, t idp.Tokens) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTimeout)
	defer cancel()
	if err := c.provider.Revoke(ctx, t); err != nil {
		s.metrics.revokeFailures.Inc()
		s.o.Logger.WarnContext(ctx, "tokens not revoked at the identity provider", "error", err)
	}
}
