package directory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"sallyport/idp"
)

// How often things are done, where the limits allow it.
const (
	logEvery     = 2 * time.Second
	listsEvery   = 30 * time.Second
	listsSlow    = time.Minute
	appsEvery    = 30 * time.Minute
	appsUnlogged = 2 * time.Minute // where no event tells of assignments
	fullEvery    = 12 * time.Hour
	stateEvery   = 30 * time.Second // at most, while nothing changes
	overlap      = 10 * time.Minute // of the filtered listings, against backdating
	logBegin     = 15 * time.Minute // before the first listing
	recentFor    = 20 * time.Minute // events that may contradict a listing
	leaseFor     = 15 * time.Second
	forbiddenFor = time.Minute // before asking again for what is forbidden
	maxBackOff   = time.Minute
	requestFor   = 30 * time.Second
)

// leaseName is the lease under which one replica reads for all.
const leaseName = "directory"

// syncer reads the directory for all replicas: one request after the other, the
// most urgent first, so that the log is read on time while long listings go on.
// It runs on one goroutine.
type syncer struct {
	d      *Directory
	source Source
	org    string
	fence  uint64
	st     state

	saved   time.Time // when the state was last written
	blocked map[idp.Bucket]*block
	unsaved *block // the store, while it fails
	recent  recent
	doubts  doubts
	users   dueUsers
	logDue  time.Time
	// hintedAt is when a hint last had the log read.
	hintedAt time.Time
	lists    listing
	full     *fullListing
	shrunk   *shrink
	members  *memberListing
	began    int64    // reading, by the source's clock
	drift    []string // groups to be read again when there is time
	apps     appReading
	lost     bool // the lease
	behind   bool // the log has more than was read
	pace     time.Duration
}

// block is a bucket that has to be left alone.
type block struct {
	until time.Time
	tries int
	err   error
}

// newSyncer takes up the reading where the stored state stands.
func newSyncer(d *Directory, source Source, org string, fence uint64) *syncer {
	s := &syncer{d: d, source: source, org: org, fence: fence, blocked: map[idp.Bucket]*block{}}
	s.recent.init()
	s.doubts.init()
	s.users.init()
	if st := d.state.Load(); st != nil && st.Org == org {
		s.st = *st
	}
	s.st.Org, s.st.Fence = org, fence
	s.began = s.serverNow().UnixMilli()
	for _, id := range d.snap.Load().groupsUnread() {
		s.users.add(id, true, d.now())
	}
	return s
}

// step does the most urgent thing that can be done now, one request at most, and
// returns how long nothing has to be done after it.
func (s *syncer) step(ctx context.Context) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, requestFor)
	defer cancel()
	if b := s.unsaved; b != nil && b.until.After(s.d.now()) {
		return b.until.Sub(s.d.now()) // what would be read could not be kept
	}
	s.merge(ctx)
	s.repin(ctx)
	now := s.d.now()
	next := now.Add(listsSlow)
	for _, task := range s.tasks() {
		due := task.due
		if b := s.blocked[task.bucket]; b != nil && b.until.After(due) {
			due = b.until
		}
		if !due.After(now) && task.background {
			due = s.spare(task.bucket, now)
		}
		if due.After(now) {
			if due.Before(next) {
				next = due
			}
			continue
		}
		s.narrow()
		was := s.st
		err := task.do(ctx)
		if err != nil {
			// Nothing was taken in, so nothing was read either.
			was.Skew = s.st.Skew
			s.st = was
		}
		s.outcome(ctx, task, err)
		return 0
	}
	return next.Sub(now)
}

// task is something to do with one request.
type task struct {
	name       string
	bucket     idp.Bucket
	due        time.Time
	background bool // leaves half of the bucket to others
	do         func(context.Context) error
}

// tasks are in the order of their urgency.
func (s *syncer) tasks() []task {
	never := s.d.now().Add(24 * time.Hour)
	when := func(b bool) time.Time {
		if b {
			return time.Time{}
		}
		return never
	}
	listed := s.st.Whole
	return []task{
		{name: "log", bucket: idp.BucketLog, due: s.logDue, do: s.readLog},
		{name: "person in doubt", bucket: idp.BucketUser, due: orNever(listed, s.users.due(never), never), do: s.readUser},
		{name: "group in doubt", bucket: idp.BucketGroups, due: when(s.members != nil && s.members.urgent), do: s.readMembers},
		{name: "groups changed", bucket: idp.BucketGroups, due: orNever(listed, s.lists.groupsDue, never), do: s.listGroups},
		{name: "people changed", bucket: idp.BucketUsers, due: orNever(listed, s.lists.usersDue, never), do: s.listUsers},
		{name: "group in doubt", bucket: idp.BucketGroups, due: orNever(listed && s.members == nil, s.doubts.due(never), never), do: s.beginDoubt},
		{name: "all people", bucket: idp.BucketUsers, due: orNever(s.st.Cursor != "" || s.logForbidden(), s.fullDue(stageUsers, never), never), background: listed, do: s.listAll},
		{name: "all groups", bucket: idp.BucketGroups, due: s.fullDue(stageGroups, never), background: listed, do: s.listAll},
		{name: "applications", bucket: idp.BucketApps, due: orNever(listed, s.apps.due(s, never), never), background: !s.apps.urgent(s), do: s.readApps},
		{name: "members", bucket: idp.BucketGroups, due: when(s.members != nil), background: s.st.Ready, do: s.readMembers},
		{name: "members", bucket: idp.BucketGroups, due: when(listed && s.members == nil && s.unread()), background: s.st.Ready, do: s.beginUnread},
		{name: "members", bucket: idp.BucketGroups, due: when(listed && s.members == nil && len(s.drift) > 0), background: true, do: s.beginDrift},
	}
}

