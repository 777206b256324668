package authenticate

import (
	"testing"

	"sallyport/config"
)

func BenchmarkSessionOfACookieSeenBefore(b *testing.B) {
	w := newWorld(b)
	p := w.browser()
	p.signIn(wiki)
	r, s, route := w.request(wiki, p.cookies(wiki)...), w.service.Load(), &config.Route{ClientID: "main"}
	b.ReportAllocs()
	for b.Loop() {
		if ss, _, err := s.Session(r, route); ss == nil || err != nil {
			b.Fatal(ss, err)
		}
	}
}

func BenchmarkSessionOfAProgramToken(b *testing.B) {
	w := newWorld(b)
	token := w.programToken(w.browser(), wiki)
	r, s, route := w.request(wiki), w.service.Load(), &config.Route{ClientID: "main"}
	r.Header.Set("X-Pomerium-Authorization", token)
	b.ReportAllocs()
	for b.Loop() {
		if ss, _, err := s.Session(r, route); ss == nil || err != nil {
			b.Fatal(ss, err)
		}
	}
}
