package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport/idp"
	"sallyport/store"
)

// KindSnapshot is the kind of the records that a snapshot is made of:
//
//	1/NNN    people, by the hash of their ids, each with a number
//	2/ID     a group with the numbers of its members
//	3/ID     an application with those assigned to it
//	~        where the reading stands, pins and names; written last
//
// A change writes the records it touches and the last one in one transaction, so
// that the cursor never runs ahead of what was read up to it.
const KindSnapshot store.Kind = "directory"

const (
	peopleShards = 1024
	stateKey     = "~"
	saveTimeout  = 30 * time.Second
	// tombstoneAge is how long those are remembered who were deleted: longer than
	// old news of them could arrive.
	tombstoneAge = 7 * 24 * time.Hour
)

// state is where the reading stands.
type state struct {
	Format int `json:"format"`
	// Org is whose directory this is; that of another is not used.
	Org     string `json:"org"`
	Version uint64 `json:"version"`
	FactsAt uint64 `json:"facts_at"`
	// Whole says that people and groups were listed whole once; Ready that the
	// members of the groups that policies name were read too.
	Whole bool `json:"whole"`
	Ready bool `json:"ready"`
	// Begun is when, by the source's clock in milliseconds, the last whole listing
	// began; FullAt when, by ours, it ended.
	Begun int64 `json:"begun"`
	// Counts are those of the snapshot: records that went missing show in them.
	Counts Counts    `json:"counts"`
	FullAt time.Time `json:"full_at"`
	// Cursor is where the log goes on.
	Cursor string `json:"cursor"`
	// GroupsMark and UsersMark are up to when the filtered listings are whole, by
	// the source's clock.
	GroupsMark time.Time `json:"groups_mark"`
	UsersMark  time.Time `json:"users_mark"`
	// LogOK and ListsOK are when, by our clock, the log was last read to its end
	// and the listings last went through.
	LogOK   time.Time `json:"log_ok"`
	ListsOK time.Time `json:"lists_ok"`
	// Skew is what the source's clock is ahead of ours, in milliseconds.
	Skew int64             `json:"skew"`
	Pins map[string]string `json:"pins,omitempty"`
	// AppIDs are the applications that have a record, Named what names of them
	// in policies mean; AppsOK is when they were last read whole, by our clock.
	AppIDs []string            `json:"app_ids,omitempty"`
	Named  map[string][]string `json:"named,omitempty"`
	AppsOK time.Time           `json:"apps_ok"`
	// Attributes are those of the profile that everybody was listed with.
	Attributes []string `json:"attributes,omitempty"`
	// Fence is that of the lease under which this was written.
	Fence uint64 `json:"fence"`
}

type savedApp struct {
	ID     string   `json:"id"`
	Label  string   `json:"label"`
	Active bool     `json:"active"`
	Direct []string `json:"direct"`
	Groups []string `json:"groups"`
}

func shardKey(i int) string { return fmt.Sprintf("1/%03x", i) }

func shardOf(id string) int { return bucketOf(id) * peopleShards / tableWidth }

// records returns what has to be written for a delta, the state last.
func (s *Snapshot) records(c delta, st state, now time.Time) ([]store.Record, error) {
	shards := map[int]bool{}
	for _, id := range c.saved {
		shards[shardOf(id)] = true
	}
	rs := make([]store.Record, 0, len(shards)+len(c.groups)+1)
	for i := range shards {
		rs = append(rs, store.Record{Kind: KindSnapshot, Key: shardKey(i), Value: s.shard(i)})
	}
	for _, id := range c.groups {
		h, ok := s.groupIDs.first(id)
		if !ok {
			continue
		}
		e := encoder{}
		e.uint(recordFormat)
		g := s.groups.at(h)
		e.group(g)
		rec := store.Record{Kind: KindSnapshot, Key: "2/" + id, Value: e.b}
		if g.gone {
			rec.Expires = now.Add(tombstoneAge)
		}
		rs = append(rs, rec)
	}
	for _, id := range c.apps {
		rec, err := s.appRecord(id, now)
		if err != nil {
			return nil, err
		}
		rs = append(rs, rec)
	}
	value, err := json.Marshal(st)
	if err != nil {
		return nil, err
	}
	return append(rs, store.Record{Kind: KindSnapshot, Key: stateKey, Value: value}), nil
}

