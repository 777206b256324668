package authorize

import (
	"sallyport/identity"
	"sallyport/policy"
	"sallyport/session"
)

// decide fills in who is there and asks the program.
func (a *Authorizer) decide(program *policy.Program, in *policy.Input, s *session.Session) (policy.Decision, *identity.Person) {
	switch {
	case s == nil:
		return program.Eval(in), nil
	case s.Subject.ID == "":
		return stranger(program, in, policy.ReasonUserUnknown), nil
	case a.directory == nil:
		in.Subject = &s.Subject
		return program.Eval(in), nil
	}
	person := a.directory.Person(s.Subject.ID)
	switch {
	case person == nil:
		return stranger(program, in, policy.ReasonUserUnknown), nil
	case !a.mayPass(person.Status):
		return stranger(program, in, policy.ReasonUserInactive), nil
	}
	in.Subject, in.Person = &s.Subject, person
	return program.Eval(in), person
}

// stranger decides for somebody whose session does not count: where nobody need
// be signed in they pass, elsewhere they are denied. Sending them to sign in
// would bring them back just the same.
func stranger(program *policy.Program, in *policy.Input, why policy.Reason) policy.Decision {
	d := program.Eval(in)
	if d.Effect != policy.Allow {
		d = refuse(why)
	}
	d.Anonymous = true
	return d
}
