package okta

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sallyport/idp"
)

// State says how a finding is.
type State string

// States of findings. Unknown is what cannot be told from here.
const (
	OK      State = "ok"
	Warning State = "warning"
	Problem State = "problem"
	Unknown State = "unknown"
)

// Finding is one thing that was tried.
type Finding struct {
	Area   string `json:"area"` // "organisation", "credentials", "directory", "sign-in"
	What   string `json:"what"`
	State  State  `json:"state"`
	Detail string `json:"detail"`
	Step   string `json:"step,omitempty"` // what mends it
}

// Mode is how people's groups are known with these credentials.
type Mode string

// Modes, from the best.
const (
	// Following: everybody is listed, changes arrive through the System Log.
	Following Mode = "following"
	// Listing: everybody is listed, changes arrive through repeated listings.
	Listing Mode = "listing"
	// PerPerson: each person is read when they sign in and while they have a
	// session.
	PerPerson Mode = "per-person"
	// None: not even single people can be read.
	None Mode = "none"
)

// Limit is a rate limit as Okta showed it to us.
type Limit struct {
	Bucket string `json:"bucket"`
	Limit  int    `json:"limit_per_minute"`
	Ours   int    `json:"used_for_following_per_minute"` // the rest is left to sign-ins
}

// Report is what a Probe found.
type Report struct {
	Organisation string    `json:"organisation"` // URL as Okta says it
	ID           string    `json:"organisation_id,omitempty"`
	Mode         Mode      `json:"mode"`
	Delay        string    `json:"changes_seen_within,omitempty"`
	Scopes       []string  `json:"scopes,omitempty"`
	Limits       []Limit   `json:"limits,omitempty"`
	Findings     []Finding `json:"findings"`
}

// OK reports whether nothing is a problem.
func (r *Report) OK() bool {
	return !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.State == Problem })
}

func (r *Report) add(area, what string, state State, step, detail string, args ...any) {
	r.Findings = append(r.Findings, Finding{Area: area, What: what, State: state, Detail: fmt.Sprintf(detail, args...), Step: step})
}

// fail adds an error, whose advice is the step.
func (r *Report) fail(area, what string, state State, err error) {
	step := ""
	detail := err.Error()
	var e *Error
	if errors.As(err, &e) {
		step = e.Advice()
		plain := *e
		detail = strings.TrimSuffix(plain.Error(), ": "+step)
		detail = strings.ReplaceAll(detail, ": "+step, "")
	}
	r.add(area, what, state, step, "%s", strings.TrimPrefix(detail, "okta: "))
}

// Probe tries what works with the directory's credentials: a few small requests,
// none of which changes anything.
func (d *Directory) Probe(ctx context.Context) *Report {
	r := &Report{Organisation: d.transport.org.String(), Mode: None}
	if !d.probeOrganisation(ctx, r) || !d.probeToken(ctx, r) {
		return r
	}
	d.probeReading(ctx, r)
	return r
}

// probeOrganisation asks who the host is, without credentials.
func (d *Directory) probeOrganisation(ctx context.Context, r *Report) bool {
	const path = "/.well-known/okta-organization"
	body, failed := d.transport.plain(ctx, path)
	if failed != nil {
		r.fail("organisation", "reached", Problem, failed)
		return false
	}
	var about struct {
		ID       string `json:"id"`
		Pipeline string `json:"pipeline"`
		Links    struct {
			Organization struct {
				Href string `json:"href"`
			} `json:"organization"`
		} `json:"_links"`
	}
	if json.Unmarshal(body, &about) != nil || about.ID == "" {
		r.add("organisation", "reached", Problem, "check idp_provider_url", "%s answers, but not as an Okta organisation does", d.transport.org.Host)
		return false
	}
	r.ID = clip(about.ID, 40)
	r.add("organisation", "reached", OK, "", "%s is organisation %s (%s)", d.transport.org.Host, r.ID, engineOf(about.Pipeline))
	if own, err := url.Parse(about.Links.Organization.Href); err == nil && own.Host != "" && own.Host != d.transport.org.Host {
		r.add("organisation", "address", Warning, "",
			"the organisation calls itself %s: that address is right for tokens of its own authorization server, a custom domain for those of a custom one", clip(own.Host, 100))
	}
	return true
}

func engineOf(pipeline string) string {
	if pipeline == "idx" {
		return "Identity Engine"
	}
	return "Classic Engine"
}

// plain fetches what takes no credentials.
func (t *transport) plain(ctx context.Context, path string) ([]byte, *Error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, t.org.String()+path, nil)
	if err != nil {
		return nil, nonsense(path, "request cannot be made: %v", err)
	}
	resp, body, failed := t.exchange(r, bucketOther)
	switch {
	case failed != nil:
		return nil, failed
	case resp.StatusCode != http.StatusOK:
		return nil, failure(path, resp, body, t.now())
	case !isJSON(resp.Header):
		return nil, &Error{Path: path, Status: resp.StatusCode, Summary: "answer is not JSON"}
	}
	return body, nil
}

// probeToken gets an access token, where it takes one.
func (d *Directory) probeToken(ctx context.Context, r *Report) bool {
	s, app := d.transport.credential.(*tokens)
	if !app {
		r.add("credentials", "kind", OK, "", "API token; an API Services app would not depend on a person's account (sallyport okta keygen)")
		return true
	}
	t, failed := s.get(ctx)
	if failed != nil {
		r.fail("credentials", "access token", Problem, failed)
		return false
	}
	r.Scopes = t.scopes
	proof := ""
	if t.scheme == schemeDPoP {
		proof = ", with proofs of possession (DPoP)"
	}
	r.add("credentials", "access token", OK, "", "app %s gets tokens for %s%s", s.account.ClientID, t.expires.Sub(t.fetched).Round(time.Minute), proof)
	if len(s.account.Keys) > 1 {
		s.mu.Lock()
		used := s.keyUsed
		s.mu.Unlock()
		state, step := OK, ""
		if used > 0 {
			state, step = Warning, keyStep
		}
		r.add("credentials", "key", state, step, "key %d of %d is in use (id %q)", used+1, len(s.account.Keys), s.account.Keys[used].ID)
	}
	if skew := s.clock(); skew.Abs() > 30*time.Second {
		r.add("credentials", "clock", Warning, "set this host's clock by NTP", "it differs from Okta's by %s", skew.Round(time.Second))
	}
	return true
}

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