func orNever(b bool, t, never time.Time) time.Time {
	if b {
		return t
	}
	return never
}

// spare is when a background task may draw from a bucket: now, while at least
// half of it is left, else when it is full again.
func (s *syncer) spare(bucket idp.Bucket, now time.Time) time.Time {
	b := s.source.Budget(bucket)
	if b.Limit == 0 || !now.Before(b.Reset) || b.Remaining*2 > b.Limit {
		return now
	}
	return b.Reset
}

// outcome takes in how a task ended. What fails leaves everything as it was, and
// its bucket alone for a while.
func (s *syncer) outcome(ctx context.Context, t task, err error) {
	if err == nil {
		if s.blocked[t.bucket] != nil {
			delete(s.blocked, t.bucket)
			s.d.log.Info("directory is read again", slog.String("task", t.name))
		}
		return
	}
	if ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return
	}
	var store *storeError
	if errors.As(err, &store) {
		return // its own matter: the source answered
	}
	s.lost = errors.Is(err, errLost)
	b := s.blocked[t.bucket]
	if b == nil {
		b = &block{}
		s.blocked[t.bucket] = b
	}
	wait := min(maxBackOff, time.Second<<min(b.tries, 6))
	var unavailable *idp.UnavailableError
	var forbidden *idp.ForbiddenError
	switch {
	case errors.As(err, &forbidden):
		wait = forbiddenFor
	case errors.As(err, &unavailable) && unavailable.RetryAfter > 0:
		wait = unavailable.RetryAfter
	}
	b.tries++
	b.until = s.d.now().Add(wait + s.d.jitter(wait/8+1))
	b.err = err
	if b.tries == 1 || b.tries%10 == 0 {
		s.d.log.Warn("directory could not be read, what is known stands", slog.String("task", t.name), slog.Duration("again_in", wait), slog.Any("error", err))
	}
	s.d.failed(fmt.Errorf("%s: %w", t.name, err))
}

func (s *syncer) logForbidden() bool {
	b := s.blocked[idp.BucketLog]
	var forbidden *idp.ForbiddenError
	return b != nil && errors.As(b.err, &forbidden)
}

// apply commits an edit, writes it with the state and publishes it. What could
// not be written is not published either: the next attempt begins with what
// stands.
func (s *syncer) apply(ctx context.Context, e *edit) error {
	s.pin(e)
	s.narrow()
	snap, c := e.commit(s.d.now())
	now := s.d.now()
	if c.none() && now.Sub(s.saved) < stateEvery && s.d.snap.Load() != nil {
		s.d.noteState(s.st)
		return nil
	}
	if c.none() {
		snap = e.base
	}
	err := s.hold(ctx)
	if errors.Is(err, errLost) {
		return err
	}
	if err == nil {
		err = s.d.save(ctx, snap, c, s.st)
	}
	if err != nil {
		return s.storeFailed(err)
	}
	if s.unsaved != nil {
		s.unsaved = nil
		s.d.log.Info("directory is stored again")
	}
	s.saved = now
	s.st = snap.complete(s.st)
	s.d.swap(snap, c, s.st)
	for _, id := range e.revived {
		s.users.add(id, true, now)
	}
	return nil
}

// narrow forgets that attributes were read of everybody which are not asked for
// any more: whoever changes from now on is read without them. Should policies name
// them again, everybody is listed anew.
func (s *syncer) narrow() {
	named := s.d.relevant().Attributes
	s.st.Attributes = shared(s.st.Attributes, named)
	if s.full != nil {
		s.full.attributes = shared(s.full.attributes, named)
	}
}

// shared is what of all is in some too; all itself where that is everything.
func shared(all, some []string) []string {
	other := func(name string) bool { return !slices.Contains(some, name) }
	if !slices.ContainsFunc(all, other) {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), other)
}

// storeError is a failure of our store: the source is not to blame, and is not
// left alone for it.
type storeError struct{ err error }

func (e *storeError) Error() string { return "store the directory: " + e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

// maxStorePause is the longest pause of a store that fails: once it takes records
// again, what happened meanwhile has to arrive within seconds.
const maxStorePause = 2 * time.Second

// storeFailed pauses the reading, since what is read could not be kept.
func (s *syncer) storeFailed(err error) error {
	if s.unsaved == nil {
		s.unsaved = &block{}
		s.d.log.Warn("directory could not be stored, what is known stands", slog.Any("error", err))
	}
	b := s.unsaved
	b.until = s.d.now().Add(min(maxStorePause, 250*time.Millisecond<<min(b.tries, 3)))
	b.tries++
	failure := &storeError{err}
	s.d.failed(failure)
	return failure
}

// errLost says that another replica reads now.
var errLost = errors.New("another replica has the lease")

func (s *syncer) hold(ctx context.Context) error {
	fence, held, err := s.d.store.Acquire(ctx, leaseName, s.d.holder, leaseFor)
	if err != nil {
		return err
	}
	if !held || fence != s.fence {
		return errLost
	}
	return nil
}

// serverNow is the source's clock as far as it is known.
func (s *syncer) serverNow() time.Time {
	return s.d.now().Add(time.Duration(s.st.Skew) * time.Millisecond)
}

// date is when a page was answered, by the source's clock, in milliseconds.
func (s *syncer) date(t time.Time) int64 {
	if t.IsZero() {
		return s.serverNow().Add(-dateGrain * time.Millisecond).UnixMilli()
	}
	if skew := t.Sub(s.d.now()).Milliseconds(); max(skew-s.st.Skew, s.st.Skew-skew) > 2*dateGrain {
		s.st.Skew = skew
	}
	return t.UnixMilli()
}
