package config

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// read reads a file, notes it for the watcher and adds its content to the hash
// of the configuration.
func (l *loader) read(path string) ([]byte, error) {
	if !slices.Contains(l.files, path) {
		l.files = append(l.files, path)
	}
	b, err := l.o.ReadFile(path)
	fmt.Fprintf(l.hash, "file %d %s %d\n", len(path), path, len(b))
	l.hash.Write(b)
	return b, err
}

// content is the value that the file named by v holds, without the newlines
// that editors and shells put at its end.
func (v value) content(secret bool) (value, bool) {
	path, ok := v.pathText(secret)
	if !ok {
		return v, false
	}
	b, err := v.l.read(path)
	if err != nil {
		v.unreadable(path, secret, err)
		return v, false
	}
	out := v.derived(string(bytes.TrimRight(b, "\r\n")))
	out.path = path
	if strings.TrimSpace(out.n.Value) == "" {
		v.fail("write the value into it, and nothing else", "the file is empty")
		return v, false
	}
	return out, true
}

// pathText is v as the path of a file. Where a secret's path belongs, nothing
// but what is surely a path is ever quoted.
func (v value) pathText(secret bool) (string, bool) {
	w := v
	w.secret = v.secret || secret
	path, ok := w.word()
	if ok && (strings.Contains(path, "-----BEGIN") || strings.HasPrefix(path, "LS0tLS1CRUdJ")) {
		v.fail("write it to a file and give that file's path", "expected the path of a file, got what it should hold")
		return "", false
	}
	return path, ok
}

func (v value) unreadable(path string, secret bool, err error) {
	var pe *fs.PathError
	cause := err
	if errors.As(err, &pe) {
		cause = pe.Err
	}
	if secret && !pathLike(path) {
		v.fail("what belongs here is the path of a file that holds the value", "cannot read the file (path not shown, it could be the secret itself): %v", cause)
		return
	}
	v.fail(unreadableHint(path, cause), "cannot read %q: %v", path, cause)
}

// certificatePEM is v as PEM, or as base64 of PEM.
func (v value) certificatePEM() ([]byte, bool) {
	w := v
	w.secret = true // far too long to quote, and it may be the key by mistake
	s, ok := w.text()
	if !ok {
		return nil, false
	}
	if strings.Contains(s, "-----BEGIN ") {
		return []byte(s), true
	}
	b, err := decode64(s)
	if err != nil || !bytes.Contains(b, []byte("-----BEGIN ")) {
		v.fail("PEM begins with -----BEGIN; to name a file, write the key that ends in _file", "expected PEM, or base64 of PEM")
		return nil, false
	}
	return b, true
}

// decode64 reads base64 in either alphabet, padded or not, spaces and line
// breaks ignored. Its error says nothing about the text.
func decode64(s string) ([]byte, error) {
	s = strings.NewReplacer("-", "+", "_", "/", "\n", "", "\r", "", " ", "", "\t", "").Replace(s)
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
	if err != nil {
		return nil, errors.New("not base64")
	}
	return b, nil
}

// unreadableHint is what to do about a file that cannot be read.
func unreadableHint(path string, err error) string {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "let the user who runs sallyport read it"
	case errors.Is(err, fs.ErrNotExist) && !filepath.IsAbs(path):
		return "check the path: a relative one counts from the directory that sallyport is started in"
	case errors.Is(err, fs.ErrNotExist):
		return "check the path"
	}
	return "check that it is a file that can be read"
}
