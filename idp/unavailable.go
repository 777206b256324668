package idp

import "time"

// UnavailableError is an ErrUnavailable that knows more: what went wrong and
// when asking again may help. errors.Is(err, ErrUnavailable) holds for it.
type UnavailableError struct {
	// What went wrong, for the log and for /readyz; no secrets.
	What string
	// RetryAfter is how long the provider asked to be left alone (Retry-After, or
	// X-Rate-Limit-Reset against its own clock); 0: it did not say.
	RetryAfter time.Duration
	// Err is the cause, or nil. It is not part of Error's text.
	Err error
}

func (e *UnavailableError) Error() string { return ErrUnavailable.Error() + ": " + e.What }

// Unwrap gives ErrUnavailable and the cause.
func (e *UnavailableError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrUnavailable}
	}
	return []error{ErrUnavailable, e.Err}
}

// Budgeted is a Provider that has seen what the token endpoint's rate limit
// leaves (Okta's X-Rate-Limit headers).
type Budgeted interface {
	// TokenBudget returns how many requests remain of how many, and when the
	// count starts anew by our clock. A limit of 0 means that nothing is known.
	TokenBudget() (remaining, limit int, reset time.Time)
}
