// Package authorize is the policy decision point. It gathers the input of a
// decision (session, directory person, request), keeps out people who may not
// pass whatever a policy says, has the route's policy decide, and records the
// decision.
//
//	authorize.go  New, Decide, Check
//	gate.go       who may pass at all: unknown and inactive people may not
//	record.go     what is written down of a decision
//	facts.go      what of the directory a denial goes by
//	field.go      the names of authorize_log_fields
//
// What policies mean is policy's matter; what is done about a decision is
// proxy's; who holds a session, authenticate's.
package authorize

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"runtime/debug"
	"sync"
	"time"

	"sallyport/config"
	"sallyport/identity"
	"sallyport/policy"
	"sallyport/session"
)

// Directory knows the people of the organisation.
type Directory interface {
	// Person returns the person whose id is a session's subject, nil if unknown.
	// It answers from memory and is safe for concurrent use.
	Person(id string) *identity.Person
}

// Options is what an Authorizer needs.
type Options struct {
	// Routes are all that Decide will be asked about.
	Routes []*config.Route
	// Directory is nil where none is configured.
	Directory Directory
	// MayPass reports whether people of a status may pass at all; nil:
	// identity.Status.MayPass.
	MayPass func(identity.Status) bool
	// Doubt returns why what the directory knows of a person cannot decide about
	// what a policy asks it, nil where it can; nil: always.
	Doubt func(p *identity.Person, asked *policy.Asked) *Doubt
	// Age is how old what the directory knows of a person is, false where that
	// cannot be said; nil: never.
	Age func(id string) (time.Duration, bool)
	// Now is the clock policies see; nil: time.Now.
	Now func() time.Time
	// Logger gets one line per decision, and panics; nil: nobody.
	Logger *slog.Logger
	// Fields are the names of authorize_log_fields; nil: the default ones.
	Fields []string
	// Record gets every decision as well; nil: nobody. It must not keep what the
	// record points to beyond its call unless it only reads it.
	Record func(Record)
}

// Doubt is why the directory cannot decide.
type Doubt struct {
	// Reason is policy.ReasonDirectoryStale or ReasonDirectoryUnclear.
	Reason policy.Reason
	// Why names what is in doubt, for operators.
	Why string
}

// Authorizer decides for the routes of one generation. Safe for concurrent use.
type Authorizer struct {
	programs  map[*config.Route]*policy.Program
	asked     map[*config.Route]*policy.Asked // of the directory, to decide; none: nil
	shadowed  map[*config.Route]*policy.Asked // the same for routes with rules in shadow that ask, theirs included
	directory Directory
	mayPass   func(identity.Status) bool
	doubt     func(p *identity.Person, asked *policy.Asked) *Doubt
	age       func(id string) (time.Duration, bool)
	now       func() time.Time
	logger    *slog.Logger
	fields    []field
	record    func(Record)
	inputs    sync.Pool // of *policy.Input, so that a decision allocates nothing
}

// New compiles the policy of every route. A policy that does not compile is an
// error, and so is one that names groups where no directory is: a deny rule on
// them would never hold.
func New(o Options) (*Authorizer, error) {
	fields, err := fieldsOf(o.Fields)
	if err != nil {
		return nil, err
	}
	a := &Authorizer{
		programs:  make(map[*config.Route]*policy.Program, len(o.Routes)),
		asked:     make(map[*config.Route]*policy.Asked),
		shadowed:  make(map[*config.Route]*policy.Asked),
		directory: o.Directory,
		mayPass:   o.MayPass,
		doubt:     o.Doubt,
		age:       o.Age,
		now:       o.Now,
		logger:    o.Logger,
		fields:    fields,
		record:    o.Record,
	}
	if a.now == nil {
		a.now = time.Now
	}
	if a.mayPass == nil {
		a.mayPass = identity.Status.MayPass
	}
	if a.logger == nil {
		a.logger = slog.New(slog.DiscardHandler)
	}
	a.inputs.New = func() any { return new(policy.Input) }
	var compiler policy.Compiler
	for _, r := range o.Routes {
		if a.programs[r], err = compiler.Compile(r.Policy); err != nil {
			return nil, fmt.Errorf("route %s at %s: %w", r.Name, r.Position, err)
		}
		a.noteAsked(r)
		if refs := r.Policy.UsesGroups(); len(refs) > 0 && a.directory == nil {
			return nil, fmt.Errorf("route %s: group %q at %s: no directory is configured that knows groups", r.Name, refs[0].Name, refs[0].Position)
		}
		if needs := r.Policy.NeedsDirectory(); len(needs) > 0 && a.directory == nil {
			return nil, fmt.Errorf("route %s: %s at %s: no directory is configured that knows it", r.Name, needs[0].Name, needs[0].Position)
		}
	}
	return a, nil
}

