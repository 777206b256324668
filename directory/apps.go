package directory

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"sallyport/idp"
)

// appListing is where the reading of the applications that policies name stands.
type appListing struct {
	again  bool // something about applications happened
	at     time.Time
	stage  int // 0 list, 1 people, 2 groups
	cursor string
	all    []idp.App
	next   int // of those wanted
	made   map[string]*app
	now    *app
}

// due is when applications are read next: never where no policy names one.
func (a *appListing) due(d *Directory, never time.Time) time.Time {
	snap := d.snap.Load()
	switch {
	case len(d.relevant().Apps) == 0 && (snap == nil || len(snap.apps) == 0):
		return never
	case a.again || a.stage > 0 || a.cursor != "":
		return time.Time{}
	}
	return a.at.Add(appsEvery)
}

// readApps reads a page of what is being read: the list of applications, then
// the people and the groups of each that a policy names.
func (s *syncer) readApps(ctx context.Context) error {
	a := &s.apps
	if a.stage == 0 && a.cursor == "" {
		*a = appListing{made: map[string]*app{}}
	}
	var err error
	switch a.stage {
	case 0:
		var page idp.Page[idp.App]
		if page, err = s.source.Apps(ctx, a.cursor); err == nil {
			a.all = append(a.all, page.Items...)
			a.advance(page.Next, func() { a.keep(s.d.relevant().Apps) })
		}
	case 1:
		var page idp.Page[idp.AppUser]
		if page, err = s.source.AppUsers(ctx, a.now.ID, a.cursor); err == nil {
			for _, u := range page.Items {
				if u.Direct {
					a.now.direct[u.UserID] = true
				}
			}
			a.advance(page.Next, func() { a.stage = 2 })
		}
	case 2:
		var page idp.Page[string]
		if page, err = s.source.AppGroups(ctx, a.now.ID, a.cursor); err == nil {
			a.now.groups = append(a.now.groups, page.Items...)
			a.advance(page.Next, a.following)
		}
	}
	switch {
	case errors.Is(err, idp.ErrNotFound) && a.stage > 0:
		delete(a.made, a.now.ID)
		a.following()
	case err != nil:
		*a = appListing{again: true}
		return err
	}
	if a.stage == 0 && a.cursor == "" {
		return s.takeApps(ctx, a)
	}
	return nil
}

func (a *appListing) advance(next string, last func()) {
	if a.cursor = next; next == "" {
		last()
	}
}

// keep leaves the applications that are named.
func (a *appListing) keep(named []string) {
	a.all = slices.DeleteFunc(a.all, func(one idp.App) bool {
		return !slices.Contains(named, one.ID) && !slices.Contains(named, one.Label)
	})
	a.following()
}

// following begins the next application, or ends the reading.
func (a *appListing) following() {
	a.cursor = ""
	if a.next >= len(a.all) {
		a.stage = 0
		return
	}
	a.now = &app{App: a.all[a.next], direct: map[string]bool{}}
	a.made[a.now.ID] = a.now
	a.next++
	a.stage = 1
}

func (s *syncer) takeApps(ctx context.Context, a *appListing) error {
	made := a.made
	s.apps = appListing{at: s.d.now()}
	e := s.d.snap.Load().edit()
	if maps.EqualFunc(e.next.apps, made, sameApp) {
		return nil
	}
	e.next.apps, e.next.factsAt = made, e.base.factsAt+1
	return s.apply(ctx, e)
}

func sameApp(a, b *app) bool {
	return a.App == b.App && maps.Equal(a.direct, b.direct) && slices.Equal(a.groups, b.groups)
}
