package authenticate

import (
	"net/http"
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

// What a stranger costs who is sent to sign in: an attempt is made, sealed into
// its cookie, and the address signed. Beside it, what any redirect costs.
func BenchmarkStartOfASignIn(b *testing.B) {
	w := newWorld(b)
	r := w.request(wiki)
	r.Header.Set("Accept", "text/html")
	for name, handle := range map[string]func(http.ResponseWriter){
		"sign-in":  func(rec http.ResponseWriter) { w.serve(rec, r) },
		"redirect": func(rec http.ResponseWriter) { redirect(rec, r, "https://"+wiki+"/elsewhere") },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rec := newRecorder()
				if handle(rec); rec.status != http.StatusFound {
					b.Fatal(rec.status)
				}
			}
		})
	}
}
