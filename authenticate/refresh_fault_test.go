package authenticate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"sallyport/identity"
	"sallyport/idp"
	"sallyport/session"
	"sallyport/store"
)

var errDown = fmt.Errorf("test: %w", store.ErrUnavailable)

// What keeps a refresh from being made costs nobody a session or a token.
func TestRefreshThatCannotBeginAsksNobody(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil  func(*world, *hookedStore, *RefreshOptions)
		late   func(*world, *session.Session) // after the session was made
		result string
		rest   time.Duration
	}{
		"not due yet":              {nil, func(w *world, _ *session.Session) { w.clock.add(-time.Hour) }, "not-due", 0},
		"nothing to renew it with": {nil, func(w *world, ss *session.Session) { w.strip(ss) }, "not-due", 0},
		"ended": {nil, func(w *world, ss *session.Session) {
			_ = w.sessions.End(context.Background(), ss.ID, session.EndRevoked)
		}, "gone", 0},
		"its client is no more": {func(_ *world, _ *hookedStore, o *RefreshOptions) {
			o.Providers = func() map[string]idp.Provider { return nil }
		}, nil, "no-provider", time.Minute},
		"no lease to be had": {func(_ *world, h *hookedStore, _ *RefreshOptions) {
			h.acquire = func() error { return errDown }
		}, nil, "busy-elsewhere", firstRest},
		"store down": {nil, func(w *world, _ *session.Session) { w.faults.down.Store(true) }, "gone", 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newCore(t)
			h := &hookedStore{Store: w.store}
			f := w.refresher(w.sessions, func(o *RefreshOptions) {
				if o.Store = h; tt.spoil != nil {
					tt.spoil(w, h, o)
				}
			})
			ss := w.signedIn(nil)
			w.clock.add(tokenLife)
			if tt.late != nil {
				tt.late(w, ss)
			}
			if got := f.step(ss.ID); got != tt.result {
				t.Errorf("went %q, want %q", got, tt.result)
			}
			if n, _ := w.idp.counts(); n != 0 {
				t.Errorf("the provider was asked %d times", n)
			}
			if got := w.restOf(f, ss.ID); got != tt.rest {
				t.Errorf("left alone for %s, want %s", got, tt.rest)
			}
		})
	}
}

