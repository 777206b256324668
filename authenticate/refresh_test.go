package authenticate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/identity"
	"sallyport/idp"
	"sallyport/session"
	"sallyport/store"
)

// refresher builds one over the given sessions; run starts it.
func (w *world) refresher(m *session.Manager, change func(*RefreshOptions)) *Refresher {
	w.t.Helper()
	o := RefreshOptions{
		Sessions: m, Store: w.store, Now: w.clock.now, Logger: w.logger(), Interval: 5 * time.Millisecond,
		Providers: func() map[string]idp.Provider { return map[string]idp.Provider{"main": w.idp, "second": w.second} },
		Rand:      func() float64 { return 0.5 },
	}
	if change != nil {
		change(&o)
	}
	f, err := NewRefresher(o)
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

func (f *Refresher) run(t *testing.T) *Refresher {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); f.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return f
}

// until waits for what must come; there is no telling how soon on a busy machine.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("did not come about: %s", what)
}

func (p *fakeProvider) counts() (refreshed, reuses int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refreshed, p.reuses
}

// used touches the session so that it counts as used after its last refresh.
func (w *world) used(m *session.Manager) {
	for _, ss := range m.Live() {
		m.Touch(ss)
	}
}

func TestT60HundredRequestsAtExpiryMakeOneTokenCall(t *testing.T) {
	for _, slow := range []time.Duration{0, time.Second, 5 * time.Second, 20 * time.Second} {
		for _, replicas := range []int{1, 2} {
			t.Run(fmt.Sprintf("%d replicas, redeem takes %s", replicas, slow), func(t *testing.T) {
				w := newWorld(t)
				b := w.browser()
				b.signIn(wiki)
				services := []*Service{w.service.Load()}
				refreshers := []*Refresher{w.refresher(w.sessions, nil).run(t)}
				if replicas == 2 {
					m := w.newManager(w.store)
					second := w.refresher(m, nil).run(t)
					refreshers = append(refreshers, second)
					services = append(services, w.newService(func(o *Options) { o.Sessions, o.Wake = m, second.Wake }))
				}
				w.refresh = refreshers[0]
				release := make(chan struct{})
				w.idp.locked(func() { w.idp.hang = release })
				w.clock.add(tokenLife + time.Second)

				var answered sync.WaitGroup
				var ok atomic.Int64
				for i := range 100 {
					answered.Go(func() {
						r := w.request(wiki, b.cookies(wiki)...)
						if i == 0 { // the first client hangs up
							ctx, cancel := context.WithCancel(context.Background())
							cancel()
							r = r.WithContext(ctx)
						}
						r.Host = wiki
						r.Header.Set("Accept", "text/html")
						rec := newRecorder()
						w.app(services[i%len(services)], rec, r, routeOf(w, wiki))
						if strings.HasPrefix(rec.body.String(), "app ") {
							ok.Add(1)
						}
					})
				}
				answered.Wait() // nobody waited for the provider, which has not answered
				if ok.Load() < 99 {
					t.Errorf("%d of 100 requests got through, want at least 99", ok.Load())
				}
				until(t, "the call", func() bool { n, _ := w.idp.counts(); return n > 0 })
				w.clock.add(slow)
				close(release)
				until(t, "fresh tokens", func() bool { return w.live()[0].Refreshed.After(w.live()[0].Created) })
				until(t, "quiet", func() bool { return idle(refreshers) })
				for _, s := range services {
					r := w.request(wiki, b.cookies(wiki)...)
					if ss, _, err := s.Session(r, routeOf(w, wiki)); ss == nil || err != nil {
						t.Errorf("signed out: %v, %v", ss, err)
					}
				}
				if n, reuses := w.idp.counts(); n != 1 || reuses != 0 {
					t.Errorf("%d token calls, %d reuses; want 1 and 0", n, reuses)
				}
				if len(w.live()) != 1 {
					t.Errorf("%d sessions, want 1", len(w.live()))
				}
			})
		}
	}
}

func idle(fs []*Refresher) bool {
	for _, f := range fs {
		busy := false
		f.busy.Range(func(any, any) bool { busy = true; return false })
		if busy || len(f.queue) > 0 {
			return false
		}
	}
	return true
}

