package keyring

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The test binary is its own child where several processes race.
const childVariable = "SALLYPORT_TEST_KEYRING_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		fmt.Println("ready")
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // the starting shot
		secrets, created, err := LoadOrCreate(dir, "shared_secret")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(created, base64.StdEncoding.EncodeToString(secrets[0]))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestLoadOrCreateMakesASecretOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "too")
	first, created, err := LoadOrCreate(dir, "cookie_secret")
	if err != nil || !created || len(first) != 1 || len(first[0]) != MinSecret {
		t.Fatalf("LoadOrCreate = %d secrets, %v, %v; want one, made", len(first), created, err)
	}
	again, created, err := LoadOrCreate(dir, "cookie_secret")
	if err != nil || created {
		t.Errorf("second LoadOrCreate: created %v, %v; want it loaded", created, err)
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Error("second LoadOrCreate gave another secret")
	}
	other, created, err := LoadOrCreate(dir, "shared_secret")
	if err != nil || !created || cmp.Equal(first, other) {
		t.Errorf("another name: created %v, %v; want a secret of its own", created, err)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "cookie_secret"): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %#o, want %#o", path, got, want)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 2 {
		t.Errorf("%d files in %s, %v; want the two secrets and nothing else", len(files), dir, err)
	}
}

func TestLoadOrCreateReadsRotatedRing(t *testing.T) {
	dir := t.TempDir()
	old, _, err := LoadOrCreate(dir, "s")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fresh := strings.Repeat("n", 32)
	if err := os.WriteFile(path, []byte(base64.StdEncoding.EncodeToString([]byte(fresh))+","+string(text)), 0o600); err != nil {
		t.Fatal(err)
	}
	got, created, err := LoadOrCreate(dir, "s")
	if err != nil || created {
		t.Fatalf("LoadOrCreate: created %v, %v", created, err)
	}
	if diff := cmp.Diff([][]byte{[]byte(fresh), old[0]}, got); diff != "" {
		t.Errorf("ring (-want +got):\n%s", diff)
	}
}

func TestLoadOrCreateNeverReplacesWhatItCannotUse(t *testing.T) {
	good := base64.StdEncoding.EncodeToString(make([]byte, 32)) + "\n"
	for _, tt := range []struct {
		name, text string
		mode       os.FileMode
		want       string
	}{
		{"group can read", good, 0o640, "0640"},
		{"world can read", good, 0o604, "0604"},
		{"empty", "", 0o600, "empty"},
		{"damaged", "not base64!", 0o600, "not base64"},
		{"short", "AAAA", 0o600, "3 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "s")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
			_, created, err := LoadOrCreate(dir, "s")
			if created || err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("LoadOrCreate: created %v, %v; want an error with %q that names the file", created, err, tt.want)
			}
			if text, err := os.ReadFile(path); err != nil || string(text) != tt.text {
				t.Errorf("file is %q, %v; want it untouched", text, err)
			}
		})
	}
	t.Run("directory in its place", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "s"), 0o700); err != nil {
			t.Fatal(err)
		}
		if _, created, err := LoadOrCreate(dir, "s"); created || err == nil {
			t.Errorf("LoadOrCreate: created %v, %v; want an error", created, err)
		}
	})
}

func TestProcessesThatRaceAgreeOnOneSecret(t *testing.T) {
	const processes, rounds = 6, 4
	for range rounds {
		dir := t.TempDir()
		var shots []io.WriteCloser
		var outs []*bufio.Reader
		var cmds []*exec.Cmd
		for range processes {
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), childVariable+"="+dir)
			cmd.Stderr = os.Stderr
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			r := bufio.NewReader(out)
			if line, err := r.ReadString('\n'); line != "ready\n" {
				t.Fatalf("child said %q, %v", line, err)
			}
			shots, outs, cmds = append(shots, in), append(outs, r), append(cmds, cmd)
		}
		for _, in := range shots {
			in.Close()
		}
		makers, secrets := 0, map[string]bool{}
		for i, out := range outs {
			line, _ := out.ReadString('\n')
			if err := cmds[i].Wait(); err != nil {
				t.Fatalf("child: %v", err)
			}
			created, secret, _ := strings.Cut(strings.TrimSpace(line), " ")
			secrets[secret] = true
			if created == "true" {
				makers++
			}
		}
		if makers != 1 || len(secrets) != 1 {
			t.Errorf("%d processes made a secret and there are %d of them, want 1 and 1", makers, len(secrets))
		}
	}
}
