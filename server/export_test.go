package server

import "net/http"

// CloseStore takes the store away from under a running server.
func (s *Server) CloseStore() error { return s.state.store.Close() }

// PanicAt has the configuration in force panic over requests for a path.
func (s *Server) PanicAt(path string) {
	gen := *s.gen.Load()
	next := gen.handler
	gen.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == path {
			panic("a bug at " + path)
		}
		next.ServeHTTP(w, r)
	})
	s.gen.Store(&gen)
}
