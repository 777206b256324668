package okta

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"sallyport/idp"
)

// reading is one thing the directory reads.
type reading struct {
	what  string
	scope string
	state State // when it cannot be read
	lack  string
	ask   func(context.Context) (string, error)
}

// probeReading tries each listing and says what follows.
func (d *Directory) probeReading(ctx context.Context, r *Report) {
	works := map[string]bool{}
	for _, one := range d.readings() {
		detail, err := one.ask(ctx)
		if err != nil {
			r.fail("directory", one.what, one.state, err)
			last := &r.Findings[len(r.Findings)-1]
			last.Detail += "; " + one.lack
			continue
		}
		works[one.scope] = true
		r.add("directory", one.what, OK, "", "%s", detail)
	}
	d.probeRole(ctx, r, works[ScopeGroups])
	r.conclude(works, d.logPace())
	r.Limits = d.shownLimits()
}

func (d *Directory) readings() []reading {
	return []reading{
		{"people", ScopeUsers, Problem, "nobody's status and groups can be known", func(ctx context.Context) (string, error) {
			return "can be read", d.tryListing(ctx, "/api/v1/users?limit=1")
		}},
		{"groups", ScopeGroups, Warning, "groups are read for each person when they sign in", func(ctx context.Context) (string, error) {
			return "can be listed", d.tryListing(ctx, "/api/v1/groups?limit=1&expand=stats")
		}},
		{"System Log", ScopeLogs, Warning, "changes are seen by repeated listings only", func(ctx context.Context) (string, error) {
			p, err := d.Log(ctx, idp.LogQuery{Since: d.now().Add(-time.Minute)}, "")
			return fmt.Sprintf("can be followed (%d events in the last minute)", len(p.Items)), err
		}},
		{"applications", ScopeApps, Warning, "policies with \"app\" cannot be decided", func(ctx context.Context) (string, error) {
			return "can be listed", d.tryListing(ctx, "/api/v1/apps?limit=1")
		}},
	}
}

// tryListing asks for one item, as a listing that nobody waits for.
func (d *Directory) tryListing(ctx context.Context, path string) error {
	a, err := d.ask(withPriority(ctx, steady), path)
	if err == nil {
		_, err = decodeList(a.body, decodeID)
	}
	return err
}

// probeRole looks whether Everyone is visible: a role that is limited to some
// groups does not show it, and shows too few groups and people.
func (d *Directory) probeRole(ctx context.Context, r *Report, groups bool) {
	if !groups {
		return
	}
	a, err := d.ask(withPriority(ctx, steady), "/api/v1/groups?"+url.Values{"filter": {`type eq "BUILT_IN"`}, "limit": {"200"}}.Encode())
	if err != nil {
		r.fail("directory", "role", Unknown, err)
		return
	}
	found, err := decodeList(a.body, decodeListedGroup)
	switch {
	case err != nil:
		r.add("directory", "role", Unknown, "", "built-in groups cannot be read: %v", err)
	case len(found) == 0:
		step := roleStep
		if !d.transport.credential.app() {
			step = "give the API token's owner at least the role Read-only Administrator"
		}
		r.add("directory", "role", Problem, step, "the group Everyone is not visible: the role shows some people and groups only, and policies would go by that")
	default:
		r.add("directory", "role", OK, "", "shows the whole organisation")
	}
}

// logPace is how often the System Log may be read.
func (d *Directory) logPace() time.Duration {
	limit := d.Budget(idp.BucketLog).Limit
	if limit == 0 {
		return fastestLog
	}
	return max(fastestLog, time.Minute/time.Duration(limit))
}

// fastestLog is how often the System Log is read at most.
const fastestLog = 2 * time.Second

// slowLog is a pace at which following changes takes noticeably long.
const slowLog = 3 * time.Second

func (r *Report) conclude(works map[string]bool, pace time.Duration) {
	switch {
	case !works[ScopeUsers]:
		r.Mode = None
		return
	case works[ScopeGroups] && works[ScopeLogs]:
		r.Mode, r.Delay = Following, (pace + time.Second).Round(time.Second).String()
	case works[ScopeGroups]:
		r.Mode, r.Delay = Listing, "1m0s"
	default:
		r.Mode = PerPerson
	}
	switch {
	case r.Mode == Following && pace > slowLog:
		r.add("directory", "mode", Warning, "raise the share of the app or API token in the rate limit of /api/v1/logs (Security > API, Rate limits)",
			"everybody is known; the rate limit lets the System Log be read every %s: a change counts within about %s of being in it", pace.Round(100*time.Millisecond), r.Delay)
	case r.Mode == Following:
		r.add("directory", "mode", OK, "", "everybody is known; a change counts within about %s of being in the System Log", r.Delay)
	case r.Mode == Listing:
		r.add("directory", "mode", Warning, "grant "+ScopeLogs, "everybody is known; a change counts within about %s, a deletion only after the next full listing", r.Delay)
	case r.Mode == PerPerson:
		r.add("directory", "mode", Warning, "grant "+ScopeGroups, "people are read when they sign in and while they have a session")
	}
}

// shownLimits are those that Okta's headers have shown so far.
func (d *Directory) shownLimits() []Limit {
	var all []Limit
	for _, bucket := range []string{bucketUsers, bucketUser, bucketGroups, bucketGroup, bucketApps, bucketLogs, bucketOther, bucketToken} {
		if shown, ours := d.transport.limits.shown(bucket); shown > 0 {
			all = append(all, Limit{Bucket: bucket, Limit: shown, Ours: ours})
		}
	}
	return all
}

func (l *limits) shown(bucket string) (limit, ours int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.buckets[bucket]
	if !ok {
		return 0, 0
	}
	return b.Limit, b.Limit - l.floor(bucket, steady, b.Limit)
}
