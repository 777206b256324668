package config

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// looks returns a function that looks once, as Run does at a tick, and returns
// how often the change was told so far.
func looks(w *Watcher, told *int) (look func() int) {
	return func() int {
		if w.look() {
			w.changed()
		}
		return *told
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWatcherSeesEveryKindOfChange(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, dir string){
		"written in place": func(t *testing.T, dir string) { write(t, filepath.Join(dir, "v1", "c.yaml"), "two") },
		"replaced": func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "new"), "two")
			if err := os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "v1", "c.yaml")); err != nil {
				t.Fatal(err)
			}
		},
		"link swapped as Kubernetes does": func(t *testing.T, dir string) {
			if err := os.Mkdir(filepath.Join(dir, "v2"), 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, "v2", "c.yaml"), "two")
			if err := os.Symlink("v2", filepath.Join(dir, "tmp")); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(filepath.Join(dir, "tmp"), filepath.Join(dir, "current")); err != nil {
				t.Fatal(err)
			}
		},
		"removed": func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "v1", "c.yaml")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "v1"), 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, "v1", "c.yaml"), "one")
			if err := os.Symlink("v1", filepath.Join(dir, "current")); err != nil {
				t.Fatal(err)
			}
			path, told := filepath.Join(dir, "current", "c.yaml"), 0
			w := NewWatcher(func() []string { return []string{path} }, func() { told++ })
			look := looks(w, &told)
			if n := look(); n != 0 {
				t.Fatalf("told of a change %d times before there was one", n)
			}
			change(t, dir)
			look()
			if n := look(); n != 1 {
				t.Errorf("expected one change, got %d", n)
			}
			look()
			if n := look(); n != 1 {
				t.Errorf("expected silence afterwards, got %d changes", n)
			}
		})
	}
}

func TestWatcherWaitsUntilAFileSettles(t *testing.T) {
	told, content := 0, ""
	w := NewWatcher(func() []string { return []string{"c.yaml"} }, func() { told++ })
	w.Read = func(string) ([]byte, error) { return []byte(content), nil }
	look := looks(w, &told)
	for _, step := range []struct {
		content string
		told    int
	}{{"one", 0}, {"ha", 0}, {"half", 0}, {"one", 0}, {"whole", 0}, {"whole", 1}, {"whole", 1}, {"one", 1}, {"one", 2}} {
		content = step.content
		if n := look(); n != step.told {
			t.Errorf("after %q: expected %d changes, got %d", step.content, step.told, n)
		}
	}
}

func TestWatcherRunsUntilItsContextEnds(t *testing.T) {
	tick, told := make(chan time.Time), make(chan struct{})
	var changed atomic.Bool
	w := NewWatcher(func() []string { return []string{"c.yaml"} }, func() { told <- struct{}{} })
	w.Read = func(string) ([]byte, error) { return fmt.Appendf(nil, "%v", changed.Load()), nil }
	w.Tick = tick
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ctx)
	}()
	tick <- time.Time{}
	tick <- time.Time{} // received once the first look is over
	changed.Store(true)
	for waiting := true; waiting; {
		select {
		case tick <- time.Time{}:
		case <-told:
			waiting = false
		}
	}
	cancel()
	<-done
}

func TestWatcherIgnoresATouch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	write(t, path, "one")
	told := 0
	look := looks(NewWatcher(func() []string { return []string{path} }, func() { told++ }), &told)
	look()
	write(t, path, "one")
	look()
	if n := look(); n != 0 {
		t.Errorf("told of a touch")
	}
}

// What was loaded is what later content is compared with, also where the file
// changed between the load and the first look, and where the load failed.
func TestWatcherComparesWithWhatWasLoaded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	write(t, path, "one")
	told := 0
	w := NewWatcher(func() []string { return nil }, func() { told++ })
	if _, err := w.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	write(t, path, "two")
	look := looks(w, &told)
	look()
	if n := look(); n != 1 {
		t.Errorf("expected one change, got %d", n)
	}
}
