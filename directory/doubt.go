package directory

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport/identity"
)

// ErrStale wraps a doubt whose cause is age.
var ErrStale = errors.New("what is known of the directory is too old")

// Doubt returns why what a policy asks of a person cannot be decided: what is
// known is older than bound (ErrStale; 0 is no bound), a name has two meanings, or
// something was not read yet. nil when all is clear, at the cost of a look-up
// each.
func (d *Directory) Doubt(p *identity.Person, asked Relevant, bound time.Duration) error {
	if p == nil {
		return nil
	}
	if !d.Fresh(p, bound) {
		age, _ := d.AgeOf(p.ID)
		return fmt.Errorf("%w: %s, and %s at most counts", ErrStale, age.Round(time.Second), bound)
	}
	snap, st := d.whole(), d.state.Load()
	if snap == nil {
		return d.doubtAlone(p, asked)
	}
	if err := snap.unclear(asked.Groups); err != nil {
		return err
	}
	if err := snap.unclearApps(asked.Apps); err != nil {
		return err
	}
	if len(asked.Apps) > 0 && bound > 0 && d.since(st.AppsOK) > max(bound, 2*appsEvery) {
		return fmt.Errorf("%w: applications were last read whole %s ago", ErrStale, d.since(st.AppsOK).Round(time.Second))
	}
	return unreadAttribute(asked.Attributes, st.Attributes)
}

// doubtAlone is Doubt where single people are all that is known.
func (d *Directory) doubtAlone(p *identity.Person, asked Relevant) error {
	if len(asked.Apps) > 0 {
		return errors.New("who an application is assigned to is not known: that takes listing everybody (okta.users.read, okta.groups.read and okta.apps.read), once to its end")
	}
	for _, ref := range asked.Groups {
		if ids := d.namesakes.of(ref); len(ids) > 1 {
			return ambiguous("group", ref, ids)
		}
	}
	if e := d.entry(p.ID); e != nil {
		return unreadAttribute(asked.Attributes, e.Attributes)
	}
	return nil
}

func ambiguous(kind, name string, ids []string) error {
	return fmt.Errorf("the %s name %q means several (%s): name the one you mean by its id", kind, name, strings.Join(ids, ", "))
}

func unreadAttribute(asked, read []string) error {
	for _, name := range asked {
		if !slices.Contains(read, name) {
			return fmt.Errorf("the profile attribute %q was not read yet", name)
		}
	}
	return nil
}

// unclear returns why groups that a policy names cannot be decided about.
func (s *Snapshot) unclear(refs []string) error {
	for _, ref := range refs {
		id, pinned := s.pins[ref]
		switch {
		case pinned && id == "":
			return ambiguous("group", ref, s.GroupsNamed(ref))
		case !pinned && s.group(ref) != nil:
			id = ref
		case !pinned: // about to be pinned
			found := s.groupNames.all(ref)
			if len(found) > 1 {
				return ambiguous("group", ref, s.GroupsNamed(ref))
			}
			if len(found) == 1 {
				id = s.groups.at(found[0].h).ID
			}
		}
		if s.counts.Unread == 0 {
			continue
		}
		if g := s.group(id); g != nil && unread(g) {
			return fmt.Errorf("the members of group %q were not read yet", ref)
		}
	}
	return nil
}

// unclearApps is the same for applications.
func (s *Snapshot) unclearApps(refs []string) error {
	for _, ref := range refs {
		ids, looked := s.named[ref]
		switch {
		case !looked:
			return fmt.Errorf("the application %q was not looked for yet", ref)
		case len(ids) > 1:
			return ambiguous("application", ref, ids)
		case len(ids) == 1 && s.apps[ids[0]] == nil:
			return fmt.Errorf("the assignments of the application %q were not read yet", ref)
		}
	}
	return nil
}

// Unknown tells of the names in policies that mean nothing or several things in
// the directory as it is, one sentence each, sorted.
func (d *Directory) Unknown() []string {
	snap := d.whole()
	if snap == nil {
		return nil
	}
	var all []string
	named := d.relevant()
	for _, ref := range named.Groups {
		id, pinned := snap.pins[ref]
		g := snap.group(id)
		switch {
		case pinned && id == "":
			all = append(all, ambiguous("group", ref, snap.GroupsNamed(ref)).Error())
		case pinned && (g == nil || g.gone):
			all = append(all, fmt.Sprintf("the group %q, which is %s, was deleted: nobody is in it", ref, id))
		case !pinned && snap.group(ref) == nil && (identity.IsGroupID(ref) || len(snap.groupNames.all(ref)) == 0):
			all = append(all, fmt.Sprintf("there is no group %q: nobody is in it", ref))
		}
	}
	for _, ref := range named.Apps {
		switch ids, looked := snap.named[ref]; {
		case looked && len(ids) == 0:
			all = append(all, fmt.Sprintf("there is no application %q: nobody is assigned to it", ref))
		case len(ids) > 1:
			all = append(all, ambiguous("application", ref, ids).Error())
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