// shard encodes the people of one record.
func (s *Snapshot) shard(i int) []byte {
	e := encoder{b: make([]byte, 0, 16<<10)}
	e.uint(recordFormat)
	const width = tableWidth / peopleShards
	for b := i * width; b < (i+1)*width; b++ {
		if s.ids.buckets == nil || s.ids.buckets[b] == nil {
			continue
		}
		for _, entry := range *s.ids.buckets[b] {
			p := s.people.at(entry.h)
			if p.gone && p.asOf < int64(s.version)-tombstoneAge.Milliseconds() {
				continue
			}
			e.person(entry.h, p)
		}
	}
	return e.b
}

// complete fills in what of the state is the snapshot's own.
func (s *Snapshot) complete(st state) state {
	st.Format, st.Version, st.FactsAt, st.Pins = recordFormat, s.version, s.factsAt, s.pins
	st.Counts, st.Named, st.AppIDs = s.counts, s.named, slices.Sorted(maps.Keys(s.apps))
	return st
}

// appRecord is the record of an application, empty and short-lived for one that
// is followed no more.
func (s *Snapshot) appRecord(id string, now time.Time) (store.Record, error) {
	rec := store.Record{Kind: KindSnapshot, Key: "3/" + id}
	saved := savedApp{ID: id}
	if a := s.apps[id]; a != nil {
		saved = savedApp{ID: id, Label: a.Label, Active: a.Active, Direct: slices.Sorted(maps.Keys(a.direct)), Groups: a.groups}
	} else {
		rec.Expires = now.Add(time.Minute)
	}
	var err error
	rec.Value, err = json.Marshal(saved)
	return rec, err
}

// restore begins a successor of s out of stored records, which keep the versions
// they were stored with.
type restore struct {
	*edit
	state *state
}

func (s *Snapshot) restore() *restore {
	e := s.edit()
	e.restoring = true
	return &restore{edit: e}
}

// take applies one record. People come before groups, the state last: the order
// of their keys serves, where members are interned before they are known.
func (r *restore) take(rec store.Record) error {
	switch {
	case rec.Key == stateKey:
		st := new(state)
		if err := json.Unmarshal(rec.Value, st); err != nil {
			return fmt.Errorf("directory: state record: %w", err)
		}
		if st.Format != recordFormat {
			return fmt.Errorf("directory: state record has format %d, expected %d", st.Format, recordFormat)
		}
		r.state = st
		return nil
	case strings.HasPrefix(rec.Key, "1/"):
		return r.takeShard(rec)
	case strings.HasPrefix(rec.Key, "2/"):
		return r.takeGroup(rec)
	case strings.HasPrefix(rec.Key, "3/"):
		return r.takeApp(rec)
	}
	return fmt.Errorf("directory: record %q is unknown", rec.Key)
}

func (r *restore) takeShard(rec store.Record) error {
	want, err := strconv.ParseUint(rec.Key[2:], 16, 16)
	if err != nil {
		return fmt.Errorf("directory: record %q: %w", rec.Key, errRecord)
	}
	d := newDecoder(rec.Value)
	for d.err == nil && len(d.b) > 0 {
		h, p := d.person()
		if d.err == nil && (p.ID == "" || shardOf(p.ID) != int(want)) {
			d.fail()
		}
		if d.err == nil {
			r.putNode(h, p)
		}
	}
	if err := d.end(); err != nil {
		return fmt.Errorf("directory: record %q: %w", rec.Key, err)
	}
	return nil
}

func (r *restore) takeGroup(rec store.Record) error {
	d := newDecoder(rec.Value)
	g, members := d.group()
	if err := d.end(); err != nil || "2/"+g.ID != rec.Key {
		return errors.Join(fmt.Errorf("directory: record %q: %w", rec.Key, errRecord), err)
	}
	for _, m := range members {
		if int(m) >= r.ppl.n || r.ppl.at(m) == nil {
			return fmt.Errorf("directory: record %q has a member that no record has: %w", rec.Key, errRecord)
		}
	}
	r.putGroupNode(g, members)
	return nil
}