// strip takes a session's refresh token away.
func (w *world) strip(ss *session.Session) {
	w.t.Helper()
	_, err := w.sessions.Update(context.Background(), ss.ID, func(s *session.Session) error { s.Tokens.Refresh = ""; return nil })
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestLeaseIsHeldWhileARefreshRunsAndGivenBackAfter(t *testing.T) {
	w := newCore(t)
	h := &hookedStore{Store: w.store}
	one := w.refresher(w.sessions, func(o *RefreshOptions) { o.Store = h })
	other := w.refresher(w.sessions, func(o *RefreshOptions) { o.Store = h })
	ss := w.signedIn(nil)
	w.clock.add(tokenLife)
	ctx, cancel := context.WithCancel(context.Background())
	w.idp.during = func() {
		w.idp.during = nil
		if got := other.step(ss.ID); got != "busy-elsewhere" {
			t.Errorf("another replica: %q", got)
		}
		if other.enqueue(ss.ID); len(other.queued()) != 0 {
			t.Error("the other replica does not leave it alone")
		}
		cancel() // the process wants to stop
	}
	if got := one.contained(ctx, ss.ID); got != "ok" {
		t.Fatalf("went %q", got)
	}
	// Replicas of other versions know the lease by this name.
	if _, held, err := w.store.Acquire(context.Background(), "refresh/"+ss.ID, "another replica", time.Second); !held || err != nil {
		t.Errorf("the lease is not given back: %v, %v", held, err)
	}
	w.clock.add(tokenLife)
	if _, held, err := w.store.Acquire(context.Background(), "refresh/"+ss.ID, "another replica", time.Second); !held || err != nil {
		t.Fatal(held, err)
	}
	if got := one.step(ss.ID); got != "busy-elsewhere" {
		t.Errorf("while a replica of another version has the lease: %q", got)
	}
	if strings.Contains(w.log.String(), "not released") {
		t.Errorf("told of a lease that was given back:\n%s", w.log)
	}
	w.clock.add(maxRest)
	h.release = func() error { return errDown }
	if got := one.step(ss.ID); got != "ok" || !strings.Contains(w.log.String(), "refresh lease not released") {
		t.Errorf("with a lease that cannot be given back: %q\n%s", got, w.log)
	}
}

func TestReplicaWhoseViewLagsFindsTheSessionFresh(t *testing.T) {
	w := newCore(t)
	ss := w.signedIn(nil)
	stale := w.newManager(&laggingStore{Store: w.store})
	lagging := w.refresher(stale, nil)
	w.clock.add(tokenLife)
	if got := w.refresher(w.sessions, nil).step(ss.ID); got != "ok" {
		t.Fatalf("went %q", got)
	}
	if got := lagging.step(ss.ID); got != "fresh-already" {
		t.Errorf("the lagging replica: %q", got)
	}
	if n, reuses := w.idp.counts(); n != 1 || reuses != 0 {
		t.Errorf("%d calls, %d reuses", n, reuses)
	}
}

// What could not be done beside a refresh is told; what could is not.
func TestRefreshTellsWhatItCouldNotDo(t *testing.T) {
	const notNoted, notEnded = "failed refresh not noted", "session not ended"
	const notRenewed, notRead, notRevoked = "claims of a program's session not renewed", "person not read from the directory", "tokens of an ended session not revoked"
	fails := func(f func(store.Record) bool) func(*hookedStore) {
		return func(h *hookedStore) {
			h.put = func(r store.Record) error {
				if f(r) {
					return errDown
				}
				return nil
			}
		}
	}
	ofSessions := fails(func(r store.Record) bool { return r.Kind == session.KindSession })
	dir := &fakeDirectory{err: errors.New("down")}
	for name, tt := range map[string]struct {
		answer  error
		store   func(*hookedStore)
		during  func(*world, *session.Session)
		dir     func() PersonReader
		result  string
		warning string // the only one
	}{
		"all well":                     {result: "ok"},
		"an outage":                    {answer: idp.ErrUnavailable, result: "unavailable"},
		"an outage, the store down":    {answer: idp.ErrUnavailable, store: ofSessions, result: "unavailable", warning: notNoted},
		"an outage, signed out":        {answer: idp.ErrUnavailable, during: (*world).end, result: "unavailable"},
		"a refusal":                    {answer: &idp.RefusedError{Code: "invalid_grant"}, result: "refused"},
		"a refusal, the store down":    {answer: &idp.RefusedError{Code: "invalid_grant"}, store: ofSessions, result: "refused", warning: notEnded},
		"no trust, the store down":     {answer: &idp.InvalidError{What: "sub"}, store: ofSessions, result: "not-trusted", warning: notEnded},
		"signed out meanwhile":         {during: (*world).end, result: "ended-meanwhile"},
		"signed out, provider is down": {during: func(w *world, ss *session.Session) { w.end(ss); w.idp.refreshErr = nil; w.stubborn() }, result: "ended-meanwhile", warning: notRevoked},
		"directory down":               {dir: func() PersonReader { return dir }, result: "ok", warning: notRead},
		"directory knows nobody":       {dir: func() PersonReader { return &fakeDirectory{} }, result: "ok"},
		"directory knows them": {dir: func() PersonReader {
			return &fakeDirectory{known: map[string]identity.Status{"00ualice": identity.StatusActive}}
		}, result: "ok"},
		"no directory any more": {dir: func() PersonReader { return nil }, result: "ok"},
		"a program's claims": {store: fails(func(r store.Record) bool {
			return r.Kind == session.KindSession && strings.Contains(string(r.Value), `"form":"program"`)
		}), result: "ok", warning: notRenewed},
	} {
		t.Run(name, func(t *testing.T) {
			w := newCore(t)
			h := &hookedStore{Store: w.store}
			w.store = h
			w.sessions = w.newManager(h)
			ss := w.signedIn(nil)
			w.program(ss)
			f := w.refresher(w.sessions, func(o *RefreshOptions) { o.Directory = tt.dir })
			w.clock.add(tokenLife)
			w.idp.refreshErr = tt.answer
			w.idp.during = func() {
				if tt.store != nil {
					tt.store(h)
				}
				if tt.during != nil {
					tt.during(w, ss)
				}
			}
			before := len(w.log.String())
			if got := f.step(ss.ID); got != tt.result {
				t.Errorf("went %q, want %q", got, tt.result)
			}
			h.put = nil
			told := w.log.String()[before:]
			for _, warning := range []string{notNoted, notEnded, notRenewed, notRead, notRevoked} {
				if got := strings.Contains(told, warning); got != (warning == tt.warning) {
					t.Errorf("told %q: %v\n%s", warning, got, told)
				}
			}
		})
	}
}

func (w *world) end(ss *session.Session) {
	_ = w.sessions.End(context.Background(), ss.ID, session.EndSignedOut)
}

// stubborn has the provider take no tokens back.
func (w *world) stubborn() {
	w.idp.locked(func() { w.idp.revokeErr = errors.New("no such token") })
}

// A token that was redeemed waits for a store that is down, its lease held.
func TestRedeemedTokenWaitsForTheStore(t *testing.T) {
	const lasting = time.Hour
	for name, tt := range map[string]struct {
		down    time.Duration // of the store
		stop    time.Duration // when the process wants to stop, 0 never
		result  string
		atLeast time.Duration
		atMost  time.Duration
	}{
		"a moment":                    {10 * time.Millisecond, 0, "ok", 50 * time.Millisecond, 50 * time.Millisecond},
		"a second":                    {time.Second, 0, "ok", time.Second, 2 * time.Second},
		"three minutes":               {3 * time.Minute, 0, "ok", 3 * time.Minute, 3*time.Minute + storeWait},
		"for good":                    {lasting, 0, "not-stored", 4 * time.Minute, 5 * time.Minute},
		"for good, asked to stop":     {lasting, time.Minute, "not-stored", time.Minute, time.Minute + storeWait + stopGrace},
		"a moment, while stopping":    {200 * time.Millisecond, time.Nanosecond, "ok", 0, time.Second},
		"for good, and stopping then": {lasting, time.Nanosecond, "not-stored", 0, stopGrace},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newCore(t)
				w.clock.at(time.Now())
				h := &hookedStore{Store: w.store}
				w.sessions = w.newManager(h)
				ss := w.signedIn(nil)
				f := w.refresher(w.sessions, func(o *RefreshOptions) { o.Store = h })
				w.clock.add(tokenLife)
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				if tt.stop != 0 {
					time.AfterFunc(tt.stop, cancel)
				}
				start := time.Now()
				h.put = func(r store.Record) error {
					if r.Kind == session.KindSession && time.Since(start) < tt.down {
						return errDown
					}
					return nil
				}
				if got := f.contained(ctx, ss.ID); got != tt.result {
					t.Errorf("went %q, want %q", got, tt.result)
				}
				if took := time.Since(start); took < tt.atLeast || took > tt.atMost {
					t.Errorf("took %s, want between %s and %s", took, tt.atLeast, tt.atMost)
				}
				h.put = nil
				if kept := w.again(ss).Tokens.Refresh != ss.Tokens.Refresh; kept != (tt.result == "ok") {
					t.Errorf("the new token is kept: %v", kept)
				}
				lost := strings.Contains(w.log.String(), "refreshed tokens could not be stored")
				if rest := w.restOf(f, ss.ID); lost != (tt.result != "ok") || lost != (rest > 0) {
					t.Errorf("told that it is lost: %v, left alone for %s", lost, rest)
				}
				if h.acquired.Load() < 2 {
					t.Error("the lease was not kept up while the token waited")
				}
			})
		})
	}
}