func TestRefreshWaitsForItsPointAndForUse(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	f := w.refresher(w.sessions, nil)
	ctx := context.Background()
	look := func() int {
		f.look(ctx)
		n := len(f.queue)
		for range n {
			id := <-f.queue
			f.contained(ctx, id)
			f.busy.Delete(id)
		}
		return n
	}
	start := w.clock.now()
	w.clock.add(59 * time.Minute * 60 / 100)
	w.used(w.sessions)
	if look() != 0 {
		t.Error("refreshed before 60 % of the token's life")
	}
	w.clock.at(start.Add(tokenLife * 90 / 100))
	if look() != 1 {
		t.Error("not refreshed at 90 % of the token's life")
	}
	refreshed := w.live()[0]
	if !refreshed.Refreshed.Equal(w.clock.now()) || refreshed.Subject.Claims["serial"] == nil {
		t.Errorf("claims and tokens were not replaced: %+v", refreshed)
	}
	// Nobody uses it: it is left alone, however old.
	w.clock.add(3 * tokenLife)
	if look() != 0 {
		t.Error("an idle session was refreshed")
	}
	// Its next use wakes it and does not wait.
	w.refresh = f
	if p := b.step("https://" + wiki + "/"); p.status != 200 {
		t.Fatalf("the request that woke it: %d", p.status)
	}
	if len(f.queue) != 1 {
		t.Error("its use did not wake it")
	}
}

func TestRefreshPointsAreSpread(t *testing.T) {
	w := newWorld(t)
	f := w.refresher(w.sessions, nil)
	now := w.clock.now()
	due := map[int]int{}
	for i := range 2000 {
		ss := &session.Session{ID: fmt.Sprint("session", i), Refreshed: now}
		ss.Tokens.Refresh, ss.Tokens.AccessExpires = "r", now.Add(100*time.Minute)
		at := -1
		for minute := 55; minute <= 95 && at < 0; minute++ {
			if f.isDue(ss, now.Add(time.Duration(minute)*time.Minute)) {
				at = minute
			}
		}
		if at < 60 || at > 90 {
			t.Fatalf("session %d is due at %d %%, want 60 to 90", i, at)
		}
		due[at]++
	}
	for minute, n := range due {
		if n > 2000/10 {
			t.Errorf("%d of 2000 sessions come back in minute %d", n, minute)
		}
	}
}

// step queues the session and does what a worker would.
func (f *Refresher) step(id string) string {
	result := f.contained(context.Background(), id)
	f.busy.Delete(id)
	return result
}

func TestRefreshOutcomes(t *testing.T) {
	for name, tc := range map[string]struct {
		err    error
		result string
		lives  bool
		logs   string
	}{
		"refused":               {&idp.RefusedError{Code: "invalid_grant"}, "refused", false, "refused-by-identity-provider"},
		"not trusted":           {&idp.InvalidError{What: "sub changed"}, "not-trusted", false, `"level":"ERROR"`},
		"unavailable":           {&idp.UnavailableError{What: "status 503"}, "unavailable", true, "idp_unavailable"},
		"too many requests":     {&idp.UnavailableError{What: "status 429: invalid_grant", RetryAfter: time.Minute}, "unavailable", true, "idp_unavailable"},
		"time-out":              {context.DeadlineExceeded, "unavailable", true, "idp_unavailable"},
		"our client is refused": {&idp.RefusedError{Code: "invalid_client"}, "unavailable", true, "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.browser().signIn(wiki)
			f := w.refresher(w.sessions, nil)
			ss := w.live()[0]
			w.clock.add(tokenLife)
			w.idp.refreshErr = fmt.Errorf("refresh: %w", tc.err)
			if got := f.step(ss.ID); got != tc.result {
				t.Errorf("went %q, want %q", got, tc.result)
			}
			if lives := len(w.live()) == 1; lives != tc.lives {
				t.Fatalf("lives: %v, want %v", lives, tc.lives)
			}
			if !strings.Contains(w.log.String(), tc.logs) {
				t.Errorf("the log lacks %q:\n%s", tc.logs, w.log.String())
			}
			if !tc.lives {
				return
			}
			now := w.live()[0]
			if !now.RefreshFailing.Equal(w.clock.now()) || now.Tokens.Refresh != ss.Tokens.Refresh {
				t.Errorf("kept as %+v", now)
			}
			// Left alone for a while, then tried again, and all is well.
			if !f.resting(ss.ID) {
				t.Error("no back-off")
			}
			w.idp.refreshErr = nil
			w.clock.add(maxRest)
			if got := f.step(ss.ID); got != "ok" {
				t.Fatalf("after the provider came back: %q", got)
			}
			if now := w.live()[0]; !now.RefreshFailing.IsZero() || now.Tokens.Refresh == ss.Tokens.Refresh {
				t.Errorf("after the provider came back: %+v", now)
			}
		})
	}
}