func (r *restore) takeApp(rec store.Record) error {
	var a savedApp
	if err := json.Unmarshal(rec.Value, &a); err != nil || "3/"+a.ID != rec.Key {
		return fmt.Errorf("directory: record %q: %w", rec.Key, errRecord)
	}
	restored := r.app(a.ID)
	restored.App, restored.groups = idp.App{ID: a.ID, Label: a.Label, Active: a.Active}, a.Groups
	clear(restored.direct)
	for _, id := range a.Direct {
		restored.direct[id] = true
	}
	return nil
}

// putNode puts a stored person in place of what is there, groups excepted. What
// is there may be somebody who was deleted long ago, whose number is used again.
func (e *edit) putNode(h handle, p *personNode) {
	var was *personNode
	if int(h) < e.ppl.n {
		was = e.ppl.at(h)
	}
	e.ppl.n = max(e.ppl.n, int(h)+1)
	if was != nil {
		e.unindex(was, h)
		if was.ID != p.ID {
			e.ids.remove(was.ID, h)
		} else {
			p.groups = slices.Clone(was.groups)
			p.made.Store(was.made.Load())
		}
	}
	p.mark = e.mark
	e.mine[h] = p
	e.ppl.set(h, p)
	e.ids.add(p.ID, h)
	if !p.gone {
		e.login.add(strings.ToLower(p.Login), h)
		e.mail.add(strings.ToLower(p.Email), h)
	}
}

func (e *edit) putGroupNode(g *groupNode, members []handle) {
	h, ok := e.gids.first(g.ID)
	if !ok {
		h = e.grps.push(g)
		e.mineGroups[h] = g
		e.gids.add(g.ID, h)
		if !g.gone {
			e.names.add(g.Name, h)
		}
		e.renamed = true
	} else {
		was := e.group(h)
		if was.Name != g.Name || was.gone != g.gone {
			e.names.remove(was.Name, h)
			if !g.gone {
				e.names.add(g.Name, h)
			}
			e.touchMembers(was)
			e.renamed = true
		}
		was.Group, was.readAt, was.offset, was.version, was.gone = g.Group, g.readAt, g.offset, g.version, g.gone
	}
	e.replaceMembers(h, members)
}

// fillHoles puts somebody who is gone where nobody is: numbers of those who were
// deleted long ago.
func (r *restore) fillHoles() {
	for h := r.base.people.n; h < r.ppl.n; h++ {
		if r.ppl.at(handle(h)) == nil {
			r.ppl.set(handle(h), &personNode{gone: true})
		}
	}
}

// finish makes the snapshot that the records describe.
func (r *restore) finish(base *Snapshot) (*Snapshot, delta) {
	st := r.state
	r.fillHoles()
	r.ownApps()
	maps.DeleteFunc(r.next.apps, func(id string, _ *app) bool { return !slices.Contains(st.AppIDs, id) })
	r.next.pins, r.next.named, r.next.factsAt = st.Pins, st.Named, st.FactsAt
	facts := base == nil || base.factsAt != st.FactsAt || !maps.Equal(base.pins, st.Pins)
	snap, c := r.commit(time.Time{})
	snap.version, snap.factsAt = st.Version, st.FactsAt
	c.facts = facts
	if r.renamed || facts {
		snap.epoch = st.Version
	}
	return snap, c
}

// save writes a delta and the state in one transaction.
func (d *Directory) save(ctx context.Context, snap *Snapshot, c delta, st state) error {
	rs, err := snap.records(c, snap.complete(st), d.now())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	return d.store.PutAll(ctx, rs)
}

// loadSnapshot reads the stored snapshot; nil when there is none. A record that
// cannot be read makes none: part of a directory is no directory.
func (d *Directory) loadSnapshot(ctx context.Context, base *Snapshot) (*Snapshot, delta, state, error) {
	r := base.restore()
	err := d.store.Scan(ctx, KindSnapshot, "", func(rec store.Record) error { return r.take(rec) })
	if err != nil || r.state == nil {
		return nil, delta{}, state{}, err
	}
	snap, c := r.finish(base)
	if snap.counts != r.state.Counts || len(snap.apps) != len(r.state.AppIDs) {
		return nil, delta{}, state{}, fmt.Errorf("directory: stored are %+v and %d applications, expected %+v and %d: records are missing or unreadable",
			snap.counts, len(snap.apps), r.state.Counts, len(r.state.AppIDs))
	}
	return snap, c, *r.state, nil
}