// A provider that does not answer is given up on: after its time, or soon after
// the process wants to stop, and not at once, since an answer may be on its way.
func TestProviderThatDoesNotAnswerIsGivenUpOn(t *testing.T) {
	for name, tt := range map[string]struct{ stop, want time.Duration }{
		"never stopped":         {0, refreshTimeout},
		"stopped after a while": {10 * time.Second, 10*time.Second + stopGrace},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newCore(t)
				w.clock.at(time.Now())
				ss := w.signedIn(nil)
				f := w.refresher(w.sessions, nil)
				w.clock.add(tokenLife)
				w.idp.hang = make(chan struct{})
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				if tt.stop != 0 {
					time.AfterFunc(tt.stop, cancel)
				}
				start := time.Now()
				if got := f.contained(ctx, ss.ID); got != "unavailable" || time.Since(start) != tt.want {
					t.Errorf("went %q after %s, want it given up after %s", got, time.Since(start), tt.want)
				}
				if w.again(ss).RefreshFailing.IsZero() {
					t.Error("not noted that it fails")
				}
			})
		})
	}
}

func TestTokensOfAnEndedSessionDoNotHoldTheOthersUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCore(t)
		w.clock.at(time.Now())
		ss := w.signedIn(nil)
		f := w.refresher(w.sessions, nil)
		w.clock.add(tokenLife)
		w.idp.during = func() { w.end(ss) }
		release := make(chan struct{})
		close(release)
		w.idp.locked(func() { w.idp.hang, w.idp.revokeHang = release, make(chan struct{}) })
		start := time.Now()
		if got := f.step(ss.ID); got != "ended-meanwhile" || time.Since(start) != revokeTimeout {
			t.Errorf("went %q after %s, want %s", got, time.Since(start), revokeTimeout)
		}
	})
}

