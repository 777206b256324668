package authenticate

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// dropped are the names of the cookies that an answer takes away.
func dropped(cookies []*http.Cookie) (names []string) {
	for _, c := range cookies {
		if c.MaxAge < 0 {
			names = append(names, c.Name)
		}
	}
	slices.Sort(names)
	return names
}

func TestNewAttemptMakesRoomForItself(t *testing.T) {
	w := newWorld(t)
	s, prefix := w.service.Load(), w.codec.AttemptPrefix()
	id := func(i int) string { return newAttemptID(w.clock.now().Add(time.Duration(i) * time.Millisecond)) }
	var ids []string
	for i := range maxAttempts + 1 {
		ids = append(ids, id(i))
	}
	if !slices.IsSorted(ids) {
		t.Fatalf("ids do not sort by age: %v", ids)
	}
	for name, tt := range map[string]struct {
		brought []string
		keep    string
		dropped []string
	}{
		"one less than fits":       {ids[:maxAttempts-1], id(99), nil},
		"as many as fit":           {ids[:maxAttempts], id(99), ids[:1]},
		"one too many":             {ids, id(99), ids[:2]},
		"brought in another order": {[]string{ids[3], ids[1], ids[0], ids[2], ids[7], ids[5], ids[4], ids[6]}, id(99), ids[:1]},
		"its own is not counted":   {ids[:maxAttempts], ids[0], nil},
		"one brought twice":        {append(slices.Clone(ids[:maxAttempts-1]), ids[0]), id(99), nil},
		"what is no attempt":       {[]string{"junk", strings.Repeat("g", attemptIDLen), ids[0]}, id(99), []string{strings.Repeat("g", attemptIDLen), "junk"}},
		"the count of landings":    {[]string{landedName, ids[0]}, id(99), nil},
	} {
		r, rec := w.request(wiki), newRecorder()
		r.AddCookie(&http.Cookie{Name: "application", Value: "x"})
		for _, id := range tt.brought {
			r.AddCookie(&http.Cookie{Name: prefix + id, Value: "x"})
		}
		if err := s.sealAttempt(rec, r, purposeAttempt, wiki, tt.keep, attempt{ID: tt.keep}); err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, id := range tt.dropped {
			want = append(want, prefix+id)
		}
		if got := dropped(rec.cookies()); !slices.Equal(got, want) {
			t.Errorf("%s: dropped %v, want %v", name, got, want)
		}
		last := rec.cookies()[len(rec.cookies())-1]
		if last.Name != prefix+tt.keep || last.MaxAge != int(attemptLife/time.Second) {
			t.Errorf("%s: set %+v, want the new attempt for as long as it may take", name, last)
		}
	}
}

func TestAttemptIsReadByItsNameHostAndPurpose(t *testing.T) {
	w := newWorld(t)
	s, id := w.service.Load(), newAttemptID(w.clock.now())
	seal := func(purpose, host, id string) *http.Cookie {
		value, err := w.codec.Seal(purpose, host, attemptLife, attempt{ID: id, Secret: "s"})
		if err != nil {
			t.Fatal(err)
		}
		return &http.Cookie{Name: w.codec.AttemptName(id), Value: value}
	}
	good, junk := seal(purposeAttempt, wiki, id), &http.Cookie{Name: w.codec.AttemptName(id), Value: "junk"}
	for name, tt := range map[string]struct {
		id      string
		cookies []*http.Cookie
		want    bool
	}{
		"as made":                  {id, []*http.Cookie{good}, true},
		"behind one that is none":  {id, []*http.Cookie{junk, good}, true},
		"none":                     {id, nil, false},
		"junk":                     {id, []*http.Cookie{junk}, false},
		"another id":               {newAttemptID(w.clock.now()), []*http.Cookie{good}, false},
		"of another host":          {id, []*http.Cookie{seal(purposeAttempt, admin, id)}, false},
		"of another purpose":       {id, []*http.Cookie{seal(purposeJourney, wiki, id)}, false},
		"under an id that is none": {landedName, []*http.Cookie{seal(purposeAttempt, wiki, landedName)}, false},
	} {
		var a attempt
		if got := s.openAttempt(w.request(wiki, tt.cookies...), purposeAttempt, wiki, tt.id, &a); got != tt.want {
			t.Errorf("%s: opened %t, want %t", name, got, tt.want)
		}
	}
	w.clock.add(attemptLife + time.Second)
	var a attempt
	if s.openAttempt(w.request(wiki, good), purposeAttempt, wiki, id, &a) {
		t.Error("an attempt outlives its time")
	}
}

// What does not fit into a cookie begins nothing.
func TestAttemptThatCannotBeKeptIsAFault(t *testing.T) {
	w := newWorld(t)
	s, big := w.service.Load(), strings.Repeat("x", 4096)
	old := &http.Cookie{Name: w.codec.AttemptPrefix() + "junk", Value: "x"}
	rec := newRecorder()
	said(t, "begin", s.begin(rec, w.asked("https://"+wiki+"/", old), wiki, attempt{Client: clientKey("main"), Next: big}), 500, "internal")
	if rec.status != 0 || len(rec.cookies()) != 0 || rec.h.Get("Location") != "" {
		t.Errorf("answered %d with %v", rec.status, rec.h)
	}
	_, err := s.newForm(rec, w.asked("https://"+wiki+"/"), wiki, pathSignOut, map[string]string{"x": big})
	said(t, "form", err, 500, "internal")
}

// landedTimes lands n times and returns the request that the browser makes next.
func (w *world) landedTimes(r *http.Request, n int, host, client string) *http.Request {
	w.t.Helper()
	for range n {
		rec := newRecorder()
		w.service.Load().countLanding(rec, r, host, client)
		r = w.asked(r.URL.String(), rec.cookies()...)
	}
	return r
}

func TestLandingsAreCountedPerClientForAMinute(t *testing.T) {
	w := newWorld(t)
	s, start := w.service.Load(), w.asked("https://"+wiki+"/")
	main, second := clientKey("main"), clientKey("second")
	if got := s.landed(start, wiki, main); got.Count != 0 || got.Client != main || got.Since != w.clock.now().Unix() {
		t.Errorf("before the first: %+v", got)
	}
	r := w.landedTimes(start, 2, wiki, main)
	for name, tt := range map[string]struct {
		host, client string
		want         int
	}{"the same": {wiki, main, 2}, "another client": {wiki, second, 0}, "another host": {admin, main, 0}} {
		if got := s.landed(r, tt.host, tt.client).Count; got != tt.want {
			t.Errorf("%s: %d landings, want %d", name, got, tt.want)
		}
	}
	if r.Cookies()[0].Name != w.codec.AttemptName(landedName) {
		t.Errorf("cookie %s", r.Cookies()[0].Name)
	}
	// The minute runs from the first, however many follow.
	w.clock.add(landedLife - time.Second)
	r = w.landedTimes(r, 1, wiki, main)
	if got := s.landed(r, wiki, main).Count; got != 3 {
		t.Errorf("at the end of the minute: %d, want 3", got)
	}
	w.clock.add(time.Second)
	if got := s.landed(r, wiki, main).Count; got != 0 {
		t.Errorf("after the minute: %d, want none", got)
	}
}
