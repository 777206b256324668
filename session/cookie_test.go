package session

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"hash/maphash"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/securecookie"
)

// T07: whatever a client sends in the place of a session cookie counts as none,
// and does not hide one that is good.
func TestSessionIDFromCookiesAsClientsSendThem(t *testing.T) {
	c := newTestCodec(t)
	s, other := testSession(), testSession()
	name := c.Name()
	good := cookieFor(t, c, name, testHost, s)
	pair := name + "=" + good
	random := make([]byte, 3000)
	rand.Read(random)
	garbage := base64.URLEncoding.EncodeToString(random)
	foreignKey := cookieFor(t, newTestCodec(t, func(o *CodecOptions) { o.Ring = ringOf(t, "b") }), name, testHost, other)
	foreignHost := cookieFor(t, c, name, "other.example.com", other)
	foreignName := cookieFor(t, c, c.AuthenticateName(""), testHost, other)
	many := func(n int) string { return strings.Repeat(name+"=x; ", n) }

	for _, tt := range []struct {
		name  string
		lines []string
		want  bool
	}{
		{"good", []string{pair}, true},
		{"no cookies", nil, false},
		{"empty header", []string{""}, false},
		{"among others", []string{"a=b; " + pair + "; c=d"}, true},
		{"without spaces", []string{"a=b;" + pair + ";c=d"}, true},
		{"odd spaces", []string{" ;;  ; \t" + pair + " \t; "}, true},
		{"second header line", []string{"a=b", pair}, true},
		{"bad then good", []string{name + "=garbage; " + pair}, true},
		{"good then bad", []string{pair + "; " + name + "=garbage"}, true},
		{"3 KB then good", []string{name + "=" + garbage + "; " + pair}, true},
		{"foreign host then good", []string{name + "=" + foreignHost + "; " + pair}, true},
		{"as many bad ones as are tried, less one", []string{many(maxSameName-1) + pair}, true},
		{"more bad ones than are tried", []string{many(maxSameName) + pair}, false},
		{"more bad ones than are tried, over lines", []string{many(maxSameName), pair}, false},
		{"behind more foreign cookies than are tried", []string{strings.Repeat("a=b; ", 3*maxSameName) + pair}, true},
		{"another sign in the place of =", []string{name + ":" + good}, false},
		{"empty", []string{name + "="}, false},
		{"no value", []string{name}, false},
		{"truncated", []string{pair[:len(pair)-1]}, false},
		{"first half", []string{pair[:len(pair)/2]}, false},
		{"doubled", []string{pair + good}, false},
		{"quoted", []string{name + `="` + good + `"`}, false},
		{"3 KB of random", []string{name + "=" + garbage}, false},
		{"1 MB", []string{name + "=" + strings.Repeat("A", 1<<20)}, false},
		{"unicode", []string{name + "=日本語🙂"}, false},
		{"control characters", []string{name + "=\x00\x01\r\n"}, false},
		{"other case of name", []string{strings.ToLower(pair[:len(name)]) + pair[len(name):]}, false},
		{"name with prefix", []string{"x" + pair}, false},
		{"name inside a value", []string{"x=" + pair}, false},
		{"other key", []string{name + "=" + foreignKey}, false},
		{"other host", []string{name + "=" + foreignHost}, false},
		{"other cookie of ours", []string{name + "=" + foreignName}, false},
		{"plain id", []string{name + "=" + s.ID}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, when := range []string{"first", "again"} {
				id, ok := c.SessionID(requestWith(tt.lines...), name, testHost)
				if ok != tt.want || (ok && id != s.ID) || (!ok && id != "") {
					t.Errorf("%s: SessionID = %q, %v; want found %v", when, id, ok, tt.want)
				}
			}
		})
	}
}

func TestEveryBitOfACookieMatters(t *testing.T) {
	c := newTestCodec(t)
	s := testSession()
	good := cookieFor(t, c, c.Name(), testHost, s)
	raw, err := base64.URLEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		for bit := range 8 {
			bad := append([]byte(nil), raw...)
			bad[i] ^= 1 << bit
			r := requestWith(c.Name() + "=" + base64.URLEncoding.EncodeToString(bad))
			if id, ok := c.SessionID(r, c.Name(), testHost); ok {
				t.Fatalf("with bit %d of byte %d flipped: SessionID = %q, want none", bit, i, id)
			}
		}
	}
}

