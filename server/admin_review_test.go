package server_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sallyport/config"
	"sallyport/identity"
	"sallyport/internal/harness"
	"sallyport/server"
)

// read asks the instance through its socket for what is no JSON object.
func read(t *testing.T, w *harness.World, path string) (*http.Response, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", server.AdminSocket(w.Dir))
	}}}
	resp, err := client.Get("http://sallyport" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// known are the people as "e-mail status groups apps profile", sorted.
func known(t *testing.T, people server.People) []string {
	t.Helper()
	var all []string
	err := people.Each(func(p *identity.Person) {
		var groups []string
		for _, g := range p.Groups {
			groups = append(groups, g.Name)
		}
		slices.Sort(groups)
		all = append(all, strings.Join([]string{p.ID, p.Login, p.Email, string(p.Status), strings.Join(groups, "+"), strings.Join(p.Apps, "+"), strings.Join(p.Profile["department"], "+")}, " "))
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// What the running instance tells, what it tells a review of another
// configuration, and what is left on the disk when it is gone are the same.
func TestAReviewIsOfTheRunningInstanceOrOfWhatItLastKnew(t *testing.T) {
	w := harness.Start(t, harness.Options{})
	until(t, "all groups are read", func() bool {
		_, text := read(t, w, "/v1/people")
		return strings.Contains(text, `"whole":true,"unread":0`)
	})

	resp, text := read(t, w, "/v1/review?format=csv&route=admin")
	if !strings.Contains(text, ",alice@example.com,allow,,") || strings.Contains(text, "bob@example.com") || strings.Contains(text, "public") {
		t.Errorf("review of the route admin:\n%s", text)
	}
	if s, whole, _ := server.ReviewHead(resp.Header); s.Name != server.SourceRunning || s.AsOf.IsZero() || !whole {
		t.Errorf("head: %+v, whole %v", s, whole)
	}
	if _, text := read(t, w, "/v1/review?format=json&person=bob@example.com"); !strings.Contains(text, `"route":"app"`) || strings.Contains(text, "alice") || !strings.Contains(text, `"as_of"`) {
		t.Errorf("review of bob:\n%s", text)
	}
	for path, want := range map[string]int{"/v1/review?route=none": 404, "/v1/review?person=none": 404} {
		if resp, text := read(t, w, path); resp.StatusCode != want {
			t.Errorf("%s: %d %s", path, resp.StatusCode, text)
		}
	}

	_, text = read(t, w, "/v1/people")
	live, err := server.ReadPeople(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	running := known(t, live)
	if len(running) != 2 || !strings.Contains(running[0], "alice@example.com alice@example.com ACTIVE Everyone+admins+engineers") || !live.Whole || live.Config == "" {
		t.Errorf("people %q, whole %v, configuration %q", running, live.Whole, live.Config)
	}
	if strings.Contains(text, harness.APIToken) || strings.Contains(text, harness.AlicePassword) {
		t.Error("people are told with a secret")
	}

	cfg := &config.Config{}
	cfg.Storage.DataDir = w.Dir
	log := slog.New(slog.DiscardHandler)
	if _, err := server.StoredPeople(t.Context(), cfg, log); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("the store was read under a running instance: %v", err)
	}
	w.Stop()
	before, err := os.ReadFile(filepath.Join(w.Dir, "sallyport.db"))
	if err != nil {
		t.Fatal(err)
	}
	stored, err := server.StoredPeople(t.Context(), cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	if left := known(t, stored); !slices.Equal(left, running) || !stored.Whole || stored.Source.AsOf.IsZero() || stored.Source.Name != server.SourceStored {
		t.Errorf("stored are %q, %+v, expected %q", left, stored, running)
	}
	if after, err := os.ReadFile(filepath.Join(w.Dir, "sallyport.db")); err != nil || !bytes.Equal(before, after) {
		t.Errorf("reading changed the store (%v)", err)
	}

	cfg.Session.SharedSecret = [][]byte{bytes.Repeat([]byte("x"), 32)}
	if _, err := server.StoredPeople(t.Context(), cfg, log); !errors.Is(err, server.ErrNothingStored) {
		t.Errorf("with another secret: %v", err)
	}
}

func TestStoredPeopleMakesNothing(t *testing.T) {
	cfg := &config.Config{}
	cfg.Storage.DataDir = filepath.Join(t.TempDir(), "none")
	for _, secrets := range [][][]byte{nil, {bytes.Repeat([]byte("x"), 32)}} {
		cfg.Session.SharedSecret = secrets
		if _, err := server.StoredPeople(t.Context(), cfg, slog.New(slog.DiscardHandler)); !errors.Is(err, server.ErrNothingStored) {
			t.Errorf("got %v", err)
		}
	}
	if _, err := os.Stat(cfg.Storage.DataDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a data directory was made (%v)", err)
	}
	cfg.Storage.Type = "memory"
	if _, err := server.StoredPeople(t.Context(), cfg, slog.New(slog.DiscardHandler)); !errors.Is(err, server.ErrNothingStored) {
		t.Errorf("got %v", err)
	}
}

func TestPeopleThatWereCutShortAreAnError(t *testing.T) {
	const head = `{"as_of":"2026-01-01T00:00:00Z","whole":true,"config":"h","pins":{"admins":"g1"}}` + "\n"
	const person = `{"id":"a","status":"ACTIVE","new":[{"id":"g1","name":"renamed"},{"id":"g2","name":"admins"}],"groups":[0]}` + "\n"
	for text, want := range map[string]string{
		"":                          "EOF",
		head:                        "after 0",
		head + person:               "after 1",
		head + person + `{"id":"b"`: "after 1",
		head + person + `{"end":2}`: "got 1, expected 2",
		head + `{"id":"a","groups":[0]}{"end":1}`:               "was not told",
		head + `{"id":"a","groups":[-1]}{"end":1}`:              "was not told",
		head + person + `{"id":"b","groups":[1]}` + `{"end":2}`: "",
	} {
		people, err := server.ReadPeople(strings.NewReader(text))
		inAdmins := map[string]bool{}
		if err == nil {
			err = people.Each(func(p *identity.Person) { inAdmins[p.ID] = p.HasGroup("admins") })
		}
		switch {
		case want == "" && (err != nil || !inAdmins["a"] || inAdmins["b"]):
			t.Errorf("%v, in admins %v: want the member of the group that the name is pinned to", err, inAdmins)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
