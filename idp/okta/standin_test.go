package okta

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sallyport/identity"
	"sallyport/idp"
	"sallyport/internal/oktatest"
)

func standIn(t *testing.T, groups int) *oktatest.Okta {
	t.Helper()
	o := oktatest.Options{
		APITokens: []string{testKey},
		People: []oktatest.Person{
			{ID: aliceID, Login: "alice@example.com", FirstName: "Alice", LastName: "Liddell", Profile: map[string]any{"department": "tea"}},
			{Login: "nameless@example.com", Status: identity.StatusStaged},
		},
	}
	for i := range groups {
		name := fmt.Sprintf("group-%04d", i)
		o.Groups = append(o.Groups, oktatest.Group{Name: name})
		o.People[0].Groups = append(o.People[0].Groups, name)
	}
	k, err := oktatest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

func TestStandInsPeopleAreRead(t *testing.T) {
	k := standIn(t, 450) // three pages
	d, _ := under(t, k.URL(), func(o *Options) { o.Attributes = []string{"department"} })
	p, err := d.Person(context.Background(), aliceID)
	if err != nil {
		t.Fatal(err)
	}
	if p.Name != "Alice Liddell" || p.Status != identity.StatusActive || p.Profile["department"][0] != "tea" {
		t.Errorf("got %+v", p)
	}
	if n := len(p.Groups); n != 450 && n != 451 { // Everyone may be among them
		t.Errorf("%d groups", n)
	}
	for i := range 450 {
		if name := fmt.Sprintf("group-%04d", i); !p.HasGroup(name) || !p.HasGroup(k.GroupID(name)) {
			t.Fatalf("%s is missing", name)
		}
	}
	if n := k.Count("GET", "/api/v1/users/"+aliceID); n != 4 {
		t.Errorf("%d requests, want 4", n)
	}
	for _, r := range k.Requests() {
		if r.Auth != "SSWS" {
			t.Errorf("%s came with %q", r.Path, r.Auth)
		}
	}
	staged, err := d.Person(context.Background(), k.PersonID("nameless@example.com"))
	if err != nil || staged.Name != "nameless@example.com" || staged.Status.MayPass() {
		t.Errorf("got %+v, %v", staged, err)
	}
}

func TestStandInsChangesAreSeen(t *testing.T) {
	k := standIn(t, 2)
	d, _ := under(t, k.URL())
	read := func() *identity.Person {
		t.Helper()
		p, err := d.Person(context.Background(), aliceID)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if !read().HasGroup("group-0000") {
		t.Error("not in the group at first")
	}
	k.Leave(aliceID, "group-0000")
	if p := read(); p.HasGroup("group-0000") || !p.HasGroup("group-0001") {
		t.Errorf("after leaving: %+v", p.Groups)
	}
	k.RenameGroup("group-0001", "renamed")
	if p := read(); !p.HasGroup("renamed") || p.HasGroup("group-0001") {
		t.Errorf("after the renaming: %+v", p.Groups)
	}
	k.SetStatus(aliceID, identity.StatusSuspended)
	if p := read(); p.Status.MayPass() {
		t.Errorf("after the suspension: %s", p.Status)
	}
	k.RemovePerson(aliceID)
	if _, err := d.Person(context.Background(), aliceID); !errors.Is(err, idp.ErrNotFound) {
		t.Errorf("after the deletion: %v", err)
	}
}

func TestStandInsFaults(t *testing.T) {
	for _, c := range []struct {
		name  string
		act   oktatest.Act
		times int
		ok    bool
	}{
		{"EOF once", oktatest.EOF(), 1, true},
		{"EOF always", oktatest.EOF(), 0, false},
		{"reset once", oktatest.Reset(), 1, true},
		{"500 once", oktatest.ServerError(), 1, true},
		{"cut off once", oktatest.Truncate(20), 1, true},
		{"joined links", oktatest.CommaLinks(), 0, true},
		{"too many at once", oktatest.TooManyConcurrent(), 1, true},
		{"limited for 2 s", oktatest.TooManyRequests(2 * time.Second), 1, true},
		{"limited for a minute", oktatest.TooManyRequests(time.Minute), 1, false},
		{"HTML", oktatest.HTML(), 0, false},
		{"huge", oktatest.Huge(maxAnswer + 1), 0, false},
		{"redirect", oktatest.Redirect("https://evil.example/"), 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := standIn(t, 250)
			d, _ := under(t, k.URL())
			// Pauses are made in no time, so the clock moves with them instead.
			now := time.Now()
			d.transport.now = func() time.Time { return now }
			d.transport.sleep = func(ctx context.Context, pause time.Duration) error {
				now = now.Add(pause)
				return ctx.Err()
			}
			k.Fail(oktatest.Fault{Path: "/api/v1/users/" + aliceID + "/groups", Act: c.act, Times: c.times})
			p, err := d.Person(context.Background(), aliceID)
			if c.ok && (err != nil || len(p.Groups) < 250) || !c.ok && !errors.Is(err, idp.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
			if n := k.Count("GET", "/api/v1/users/"); n > 8 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestStandInsRevokedTokenIsNamed(t *testing.T) {
	k := standIn(t, 0)
	d, _ := under(t, k.URL())
	if err := d.Check(context.Background()); err != nil {
		t.Errorf("check: %v", err)
	}
	k.RemoveAPIToken(testKey)
	_, err := d.Person(context.Background(), aliceID)
	if !errors.Is(err, idp.ErrUnavailable) || !strings.Contains(err.Error(), "idp_service_account") {
		t.Errorf("got %v", err)
	}
	if err := d.Check(context.Background()); err == nil {
		t.Error("check says nothing of it")
	}
}

func TestStandInsLimitIsKept(t *testing.T) {
	k := standIn(t, 0)
	k.SetRateLimits(oktatest.FreeLimits()) // 50 of each bucket are ours
	d, _ := under(t, k.URL())
	good, limited := 0, 0
	for range 80 {
		_, err := d.Person(context.Background(), aliceID)
		var u *idp.UnavailableError
		switch {
		case err == nil:
			good++
		case errors.As(err, &u) && u.RetryAfter > 50*time.Second:
			limited++
		default:
			t.Fatal(err)
		}
	}
	if good != 50 || limited != 30 {
		t.Errorf("%d readings, %d told to wait; want 50 and 30", good, limited)
	}
	for _, r := range k.Requests() {
		if r.Status == 429 {
			t.Fatal("a request went out though nothing was left")
		}
	}
}
