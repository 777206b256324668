package session

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/identity"
	"sallyport/store"
)

// Decisions ask long lists of claims by index, however a session came into the view.
func TestSessionsInUseHaveTheirListsIndexed(t *testing.T) {
	b := newBench(t)
	m, other := b.manager(), b.start(b.manager())
	s := b.session("alice")
	s.Subject.Claims["groups"] = []any{"a", "b", "c", "d", "e"}
	id := b.createFrom(m, s).ID
	indexed := func(how string, m *Manager) {
		t.Helper()
		got, err := m.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if got.Subject.NamesOf(got.Subject.Claims["groups"].([]any)) == nil {
			t.Errorf("%s: the list is not indexed", how)
		}
	}
	indexed("created", m)
	if _, err := m.Update(t.Context(), id, func(s *Session) error {
		s.Subject.Claims = identity.Claims{"groups": []any{"v", "w", "x", "y", "z"}}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	indexed("updated", m)
	indexed("asked for", other)
	indexed("read at the start", b.start(b.manager()))
}

func TestCreateGivesFreshIDAndKeepsTheRest(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	s := b.session("alice")
	s.ID = strings.Repeat("x", idLen) // as an attacker would fix it
	made := b.createFrom(m, s)
	if made.ID == s.ID || len(made.ID) != idLen {
		t.Errorf("ID = %q, want a fresh one of %d characters", made.ID, idLen)
	}
	want := s
	want.ID, want.Version = made.ID, made.Version
	want.Form, want.Created, want.LastUsed = FormBrowser, b.clock.Now(), b.clock.Now()
	for name, reader := range map[string]*Manager{"own": m, "other": b.manager()} {
		got := wantLive(t, reader, made.ID)
		if diff := cmp.Diff(&want, got, unindexed); diff != "" {
			t.Errorf("%s manager (-want +got):\n%s", name, diff)
		}
	}
	if made.Version == 0 {
		t.Error("Version = 0, want the store's")
	}
}

func TestIDsAreUniqueAndLong(t *testing.T) {
	seen := map[string]bool{}
	for range 10_000 {
		id := newID()
		if len(id) != idLen || seen[id] {
			t.Fatalf("id %q after %d others, want %d characters never seen", id, len(seen), idLen)
		}
		seen[id] = true
	}
}

func TestCreateRefusesWhatHasExpired(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	for name, expires := range map[string]time.Time{"never set": {}, "now": b.clock.Now(), "past": b.clock.Now().Add(-time.Hour)} {
		s := b.session("alice")
		s.Expires = expires
		if made, err := m.Create(t.Context(), s); err == nil {
			t.Errorf("%s: Create = %+v, want an error", name, made)
		}
	}
	if list, err := m.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("List = %v, %v; want nothing stored", list, err)
	}
}

func TestUpdateLosesNothingAcrossManagers(t *testing.T) {
	b := newBench(t)
	one, two := b.manager(), b.manager()
	s := b.create(one, "alice")
	wantLive(t, two, s.ID)
	const each = 20
	var wg sync.WaitGroup
	for _, m := range []*Manager{one, two} {
		wg.Go(func() {
			for range each {
				for {
					_, err := m.Update(t.Context(), s.ID, func(s *Session) error {
						s.Subject.Name += "x"
						return nil
					})
					if errors.Is(err, store.ErrConflict) {
						continue // more in a row than Update bears; nothing was lost
					}
					if err != nil {
						t.Errorf("Update: %v", err)
					}
					break
				}
			}
		})
	}
	wg.Wait()
	if got := wantLive(t, b.manager(), s.ID).Subject.Name; len(got) != 2*each {
		t.Errorf("%d updates survived, want %d", len(got), 2*each)
	}
}

func TestUpdateMakesANewSessionAndKeepsWhatIsFixed(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	old := b.create(m, "alice")
	b.clock.Advance(time.Minute)
	m.Touch(old)
	updated, err := m.Update(t.Context(), old.ID, func(s *Session) error {
		s.ID, s.Form, s.Parent = "other", FormProgram, "parent"
		s.Subject.Claims["n"] = "changed"
		s.Tokens.Refresh = "new"
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if old.Subject.Claims["n"] != 1.5 || old.Tokens.Refresh != "refresh-secret" {
		t.Error("Update changed the session that others are reading")
	}
	want := *old
	want.Subject.Claims = map[string]any{"groups": []any{"a", "b"}, "n": "changed", "nested": map[string]any{"x": nil}}
	want.Tokens.Refresh, want.LastUsed, want.Version = "new", b.clock.Now(), updated.Version
	if diff := cmp.Diff(&want, updated, unindexed); diff != "" {
		t.Errorf("Update (-want +got):\n%s", diff)
	}
	if updated.Version <= old.Version {
		t.Errorf("version %d after %d, want a greater one", updated.Version, old.Version)
	}
	if got := wantLive(t, m, old.ID); got.Version != updated.Version {
		t.Errorf("view has version %d, want %d", got.Version, updated.Version)
	}
}

func TestUpdateReturnsTheChangesErrorAndStoresNothing(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	s := b.create(m, "alice")
	no := errors.New("no")
	_, err := m.Update(t.Context(), s.ID, func(s *Session) error { s.Subject.Name = "changed"; return no })
	if !errors.Is(err, no) {
		t.Errorf("Update = %v, want the error of change", err)
	}
	if got := wantLive(t, b.manager(), s.ID); got.Subject.Name != "" || got.Version != s.Version {
		t.Errorf("stored %+v, want it untouched", got)
	}
}

func TestUpdateOfNoSessionIsErrNone(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	s := b.create(m, "alice")
	if err := m.End(t.Context(), s.ID, EndSignedOut); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{s.ID, newID(), "", "short", strings.Repeat("x", 5000)} {
		_, err := m.Update(t.Context(), id, func(*Session) error { t.Error("change called"); return nil })
		if !errors.Is(err, ErrNone) {
			t.Errorf("Update of %.50q = %v, want ErrNone", id, err)
		}
	}
}

func TestSeenByTheOtherReplicaWhenTheFeedTells(t *testing.T) {
	b := newBench(t)
	one, two := b.start(b.manager()), b.start(b.manager())
	s := b.create(one, "alice")
	wantLive(t, two, s.ID)
	updated, err := one.Update(t.Context(), s.ID, func(s *Session) error { s.Subject.Name = "Alice"; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if got := wantLive(t, one, s.ID); got.Version != updated.Version {
		t.Errorf("own view has version %d, want %d at once", got.Version, updated.Version)
	}
	deadline := time.Now().Add(20 * time.Second)
	for wantLive(t, two, s.ID).Version != updated.Version {
		if time.Now().After(deadline) {
			t.Fatal("the feed has not told the other manager within 20 s")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestListShowsLiveSessionsOldestFirst(t *testing.T) {
	b := newBench(t)
	m := b.manager()
	var want []string
	for i := range 3 {
		want = append(want, b.create(m, fmt.Sprint("person ", i)).ID)
		b.clock.Advance(time.Second)
	}
	gone := b.create(m, "gone")
	if err := m.End(t.Context(), gone.ID, EndSignedOut); err != nil {
		t.Fatal(err)
	}
	b.clock.Advance(time.Minute)
	m.Touch(wantLive(t, m, want[1]))
	if err := m.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, reader := range map[string]*Manager{"own": m, "other": b.manager()} {
		list, err := reader.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range list {
			got = append(got, s.ID)
		}
		if diff := cmp.Diff(want, got, unindexed); diff != "" {
			t.Fatalf("%s: List (-want +got):\n%s", name, diff)
		}
		if !list[1].LastUsed.Equal(b.clock.Now()) || list[0].LastUsed.Equal(b.clock.Now()) {
			t.Errorf("%s: last used %v and %v, want only the second at %v", name, list[0].LastUsed, list[1].LastUsed, b.clock.Now())
		}
	}
	b.store.broken.Store(true)
	if _, err := m.List(context.Background()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("List of a broken store = %v, want ErrUnavailable", err)
	}
}
