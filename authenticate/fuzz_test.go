package authenticate

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// FuzzAttempt feeds attempt cookies: made-up ones begin, continue and finish
// nothing, beside a real one or alone.
func FuzzAttempt(f *testing.F) {
	w := newWorld(f)
	b := w.browser()
	b.atProvider("https://" + wiki + "/")
	own := b.cookies(wiki)
	if len(own) != 1 {
		f.Fatalf("%d cookies, want that of the attempt", len(own))
	}
	id, ok := strings.CutPrefix(own[0].Name, w.codec.AttemptPrefix())
	if !ok || !w.service.Load().openAttempt(w.request(wiki, own...), purposeAttempt, wiki, id, new(attempt)) {
		f.Fatalf("cookie %s holds no attempt", own[0].Name)
	}
	f.Add(id, own[0].Value[:len(own[0].Value)-1], "abc")
	f.Add(id, "", "")
	f.Add(landedName, own[0].Value, "abc")
	f.Add("00000000000000000000", own[0].Value, "abc")
	f.Add("", "{}", "\x00")
	s := w.service.Load()
	f.Fuzz(func(t *testing.T, id, value, code string) {
		if value == own[0].Value {
			return
		}
		made := &http.Cookie{Name: w.codec.AttemptPrefix() + id, Value: value}
		var a attempt
		if s.openAttempt(w.request(wiki, made), purposeAttempt, wiki, id, &a) {
			t.Errorf("attempt %q opens from %q: %+v", id, value, a)
		}
		for _, cookies := range [][]*http.Cookie{{made}, append([]*http.Cookie{made}, own...)} {
			r := w.request(wiki, cookies...)
			r.Header.Set("Accept", "text/html")
			r.URL.Path, r.URL.RawQuery = pathCallback, url.Values{paramAttempt: {id}, paramCode: {code}}.Encode()
			rec := newRecorder()
			s.ServeHTTP(rec, r)
			for _, c := range rec.cookies() {
				if c.Name == w.codec.Name() && c.Value != "" {
					t.Errorf("attempt %q, %q, code %q gave a session", id, value, code)
				}
			}
			if rec.status >= 500 {
				t.Errorf("attempt %q, %q, code %q: %d", id, value, code, rec.status)
			}
		}
	})
}
