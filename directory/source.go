package directory

import (
	"context"

	"sallyport/identity"
	"sallyport/idp"
)

// Source is the organisation's directory, asked page by page. A cursor is "" for
// the first page and the last page's Next for the one after it; with a cursor
// the query is as before. Every method is safe for concurrent use, bounds itself
// in time and size, and returns, besides plain errors:
//
//   - idp.ErrNotFound: there is no such person, group or application, or no more:
//     one deleted in the middle of a listing
//   - *idp.ForbiddenError: our credentials may not read this
//   - *idp.UnavailableError, with RetryAfter where the rate limit says so: the
//     answer says nothing; keep what is known and come again
//   - idp.ErrCursor: begin the listing anew
//
// An answer about somebody else than was asked about is an *idp.InvalidError.
type Source interface {
	// Person, with all their groups, in two requests; and Check.
	idp.Directory

	// User reads one person without groups.
	User(ctx context.Context, id string) (idp.User, error)
	// GroupsOf reads all groups of one person: exact at once, in one request for
	// every 200 groups, and allowed where listing groups is not.
	GroupsOf(ctx context.Context, userID string) ([]identity.Group, error)

	// Users lists people. With a zero query deactivated ones are left out.
	Users(ctx context.Context, q idp.UserQuery, cursor string) (idp.Page[idp.User], error)
	// Groups lists groups with their statistics.
	Groups(ctx context.Context, q idp.GroupQuery, cursor string) (idp.Page[idp.Group], error)
	// Group reads one group, without statistics: Users is -1.
	Group(ctx context.Context, id string) (idp.Group, error)
	// Members lists the ids of a group's members.
	Members(ctx context.Context, groupID, cursor string) (idp.Page[string], error)

	// Apps lists applications.
	Apps(ctx context.Context, cursor string) (idp.Page[idp.App], error)
	// AppUsers lists everybody assigned to an application, directly or through
	// groups.
	AppUsers(ctx context.Context, appID, cursor string) (idp.Page[idp.AppUser], error)
	// AppUser reads one person's assignment: idp.ErrNotFound where there is none.
	AppUser(ctx context.Context, appID, userID string) (idp.AppUser, error)
	// AppGroups lists the ids of the groups assigned to an application.
	AppGroups(ctx context.Context, appID, cursor string) (idp.Page[string], error)

	// Log reads events in the order of their persistence. Next is never "": it is
	// where to go on, also after an empty page.
	Log(ctx context.Context, q idp.LogQuery, cursor string) (idp.Page[idp.Event], error)

	// Budget is what is left of a bucket by what the answers' headers last said.
	Budget(b idp.Bucket) idp.Budget
}
