package directory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"sallyport/identity"
)

// Relevant is what policies name: it is read first.
type Relevant struct {
	Groups     []string // ids or names
	Apps       []string // ids or labels
	Attributes []string // of profiles; the source is asked for these
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

// Unpin forgets what a name means, so that it is resolved anew: what an operator
// does to confirm a rename. It returns once that is done, with what the name means
// from then on; the zero Pin where it means nothing.
func (d *Directory) Unpin(ctx context.Context, name string) (Pin, error) {
	if !d.leading.Load() {
		return Pin{}, errors.New("no directory of everybody is being read here: try again once it is, or on the replica that reads it")
	}
	if snap := d.snap.Load(); snap == nil || !has(snap.pins, name) {
		return Pin{}, fmt.Errorf("%q: %w", name, ErrNoPin)
	}
	u := unpin{name, make(chan error, 1)}
	select {
	case d.unpins <- u:
	case <-ctx.Done():
		return Pin{}, ctx.Err()
	}
	d.Wake()
	select {
	case err := <-u.done:
		if err != nil {
			return Pin{}, err
		}
	case <-ctx.Done():
		return Pin{}, ctx.Err()
	}
	for _, p := range d.Pins() {
		if p.Name == name {
			return p, nil
		}
	}
	return Pin{}, nil
}

// ErrNoPin says that a name is not one that means a group.
var ErrNoPin = errors.New("no policy has named a group so")

func has(m map[string]string, key string) bool {
	_, ok := m[key]
	return ok
}

// unpin is a name to be resolved anew.
type unpin struct {
	name string
	done chan error
}

// repin resolves names that became known since the last change: those of a new
// configuration, and what the operator confirmed.
func (s *syncer) repin(ctx context.Context) {
	if !s.st.Whole {
		return
	}
	var confirmed []unpin
	for more := true; more; {
		select {
		case u := <-s.d.unpins:
			confirmed = append(confirmed, u)
		default:
			more = false
		}
	}
	e := s.d.snap.Load().edit()
	for _, u := range confirmed {
		e.setPin(u.name, gonePin)
	}
	if len(confirmed) == 0 && !s.pin(e) {
		return
	}
	err := s.apply(ctx, e)
	if err != nil {
		s.d.failed(err)
	}
	for _, u := range confirmed {
		u.done <- err
	}
}

// pin resolves the names of policies in the snapshot that is being made, and
// reports whether that changed anything.
func (s *syncer) pin(e *edit) (changed bool) {
	if !s.st.Whole {
		return false
	}
	for _, ref := range s.d.relevant().Groups {
		was, pinned := e.next.pins[ref]
		if pinned && was != "" {
			continue
		}
		if _, isID := e.gids.first(ref); isID || identity.IsGroupID(ref) { // of a group that is not there yet, too
			continue
		}
		ids := e.named(ref)
		switch {
		case len(ids) == 1:
			e.setPin(ref, ids[0])
			changed = true
		case len(ids) > 1 && !pinned:
			e.setPin(ref, "")
			changed = true
			slices.Sort(ids)
			s.d.log.Error("group name of a policy means several groups, so routes that name it deny", slog.String("name", ref), slog.Any("groups", ids))
		}
	}
	return changed
}

func (e *edit) setPin(name, id string) {
	if !e.pinned {
		if e.next.pins = maps.Clone(e.next.pins); e.next.pins == nil {
			e.next.pins = map[string]string{}
		}
		e.pinned = true
	}
	if id == gonePin {
		delete(e.next.pins, name)
	} else {
		e.next.pins[name] = id
	}
	e.facts()
}

// tellPins warns of pins whose group is called otherwise by now, or has a
// namesake, once for each state of affairs.
func (d *Directory) tellPins() {
	d.telling.Lock()
	defer d.telling.Unlock()
	told := map[string]string{}
	for _, p := range d.Pins() {
		odd := p.Odd()
		if odd == "" {
			continue
		}
		if told[p.Name] = odd; d.told[p.Name] != odd {
			d.log.Warn("a group name of a policy goes on meaning the group that it meant at first, until `sallyport okta pins --confirm` says otherwise",
				slog.String("name", p.Name), slog.String("group", p.ID), slog.String("but", odd))
		}
	}
	d.told = told
}

// Odd says what speaks against a pin, "" for nothing.
func (p Pin) Odd() string {
	var parts []string
	switch {
	case p.Unclear && len(p.Rivals) == 0: // which ones was not kept
		return "it means several groups"
	case p.Unclear:
		return "it means several groups: " + strings.Join(p.Rivals, ", ")
	case p.Called == "":
		parts = append(parts, "the group was deleted")
	case p.Called != p.Name:
		parts = append(parts, fmt.Sprintf("the group is called %q now", p.Called))
	}
	if len(p.Rivals) > 0 {
		parts = append(parts, "other groups are called so: "+strings.Join(p.Rivals, ", "))
	}
	return strings.Join(parts, "; ")
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
