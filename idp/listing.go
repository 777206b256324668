package idp

import (
	"errors"
	"fmt"
	"time"

	"sallyport/identity"
)

// Page is one page of a listing. Items is whole: a page that cannot be read in
// full is an error.
type Page[T any] struct {
	Items []T
	// Next asks for the page after this one; "" after the last. It is opaque, good
	// for the same question only, and may be kept on disk. The log always has one.
	Next string
	// Date is the server's clock when it answered; zero where it did not say.
	Date time.Time
}

// User is a person as listings show them, without groups. Strings may be empty
// wherever Okta has null; ID and Status never are.
type User struct {
	ID          string
	Login       string
	Email       string
	Name        string // for people to read
	Status      identity.Status
	LastUpdated time.Time // one second's resolution
	// Profile holds the configured attributes that have a value.
	Profile map[string][]string
}

// UserQuery narrows a listing of people.
type UserQuery struct {
	// Since asks for those whose lastUpdated is not before it (filter, "ge"),
	// deactivated ones among them. Zero: everybody who is not deactivated.
	Since time.Time
}

// GroupType is Okta's.
type GroupType string

// The types of groups. Membership of a built-in one follows from its name.
const (
	GroupOkta    GroupType = "OKTA_GROUP"
	GroupApp     GroupType = "APP_GROUP"
	GroupBuiltIn GroupType = "BUILT_IN"
)

// Group is a group as listings with statistics show it (expand=stats).
type Group struct {
	ID                    string
	Name                  string
	Type                  GroupType
	LastUpdated           time.Time // one second's resolution
	LastMembershipUpdated time.Time // the same; written late and backdated
	// Users is how many members the group has by Okta's count, -1 where it did not
	// say. It counts people that no listing of members shows.
	Users int
}

// GroupQuery narrows a listing of groups.
type GroupQuery struct {
	// Since asks for those whose lastUpdated or lastMembershipUpdated is not
	// before it. Zero: all.
	Since time.Time
}

// App is an application of the organisation.
type App struct {
	ID     string
	Label  string
	Active bool
}

// AppUser is somebody assigned to an application. Direct tells an assignment of
// their own from one through a group.
type AppUser struct {
	UserID string
	Direct bool
}

// Event is one entry of the System Log, with what matters here.
type Event struct {
	ID        string // uuid; the same event may come twice
	Type      string // "group.user_membership.remove"
	Success   bool   // outcome.result is SUCCESS
	Published time.Time
	// Targets come in any order: pick them by type.
	Targets []EventTarget
}

// EventTarget is what an event is about.
type EventTarget struct {
	ID   string
	Type string // "User", "UserGroup", "AppInstance", "AppUser", ...
	Name string // displayName; may be empty
}

// Target returns the id of the first target of that type, "" without one.
func (e Event) Target(kind string) string {
	for _, t := range e.Targets {
		if t.Type == kind {
			return t.ID
		}
	}
	return ""
}

// LogQuery begins a reading of the log, which goes on by cursor: in the order of
// persistence, without end.
type LogQuery struct {
	// Since is the earliest event to read.
	Since time.Time
	// Types are the event types wanted; nil: all.
	Types []string
}

// Bucket names a rate limit that requests share.
type Bucket string

// The buckets that reading a directory draws from.
const (
	BucketUsers  Bucket = "users"  // lists of people
	BucketUser   Bucket = "user"   // one person, their groups
	BucketGroups Bucket = "groups" // lists of groups and of members
	BucketGroup  Bucket = "group"  // one group
	BucketApps   Bucket = "apps"
	BucketLog    Bucket = "logs"
)

// Budget is what is known to be left of a bucket.
type Budget struct {
	Limit     int // requests a minute that are ours to use; 0: nothing is known
	Remaining int
	Reset     time.Time // by our clock; past it Remaining is Limit again
}

// ErrCursor says that a cursor is not accepted any more: the listing has to
// begin anew.
var ErrCursor = errors.New("cursor not accepted any more")

// ForbiddenError says that our credentials may not read something, and that
// asking again does not help until somebody changes them. It is a kind of
// ErrUnavailable, since it says nothing about the people.
type ForbiddenError struct {
	What  string // "groups", "the System Log"
	Scope string // that would allow it, "okta.groups.read"; "" where unknown
	Err   error  // the cause, or nil
}

func (e *ForbiddenError) Error() string {
	if e.Scope == "" {
		return fmt.Sprintf("our credentials may not read %s", e.What)
	}
	return fmt.Sprintf("our credentials may not read %s: expected the scope %s and an administrator role that covers them", e.What, e.Scope)
}

// Unwrap gives ErrUnavailable and the cause.
func (e *ForbiddenError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrUnavailable}
	}
	return []error{ErrUnavailable, e.Err}
}