// Decide decides whether s, nil for nobody, may make the request on the route,
// and records the decision. The person is the session's directory record, nil
// where there is none or where the session does not count (Decision.Anonymous).
func (a *Authorizer) Decide(route *config.Route, s *session.Session, req policy.Request) (policy.Decision, *identity.Person) {
	d, person := a.Check(route, s, req)
	a.writeDown(route, s, person, req, d)
	return d, person
}

// Check is Decide without the record: for asking again while a stream is open. What
// the policy allows, but not in every reading of the path, is denied.
func (a *Authorizer) Check(route *config.Route, s *session.Session, req policy.Request) (policy.Decision, *identity.Person) {
	d, person := a.check(route, s, req)
	if d.Effect == policy.Allow && len(req.Readings) > 0 && !a.allowsReadings(route, s, req, d.Anonymous) {
		d = refuse(policy.ReasonPathAmbiguous)
	}
	return d, person
}

// allowsReadings reports whether what was allowed, to somebody or to nobody in
// particular, is allowed alike in the other readings of its path.
func (a *Authorizer) allowsReadings(route *config.Route, s *session.Session, req policy.Request, anonymous bool) bool {
	for _, reading := range req.Readings {
		req.Path = reading
		if d, _ := a.check(route, s, req); d.Effect != policy.Allow || d.Anonymous != anonymous {
			return false
		}
	}
	return true
}

// check decides by the path as it is.
func (a *Authorizer) check(route *config.Route, s *session.Session, req policy.Request) (d policy.Decision, person *identity.Person) {
	defer func() {
		if v := recover(); v != nil {
			a.logger.LogAttrs(context.Background(), slog.LevelError, "policy evaluation panicked, request denied",
				slog.String("route-id", routeID(route)), slog.String("request-id", req.ID),
				slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
			d, person = refuse(policy.ReasonEvaluationFailed), nil
		}
	}()
	program := a.programs[route]
	if program == nil {
		return refuse(policy.ReasonRouteNotFound), nil
	}
	in := a.inputs.Get().(*policy.Input)
	*in = policy.Input{Now: a.now(), Request: req}
	d, person = a.decide(program, in, s)
	switch doubt := a.doubted(person, a.asked[route]); {
	case doubt != nil:
		in.Subject, in.Person = nil, nil
		d, person = stranger(program, in, doubt.Reason), nil
	case a.doubted(person, a.shadowed[route]) != nil:
		d.Shadow, d.ShadowRule = policy.ShadowDeny, nil // what is in doubt would deny
	}
	*in = policy.Input{}
	a.inputs.Put(in)
	return d, person
}

// noteAsked notes what a route asks the directory.
func (a *Authorizer) noteAsked(r *config.Route) {
	decides, all := r.Policy.DecidesOn(), r.Policy.AsksDirectory()
	if decides.Any() {
		a.asked[r] = &decides
	}
	if !reflect.DeepEqual(all, decides) {
		a.shadowed[r] = &all
	}
}

// doubted is why the directory cannot decide about the person by what it is asked,
// nil where it can or is not asked.
func (a *Authorizer) doubted(person *identity.Person, asked *policy.Asked) *Doubt {
	if person == nil || asked == nil || a.doubt == nil {
		return nil
	}
	return a.doubt(person, asked)
}

// refuse is a denial that no rule made.
func refuse(why policy.Reason) policy.Decision {
	return policy.Decision{Effect: policy.Deny, DenyHolds: true, DenyReasons: policy.Reasons(why)}
}

func routeID(route *config.Route) string {
	if route == nil {
		return ""
	}
	return route.ID
}
