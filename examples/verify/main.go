// Command verify is a small application behind Sallyport: it greets whoever the
// assertion names, and nobody who comes without a valid one. Copy verify.go.
//
//	go run ./examples/verify -host wiki.example.com -listen 127.0.0.1:8080
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"
	"time"
)

func main() {
	host := flag.String("host", "", "public `host` of this application")
	listen := flag.String("listen", "127.0.0.1:8080", "`address` to listen on")
	keys := flag.String("keys", "", "`URL` of the key set, https://HOST/.well-known/pomerium/jwks.json where none is given")
	flag.Parse()
	if *host == "" {
		log.Fatal("verify: -host is missing")
	}
	if *keys == "" {
		*keys = "https://" + *host + "/.well-known/pomerium/jwks.json"
	}
	v := newVerifier(*host, *keys, &http.Client{Timeout: 10 * time.Second})
	srv := &http.Server{Addr: *listen, Handler: greet(v), ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(srv.ListenAndServe())
}

// greet answers with what the assertion says.
func greet(v *verifier) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := v.verify(r.Context(), r.Header.Get("X-Pomerium-Jwt-Assertion"))
		if err != nil {
			log.Printf("refused %s: %v", r.RemoteAddr, err)
			http.Error(w, "not signed in through the proxy", http.StatusUnauthorized)
			return
		}
		w.Header().Set("X-Verified-Email", c.Email) // for a web server that asks before it serves
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintf(w, "Hello %s (%s), member of %d groups.\n", c.Email, c.Subject, len(c.Groups))
	})
}
