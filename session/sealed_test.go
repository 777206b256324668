package session

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/store/storetest"
)

type attemptValue struct {
	State string            `json:"state"`
	URL   string            `json:"url"`
	Extra map[string]string `json:"extra,omitempty"`
}

func TestSealedValueOpensForItsPurposeAndHostOnly(t *testing.T) {
	c := newTestCodec(t)
	want := attemptValue{State: "s", URL: "https://app.example.com/ü?q=1", Extra: map[string]string{"k": "v"}}
	value, err := c.Seal("attempt", "app.example.com", time.Minute, want)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(value, "app.example") || strings.ContainsAny(value, "+/;, \"") {
		t.Errorf("sealed value %q, want it opaque and safe in cookies and URLs", value)
	}
	for _, tt := range []struct {
		name, purpose, host, value string
		want                       bool
	}{
		{"its own", "attempt", "app.example.com", value, true},
		{"host in capitals", "attempt", "APP.example.com", value, true},
		{"other purpose", "csrf", "app.example.com", value, false},
		{"other host", "attempt", "other.example.com", value, false},
		{"boundary moved", "attempta", "pp.example.com", value, false},
		{"no host", "attempt", "", value, false},
		{"empty", "attempt", "app.example.com", "", false},
		{"garbage", "attempt", "app.example.com", "garbage", false},
		{"truncated", "attempt", "app.example.com", value[:len(value)-4], false},
		{"1 MB", "attempt", "app.example.com", strings.Repeat("A", 1<<20), false},
		{"as a session cookie", sessionPurpose(c.Name()), "app.example.com", value, false},
	} {
		var got attemptValue
		err := c.Open(tt.purpose, tt.host, tt.value, &got)
		if (err == nil) != tt.want || (err != nil && !errors.Is(err, ErrSealed)) {
			t.Errorf("%s: Open = %v, want success %v", tt.name, err, tt.want)
		}
		expect := attemptValue{}
		if tt.want {
			expect = want
		}
		if diff := cmp.Diff(expect, got); diff != "" {
			t.Errorf("%s: opened (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestSealedValueIsNoSessionCookieAndTheReverse(t *testing.T) {
	c := newTestCodec(t)
	value, err := c.Seal("session "+c.Name(), testHost, time.Hour, newID()[:idLen-10])
	if err != nil {
		t.Fatal(err)
	}
	if id, ok := c.SessionID(requestWith(c.Name()+"="+value), c.Name(), testHost); ok {
		t.Errorf("SessionID = %q of a sealed value, want none", id)
	}
	var got any
	if err := c.Open(c.Name(), testHost, cookieFor(t, c, c.Name(), testHost, testSession()), &got); err == nil {
		t.Errorf("Open of a session cookie = %v, want an error", got)
	}
}

func TestSealedValueAgesOnOurClock(t *testing.T) {
	clock := storetest.NewClock()
	c := newTestCodec(t, func(o *CodecOptions) { o.Now = clock.Now })
	value, err := c.Seal("attempt", testHost, 10*time.Minute, 1)
	if err != nil {
		t.Fatal(err)
	}
	var got int
	clock.Advance(10 * time.Minute)
	if err := c.Open("attempt", testHost, value, &got); err != nil || got != 1 {
		t.Errorf("Open at its last moment = %d, %v; want 1", got, err)
	}
	clock.Advance(1)
	if err := c.Open("attempt", testHost, value, &got); !errors.Is(err, ErrSealed) {
		t.Errorf("Open past its age = %v, want ErrSealed", err)
	}
	for _, age := range []time.Duration{0, -time.Minute} {
		if _, err := c.Seal("attempt", testHost, age, 1); err == nil {
			t.Errorf("Seal for %s succeeded, want an error", age)
		}
	}
}

func TestSealRefusesWhatDoesNotFitOrCannotBeSaid(t *testing.T) {
	c := newTestCodec(t)
	if _, err := c.Seal("attempt", testHost, time.Minute, strings.Repeat("x", MaxSealed)); err == nil {
		t.Error("Seal of a value that is too long succeeded, want an error")
	}
	if _, err := c.Seal("attempt", testHost, time.Minute, math.NaN()); err == nil {
		t.Error("Seal of a value that JSON cannot say succeeded, want an error")
	}
	value, err := c.Seal("attempt", testHost, time.Minute, strings.Repeat("x", 1900))
	if err != nil || len(value) > MaxSealed {
		t.Errorf("Seal of 1,900 bytes gives %d, %v; want it to fit into %d", len(value), err, MaxSealed)
	}
}

func TestSealedValueSurvivesRotation(t *testing.T) {
	value, err := newTestCodec(t).Seal("attempt", testHost, time.Minute, "v")
	if err != nil {
		t.Fatal(err)
	}
	for fills, want := range map[string]bool{"ba": true, "a": true, "b": false} {
		c := newTestCodec(t, func(o *CodecOptions) { o.Ring = ringOf(t, strings.Split(fills, "")...) })
		var got string
		if err := c.Open("attempt", testHost, value, &got); (err == nil) != want {
			t.Errorf("ring %q: Open = %v, want success %v", fills, err, want)
		}
	}
}

// Whoever has the keys seals nothing of the kind; a value of another making must
// still be refused, not misread.
func TestSealedValueOfAnotherMakingIsRefused(t *testing.T) {
	c := newTestCodec(t)
	for _, plain := range []string{"", "1234567", "\x7f234567", "\x7f2345678{"} {
		value, err := c.seal("sealed attempt", testHost, plain)
		if err != nil {
			t.Fatal(err)
		}
		var v attemptValue
		if err := c.Open("attempt", testHost, value, &v); !errors.Is(err, ErrSealed) {
			t.Errorf("Open of %q = %v, want ErrSealed", plain, err)
		}
	}
}
