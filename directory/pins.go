package directory

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
)

// Relevant is what policies name: it is read first.
type Relevant struct {
	Groups []string // ids or names
	Apps   []string // ids or labels
}

// Pin is a group name of a policy and the group it means. A name is resolved
// once; whoever renames another group to it later gains nothing.
type Pin struct {
	Name    string   `json:"name"`
	ID      string   `json:"id"`
	Called  string   `json:"called"`            // what the group is called now; "" when it is gone
	Rivals  []string `json:"rivals,omitempty"`  // other groups that are called Name
	Unclear bool     `json:"unclear,omitempty"` // several groups had the name when it was first looked for
}

// Pins lists what the names in policies mean, by name.
func (d *Directory) Pins() []Pin {
	snap := d.snap.Load()
	if snap == nil {
		return nil
	}
	var pins []Pin
	for _, name := range slices.Sorted(maps.Keys(snap.pins)) {
		p := Pin{Name: name, ID: snap.pins[name]}
		if g := snap.group(p.ID); g != nil && !g.gone {
			p.Called = g.Name
		}
		for _, id := range snap.GroupsNamed(name) {
			if id != p.ID {
				p.Rivals = append(p.Rivals, id)
			}
		}
		p.Unclear = p.ID == ""
		pins = append(pins, p)
	}
	return pins
}

// Unclear returns why refs, the groups that a policy names, cannot be decided
// about: two groups share a name that no pin decides, or the members of one were
// not read yet. nil when all is clear, at the cost of a look-up each.
func (d *Directory) Unclear(refs []string) error {
	snap := d.whole()
	if snap == nil {
		return nil
	}
	for _, ref := range refs {
		id, pinned := snap.pins[ref]
		switch {
		case !pinned:
			id = ref
		case id == "":
			return fmt.Errorf("the group name %q means several groups (%s): name the one you mean by its id", ref, strings.Join(snap.GroupsNamed(ref), ", "))
		}
		if snap.counts.Unread == 0 {
			continue
		}
		if g := snap.group(id); g != nil && unread(g) {
			return fmt.Errorf("the members of group %q were not read yet", ref)
		}
	}
	return nil
}

// Unpin forgets what a name means, so that it is resolved anew: what an operator
// does to confirm a rename.
func (d *Directory) Unpin(ctx context.Context, name string) error {
	select {
	case d.unpins <- name:
		d.Wake()
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pin resolves the names of policies in the snapshot that is being made.
func (s *syncer) pin(e *edit) {
	if !s.st.Whole {
		return
	}
	var pins map[string]string
	set := func(name, id string) {
		if pins == nil {
			if pins = maps.Clone(e.next.pins); pins == nil {
				pins = map[string]string{}
			}
		}
		if id == gonePin {
			delete(pins, name)
			return
		}
		pins[name] = id
	}
	for {
		select {
		case name := <-s.d.unpins:
			set(name, gonePin)
			continue
		default:
		}
		break
	}
	view := e.next.pins
	if pins != nil {
		view = pins
	}
	for _, ref := range s.d.relevant().Groups {
		was, pinned := view[ref]
		if pinned && was != "" {
			continue
		}
		if _, isID := e.gids.first(ref); isID {
			continue
		}
		ids := e.named(ref)
		switch {
		case len(ids) == 1:
			set(ref, ids[0])
		case len(ids) > 1 && !pinned:
			set(ref, "")
			slices.Sort(ids)
			s.d.log.Error("group name of a policy means several groups, so it means none", slog.String("name", ref), slog.Any("groups", ids))
		}
		if pins != nil {
			view = pins
		}
	}
	if pins != nil {
		e.next.pins, e.next.factsAt = pins, e.base.factsAt+1
	}
}

const gonePin = "\x00"

// named are the ids of the groups called that in the edit.
func (e *edit) named(name string) []string {
	var ids []string
	for _, entry := range e.names.all(name) {
		if g := e.grps.at(entry.h); !g.gone {
			ids = append(ids, g.ID)
		}
	}
	return ids
}
