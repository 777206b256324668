package keyring

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// maxFile bounds what is read from a secret file, in bytes.
const maxFile = 64 << 10

// LoadOrCreate reads the ring in the file called name inside dir, in the syntax
// of Parse. Where there is no such file it makes one with a fresh random secret,
// readable by its owner alone, and reports created. Of several processes that
// start at once one makes the file and all return its secret. A file that
// others than its owner can read, or that does not parse, is an error: a secret
// is never replaced silently.
func LoadOrCreate(dir, name string) (secrets [][]byte, created bool, err error) {
	path := filepath.Join(dir, name)
	secrets, err = load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return secrets, false, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, false, fmt.Errorf("make directory for secret file: %w", err)
	}
	switch err := create(dir, name); {
	case errors.Is(err, fs.ErrExist): // another process was first
	case err != nil:
		return nil, false, fmt.Errorf("make secret file %q: %w", path, err)
	default:
		created = true
	}
	secrets, err = load(path)
	return secrets, created, err
}

func load(path string) ([][]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open secret file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("inspect secret file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("secret file %q is not a regular file", path)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return nil, fmt.Errorf("secret file %q has mode %#o, expected 0600: others than its owner can read it; chmod it and consider its secret known", path, perm)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, fmt.Errorf("read secret file: %w", err)
	}
	secrets, err := Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("secret file %q: %w", path, err)
	}
	return secrets, nil
}

// create writes the file whole and durable under another name, then links it
// in place. A rename would replace the file of a process that was faster, and
// that process would go on with a secret nobody else has.
func create(dir, name string) error {
	secret := make([]byte, MinSecret)
	rand.Read(secret) // never fails: it ends the program instead
	f, err := os.CreateTemp(dir, "."+name+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := fmt.Fprintln(f, base64.StdEncoding.EncodeToString(secret)); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Link(f.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes a new directory entry survive a crash of the machine.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
