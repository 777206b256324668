package okta

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport/idp"
)

// recordings is where real traffic of Okta lies, beside the repository.
const recordings = "../../../shared/okta-data"

// recorded is one exchange of a cassette.
type recorded struct {
	status int
	header http.Header
	body   json.RawMessage
}

func load(t *testing.T, name string) recorded {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(recordings, name))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("SKIPPED: no recorded traffic at %s; only the stand-in was asked", recordings)
	}
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Response struct {
			Status   int                 `json:"status"`
			Headers  map[string][]string `json:"headers"`
			Body     json.RawMessage     `json:"body"`
			Response json.RawMessage     `json:"response"` // where it was taken from a mock
		} `json:"response"`
	}
	var one struct {
		Response struct {
			Status   int             `json:"status"`
			Body     json.RawMessage `json:"body"`
			Response json.RawMessage `json:"response"`
		} `json:"response"`
	}
	r := recorded{header: http.Header{}}
	if err := json.Unmarshal(raw, &file); err == nil {
		for name, values := range file.Response.Headers {
			r.header[http.CanonicalHeaderKey(name)] = values
		}
		r.status, r.body = file.Response.Status, file.Response.Body
		if r.body == nil {
			r.body = file.Response.Response
		}
	} else if err := json.Unmarshal(raw, &one); err != nil {
		t.Fatalf("%s: %v", name, err)
	} else if r.status, r.body = one.Response.Status, one.Response.Body; r.body == nil {
		r.body = one.Response.Response
	}
	if r.header.Get("Content-Type") == "" {
		r.header.Set("Content-Type", "application/json")
	}
	return r
}

func (r recorded) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	for name, values := range r.header {
		w.Header()[name] = values
	}
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body)
}

func TestRecordedUsersAreRead(t *testing.T) {
	groups := load(t, "users/user-groups-many.json")
	var want []struct {
		ID      string `json:"id"`
		Profile struct {
			Name string `json:"name"`
		} `json:"profile"`
	}
	if err := json.Unmarshal(groups.body, &want); err != nil || len(want) < 3 {
		t.Fatalf("recording: %d groups, %v", len(want), err)
	}
	for _, c := range []struct{ file, status, name string }{
		{"users/get-all-attributes.json", "PROVISIONED", "Dr. TestAcc Smith"},
		{"users/get-by-id-same-moment-PROVISIONED.json", "PROVISIONED", "TestAcc Entwhistle"},
		{"users/get-suspended.json", "SUSPENDED", ""},
		{"users/get-deprovisioned.json", "DEPROVISIONED", ""},
		{"users/get-by-login.json", "", ""},
		{"users/create-response.json", "", ""},
	} {
		r := load(t, c.file)
		var user struct {
			ID      string
			Status  string
			Profile struct{ Login, Email string }
		}
		if err := json.Unmarshal(r.body, &user); err != nil {
			t.Fatal(err)
		}
		o := newOrg(t)
		o.handle("/api/v1/users/"+user.ID, r.ServeHTTP)
		o.handle("/api/v1/users/"+user.ID+"/groups", groups.ServeHTTP)
		d, _ := under(t, o.URL)
		p, err := d.Person(context.Background(), user.ID)
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		if p.ID != user.ID || string(p.Status) != user.Status || p.Login != user.Profile.Login || p.Email != user.Profile.Email || p.Name == "" {
			t.Errorf("%s: got %+v", c.file, p)
		}
		if c.status != "" && string(p.Status) != c.status || c.name != "" && p.Name != c.name {
			t.Errorf("%s: status %q, name %q", c.file, p.Status, p.Name)
		}
		if len(p.Groups) != len(want) {
			t.Errorf("%s: %d groups, want %d", c.file, len(p.Groups), len(want))
		}
		for _, g := range want {
			if !p.HasGroup(g.ID) || !p.HasGroup(g.Profile.Name) {
				t.Errorf("%s: group %q %q is missing", c.file, g.ID, g.Profile.Name)
			}
		}
	}
}

