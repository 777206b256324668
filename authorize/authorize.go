// Package authorize is the policy decision point: it gathers the input of a
// decision (session, directory person, request), has the route's policy decide,
// and records the decision. What policies mean is policy's matter; what is done
// about a decision is proxy's.
package authorize

import (
	"log/slog"
	"time"

	"sallyport/config"
	"sallyport/identity"
	"sallyport/policy"
	"sallyport/session"
)

// Directory knows the people of the organisation.
type Directory interface {
	// Person returns the person whose id is a session's subject, nil if unknown.
	Person(id string) *identity.Person
}

// Options is what an Authorizer needs.
type Options struct {
	// Routes are all that Decide will be asked about.
	Routes []*config.Route
	// Directory is nil where none is configured.
	Directory Directory
	// Now is the clock policies see; nil: time.Now.
	Now func() time.Time
	// Logger gets one record per decision; nil: none.
	Logger *slog.Logger
	// Fields are the names of authorize_log_fields; nil: Pomerium's default.
	Fields []string
	// Record gets every decision as well; nil: nobody.
	Record func(Record)
}

// Record is one decision with what it was made from.
type Record struct {
	Time     time.Time
	Route    *config.Route
	Session  *session.Session
	Person   *identity.Person
	Request  policy.Request
	Decision policy.Decision
}

// Authorizer decides for the routes of one generation. Safe for concurrent use.
type Authorizer struct{}

// New compiles the policy of every route; one that does not compile is an error.
func New(o Options) (*Authorizer, error) { return &Authorizer{}, nil }

// Decide decides whether s, nil for nobody, may make the request on the route,
// and records the decision.
func (a *Authorizer) Decide(route *config.Route, s *session.Session, req policy.Request) (policy.Decision, *identity.Person) {
	return a.Check(route, s, req)
}

// Check is Decide without the record, for asking again while a stream is open.
func (a *Authorizer) Check(route *config.Route, s *session.Session, req policy.Request) (policy.Decision, *identity.Person) {
	return policy.Decision{}, nil
}
