package directory

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/idp"
)

// strict follows groups the way that suggests itself: it asks for those whose
// date is after the last one it saw, and lists the members of each.
type strict struct {
	org     *organisation
	seen    time.Time
	members map[string][]string
}

func (s *strict) tick(t testing.TB) {
	t.Helper()
	last := s.seen
	for cursor := ""; ; {
		page, err := s.org.Groups(context.Background(), idp.GroupQuery{Since: s.seen.Add(time.Second)}, cursor) // "gt"
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range page.Items {
			if g.LastMembershipUpdated.After(last) {
				last = g.LastMembershipUpdated
			}
			s.members[g.ID] = nil
			for c := ""; ; {
				ids, err := s.org.Members(context.Background(), g.ID, c)
				if err != nil {
					return
				}
				s.members[g.ID] = append(s.members[g.ID], ids.Items...)
				if c = ids.Next; c == "" {
					break
				}
			}
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	s.seen = last
}

// What the directory is held to is not held by a cursor that believes in the
// dates it saw last: the histories are hard enough to tell the two apart.
func TestStrictCursorLosesChanges(t *testing.T) {
	lost := 0
	for seed := range uint64(40) {
		org := newOrganisation(seed)
		org.lag = 45 * time.Second
		for range 6 {
			org.addPerson("ACTIVE")
		}
		for range 4 {
			org.addGroup("g", idp.GroupOkta)
		}
		s := &strict{org: org, members: map[string][]string{}}
		s.tick(t)
		for range 60 {
			people, groups := sortedKeys(org.people), sortedKeys(org.groups)
			p, g := people[org.rng.IntN(len(people))], groups[org.rng.IntN(len(groups))]
			if org.rng.IntN(2) == 0 {
				org.join(g, p)
			} else {
				org.leave(g, p)
			}
			org.tick(5 * time.Second)
			s.tick(t)
		}
		org.tick(5 * time.Minute)
		s.tick(t)
		for id, g := range org.groups {
			if !slices.Equal(s.members[id], sortedKeys(g.members)) {
				lost++
				break
			}
		}
	}
	t.Logf("the strict cursor is wrong at the end of %d histories of 40", lost)
	if lost == 0 {
		t.Error("the strict cursor loses nothing: the histories prove nothing")
	}
}

// step is a recorded request that changed a group's members or read its dates.
type step struct {
	Method string          `json:"method"`
	URL    string          `json:"url"`
	Date   string          `json:"date"`
	Body   json.RawMessage `json:"body_slim"`
}

var recordedPath = regexp.MustCompile(`/api/v1/groups/(00g\w{17})(?:/users/(00u\w{17}))?$`)

// replay does to the organisation what was recorded, and shows the group's date
// when it was recorded to appear.
func (o *organisation) replay(t *testing.T, st step) {
	t.Helper()
	at, err := http.ParseTime(st.Date)
	if err != nil {
		t.Fatal(err)
	}
	if at.After(o.now) {
		o.now = at
	}
	var g idp.Group
	var body struct {
		ID                    string
		LastMembershipUpdated time.Time
	}
	_ = json.Unmarshal(st.Body, &body)
	m := recordedPath.FindStringSubmatch(strings.SplitN(st.URL, "?", 2)[0])
	switch {
	case st.Method == "POST" && strings.HasPrefix(body.ID, "00g"):
		g = idp.Group{ID: body.ID, Name: "recorded", Type: idp.GroupOkta, LastUpdated: at, LastMembershipUpdated: body.LastMembershipUpdated}
		o.groups[g.ID] = &simGroup{Group: g, members: map[string]bool{}}
	case m == nil || o.groups[m[1]] == nil:
	case m[2] != "":
		if o.people[m[2]] == nil {
			o.people[m[2]] = &simPerson{User: idp.User{ID: m[2], Login: m[2], Status: "ACTIVE", LastUpdated: at}}
		}
		if st.Method == "PUT" {
			o.join(m[1], m[2])
		} else if st.Method == "DELETE" {
			o.leave(m[1], m[2])
		}
		o.groups[m[1]].moved = nil // the recording says when it shows
	case st.Method == "DELETE":
		o.deleteGroup(m[1])
	case body.ID == m[1]:
		o.groups[m[1]].LastMembershipUpdated = body.LastMembershipUpdated
	}
}

// Recorded: when members changed, and when the group's date told of it, seconds
// later and backdated. With the log and without, the directory ends equal to the
// truth.
func TestRecordedLagEndsEqualToTheTruth(t *testing.T) {
	files, _ := filepath.Glob("../../shared/okta-data/groups/lag-timeline-*.json")
	if len(files) == 0 {
		t.Skip("NO RECORDINGS: the timelines of recorded lag are not there")
	}
	for _, file := range files {
		for _, silent := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s silent=%v", filepath.Base(file), silent), func(t *testing.T) { replayFile(t, file, silent) })
		}
	}
}

func replayFile(t *testing.T, file string, silent bool) {
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var rec struct{ Timeline []step }
	if err := json.Unmarshal(raw, &rec); err != nil || len(rec.Timeline) == 0 {
		t.Fatalf("recording cannot be read: %v", err)
	}
	w := newWorld(t, 1)
	began, err := http.ParseTime(rec.Timeline[0].Date)
	if err != nil {
		t.Fatal(err)
	}
	w.org.now = began.Add(-10 * time.Minute)
	w.org.silent = silent
	w.start()
	w.run(5 * time.Minute)
	changes := 0
	for _, st := range rec.Timeline {
		if at, err := http.ParseTime(st.Date); err == nil && at.After(w.org.now) {
			w.run(at.Sub(w.org.now))
		}
		changes += live(st.Method != "GET")
		w.org.replay(t, st)
	}
	last := w.org.date()
	w.run(20 * time.Second)
	for _, g := range w.org.groups {
		if g.Name == "recorded" { // in the end it shows, backdated
			g.LastMembershipUpdated = last
		}
	}
	w.run(3 * time.Minute)
	if wrong := w.differences(); len(wrong) > 0 {
		t.Errorf("after %d recorded changes:\n  %s", changes, strings.Join(wrong, "\n  "))
	}
	if changes == 0 {
		t.Error("the recording changes nothing")
	}
}
