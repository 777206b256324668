package directory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sallyport/identity"
)

// WarnAge is the age at which an operator should look.
const WarnAge = 5 * time.Minute

// Age is how long ago the directory was last known to be up to date: the log
// read to its end, and the listings gone through. Listings are a minute apart.
// false: there is no directory of everybody, only readings of single people.
func (d *Directory) Age() (age time.Duration, whole bool) {
	st := d.state.Load()
	if st == nil || !st.Ready {
		return 0, false
	}
	return d.since(st.upTo()), true
}

// since is how long ago t was. A time that is yet to come, as a stored one is when
// the clock was ahead and was put right, counts as one equally long ago: nothing
// is fresh for as long as the clock was wrong.
func (d *Directory) since(t time.Time) time.Duration { return d.now().Sub(t).Abs() }

func (st *state) upTo() time.Time {
	if st.LogOK.Before(st.ListsOK) && !st.LogOK.IsZero() {
		return st.LogOK
	}
	return st.ListsOK
}

// Fresh reports whether what is known of a person is younger than bound; 0 is no
// bound. A reading of that person alone counts as well.
func (d *Directory) Fresh(p *identity.Person, bound time.Duration) bool {
	if bound <= 0 || p == nil {
		return true
	}
	if st := d.state.Load(); st != nil && st.Ready && d.since(st.upTo()) < bound {
		return true
	}
	e := d.entry(p.ID)
	return e != nil && d.since(e.ReadAt) < bound
}

// Check reports why what is known of people grows old, or nil. What is known
// answers in any case.
func (d *Directory) Check(ctx context.Context) error {
	age, whole := d.Age()
	if !whole {
		d.mu.Lock()
		problem, at := d.problem, d.problemAt
		d.mu.Unlock()
		if problem != nil && d.now().Sub(at) < 2*time.Minute {
			return problem
		}
		return d.source.Check(ctx)
	}
	if age < WarnAge {
		d.mu.Lock()
		problem, at := d.problem, d.problemAt
		d.mu.Unlock()
		if problem != nil && d.now().Sub(at) < time.Minute && !errors.Is(problem, errLost) {
			return fmt.Errorf("what is known is %s old: %w", age.Round(time.Second), problem)
		}
		return nil
	}
	d.mu.Lock()
	problem := d.problem
	d.mu.Unlock()
	if problem == nil {
		problem = errors.New("no replica has read it")
	}
	return fmt.Errorf("what is known is %s old: %w", age.Round(time.Second), problem)
}
