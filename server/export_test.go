package server

// CloseStore takes the store away from under a running server.
func (s *Server) CloseStore() error { return s.state.store.Close() }