func TestFirstFailureIsRememberedAndASuccessForgetsIt(t *testing.T) {
	w := newCore(t)
	ss := w.signedIn(nil)
	f := w.refresher(w.sessions, nil)
	w.clock.add(tokenLife)
	first := w.clock.now()
	w.idp.refreshErr = &idp.UnavailableError{What: "status 429", RetryAfter: time.Minute}
	for range 3 {
		if got := f.step(ss.ID); got != "unavailable" || !w.again(ss).RefreshFailing.Equal(first) {
			t.Errorf("went %q, failing since %s, want %s", got, w.again(ss).RefreshFailing, first)
		}
		if rest := w.restOf(f, ss.ID); rest != time.Minute {
			t.Errorf("left alone for %s, want the minute that was asked for", rest)
		}
		w.clock.add(time.Minute)
	}
	w.idp.refreshErr = nil
	if got := f.step(ss.ID); got != "ok" || !w.again(ss).RefreshFailing.IsZero() {
		t.Errorf("went %q, failing since %s", got, w.again(ss).RefreshFailing)
	}
	w.clock.add(tokenLife)
	w.idp.refreshErr = idp.ErrUnavailable
	if f.step(ss.ID); w.restOf(f, ss.ID) != firstRest {
		t.Errorf("the first failure after a success: left alone for %s, want %s", w.restOf(f, ss.ID), firstRest)
	}
}

func TestOnlyTheProgramsOfAPersonLearnTheirClaims(t *testing.T) {
	w := newCore(t)
	alice, bob := w.signedIn(nil), w.signedIn(func(ss *session.Session) { ss.Subject.ID = "00ubob" })
	hers, his := w.program(alice), w.program(bob)
	f := w.refresher(w.sessions, nil)
	w.clock.add(tokenLife)
	if got := f.step(alice.ID); got != "ok" {
		t.Fatalf("went %q", got)
	}
	serial := func(ss *session.Session) any { return w.again(ss).Subject.Claims["serial"] }
	if serial(hers) != serial(alice) || serial(hers) == alice.Subject.Claims["serial"] {
		t.Errorf("claims of her program %v, hers %v", serial(hers), serial(alice))
	}
	if serial(his) != his.Subject.Claims["serial"] || serial(bob) != bob.Subject.Claims["serial"] || w.again(his).Subject.ID == "00ualice" {
		t.Error("another person's sessions have changed")
	}
}

func TestMostUrgentSessionsAreRenewedFirst(t *testing.T) {
	w := newCore(t)
	f := w.refresher(w.sessions, nil)
	var want []string
	for i := range 8 {
		want = append(want, w.signedIn(func(ss *session.Session) {
			ss.Tokens.AccessExpires = w.clock.now().Add(time.Duration(10+i) * time.Minute)
		}).ID)
	}
	w.program(w.signedIn(nil))
	unused := w.signedIn(func(ss *session.Session) { ss.Tokens.AccessExpires = w.clock.now().Add(time.Minute) })
	w.clock.add(17 * time.Minute)
	for _, ss := range w.sessions.Live() {
		if ss.ID != unused.ID {
			w.sessions.Touch(ss)
		}
	}
	f.look(context.Background())
	if got := f.queued(); !slices.Equal(got, want) {
		t.Errorf("queued %v, want %v", got, want)
	}
	if strings.Contains(w.log.String(), "offline_access") {
		t.Error("warned of a program's session, which has no refresh token of its own")
	}
}

func TestFullQueueTurnsNobodyAwayForGood(t *testing.T) {
	w := newCore(t)
	f := w.refresher(w.sessions, nil)
	for i := range maxQueued + 1 {
		f.enqueue(fmt.Sprint(i))
	}
	last := fmt.Sprint(maxQueued)
	if got := f.queued(); len(got) != maxQueued || slices.Contains(got, last) {
		t.Fatalf("%d queued", len(got))
	}
	f.enqueue(last)
	f.enqueue(last)
	if got := f.queued(); !slices.Equal(got, []string{last}) {
		t.Errorf("queued %v, want the one that found it full, once", got)
	}
}

