package oidc

import (
	"math"
	"time"

	"sallyport/identity"
	"sallyport/idp"
)

// Bounds of an ID token's times.
const (
	leeway = 60 * time.Second
	// freshIssue is how old a sign-in's ID token may be at most where the clocks
	// agree: some providers date theirs five minutes back.
	freshIssue = 10 * time.Minute
	// oldIssue bounds it at refresh, where a provider may send the same one again.
	oldIssue = 24 * time.Hour
)

// clockError is an *idp.InvalidError whose cause is the time: a statement about
// clocks, not about the person.
type clockError struct{ idp.InvalidError }

func (e *clockError) Unwrap() error { return &e.InvalidError }

func clockInvalid(what string) error {
	return &clockError{idp.InvalidError{What: what}}
}

// checkTimes wants exp and iat, and what else there is, within the leeway.
func (p *Provider) checkTimes(c identity.Claims, want expected) error {
	now := p.now()
	exp, err := instant(c, "exp", true)
	if err != nil {
		return err
	}
	iat, err := instant(c, "iat", true)
	if err != nil {
		return err
	}
	nbf, err := instant(c, "nbf", false)
	if err != nil {
		return err
	}
	if _, err := instant(c, "auth_time", false); err != nil {
		return err
	}
	switch {
	case iat.After(now.Add(leeway)):
		return clockInvalid("clock skew " + seconds(iat.Sub(now)) + ": id token was issued in the future")
	case nbf.After(now.Add(leeway)):
		return clockInvalid("clock skew " + seconds(nbf.Sub(now)) + ": id token is not valid yet")
	case exp.Before(now.Add(-leeway)):
		return clockInvalid("id token expired " + seconds(now.Sub(exp)) + " ago; " + p.skewText())
	case exp.Before(iat):
		return invalid("id token expires before it was issued")
	}
	return p.checkAge(now.Sub(iat), want)
}

// checkAge finds a clock of ours that runs ahead: the token looks old and the
// provider's Date says why. A provider that merely dates its tokens back, or a
// gateway with a wrong Date, is not refused for that alone.
func (p *Provider) checkAge(age time.Duration, want expected) error {
	limit := freshIssue
	if want.refresh {
		limit = oldIssue
	}
	if behind := -p.skew(); age > leeway && behind > leeway {
		return clockInvalid("clock skew " + seconds(behind) + ": this machine's clock is ahead of the provider's")
	}
	if age > limit {
		return clockInvalid("id token was issued " + seconds(age) + " ago; " + p.skewText())
	}
	return nil
}

func (p *Provider) skewText() string {
	return "clock skew " + seconds(p.skew().Abs())
}

func seconds(d time.Duration) string { return d.Round(time.Second).String() }

// instant reads a NumericDate (RFC 7519 §2).
func instant(c identity.Claims, name string, required bool) (time.Time, error) {
	value, there := c[name]
	if !there && !required {
		return time.Time{}, nil
	}
	n, ok := value.(float64)
	if !ok || math.IsNaN(n) || n <= 0 || n > 1<<40 {
		return time.Time{}, invalid("id token claim %q is missing or not a time", name)
	}
	return time.Unix(int64(n), 0), nil
}
