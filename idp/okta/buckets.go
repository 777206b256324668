package okta

import (
	"strings"
	"time"

	"sallyport/idp"
)

// The buckets, by the path that Okta's dashboard shows
// (https://developer.okta.com/docs/reference/rl-additional-limits/).
const (
	bucketUsers  = "/api/v1/users"
	bucketUser   = "/api/v1/users/{id}"
	bucketGroups = "/api/v1/groups"
	bucketGroup  = "/api/v1/groups/{id}"
	bucketApps   = "/api/v1/apps"
	bucketApp    = "/api/v1/apps/{id}"
	bucketLogs   = "/api/v1/logs"
	bucketOther  = "/api/v1"
	bucketToken  = tokenPath
)

// bucketOf names the rate limit that a path of the API counts against.
func bucketOf(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/") // api v1 users ID groups
	if len(parts) < 3 || parts[0] != "api" || parts[1] != "v1" {
		return bucketOther
	}
	depth, members := len(parts)-3, len(parts) == 5 && parts[4] == "users"
	switch parts[2] {
	case "users":
		return [...]string{bucketUsers, bucketUser, bucketOther}[min(depth, 2)]
	case "groups":
		if members {
			return bucketGroups
		}
		return [...]string{bucketGroups, bucketGroup, bucketOther}[min(depth, 2)]
	case "apps":
		return [...]string{bucketApps, bucketApp, bucketApps}[min(depth, 2)]
	case "logs":
		return bucketLogs
	}
	return bucketOther
}

// budget is what is left of a bucket where nobody waits.
func (l *limits) budget(bucket string, now time.Time) idp.Budget {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.buckets[bucket]
	if !ok {
		return idp.Budget{}
	}
	floor := l.floor(bucket, steady, b.Limit)
	budget := idp.Budget{Limit: b.Limit - floor, Remaining: max(b.Remaining-floor, 0), Reset: b.Reset}
	if !now.Before(b.Reset) {
		budget.Remaining = budget.Limit
	}
	return budget
}

// Budget implements directory.Source. A person is read from two buckets: the
// answer is the poorer one's.
func (d *Directory) Budget(b idp.Bucket) idp.Budget {
	names, ok := map[idp.Bucket][]string{
		idp.BucketUsers: {bucketUsers}, idp.BucketUser: {bucketUser, bucketOther}, idp.BucketGroups: {bucketGroups},
		idp.BucketGroup: {bucketGroup}, idp.BucketApps: {bucketApps}, idp.BucketLog: {bucketLogs},
	}[b]
	var least idp.Budget
	if !ok {
		return least
	}
	for _, name := range names {
		one := d.transport.limits.budget(name, d.now())
		if one.Limit > 0 && (least.Limit == 0 || one.Remaining < least.Remaining) {
			least = one
		}
	}
	return least
}