func TestRefreshesAreCountedByHowTheyWent(t *testing.T) {
	w := newCore(t)
	ss := w.signedIn(nil)
	change := func(o *RefreshOptions) { o.Registry = w.registry }
	f := w.refresher(w.sessions, change).run(t)
	count := func(result string) func() bool {
		return func() bool { return testutil.ToFloat64(f.results.WithLabelValues(result)) == 1 }
	}
	w.clock.add(tokenLife)
	w.used(w.sessions)
	until(t, "a refresh counted", count("ok"))
	w.idp.locked(func() { w.idp.during = func() { panic("boom") } })
	w.clock.add(tokenLife)
	f.Wake(ss.ID)
	until(t, "a panic counted", count("panic"))
	if w.restOf(f, ss.ID) == 0 || !strings.Contains(w.log.String(), "boom") {
		t.Errorf("a refresh that panics is tried again at once, or not told of:\n%s", w.log)
	}
	// Another Refresher goes on counting.
	if other := w.refresher(w.sessions, change); testutil.ToFloat64(other.results.WithLabelValues("ok")) != 1 {
		t.Error("counted from zero again")
	}
	if n, err := testutil.GatherAndCount(w.registry, "sallyport_session_refreshes_total"); err != nil || n != 2 {
		t.Errorf("%d series, %v; want two results", n, err)
	}
}

func TestRefresherKeepsToWhatItIsTold(t *testing.T) {
	w := newCore(t)
	bare, err := NewRefresher(RefreshOptions{Sessions: w.sessions, Store: w.store, Providers: func() map[string]idp.Provider { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	if o := bare.o; o.Concurrency != 8 || o.Interval != 2*time.Second || o.OutageGrace() != time.Hour {
		t.Errorf("%d at once, each %s, grace %s; want 8, 2 s, 1 h", o.Concurrency, o.Interval, o.OutageGrace())
	}
	told := w.refresher(w.sessions, func(o *RefreshOptions) {
		o.Concurrency, o.Interval, o.OutageGrace = 1, time.Second, func() time.Duration { return time.Minute }
	}).o
	if told.Concurrency != 1 || told.Interval != time.Second || told.OutageGrace() != time.Minute || told.Now() != w.clock.now() || told.Rand() != 0.5 {
		t.Errorf("told %+v", told)
	}
	// The grace that counts is the one told.
	ss := w.signedIn(nil)
	f := w.refresher(w.sessions, func(o *RefreshOptions) { o.OutageGrace = func() time.Duration { return time.Minute } })
	w.idp.refreshErr = idp.ErrUnavailable
	w.clock.add(tokenLife)
	f.step(ss.ID)
	w.clock.add(time.Minute + 1)
	var why session.EndReason
	w.sessions.OnEnd(func(_ string, reason session.EndReason) { why = reason })
	if f.look(context.Background()); why != EndOutage || !strings.Contains(w.log.String(), "could not be asked for longer than the grace") {
		t.Errorf("ended as %q, want %q", why, EndOutage)
	}
}

// An answer of the provider, be it a refusal, says that it is there again.
func TestProviderThatAnswersIsAskedByEverybodyAgain(t *testing.T) {
	for result, tt := range map[string]struct {
		answer error
		words  string // of the end
	}{
		"ok":          {nil, ""},
		"refused":     {&idp.RefusedError{Code: "invalid_grant"}, "refused to renew it"},
		"not-trusted": {&idp.InvalidError{What: "sub"}, "could not be trusted"},
	} {
		w := newCore(t)
		one, other := w.signedIn(nil), w.signedIn(nil)
		f := w.refresher(w.sessions, nil)
		w.clock.add(tokenLife)
		w.idp.refreshErr = idp.ErrUnavailable
		f.step(one.ID)
		if got := f.step(other.ID); got != "postponed" {
			t.Errorf("while it fails, another is %q", got)
		}
		w.clock.add(firstRest)
		w.idp.refreshErr = tt.answer
		if got := f.step(one.ID); got != result {
			t.Errorf("went %q, want %q", got, result)
		}
		if back := strings.Contains(w.log.String(), "idp_available"); back != (result != "not-trusted") {
			t.Errorf("%s: told that it is back: %v", result, back)
		}
		if ended := strings.Contains(w.log.String(), "session ended: the identity provider"); ended != (tt.words != "") || !strings.Contains(w.log.String(), tt.words) {
			t.Errorf("%s: the end is not told with its reason:\n%s", result, w.log)
		}
	}
}

func TestRunEndsAfterTheLastRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCore(t)
		w.clock.at(time.Now())
		ss := w.signedIn(nil)
		release := make(chan struct{})
		w.idp.during = func() { <-release }
		f := w.refresher(w.sessions, nil)
		w.clock.add(tokenLife)
		w.used(w.sessions)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() { defer close(ended); f.Run(ctx) }()
		time.Sleep(time.Second)
		cancel()
		synctest.Wait()
		select {
		case <-ended:
			t.Error("ended while a token was being redeemed")
		default:
		}
		close(release)
		<-ended
		if w.again(ss).Tokens.Refresh == ss.Tokens.Refresh {
			t.Error("the token that was redeemed is lost")
		}
	})
}
