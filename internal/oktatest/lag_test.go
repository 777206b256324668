package oktatest_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/oktatest"
)

// step is one recorded exchange about a group.
type step struct {
	Method string
	URL    string
	Date   string
	Body   json.RawMessage `json:"body_slim"`
}

func (s step) at(t *testing.T) time.Time {
	t.Helper()
	at, err := http.ParseTime(s.Date)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func (s step) path(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u.RequestURI()
}

func (s step) isMembership() bool {
	return (s.Method == "PUT" || s.Method == "DELETE") && strings.Contains(s.URL, "/users/")
}

func loadTimeline(t *testing.T, name string) []step {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dataDir, "groups", name))
	if err != nil {
		t.Fatal(err)
	}
	var recorded struct{ Timeline []step }
	if err := json.Unmarshal(raw, &recorded); err != nil {
		t.Fatal(err)
	}
	if len(recorded.Timeline) < 20 {
		t.Fatalf("got %d steps, want a timeline", len(recorded.Timeline))
	}
	return recorded.Timeline
}

// lagsOf finds, for each membership change, the shortest lag in whole seconds
// that explains the stale reads after it.
func lagsOf(t *testing.T, steps []step) (all []time.Duration) {
	t.Helper()
	for i, write := range steps {
		if !write.isMembership() {
			continue
		}
		lag := time.Duration(0)
		for _, read := range steps[i:] {
			var g named
			if read.Method == "GET" && json.Unmarshal(read.Body, &g) == nil && g.LastMembershipUpdated < write.at(t).Format("2006-01-02T15:04:05.000Z") {
				lag = max(lag, read.at(t).Sub(write.at(t))+time.Second)
			}
		}
		all = append(all, lag)
	}
	return all
}

// The recorded timelines of Okta's two engines: with a lag for each change, the
// stand-in shows what Okta showed, read for read: members right at once, the
// stamp late and then backdated to the second of the change.
func TestRecordedMembershipLag(t *testing.T) {
	needData(t)
	for _, name := range []string{"lag-timeline-oie.json", "lag-timeline-classic.json"} {
		t.Run(name, func(t *testing.T) {
			steps := loadTimeline(t, name)
			lags := lagsOf(t, steps)
			if lags[0] < 4*time.Second {
				t.Fatalf("got lags %v: the recording shows none", lags)
			}
			clock := newTestClock()
			k := start(t, withClock(clock), func(o *oktatest.Options) {
				o.People, o.Lags.Membership = peopleOf(t, steps), oktatest.Each(lags...)
			})
			replay(t, k, clock, steps)
		})
	}
}

// peopleOf are the people that become members.
func peopleOf(t *testing.T, steps []step) (all []oktatest.Person) {
	t.Helper()
	for _, s := range steps {
		if s.isMembership() && s.Method == "PUT" {
			id := path.Base(s.path(t))
			all = append(all, oktatest.Person{ID: id, Login: id + "@example.com"})
		}
	}
	return all
}

func replay(t *testing.T, k *oktatest.Okta, clock *testClock, steps []step) {
	t.Helper()
	b := newBrowser(t, k)
	clock.advance(steps[0].at(t).Sub(clock.now()))
	compared := 0
	for i, s := range steps {
		clock.advance(s.at(t).Sub(clock.now()))
		where := strings.Split(s.path(t), "/")
		switch {
		case s.Method == "POST":
			var g named
			if err := json.Unmarshal(s.Body, &g); err != nil {
				t.Fatal(err)
			}
			k.AddGroup(oktatest.Group{ID: g.ID, Name: g.Profile.Name, Description: "testing, testing"})
		case s.isMembership() && s.Method == "PUT":
			k.Join(where[6], where[4])
		case s.isMembership():
			k.Leave(where[6], where[4])
		case s.Method == "DELETE":
			k.RemoveGroup(where[4])
		default:
			compared++
			compareRead(t, b, i, s)
		}
	}
	if compared < 10 {
		t.Errorf("compared %d reads, want them all", compared)
	}
}

func compareRead(t *testing.T, b *browser, i int, s step) {
	t.Helper()
	got := b.api(s.path(t))
	if strings.Contains(s.URL, "/users") {
		var want []named
		if err := json.Unmarshal(s.Body, &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(ids([][]named{want}), ids([][]named{decode[[]named](t, got)})); diff != "" {
			t.Errorf("step %d: members (-recorded +ours):\n%s", i, diff)
		}
		return
	}
	var want named
	if err := json.Unmarshal(s.Body, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, decode[named](t, got)); diff != "" {
		t.Errorf("step %d at %s (-recorded +ours):\n%s", i, s.Date, diff)
	}
}

// A reader that asks for what changed after the latest stamp it saw misses a
// change that appears later with an earlier stamp.
func TestBackdatedStampsEscapeAStrictCursor(t *testing.T) {
	clock := newTestClock()
	k := start(t, withClock(clock), func(o *oktatest.Options) {
		o.Lags.Membership = oktatest.Each(20*time.Second, 2*time.Second)
	})
	b := newBrowser(t, k)
	ask := func(after string) []string {
		pages := b.listAll("/api/v1/groups?filter=lastMembershipUpdated+gt+%22" + after + "%22")
		return ids(pages)
	}
	before := clock.now().Format("2006-01-02T15:04:05.000Z")
	clock.advance(time.Second)
	k.Join("bob", "admins")
	early := clock.now().Format("2006-01-02T15:04:05.000Z")
	clock.advance(time.Second)
	k.Join("bob", "engineers")
	seen := clock.now().Format("2006-01-02T15:04:05.000Z")
	clock.advance(5 * time.Second)
	if got := ask(before); !slices.Equal(got, []string{k.GroupID("engineers")}) {
		t.Fatalf("got %v, want the group whose lag is over alone", got)
	}
	clock.advance(time.Minute)
	if got := ask(seen); len(got) != 0 {
		t.Errorf("strict cursor: got %v, want nothing", got)
	}
	if got := decode[named](t, b.api("/api/v1/groups/"+k.GroupID("admins"))); got.LastMembershipUpdated != early {
		t.Errorf("got %s, want the second of the change %s", got.LastMembershipUpdated, early)
	}
	if got := ask(before); len(got) != 2 {
		t.Errorf("overlapping: got %v, want both", got)
	}
}

func TestLagsBetweenAreRepeatable(t *testing.T) {
	a, b := oktatest.Between(7, time.Second, time.Minute), oktatest.Between(7, time.Second, time.Minute)
	differ := map[time.Duration]bool{}
	for range 50 {
		x, y := a(), b()
		if x != y || x < time.Second || x > time.Minute {
			t.Fatalf("got %v and %v, want the same between 1s and 1m", x, y)
		}
		differ[x] = true
	}
	if len(differ) < 20 {
		t.Errorf("got %d different lags in 50, want them to vary", len(differ))
	}
}
