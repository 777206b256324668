package authenticate

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sallyport/idp"
	"sallyport/session"
)

func TestTokensAreRenewedInTheLastPartOfTheirLife(t *testing.T) {
	w := newCore(t)
	now := w.clock.now()
	lasting := func(expires time.Duration) *session.Session {
		ss := &session.Session{ID: "s", Refreshed: now}
		ss.Tokens.Refresh = "r"
		if expires != 0 {
			ss.Tokens.AccessExpires = now.Add(expires)
		}
		return ss
	}
	unrefreshable := lasting(time.Minute)
	unrefreshable.Tokens.Refresh = ""
	for name, tt := range map[string]struct {
		ss            *session.Session
		first, latest time.Duration
	}{
		"of ten minutes":              {lasting(10 * time.Minute), 6 * time.Minute, 9 * time.Minute},
		"of a life that nobody tells": {lasting(0), 36 * time.Minute, 54 * time.Minute},
		"that had run out already":    {lasting(-time.Minute), 0, 0},
	} {
		points := map[time.Duration]bool{}
		for seed := range 64 {
			f := w.refresher(w.sessions, func(o *RefreshOptions) { o.Rand = func() float64 { return float64(seed) / 64 } })
			if f.isDue(tt.ss, now.Add(tt.first-1)) {
				t.Errorf("%s: due before %s", name, tt.first)
			}
			if !f.isDue(tt.ss, now.Add(tt.latest)) {
				t.Errorf("%s: not due at %s", name, tt.latest)
			}
			for at := tt.first; at <= tt.latest; at += time.Second {
				if f.isDue(tt.ss, now.Add(at)) {
					points[at] = true
					break
				}
			}
		}
		if tt.latest > tt.first && len(points) < 30 {
			t.Errorf("%s: 64 replicas renew at %d different moments only", name, len(points))
		}
		if overdue(tt.ss, now.Add(tt.latest-1)) || !overdue(tt.ss, now.Add(tt.latest)) {
			t.Errorf("%s: overdue from another moment than %s", name, tt.latest)
		}
	}
	f := w.refresher(w.sessions, nil)
	// Nor does a session come back at the same point each time.
	points := map[time.Duration]bool{}
	for round := range 64 {
		ss := lasting(0)
		ss.Refreshed = now.Add(time.Duration(round) * time.Hour)
		at := 36 * time.Minute
		for !f.isDue(ss, ss.Refreshed.Add(at)) {
			at += time.Second
		}
		points[at] = true
	}
	if len(points) < 30 {
		t.Errorf("64 refreshes of one session come at %d different points only", len(points))
	}
	if f.isDue(unrefreshable, now.Add(time.Hour)) || overdue(unrefreshable, now.Add(time.Hour)) {
		t.Error("a session that has no refresh token is to be renewed")
	}
}

// restOf is how long a session will be left alone from now.
func (w *world) restOf(f *Refresher, id string) time.Duration {
	v, ok := f.rest.Load(id)
	if !ok {
		return 0
	}
	return v.(*pause).until.Sub(w.clock.now())
}

func TestSessionsThatFailAreLeftAloneLongerEachTime(t *testing.T) {
	w := newCore(t)
	random := 0.5
	f := w.refresher(w.sessions, func(o *RefreshOptions) { o.Rand = func() float64 { return random } })
	for i, want := range []time.Duration{5, 10, 20, 40, 80, 160, 300, 300, 300, 300} {
		f.leaveAlone("a", 0)
		if got := w.restOf(f, "a"); got != want*time.Second {
			t.Errorf("time %d: left alone for %s, want %d s", i+1, got, want)
		}
	}
	for r, want := range map[float64]time.Duration{0: 2500 * time.Millisecond, 0.9: 7 * time.Second} {
		random = r
		id := fmt.Sprint("drawn ", r)
		if f.leaveAlone(id, 0); w.restOf(f, id) != want {
			t.Errorf("with %v drawn: %s, want %s", r, w.restOf(f, id), want)
		}
	}
	for asked, want := range map[time.Duration]time.Duration{time.Minute: time.Minute, time.Hour: maxRest} {
		if f.leaveAlone(asked.String(), asked); w.restOf(f, asked.String()) != want {
			t.Errorf("the provider asked for %s: %s, want %s", asked, w.restOf(f, asked.String()), want)
		}
	}
	// To the moment.
	random = 0.5
	f.leaveAlone("b", 0)
	w.clock.add(firstRest - 1)
	if f.enqueue("b"); len(f.queued()) != 0 {
		t.Error("queued while it was to be left alone")
	}
	w.clock.add(1)
	if f.enqueue("b"); len(f.queued()) != 1 {
		t.Error("not queued once its rest was over")
	}
	// What failed long ago counts no more.
	w.clock.add(2 * maxRest)
	if f.look(t.Context()); w.restOf(f, "b") == 0 {
		t.Error("forgotten too early")
	}
	w.clock.add(1)
	f.look(t.Context())
	if f.leaveAlone("b", 0); w.restOf(f, "b") != firstRest {
		t.Errorf("after a long time without failures: %s, want %s", w.restOf(f, "b"), firstRest)
	}
}

