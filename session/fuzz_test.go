package session

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// fuzzCookie is a cookie that the codec of these tests made for fuzzID once.
const (
	fuzzID     = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
	fuzzCookie = "MTc5NTMxNDY5MnxvTER1SGVGTnpjYUl1VXp4RExwSTZ1QVpJLVFWQVg2cGdPQXE3bU55Xzg1eTVYZVdsQ1VqcW5jOTVXeTZmeXdyNGliWmVHY0NqTXVtUnZrPXx6x_19gw0p6DVt5bK6nY2IjwmGwWBKqq2CYNGMO-BZhA=="
	fuzzSealed = "MTc5NTMxNDY5MnxmYzdzX2lPall6d2lYQW1sak4zalFtYVZiT2FTMTJ1aFVQaF9oNV8zbG43TVo2NkxHbThJcUMxQklfQVVYVEJSM2c9PXxsbaJQog7fDPRIjFxPBU-cqvCQmv2upXjqhic26bhIFg=="
)

// FuzzSessionID feeds what strangers send as Cookie headers. Whatever it is, it
// yields the one id that was ever put into a cookie under this key, or none; and
// it never hides a good cookie that comes first.
func FuzzSessionID(f *testing.F) {
	c := newTestCodec(f)
	name := c.Name()
	f.Add(name+"="+fuzzCookie, testHost)
	f.Add("a=b; "+name+"=x; "+name+"="+fuzzCookie, testHost)
	f.Add(name+"="+fuzzCookie, "other.example.com")
	f.Add(name+"=\""+fuzzCookie+"\"", testHost)
	f.Add(";;=;"+name+";"+name+"=;", "")
	f.Fuzz(func(t *testing.T, header, host string) {
		id, ok := c.SessionID(requestWith(header), name, host)
		if ok && (id != fuzzID || !strings.EqualFold(host, testHost)) {
			t.Errorf("SessionID = %q for host %q, want %q for its own host or none", id, host, fuzzID)
		}
		if !ok && id != "" {
			t.Errorf("SessionID = %q, false; want no id", id)
		}
		id, ok = c.SessionID(requestWith(name+"="+fuzzCookie+";"+header), name, testHost)
		if !ok || id != fuzzID {
			t.Errorf("SessionID = %q, %v with a good cookie first, want %q", id, ok, fuzzID)
		}
	})
}

// FuzzOpen feeds sealed values: nothing opens but the one that was sealed, for
// its purpose and host.
func FuzzOpen(f *testing.F) {
	c := newTestCodec(f)
	f.Add("attempt", testHost, fuzzSealed)
	f.Add("csrf", testHost, fuzzSealed)
	f.Add("attempt", "other.example.com", fuzzSealed)
	f.Add("session "+c.Name(), testHost, fuzzCookie)
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, purpose, host, value string) {
		var got attemptValue
		err := c.Open(purpose, host, value, &got)
		if err != nil {
			if !errors.Is(err, ErrSealed) {
				t.Errorf("Open = %v, want ErrSealed", err)
			}
			return
		}
		if got.State != "fuzz" || purpose != "attempt" || !strings.EqualFold(host, testHost) {
			t.Errorf("Open for %q at %q gave %+v, want nothing", purpose, host, got)
		}
	})
}

// The values above must be good, or the fuzz targets would prove nothing.
func TestFuzzedValuesAreGood(t *testing.T) {
	c := newTestCodec(t)
	if id, ok := c.SessionID(requestWith(c.Name()+"="+fuzzCookie), c.Name(), testHost); !ok || id != fuzzID {
		t.Errorf("SessionID = %q, %v; want %q", id, ok, fuzzID)
	}
	var got attemptValue
	if err := c.Open("attempt", testHost, fuzzSealed, &got); err != nil || got.State != "fuzz" {
		t.Errorf("Open = %+v, %v; want what was sealed", got, err)
	}
	fresh, err := c.Seal("attempt", testHost, time.Hour, got)
	if err != nil || fresh == fuzzSealed {
		t.Errorf("Seal = %q, %v; want a value that differs each time", fresh, err)
	}
}
