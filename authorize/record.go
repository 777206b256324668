package authorize

import (
	"context"
	"log/slog"
	"time"

	"sallyport/config"
	"sallyport/identity"
	"sallyport/policy"
	"sallyport/session"
)

// Record is one decision with what it was made from, to be read only. Session
// holds tokens: write its id and subject, never the whole.
type Record struct {
	Time     time.Time
	Route    *config.Route    // nil if there was none
	Session  *session.Session // nil for nobody
	Person   *identity.Person // nil where there is none
	Request  policy.Request
	Decision policy.Decision
	// Doubt is why the directory could not decide; nil where it could.
	Doubt *Doubt
}

// Email is the e-mail that the policy saw, or would have seen.
func (r *Record) Email() string {
	switch {
	case r.Person != nil:
		return r.Person.Email
	case r.Session != nil:
		return r.Session.Subject.Email
	}
	return ""
}

// writeDown hands the decision on a request to whoever wants it.
func (a *Authorizer) writeDown(route *config.Route, s *session.Session, person *identity.Person, req policy.Request, d policy.Decision) {
	logs := a.logger.Enabled(context.Background(), slog.LevelInfo)
	if !logs && a.record == nil {
		return
	}
	r := Record{Time: a.now(), Route: route, Session: s, Person: person, Request: req, Decision: d}
	if d.DenyReasons.Has(policy.ReasonDirectoryStale) || d.DenyReasons.Has(policy.ReasonDirectoryUnclear) {
		r.Doubt = a.doubted(a.directory.Person(s.Subject.ID), a.asked[route])
	}
	if logs {
		a.logger.LogAttrs(context.Background(), slog.LevelInfo, "authorize check", a.attrs(&r)...)
	}
	if a.record != nil {
		a.record(r)
	}
}

// ageOf is how old the facts of the directory were that a decision asked for.
func (a *Authorizer) ageOf(r *Record) (time.Duration, bool) {
	if a.age == nil || a.asked[r.Route] == nil && a.shadowed[r.Route] == nil || r.Session == nil {
		return 0, false
	}
	person := r.Person
	if person == nil {
		person = a.directory.Person(r.Session.Subject.ID)
	}
	if person == nil {
		return 0, false
	}
	return a.age(person.ID)
}

// attrs are the configured fields, then what every record says.
func (a *Authorizer) attrs(r *Record) []slog.Attr {
	attrs := make([]slog.Attr, 0, len(a.fields)+8)
	attrs = append(attrs, slog.String("service", "authorize"))
	for _, f := range a.fields {
		if v, ok := f.value(r); ok {
			attrs = append(attrs, slog.Attr{Key: f.name, Value: v})
		}
	}
	d := &r.Decision
	attrs = append(attrs,
		slog.Bool("allow", d.AllowHolds), why("allow", d.AllowHolds, d.AllowReasons),
		slog.Bool("deny", d.DenyHolds), why("deny", d.DenyHolds, d.DenyReasons),
		slog.String("effect", d.Effect.String()))
	if d.Shadow != policy.ShadowNone {
		attrs = append(attrs, slog.String("shadow", d.Shadow.String()))
		if d.ShadowRule != nil {
			attrs = append(attrs, slog.String("shadow-rule", d.ShadowRule.Position.String()))
		}
	}
	if r.Doubt != nil {
		attrs = append(attrs, slog.String("directory-doubt", r.Doubt.Why))
	}
	if age, ok := a.ageOf(r); ok {
		attrs = append(attrs, slog.Float64("directory-age", age.Round(time.Second).Seconds()))
	}
	if d.Rule != nil {
		attrs = append(attrs, slog.String("rule", d.Rule.Position.String()))
	}
	if facts := a.lacked(r); len(facts) > 0 {
		attrs = append(attrs, slog.Any("directory-facts", facts))
	}
	return append(attrs, certificate(&r.Request)...)
}

// certificate names the client certificate by its fingerprint, and says why it is
// not trusted. The rest of it is nobody's to keep.
func certificate(r *policy.Request) (attrs []slog.Attr) {
	if r.ClientCertificateFingerprint != "" {
		attrs = append(attrs, slog.String("client-certificate", r.ClientCertificateFingerprint))
	}
	if r.ClientCertificateError != nil {
		attrs = append(attrs, slog.String("client-certificate-problem", r.ClientCertificateError.Error()))
	}
	return attrs
}

// why lists reasons under "allow-why-true" and the like.
func why(effect string, holds bool, reasons policy.ReasonSet) slog.Attr {
	key := effect + "-why-false"
	if holds {
		key = effect + "-why-true"
	}
	names := reasons.Names()
	if names == nil {
		names = []string{}
	}
	return slog.Any(key, names)
}
