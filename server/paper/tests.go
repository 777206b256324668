package paper

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"sallyport/config"
	"sallyport/policy"
	"sallyport/policy/policytest"
)

// RunOptions say how a file of policy tests is run.
type RunOptions struct {
	// Config is what the file's config names, nil where it names none.
	Config *config.Config
	// Coverage asks which rules held in no test.
	Coverage bool
	Now      func() time.Time
}

// Run runs the tests of a file and adds to the report.
func Run(f *policytest.File, o RunOptions, report *policytest.Report) error {
	r := &runner{f: f, o: o, worlds: map[*policy.Policy]*World{}, held: map[policy.Position]bool{}}
	for _, t := range f.Tests {
		result, err := r.run(t)
		if err != nil {
			return err
		}
		report.Results = append(report.Results, result)
	}
	if o.Coverage {
		r.cover(report)
	}
	return nil
}

// runner keeps one world for each policy, and one for the routes.
type runner struct {
	f      *policytest.File
	o      RunOptions
	worlds map[*policy.Policy]*World
	held   map[policy.Position]bool
}

func (r *runner) world(p *policy.Policy) (*World, error) {
	if w := r.worlds[p]; w != nil {
		return w, nil
	}
	var w *World
	var err error
	switch {
	case p == nil:
		w, err = New(r.o.Config, r.f.Facts, r.o.Now)
	case r.o.Config != nil: // a policy of its own, where whose status passes is chosen
		w, err = forPolicy(p, r.f.Facts, r.o.Now, r.o.Config.Directory.MayPass)
	default:
		w, err = ForPolicy(p, r.f.Facts, r.o.Now)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.f.Name, err)
	}
	r.worlds[p] = w
	return w, nil
}

func (r *runner) run(t policytest.Test) (policytest.Result, error) {
	w, err := r.world(t.Policy)
	if err != nil {
		return policytest.Result{}, err
	}
	q := Question{
		Who: Who{Session: t.Session, Email: t.As}, Method: t.Request.Method, URL: t.Request.URL, IP: t.Request.IP,
		Header: t.Request.Header, ClientCertificates: t.Request.ClientCertificates, At: t.At,
	}
	if t.Request.CertificateProblem != "" {
		q.CertificateProblem = errors.New(t.Request.CertificateProblem)
	}
	d, err := w.Check(q)
	if err != nil {
		return policytest.Result{Test: t, Got: "error", Error: err.Error()}, nil
	}
	if r.o.Coverage {
		if err := r.note(w, q); err != nil {
			return policytest.Result{}, err
		}
	}
	result := policytest.Judge(t, d)
	if !result.Passed() {
		e, err := w.Explain(q)
		if err != nil {
			return policytest.Result{}, err
		}
		var b strings.Builder
		if err := e.WriteText(&b); err != nil {
			return policytest.Result{}, err
		}
		result.Explanation = b.String()
	}
	return result, nil
}

// note marks the rules that hold for a question.
func (r *runner) note(w *World, q Question) error {
	trace, err := w.Trace(q)
	for _, rule := range trace.Rules {
		if rule.Holds {
			r.held[rule.Rule.Position] = true
		}
	}
	return err
}

// cover adds the rules with what the tests of this file made of them.
func (r *runner) cover(report *policytest.Report) {
	var all []policytest.Covered
	add := func(p *policy.Policy) {
		for _, rule := range p.Rules() {
			all = append(all, policytest.Covered{Effect: rule.Effect, Position: rule.Position, Held: r.held[rule.Position]})
		}
	}
	if r.o.Config != nil {
		for _, route := range r.o.Config.Routes {
			add(route.Policy)
		}
	}
	told := map[*policy.Policy]bool{}
	for _, t := range r.f.Tests {
		if !told[t.Policy] {
			told[t.Policy] = true
			add(t.Policy)
		}
	}
	report.Cover(all)
}