func TestCookieIsGoodForItsHostInAnyCase(t *testing.T) {
	c := newTestCodec(t)
	s := testSession()
	r := requestWith(c.Name() + "=" + cookieFor(t, c, c.Name(), "App.Example.com", s))
	for host, want := range map[string]bool{
		"app.example.com": true, "APP.EXAMPLE.COM": true,
		"app.example.com:443": false, "app.example.com.": false, "example.com": false, "": false, "app.example.co": false,
		strings.Repeat("a", maxHost+1): false,
	} {
		if id, ok := c.SessionID(r, c.Name(), host); ok != want || (ok && id != s.ID) {
			t.Errorf("host %.50q: SessionID = %q, %v; want %v", host, id, ok, want)
		}
	}
}

func TestCookieOpensAsLongAsItsKeyIsInTheRing(t *testing.T) {
	s := testSession()
	with := func(fills ...string) *Codec {
		return newTestCodec(t, func(o *CodecOptions) { o.Ring = ringOf(t, fills...) })
	}
	old := requestWith(DefaultCookieName + "=" + cookieFor(t, with("a"), DefaultCookieName, testHost, s))
	rotated := requestWith(DefaultCookieName + "=" + cookieFor(t, with("b", "a"), DefaultCookieName, testHost, s))
	for _, tt := range []struct {
		ring     []string
		old, new bool
	}{
		{[]string{"a"}, true, false},
		{[]string{"b", "a"}, true, true},
		{[]string{"b"}, false, true},
		{[]string{"c", "b", "a"}, true, true},
		{[]string{"c"}, false, false},
	} {
		c := with(tt.ring...)
		if _, ok := c.SessionID(old, c.Name(), testHost); ok != tt.old {
			t.Errorf("ring %q opens the old cookie: %v, want %v", tt.ring, ok, tt.old)
		}
		if _, ok := c.SessionID(rotated, c.Name(), testHost); ok != tt.new {
			t.Errorf("ring %q opens the new cookie: %v, want %v", tt.ring, ok, tt.new)
		}
	}
}

// What is remembered of one cookie must not be found under another name or host,
// even if hashes were to meet.
func TestSeenIsBelievedForTheVerySameCookieOnly(t *testing.T) {
	s := newSeen(100)
	s.add("name", "host", "value", "id")
	for i := range s.shards {
		for hash, cookie := range s.shards[i].young {
			if cookie.is("name", "host", "other") || cookie.is("name", "other", "value") || cookie.is("other", "host", "value") {
				t.Errorf("cookie under hash %x is taken for another", hash)
			}
		}
	}
	for _, c := range [][3]string{{"other", "host", "value"}, {"name", "other", "value"}, {"name", "host", "other"}} {
		if id, ok := s.get(c[0], c[1], c[2]); ok {
			t.Errorf("get(%q) = %q, want none", c, id)
		}
	}
	if id, ok := s.get("name", "host", "value"); !ok || id != "id" {
		t.Errorf("get = %q, %v; want the id", id, ok)
	}
}

// T28: what is longer than any cookie of ours is not looked at, neither opened nor
// remembered, to the byte.
func TestT28AcceptedCookiesAreBounded(t *testing.T) {
	c := newTestCodec(t)
	for length, want := range map[int]bool{maxSessionCookie: true, maxSessionCookie + 1: false} {
		value, id := strings.Repeat("v", length), strings.Repeat("i", idLen)
		c.seen.add(c.Name(), testHost, value, id)
		if got, ok := c.SessionID(requestWith(c.Name()+"="+value), c.Name(), testHost); ok != want || ok && got != id {
			t.Errorf("a cookie of %d characters: %q, %t; want %t", length, got, ok, want)
		}
	}
	if n := len(cookieFor(t, c, c.Name(), testHost, testSession())); 2*n > maxSessionCookie {
		t.Errorf("our own cookies have %d of %d characters", n, maxSessionCookie)
	}
}

// A cookie that is ours by key and host, but holds no id, names no session.
func TestSealedCookieMustHoldAnID(t *testing.T) {
	c := newTestCodec(t)
	for _, plain := range []string{"", "x", strings.Repeat("x", idLen-1), strings.Repeat("x", idLen+1)} {
		value, err := c.seal(sessionPurpose(c.Name()), testHost, plain)
		if err != nil {
			t.Fatal(err)
		}
		if id, ok := c.SessionID(requestWith(c.Name()+"="+value), c.Name(), testHost); ok {
			t.Errorf("SessionID = %q of a cookie that holds %q, want none", id, plain)
		}
	}
	// What the library itself would make, with our keys but without a binding.
	keys := [2][]byte{ringOf(t, "a").Derive("cookie/authenticate", 32)[0], ringOf(t, "a").Derive("cookie/encrypt", 32)[0]}
	plain := securecookie.New(keys[0], keys[1]).SetSerializer(securecookie.NopEncoder{})
	value, err := plain.Encode(c.Name(), []byte(newID()))
	if err != nil {
		t.Fatal(err)
	}
	if id, ok := c.SessionID(requestWith(c.Name()+"="+value), c.Name(), testHost); ok {
		t.Errorf("SessionID = %q of a cookie bound to no host, want none", id)
	}
}