func TestRecordedGroupPagesAreRead(t *testing.T) {
	for _, file := range []string{
		"users/user-groups-one.json", "groups/list-default-limit10000.json", "groups/list-filter-builtin.json",
		"groups/list-filter-appgroup-empty.json", "groups/list-q.json", "groups/list-q-limit.json",
	} {
		r := load(t, file)
		var want []struct{ ID string }
		if err := json.Unmarshal(r.body, &want); err != nil {
			t.Fatal(err)
		}
		o := newOrg(t)
		o.handle(userPath+"/groups", r.ServeHTTP)
		d, _ := under(t, o.URL)
		p, err := d.Person(context.Background(), aliceID)
		if err != nil || len(p.Groups) != len(want) {
			t.Errorf("%s: got %v, %v; want %d groups", file, p, err, len(want))
		}
	}
}

func TestRecordedLinksAreUnderstood(t *testing.T) {
	for file, next := range map[string]string{
		"users/list-limit1-page1-next.json": "200unwlw0tbo8E6aVj5d7", "users/user-groups-one.json": "",
		"apps/list-limit2-next.json": "any",
	} {
		r := load(t, file)
		var self string
		for _, l := range r.header.Values("Link") {
			self = strings.Trim(strings.Split(l, ";")[0], "<> ")
		}
		req, err := http.NewRequest(http.MethodGet, self, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := nextLink(r.header, req.URL)
		switch {
		case err != nil:
			t.Errorf("%s: %v", file, err)
		case (next == "") != (got == nil):
			t.Errorf("%s: next is %v", file, got)
		case next != "" && next != "any" && got.Query().Get("after") != next:
			t.Errorf("%s: next is %v, want after %q", file, got, next)
		}
	}
}

func TestRecordedErrorsAreUnderstood(t *testing.T) {
	for file, notFound := range map[string]bool{
		"users/get-404.json": true, "groups/get-404.json": true, "errors/404-E0000007.json": true,
		"errors/401-E0000011.json": false, "errors/401-E0000015-feature.json": false, "errors/401-session-invalid.json": false,
		"errors/400-E0000001.json": false, "errors/403-E0000032.json": false, "errors/403-E0000038-user-status.json": false,
		"errors/429-E0000047-body.json": false, "errors/429-apps-bucket.json": false, "errors/429-apps-bucket-2.json": false,
		"errors/429-agentpools-limit10.json": false, "errors/500-sample.json": false,
	} {
		r := load(t, file)
		o := newOrg(t)
		o.handle(userPath, r.ServeHTTP)
		d, _ := under(t, o.URL)
		_, err := d.Person(context.Background(), aliceID)
		var e *Error
		if !errors.As(err, &e) || errors.Is(err, idp.ErrNotFound) != notFound || errors.Is(err, idp.ErrUnavailable) == notFound {
			t.Errorf("%s: got %v", file, err)
			continue
		}
		if e.Status != r.status || !strings.HasPrefix(e.Code, "E0") && r.status != 500 {
			t.Errorf("%s: status %d, code %q", file, e.Status, e.Code)
		}
	}
}

// Every listing that was recorded is read whole by the method for it.
func TestRecordedListingsAreRead(t *testing.T) {
	const id = "00gadmins00000000001"
	ctx := context.Background()
	ids := func(items []string) (out []any) {
		for _, i := range items {
			out = append(out, i)
		}
		return out
	}
	for _, c := range []struct {
		file, path string
		read       func(*Directory) ([]any, error)
	}{
		{"groups/members-limit200.json", "/api/v1/groups/" + id + "/users", func(d *Directory) ([]any, error) {
			p, err := d.Members(ctx, id, "")
			return ids(p.Items), err
		}},
		{"groups/members-larger.json", "/api/v1/groups/" + id + "/users", func(d *Directory) ([]any, error) {
			p, err := d.Members(ctx, id, "")
			return ids(p.Items), err
		}},
		{"users/list-filter-suspended.json", "/api/v1/users", func(d *Directory) (out []any, err error) {
			p, err := d.Users(ctx, idp.UserQuery{}, "")
			for _, u := range p.Items {
				if u.Status != "SUSPENDED" || u.Login == "" || u.LastUpdated.IsZero() {
					t.Errorf("got %+v", u)
				}
				out = append(out, u.ID)
			}
			return out, err
		}},
		{"users/list-filter-active.json", "/api/v1/users", func(d *Directory) (out []any, err error) {
			p, err := d.Users(ctx, idp.UserQuery{}, "")
			for _, u := range p.Items {
				out = append(out, u.ID)
			}
			return out, err
		}},
		{"groups/list-default-limit10000.json", "/api/v1/groups", func(d *Directory) (out []any, err error) {
			p, err := d.Groups(ctx, idp.GroupQuery{}, "")
			for _, g := range p.Items {
				if g.Users != -1 || g.Type == "" || g.LastMembershipUpdated.IsZero() {
					t.Errorf("got %+v", g)
				}
				out = append(out, g.ID)
			}
			return out, err
		}},
		{"apps/list-limit2-next.json", "/api/v1/apps", func(d *Directory) (out []any, err error) {
			p, err := d.Apps(ctx, "")
			for _, a := range p.Items {
				out = append(out, a.ID)
			}
			if err == nil && p.Next == "" {
				t.Error("no next page")
			}
			return out, err
		}},
		{"apps/app-users.json", "/api/v1/apps/" + id + "/users", func(d *Directory) (out []any, err error) {
			p, err := d.AppUsers(ctx, id, "")
			for _, u := range p.Items {
				out = append(out, u.UserID)
			}
			return out, err
		}},
		{"apps/app-groups.json", "/api/v1/apps/" + id + "/groups", func(d *Directory) ([]any, error) {
			p, err := d.AppGroups(ctx, id, "")
			return ids(p.Items), err
		}},
		{"apps/app-groups-limit200.json", "/api/v1/apps/" + id + "/groups", func(d *Directory) ([]any, error) {
			p, err := d.AppGroups(ctx, id, "")
			return ids(p.Items), err
		}},
	} {
		r := load(t, c.file)
		var want []struct{ ID string }
		if err := json.Unmarshal(r.body, &want); err != nil {
			t.Fatal(err)
		}
		o := newOrg(t)
		o.handle(c.path, func(w http.ResponseWriter, q *http.Request) {
			// The recorded links are of another path.
			for i, l := range r.header["Link"] {
				if _, rest, ok := strings.Cut(l, "?"); ok {
					r.header["Link"][i] = "<" + c.path + "?" + rest
				}
			}
			r.ServeHTTP(w, q)
		})
		d, _ := under(t, o.URL)
		got, err := c.read(d)
		if err != nil || len(got) != len(want) {
			t.Errorf("%s: %d of %d items, %v", c.file, len(got), len(want), err)
			continue
		}
		for i := range want {
			if got[i] != want[i].ID {
				t.Errorf("%s: item %d is %v, want %s", c.file, i, got[i], want[i].ID)
			}
		}
	}
}

func TestRecordedEventsAreRead(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(recordings, "logs/rapid7-events.json"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("SKIPPED: no recorded traffic at %s", recordings)
	}
	if err != nil {
		t.Fatal(err)
	}
	events := findEvents(raw)
	if len(events) == 0 {
		t.Fatal("no events in the recording")
	}
	for _, o := range events {
		e, err := decodeEvent(o)
		if err != nil || e.ID == "" || e.Published.IsZero() {
			t.Errorf("%s: got %+v, %v", o["uuid"], e, err)
		}
	}
}

// findEvents looks for log events anywhere in a document.
func findEvents(raw json.RawMessage) (found []object) {
	var o object
	if json.Unmarshal(raw, &o) == nil && o != nil {
		if o["uuid"] != nil && o["eventType"] != nil {
			return []object{o}
		}
		for _, v := range o {
			found = append(found, findEvents(v)...)
		}
		return found
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		for _, v := range list {
			found = append(found, findEvents(v)...)
		}
	}
	return found
}