func TestEachSecondHasItsShareOfRefreshes(t *testing.T) {
	w := newCore(t)
	p := newPace(w.refresher(w.sessions, nil).o)
	admitted := func() (n int) {
		for n < 100 && p.admit("main", w.idp) {
			n++
		}
		for range n {
			p.done("main")
		}
		return n
	}
	for _, tt := range []struct {
		name   string
		after  time.Duration
		budget [2]int
		reset  time.Duration // from now
		want   int
	}{
		{"a provider that tells no limit", 0, [2]int{}, 0, perSecond},
		{"the same second", time.Second - 1, [2]int{}, 0, 0},
		{"the next second", 1, [2]int{}, 0, perSecond},
		{"a clock that was set back", -time.Hour, [2]int{}, 0, perSecond},
		{"600 a minute, none used", time.Minute, [2]int{600, 600}, time.Minute, 5},
		{"ten a minute", time.Minute, [2]int{10, 10}, time.Minute, 1},
		{"half of it used", time.Minute, [2]int{300, 600}, time.Minute, 0},
		{"half of it used in a window that has just ended", time.Minute, [2]int{300, 600}, 0, 5},
		{"half of it used in a window that has ended long since", time.Minute, [2]int{0, 600}, -time.Minute, 5},
	} {
		w.clock.add(tt.after)
		w.idp.locked(func() { w.idp.budget, w.idp.reset = tt.budget, w.clock.now().Add(tt.reset) })
		if got := admitted(); got != tt.want {
			t.Errorf("%s: %d admitted, want %d", tt.name, got, tt.want)
		}
	}
	// One provider's second is not another's.
	w.clock.add(time.Minute)
	w.idp.locked(func() { w.idp.budget = [2]int{} })
	if admitted(); !p.admit("second", w.second) {
		t.Error("what one provider was asked keeps another from being asked")
	}
}

func TestProviderThatFailsIsAskedAtGrowingDistances(t *testing.T) {
	w := newCore(t)
	random := 0.5
	p := newPace(w.refresher(w.sessions, func(o *RefreshOptions) { o.Rand = func() float64 { return random } }).o)
	down := errors.New("the reason")
	try := func() bool {
		ok := p.admit("main", w.idp)
		if ok {
			p.done("main")
		}
		return ok
	}
	distance := func(name string, asked, want time.Duration) {
		t.Helper()
		if !p.admit("main", w.idp) {
			t.Fatalf("%s: not asked at all", name)
		}
		if p.failed("main", asked, down); try() {
			t.Errorf("%s: asked by a second session at once", name)
		}
		p.done("main")
		w.clock.add(want - 1)
		if try() {
			t.Errorf("%s: asked again before %s", name, want)
		}
		if w.clock.add(1); !try() {
			t.Errorf("%s: not asked again after %s", name, want)
		}
	}
	for i, want := range []time.Duration{1, 2, 4, 8, 15, 15, 15} {
		distance(fmt.Sprint("failure ", i+1), 0, want*time.Second)
	}
	if n := strings.Count(w.log.String(), `"idp_unavailable"`); n != 1 || !strings.Contains(w.log.String(), "the reason") {
		t.Errorf("told %d times that it fails, want once, with the reason:\n%s", n, w.log)
	}
	distance("asks for a minute", time.Minute, time.Minute)
	distance("asks for a day", 24*time.Hour, maxRest)
	if !p.admit("main", w.idp) || p.admit("main", w.idp) {
		t.Error("want a provider that fails asked by one session at a time")
	}
	p.done("main")
	// It is back: everybody may ask, and the next failure is the first again.
	p.worked("main")
	if !strings.Contains(w.log.String(), `"idp_available"`) || !strings.Contains(w.log.String(), `"after":"7m0s"`) {
		t.Errorf("not told that it is back after seven minutes:\n%s", w.log)
	}
	if w.clock.add(time.Second); !p.admit("main", w.idp) || !try() {
		t.Error("asked by one at a time although it is back")
	}
	p.done("main")
	before := len(w.log.String())
	if p.worked("main"); len(w.log.String()) != before {
		t.Error("told that it is back when it was not away")
	}
	w.clock.add(time.Second)
	distance("fails anew", 0, time.Second)
	p.worked("main")
	for r, want := range map[float64]time.Duration{0: 500 * time.Millisecond, 0.9: 1400 * time.Millisecond} {
		random = r
		w.clock.add(time.Minute)
		distance(fmt.Sprint("drawn ", r), 0, want)
		p.worked("main")
	}
}

func TestAnOutageIsOverForThoseWhoNeverAskedWhenItsGraceIs(t *testing.T) {
	w := newCore(t)
	p := newPace(w.refresher(w.sessions, nil).o)
	start, grace := w.clock.now(), time.Hour
	ss := &session.Session{Refreshed: start}
	ss.Subject.ClientID, ss.Tokens.AccessExpires, ss.Tokens.Refresh = "main", start.Add(time.Hour), "r"
	if p.outlived(ss, grace, start.Add(100*time.Hour)) {
		t.Error("outlived an outage that nobody saw")
	}
	p.failed("second", 0, idp.ErrUnavailable)
	if p.outlived(ss, grace, start.Add(100*time.Hour)) {
		t.Error("outlived an outage of another provider")
	}
	check := func(name string, end time.Time) {
		t.Helper()
		if p.outlived(ss, grace, end) || !p.outlived(ss, grace, end.Add(1)) {
			t.Errorf("%s: want the grace over right after %s", name, end)
		}
		ss.RefreshFailing = p.by["main"].failingSince
		if outlived(ss, grace, end) || !outlived(ss, grace, end.Add(1)) {
			t.Errorf("%s, for one who asked: want the grace over right after %s", name, end)
		}
	}
	p.failed("main", 0, idp.ErrUnavailable)
	check("it began before the token ran out", start.Add(2*time.Hour))
	ss.Tokens.AccessExpires = time.Time{}
	check("a token of which nobody told the end", start.Add(2*time.Hour))
	p.worked("main")
	if p.outlived(ss, grace, start.Add(100*time.Hour)) {
		t.Error("outlived an outage that is over")
	}
	w.clock.add(3 * time.Hour)
	p.failed("main", 0, idp.ErrUnavailable)
	check("it began after the token ran out", start.Add(4*time.Hour))
}