func TestOutageLastsUntilTheGraceIsOver(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	f := w.refresher(w.sessions, nil)
	id := w.live()[0].ID
	w.idp.refreshErr = idp.ErrUnavailable
	w.clock.add(tokenLife * 95 / 100)
	f.step(id)
	w.clock.add(tokenLife*5/100 + 59*time.Minute)
	f.look(context.Background())
	if p := b.step("https://" + wiki + "/"); p.status != 200 {
		t.Errorf("inside the grace: %d", p.status)
	}
	w.clock.add(2 * time.Minute)
	if p := b.step("https://" + wiki + "/"); p.status != http.StatusFound {
		t.Errorf("past the grace, before anybody looked: %d, want a sign-in", p.status)
	}
	f.look(context.Background())
	if len(w.live()) != 0 || !strings.Contains(w.log.String(), string(EndOutage)) {
		t.Errorf("%d sessions live on", len(w.live()))
	}
}

func TestSessionThatNobodyGotRoundToDoesNotOutliveTheGraceEither(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.browser().signIn(wiki)
	}
	f := w.refresher(w.sessions, nil)
	w.idp.refreshErr = idp.ErrUnavailable
	w.clock.add(tokenLife)
	w.used(w.sessions)
	if got := f.step(w.live()[0].ID); got != "unavailable" {
		t.Fatalf("went %q", got)
	}
	if got := f.step(w.live()[1].ID); got != "postponed" {
		t.Errorf("a provider that fails was asked by everybody: %q", got)
	}
	w.clock.add(time.Hour + time.Minute)
	w.used(w.sessions)
	f.look(context.Background())
	if len(w.live()) != 0 {
		t.Errorf("%d sessions live on", len(w.live()))
	}
}

func TestRefreshLeavesHalfOfTheLimitToSignIns(t *testing.T) {
	w := newWorld(t)
	for range 4 {
		w.browser().signIn(wiki)
	}
	f := w.refresher(w.sessions, nil)
	w.clock.add(tokenLife)
	w.idp.budget, w.idp.reset = [2]int{301, 600}, w.clock.now().Add(30*time.Second)
	all := w.live()
	if got := f.step(all[0].ID); got != "ok" {
		t.Errorf("with more than half left: %q", got)
	}
	w.idp.locked(func() { w.idp.budget[0] = 300 })
	if got := f.step(all[1].ID); got != "postponed" {
		t.Errorf("with half left: %q", got)
	}
	w.clock.add(31 * time.Second)
	if got := f.step(all[1].ID); got != "ok" {
		t.Errorf("in the next window: %q", got)
	}
	// Those in flight count before the provider has told.
	p := newPace(f.o)
	w.idp.locked(func() { w.idp.budget, w.idp.reset = [2]int{302, 600}, w.clock.now().Add(time.Minute) })
	got := []bool{p.admit("main", w.idp), p.admit("main", w.idp), p.admit("main", w.idp)}
	if fmt.Sprint(got) != "[true true false]" {
		t.Errorf("admitted %v", got)
	}
	p.done("main")
	p.done("main")
	// No more than the window's share each second.
	w.idp.locked(func() { w.idp.budget = [2]int{600, 600} })
	n := 0
	for p.admit("main", w.idp) {
		n++
	}
	if n != 3 { // 300 a minute are 5 a second, and 2 were admitted in this one
		t.Errorf("%d more in the same second, want 3", n)
	}
}

func TestConcurrencyOfRefreshesIsCapped(t *testing.T) {
	w := newWorld(t)
	for range 12 {
		w.browser().signIn(wiki)
	}
	release := make(chan struct{})
	var running, most atomic.Int64
	w.idp.during = func() {
		n := running.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		<-release
		running.Add(-1)
	}
	f := w.refresher(w.sessions, func(o *RefreshOptions) { o.Concurrency = 3 })
	w.clock.add(tokenLife)
	w.used(w.sessions)
	f.run(t)
	until(t, "three calls", func() bool { return running.Load() == 3 })
	close(release)
	until(t, "twelve refreshes", func() bool { n, _ := w.idp.counts(); return n == 12 })
	if most.Load() != 3 {
		t.Errorf("%d at once, want 3", most.Load())
	}
}

