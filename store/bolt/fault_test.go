//go:build unix

package bolt

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sallyport/store"
)

// The test binary is its own child where a test needs a process to lose.
const childVariable = "SALLYPORT_TEST_BOLT_CHILD"

func TestMain(m *testing.M) {
	if role, dir, ok := strings.Cut(os.Getenv(childVariable), ":"); ok {
		var err error
		switch role {
		case "writer":
			err = childWriter(dir)
		case "full":
			err = childDiskFull(dir)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(t *testing.T, role, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+role+":"+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// childWriter writes from several goroutines for as long as it lives, and
// prints each key after its write was acknowledged.
func childWriter(dir string) error {
	s, err := Open(Options{Dir: dir, Sealer: childSealer()})
	if err != nil {
		return err
	}
	errs := make(chan error)
	var out sync.Mutex
	for w := range 4 {
		go func() {
			for i := 0; ; i++ {
				key := fmt.Sprintf("%d/%d", w, i)
				r := store.Record{Kind: "session", Key: key, Value: []byte("value of " + key), Expires: time.Now().Add(time.Hour)}
				if _, err := s.Put(context.Background(), r, store.Absent); err != nil {
					errs <- err
					return
				}
				if i%3 == 2 { // some are rewritten, in one step for two
					r.Value = append(r.Value, " again"...)
					if err := s.PutAll(context.Background(), []store.Record{r, {Kind: "twin", Key: key, Value: r.Value}}); err != nil {
						errs <- err
						return
					}
					key += " twice"
				}
				out.Lock()
				fmt.Println(key)
				out.Unlock()
			}
		}()
	}
	return <-errs
}

func childSealer() store.Sealer { return sealer('a') }

func TestAcknowledgedRecordsSurviveKill(t *testing.T) {
	for round := range 3 {
		dir, acknowledged := t.TempDir(), map[string]bool{}
		cmd := child(t, "writer", dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			acknowledged[lines.Text()] = true
			if len(acknowledged) == 100+37*round {
				if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
		}
		err = cmd.Wait()
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("child ended with %v, expected to be killed", err)
		}
		checkAcknowledged(t, dir, acknowledged)
	}
}

func checkAcknowledged(t *testing.T, dir string, acknowledged map[string]bool) {
	t.Helper()
	s := open(t, Options{Dir: dir, Sealer: childSealer()})
	for line := range acknowledged {
		key, twice := strings.CutSuffix(line, " twice")
		r, err := s.Get(t.Context(), "session", key)
		if err != nil || !strings.HasPrefix(string(r.Value), "value of "+key) {
			t.Errorf("acknowledged record %s: %q, %v", line, r.Value, err)
		}
		if _, err := s.Get(t.Context(), "twin", key); twice && err != nil {
			t.Errorf("acknowledged twin of %s: %v", key, err)
		}
	}
	// A transaction stands whole or not at all.
	var found []store.Record
	err := s.Scan(t.Context(), "session", "", func(r store.Record) error { found = append(found, r); return nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range found {
		again := bytes.HasSuffix(r.Value, []byte(" again"))
		if twin, err := s.Get(t.Context(), "twin", r.Key); (err == nil) != again {
			t.Errorf("record %q is %q, its twin %q, %v: half of a transaction", r.Key, r.Value, twin.Value, err)
		}
	}
	mustPut(t, s, store.Record{Kind: "session", Key: "after"})
	s.Close()
}

// childDiskFull runs into a limit on file size, which fails writes as a full
// disk does, and goes on after the limit is lifted.
func childDiskFull(dir string) error {
	s, err := Open(Options{Dir: dir, Sealer: childSealer()})
	if err != nil {
		return err
	}
	ctx := context.Background()
	put := func(key string) error {
		_, err := s.Put(ctx, store.Record{Kind: "k", Key: key, Value: make([]byte, 64<<10)}, store.Any)
		return err
	}
	if err := put("before"); err != nil {
		return err
	}
	var none syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &none); err != nil {
		return err
	}
	full := syscall.Rlimit{Cur: 512 << 10, Max: none.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		return err
	}
	written := 0
	for err = nil; err == nil && written < 100; written++ {
		err = put(fmt.Sprint(written))
	}
	if !errors.Is(err, store.ErrUnavailable) {
		return fmt.Errorf("write %d on a full disk = %w, want ErrUnavailable", written, err)
	}
	if _, err := s.Get(ctx, "k", "before"); err != nil {
		return fmt.Errorf("reading with a full disk: %w", err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &none); err != nil {
		return err
	}
	if err := put("after"); err != nil {
		return fmt.Errorf("writing after there is space again: %w", err)
	}
	for i := range written - 1 {
		if _, err := s.Get(ctx, "k", fmt.Sprint(i)); err != nil {
			return fmt.Errorf("record %d, written before the disk was full: %w", i, err)
		}
	}
	if err := s.Ping(ctx); err != nil {
		return err
	}
	fmt.Println("survived", written)
	return s.Close()
}

func TestFullDiskIsUnavailableAndPasses(t *testing.T) {
	cmd := child(t, "full", t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said, _ := io.ReadAll(out)
	if err := cmd.Wait(); err != nil || !strings.HasPrefix(string(said), "survived") {
		t.Errorf("child said %q and ended with %v, want it to survive a full disk", said, err)
	}
}

func BenchmarkPutAlone(b *testing.B) {
	s := open(b, Options{Dir: b.TempDir()})
	value := make([]byte, 4096)
	for i := 0; b.Loop(); i++ {
		mustPut(b, s, store.Record{Kind: "session", Key: fmt.Sprint(i % 1000), Value: value})
	}
}

// BenchmarkPutShared shows what sharing an fsync gives to 64 writers.
func BenchmarkPutShared(b *testing.B) {
	s := open(b, Options{Dir: b.TempDir()})
	value := make([]byte, 4096)
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			mustPut(b, s, store.Record{Kind: "session", Key: fmt.Sprint(i % 1000), Value: value})
		}
	})
}

func BenchmarkGet(b *testing.B) {
	s := open(b, Options{Dir: b.TempDir()})
	mustPut(b, s, store.Record{Kind: "session", Key: "a", Value: make([]byte, 4096)})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Get(b.Context(), "session", "a"); err != nil {
			b.Fatal(err)
		}
	}
}
