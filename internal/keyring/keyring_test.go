package keyring

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	a, b := bytes.Repeat([]byte{0xfb, 0xff}, 16), bytes.Repeat([]byte{'b'}, 33)
	std, url := base64.StdEncoding.EncodeToString, base64.URLEncoding.EncodeToString
	bare := base64.RawURLEncoding.EncodeToString
	for _, tt := range []struct {
		name, in string
		want     [][]byte
		err      string
	}{
		{"one", std(a), [][]byte{a}, ""},
		{"URL alphabet", url(a), [][]byte{a}, ""},
		{"no padding", bare(a), [][]byte{a}, ""},
		{"two, first writes", std(b) + "," + url(a), [][]byte{b, a}, ""},
		{"spaces and newline", " " + std(a) + " , \n" + std(b) + "\n", [][]byte{a, b}, ""},
		{"empty", "", nil, "secret 1: empty"},
		{"empty in between", std(a) + ",," + std(b), nil, "secret 2: empty"},
		{"trailing comma", std(a) + ",", nil, "secret 2: empty"},
		{"short", std(a[:31]), nil, "secret 1: 31 bytes after base64, expected at least 32"},
		{"second short", std(a) + "," + std(b[:16]), nil, "secret 2: 16 bytes"},
		{"not base64", strings.Repeat("!", 44), nil, "secret 1: 44 characters that are not base64"},
		{"hex is short of base64", strings.Repeat("z", 45), nil, "not base64"},
		{"twice the same", std(a) + "," + bare(a), nil, "secret 2 is the same as secret 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse(tt.in)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Parse (-want +got):\n%s", diff)
			}
			if (err == nil) != (tt.err == "") || (err != nil && !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("Parse = %v, want an error with %q", err, tt.err)
			}
			if err != nil && len(tt.in) > 10 && strings.Contains(err.Error(), strings.TrimSpace(tt.in)[:8]) {
				t.Errorf("error %q shows a part of the secret", err)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add("")
	f.Add(strings.Repeat("A", 43) + "=," + strings.Repeat("-", 44))
	f.Add(" , \n,=,")
	f.Fuzz(func(t *testing.T, s string) {
		secrets, err := Parse(s)
		if err == nil {
			if _, err := New(secrets...); err != nil {
				t.Errorf("Parse accepts what New refuses: %v", err)
			}
		}
	})
}

func TestNewRefusesWeakRings(t *testing.T) {
	for name, secrets := range map[string][][]byte{
		"none": nil, "short": {make([]byte, 31)}, "second short": {make([]byte, 32), make([]byte, 8)}, "nil": {nil},
	} {
		if _, err := New(secrets...); err == nil {
			t.Errorf("%s: New succeeded, want an error", name)
		}
	}
}

func TestDeriveSeparatesPurposesAndKeepsOrder(t *testing.T) {
	a, b := bytes.Repeat([]byte{'a'}, 32), bytes.Repeat([]byte{'b'}, 32)
	ring, err := New(a, b)
	if err != nil {
		t.Fatal(err)
	}
	a[0] = 'x' // the ring has its own copy
	only, err := New(bytes.Repeat([]byte{'b'}, 32))
	if err != nil {
		t.Fatal(err)
	}
	one, two := ring.Derive("one", 32), ring.Derive("two", 32)
	seen := map[string]bool{}
	for _, key := range append(one, two...) {
		if len(key) != 32 || seen[string(key)] {
			t.Errorf("key %x, want 32 bytes that no other purpose or secret gives", key)
		}
		seen[string(key)] = true
	}
	if diff := cmp.Diff(only.Derive("one", 32)[0], one[1]); diff != "" {
		t.Error("second key is not that of the second secret")
	}
	if n := len(ring.Derive("one", 64)[0]); n != 64 {
		t.Errorf("%d bytes, want 64", n)
	}
	// Fixed, since everything at rest depends on it.
	const want = "e569b65b0e312b92"
	if got := hex.EncodeToString(ring.Derive("one", 8)[0]); got != want {
		t.Errorf("Derive = %s, want %s as in every release", got, want)
	}
}