func TestSeenCookiesAreBounded(t *testing.T) {
	const bound = 320
	c := newTestCodec(t, func(o *CodecOptions) { o.CacheSize = bound })
	for range 10 * bound {
		s := testSession()
		r := requestWith(c.Name() + "=" + cookieFor(t, c, c.Name(), testHost, s))
		if id, ok := c.SessionID(r, c.Name(), testHost); !ok || id != s.ID {
			t.Fatalf("SessionID = %q, %v; want %q", id, ok, s.ID)
		}
		c.SessionID(requestWith(c.Name()+"="+newID()), c.Name(), testHost)
	}
	n := 0
	for i := range c.seen.shards {
		n += len(c.seen.shards[i].young) + len(c.seen.shards[i].old)
	}
	if n > bound || n < bound/4 {
		t.Errorf("%d cookies remembered, want at most %d and not much fewer", n, bound)
	}
}

func TestSeenCookieOutlivesNoSession(t *testing.T) {
	b := newBench(t)
	m, c := b.manager(), newTestCodec(t)
	s := b.create(m, "alice")
	r := requestWith(c.Name() + "=" + cookieFor(t, c, c.Name(), testHost, s))
	for range 2 {
		if id, ok := c.SessionID(r, c.Name(), testHost); !ok || id != s.ID {
			t.Fatalf("SessionID = %q, %v; want %q", id, ok, s.ID)
		}
	}
	if err := m.End(t.Context(), s.ID, EndRevoked); err != nil {
		t.Fatal(err)
	}
	if id, ok := c.SessionID(r, c.Name(), testHost); ok {
		wantGone(t, m, id)
	}
}