func TestNewTokenIsStoredHoweverLongTheStoreIsDown(t *testing.T) {
	w := newWorld(t)
	w.browser().signIn(wiki)
	old := w.live()[0]
	f := w.refresher(w.sessions, nil)
	w.clock.add(tokenLife)
	w.used(w.sessions)
	w.idp.during = func() { w.faults.kinds.Store(session.KindSession, true) }
	f.run(t)
	until(t, "the call", func() bool { n, _ := w.idp.counts(); return n == 1 })
	w.faults.kinds.Delete(session.KindSession)
	until(t, "the new token", func() bool { return w.live()[0].Tokens.Refresh != old.Tokens.Refresh })
	if n, reuses := w.idp.counts(); n != 1 || reuses != 0 {
		t.Errorf("%d calls, %d reuses", n, reuses)
	}
}

func TestSignOutDuringARefreshTakesTheNewTokensBack(t *testing.T) {
	w := newWorld(t)
	w.browser().signIn(wiki)
	ss := w.live()[0]
	f := w.refresher(w.sessions, nil)
	w.clock.add(tokenLife)
	w.idp.during = func() { _ = w.sessions.End(context.Background(), ss.ID, session.EndSignedOut) }
	if got := f.step(ss.ID); got != "ended-meanwhile" {
		t.Errorf("went %q", got)
	}
	if len(w.live()) != 0 || len(w.idp.revoked) != 1 || w.idp.revoked[0].Refresh == ss.Tokens.Refresh {
		t.Errorf("%d sessions, revoked %+v; want none, and the new token revoked", len(w.live()), w.idp.revoked)
	}
}

func TestRefreshOfAnotherReplicaIsNotRepeated(t *testing.T) {
	w := newWorld(t)
	w.browser().signIn(wiki)
	id := w.live()[0].ID
	f := w.refresher(w.sessions, nil)
	w.clock.add(tokenLife)
	if _, held, err := w.store.Acquire(context.Background(), leaseOf(id), "another replica", refreshLease); err != nil || !held {
		t.Fatal(held, err)
	}
	if got := f.step(id); got != "busy-elsewhere" {
		t.Errorf("while another has the lease: %q", got)
	}
	// That one died: its lease runs out.
	w.clock.add(refreshLease + maxRest)
	if got := f.step(id); got != "ok" {
		t.Errorf("after the lease ran out: %q", got)
	}
	// A view that lags finds the session fresh in the store.
	stale := w.newManager(&laggingStore{Store: w.store})
	lagging := w.refresher(stale, nil)
	w.clock.add(tokenLife)
	if got := f.step(id); got != "ok" {
		t.Fatalf("went %q", got)
	}
	if got := lagging.step(id); got != "fresh-already" && got != "not-due" {
		t.Errorf("a lagging replica: %q", got)
	}
	if n, reuses := w.idp.counts(); n != 2 || reuses != 0 {
		t.Errorf("%d calls, %d reuses", n, reuses)
	}
}

// laggingStore has a feed that never tells anything.
type laggingStore struct{ store.Store }

func (l *laggingStore) Watch(ctx context.Context, _ ...store.Kind) (<-chan store.Change, error) {
	c := make(chan store.Change)
	go func() { <-ctx.Done(); close(c) }()
	return c, nil
}