func TestSeenCookieCostsNoAllocation(t *testing.T) {
	c := newTestCodec(t)
	s := testSession()
	r := requestWith("theme=dark; "+c.Name()+"="+cookieFor(t, c, c.Name(), testHost, s), "other=1")
	n := testing.AllocsPerRun(100, func() {
		if id, ok := c.SessionID(r, c.Name(), testHost); !ok || id != s.ID {
			t.Fatalf("SessionID = %q, %v; want %q", id, ok, s.ID)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for a cookie seen before, want 0", n)
	}
}

func TestCookiesAreReadConcurrently(t *testing.T) {
	c := newTestCodec(t, func(o *CodecOptions) { o.CacheSize = 32 })
	var wg sync.WaitGroup
	var requests []*http.Request
	var ids []string
	for range 40 {
		s := testSession()
		ids = append(ids, s.ID)
		requests = append(requests, requestWith(c.Name()+"="+cookieFor(t, c, c.Name(), testHost, s)))
	}
	for range 4 {
		wg.Go(func() {
			for i := range 400 {
				i %= len(ids)
				if id, ok := c.SessionID(requests[i], c.Name(), testHost); !ok || id != ids[i] {
					t.Errorf("SessionID = %q, %v; want %q", id, ok, ids[i])
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkSessionIDSeen is what every request of a signed-in browser pays.
func BenchmarkSessionIDSeen(b *testing.B) {
	c := newTestCodec(b)
	r := requestWith("theme=dark; _ga=GA1.2.3; " + c.Name() + "=" + cookieFor(b, c, c.Name(), testHost, testSession()) + "; other=1")
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := c.SessionID(r, c.Name(), testHost); !ok {
			b.Fatal("no session")
		}
	}
}

// BenchmarkSessionIDNew is what a cookie costs the first time, and garbage each
// time.
func BenchmarkSessionIDNew(b *testing.B) {
	c := newTestCodec(b)
	var requests []*http.Request
	for range 1000 {
		requests = append(requests, requestWith(c.Name()+"="+cookieFor(b, c, c.Name(), testHost, testSession())))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%len(requests) == 0 {
			c.seen = newSeen(defaultCache)
		}
		if _, ok := c.SessionID(requests[i%len(requests)], c.Name(), testHost); !ok {
			b.Fatal("no session")
		}
	}
}

// BenchmarkCookieToSession is cookie, session, check and touch, as a request does
// it: of one session over and over, and of 10,000 in turn, which no processor
// cache holds.
func BenchmarkCookieToSession(b *testing.B) {
	for _, n := range []int{1, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchmarkCookieToSession(b, n) })
	}
}

func benchmarkCookieToSession(b *testing.B, n int) {
	bench := newBench(b)
	m, c := bench.manager(func(o *Options) { o.Now = time.Now }), newTestCodec(b)
	var requests []*http.Request
	for i := range n {
		s := bench.session(fmt.Sprint(i))
		s.Expires = time.Now().Add(time.Hour)
		requests = append(requests, requestWith(c.Name()+"="+cookieFor(b, c, c.Name(), testHost, bench.createFrom(m, s))))
	}
	visit := func(r *http.Request) {
		id, ok := c.SessionID(r, c.Name(), testHost)
		if !ok {
			b.Fatal("no cookie")
		}
		s, err := m.Get(b.Context(), id)
		if err != nil || m.Check(s, m.now()) != nil {
			b.Fatal(err)
		}
		m.Touch(s)
	}
	for _, r := range requests {
		visit(r)
	}
	runtime.GC() // of what was built above
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i += 7919 {
			visit(requests[i%len(requests)])
		}
	})
}

func TestCookieOfAHostThatCannotBeIsNone(t *testing.T) {
	c, s := newTestCodec(t), testSession()
	for length, want := range map[int]bool{maxHost: true, maxHost + 1: false} {
		host := strings.Repeat("h", length)
		value := cookieFor(t, c, c.Name(), host, s)
		if id, ok := c.SessionID(requestWith(c.Name()+"="+value), c.Name(), host); ok != want {
			t.Errorf("host of %d bytes: SessionID = %q, %v; want %v", length, id, ok, want)
		}
	}
}

func TestSessionWhoseIDCannotBeSealedGetsNoCookie(t *testing.T) {
	c, s := newTestCodec(t), testSession()
	s.ID = strings.Repeat("x", 2*MaxSealed)
	w := httptest.NewRecorder()
	c.SetSession(w, c.Name(), testHost, s)
	if got := w.Result().Cookies(); len(got) != 1 || got[0].Value != "" || got[0].MaxAge != -1 {
		t.Errorf("cookies %v, want the old one cleared", got)
	}
}

func TestCodecDefaults(t *testing.T) {
	for name, change := range map[string]func(*CodecOptions){
		"nothing said": func(*CodecOptions) {},
		"the browser's own, and no size": func(o *CodecOptions) {
			o.SameSite, o.CacheSize = http.SameSiteDefaultMode, -1
		},
	} {
		o := CodecOptions{Ring: ringOf(t, "a")}
		change(&o)
		c, err := NewCodec(o)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		c.SetSession(w, c.Name(), testHost, &Session{ID: newID(), Expires: time.Now().Add(time.Hour)})
		if got := w.Result().Cookies()[0]; got.SameSite != http.SameSiteLaxMode || got.MaxAge < 3500 || got.MaxAge > 3600 {
			t.Errorf("%s: cookie %v, want Lax and an hour", name, got)
		}
		if c.seen.each != defaultCache/(2*seenShards) {
			t.Errorf("%s: %d cookies remembered per shard, want the default", name, c.seen.each)
		}
	}
}

// What is asked for stays; what nobody asks for goes when newer ones come.
func TestSeenCookiesThatAreUsedStay(t *testing.T) {
	s := newSeen(1)
	s.each = 4
	shard := func(value string) uint64 { return maphash.String(s.seed, value) % seenShards }
	next := 0
	another := func() string {
		for {
			next++
			if value := fmt.Sprint("v", next); shard(value) == 0 {
				return value
			}
		}
	}
	used, unused := another(), another()
	s.add("n", "h", used, "used")
	s.add("n", "h", unused, "unused")
	for range 5 * s.each {
		for range s.each - 1 {
			s.add("n", "h", another(), "other")
		}
		if id, ok := s.get("n", "h", used); !ok || id != "used" {
			t.Fatalf("get = %q, %v; want what is asked for all the time", id, ok)
		}
		if n := len(s.shards[0].young); n > s.each {
			t.Fatalf("%d cookies in one generation, want at most %d", n, s.each)
		}
	}
	if _, ok := s.get("n", "h", unused); ok {
		t.Error("a cookie that nobody sends any more is still remembered")
	}
}