func TestTokensThatAnotherStoredMeanwhileStay(t *testing.T) {
	w := newWorld(t)
	w.browser().signIn(wiki)
	id := w.live()[0].ID
	f := w.refresher(w.sessions, nil)
	w.clock.add(tokenLife)
	w.idp.during = func() {
		_, err := w.sessions.Update(context.Background(), id, func(s *session.Session) error {
			s.Tokens.Refresh = "stored by another"
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if got := f.step(id); got != "lost-race" || w.live()[0].Tokens.Refresh != "stored by another" {
		t.Errorf("went %q, token %q", got, w.live()[0].Tokens.Refresh)
	}
}

func TestSessionWithoutRefreshTokenLivesOnAndIsWarnedAboutOnce(t *testing.T) {
	w := newWorld(t)
	w.idp.noRefresh = true
	b := w.browser()
	b.signIn(wiki)
	w.browser().signIn(wiki)
	f := w.refresher(w.sessions, nil)
	for range 3 {
		w.clock.add(2 * tokenLife)
		w.used(w.sessions)
		f.look(context.Background())
	}
	if p := b.step("https://" + wiki + "/"); p.status != 200 {
		t.Errorf("got %d", p.status)
	}
	if n, _ := w.idp.counts(); n != 0 || strings.Count(w.log.String(), "offline_access") != 1 {
		t.Errorf("%d calls; warned %d times, want once", n, strings.Count(w.log.String(), "offline_access"))
	}
}

func TestDirectoryIsReadAtSignInAndAtEachRefresh(t *testing.T) {
	dir := &fakeDirectory{known: map[string]identity.Status{"00ualice": identity.StatusActive}}
	w := newWorld(t, withDirectory(dir))
	w.browser().signIn(wiki)
	if dir.count() != 1 {
		t.Errorf("read %d times at sign-in, want 1", dir.count())
	}
	f := w.refresher(w.sessions, func(o *RefreshOptions) { o.Directory = func() PersonReader { return dir } })
	w.clock.add(tokenLife)
	if got := f.step(w.live()[0].ID); got != "ok" || dir.count() != 2 {
		t.Errorf("went %q, read %d times", got, dir.count())
	}
	dir.mu.Lock()
	dir.err = errors.New("down")
	dir.mu.Unlock()
	w.clock.add(tokenLife)
	if got := f.step(w.live()[0].ID); got != "ok" || len(w.live()) != 1 {
		t.Errorf("with the directory down: %q", got)
	}
}

func TestProgramsShareTheClaimsOfTheirPerson(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	token := w.programToken(b, wiki)
	var parent string
	for _, ss := range w.live() {
		if ss.Form == session.FormBrowser {
			parent = ss.ID
		}
	}
	f := w.refresher(w.sessions, nil)
	w.clock.add(tokenLife)
	r := w.request(wiki)
	r.Header.Set("X-Pomerium-Authorization", token)
	w.refresh = f
	before, _, _ := w.service.Load().Session(r, routeOf(w, wiki))
	if before == nil {
		t.Fatal("the program is not let in")
	}
	if len(f.queue) != 1 {
		t.Error("a program in use did not wake the session behind it")
	}
	if got := f.step(parent); got != "ok" {
		t.Fatalf("went %q", got)
	}
	after, _, _ := w.service.Load().Session(r, routeOf(w, wiki))
	if after == nil || after.Subject.Claims["serial"] == before.Subject.Claims["serial"] {
		t.Errorf("claims of the program's session: %v, before %v", after, before)
	}
	// The provider refuses the person: the program is out with them.
	w.idp.refreshErr = &idp.RefusedError{Code: "invalid_grant"}
	w.clock.add(tokenLife)
	f.step(parent)
	if ss, _, err := w.service.Load().Session(r, routeOf(w, wiki)); ss != nil || err != nil {
		t.Errorf("got %v, %v; want nobody", ss, err)
	}
}

// A program's session may have left memory for others, or have been made at another
// replica: it gets the new claims all the same.
func TestProgramsThatAreNotInMemoryShareTheClaimsToo(t *testing.T) {
	w := newWorld(t)
	w.programToken(w.browser(), wiki)
	var parent, program string
	for _, ss := range w.live() {
		if ss.Form == session.FormBrowser {
			parent = ss.ID
		} else {
			program = ss.ID
		}
	}
	cold, err := session.New(session.Options{Store: w.store, Now: w.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	w.clock.add(tokenLife)
	if got := w.refresher(cold, nil).step(parent); got != "ok" {
		t.Fatalf("went %q", got)
	}
	of := func(id string) any {
		ss, err := cold.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return ss.Subject.Claims["serial"]
	}
	if of(program) != of(parent) {
		t.Errorf("the program has claims of refresh %v, the person of %v", of(program), of(parent))
	}
}

func TestPanicInOneRefreshHarmsNoOther(t *testing.T) {
	w := newWorld(t)
	w.browser().signIn(wiki)
	f := w.refresher(w.sessions, nil)
	w.clock.add(tokenLife)
	w.idp.during = func() { panic("boom") }
	if got := f.step(w.live()[0].ID); got != "panic" || len(w.live()) != 1 {
		t.Errorf("went %q", got)
	}
}

func TestRunStopsAndLetsTheLastRefreshFinish(t *testing.T) {
	w := newWorld(t)
	w.browser().signIn(wiki)
	old := w.live()[0].Tokens.Refresh
	started, release := make(chan struct{}), make(chan struct{})
	w.idp.during = func() { close(started); <-release }
	w.clock.add(tokenLife)
	w.used(w.sessions)
	f := w.refresher(w.sessions, nil)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); f.Run(ctx) }()
	<-started
	cancel()
	close(release)
	<-done
	if w.live()[0].Tokens.Refresh == old {
		t.Error("the token that was redeemed is lost")
	}
}
