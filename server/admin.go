package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sallyport/session"
	"sallyport/telemetry"
)

// AdminSocket is where a running instance answers its operator: a unix socket
// that only the owner of the data directory can open.
func AdminSocket(dataDir string) string { return filepath.Join(dataDir, "admin.sock") }

// maxSocketPath is what a sockaddr_un holds on Linux, with its closing NUL.
const maxSocketPath = 107

// SessionInfo is what the admin API tells of a session: nothing that could be
// used in its place.
type SessionInfo struct {
	ID        string    `json:"id"` // telemetry.SessionLabel of the real one
	Form      string    `json:"form"`
	Subject   string    `json:"subject"`
	Email     string    `json:"email,omitempty"`
	Client    string    `json:"client_id"`
	Host      string    `json:"host,omitempty"`
	Program   string    `json:"program,omitempty"`
	Created   time.Time `json:"created"`
	Expires   time.Time `json:"expires"`
	LastUsed  time.Time `json:"last_used"`
	Address   string    `json:"client_address,omitempty"`
	UserAgent string    `json:"user_agent,omitempty"`
}

// RevokeRequest names the sessions to end: by the label of a listing, or all of
// a person by e-mail or subject. Exactly one is given.
type RevokeRequest struct {
	ID      string `json:"id,omitempty"`
	Email   string `json:"email,omitempty"`
	Subject string `json:"subject,omitempty"`
}

func (s *Server) openAdmin(dataDir string) error {
	path := AdminSocket(dataDir)
	if len(path) > maxSocketPath {
		s.log.Warn("admin socket is off: its path is too long", slog.String("path", path), slog.Int("limit", maxSocketPath))
		return nil
	}
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return fmt.Errorf("admin socket: %w", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("admin socket: %w", err)
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("admin socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return errors.Join(fmt.Errorf("admin socket: %w", err), ln.Close())
	}
	srv := &http.Server{Handler: s.adminHandler(), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = srv.Serve(ln) }()
	s.defers(func(context.Context) error { return srv.Close() })
	return nil
}

func (s *Server) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, r *http.Request) {
		s.health.ask(r.Context())
		writeJSON(w, http.StatusOK, s.health.status())
	})
	mux.HandleFunc("GET /v1/sessions", s.adminList)
	mux.HandleFunc("POST /v1/sessions/revoke", s.adminRevoke)
	mux.HandleFunc("POST /v1/explain", s.adminExplain)
	mux.HandleFunc("GET /v1/directory/pins", s.adminPins)
	mux.HandleFunc("POST /v1/directory/pins/confirm", s.adminConfirm)
	mux.HandleFunc("GET /v1/review", s.adminReview())
	mux.HandleFunc("GET /v1/people", s.adminPeople)
	mux.HandleFunc("POST /v1/reload", func(w http.ResponseWriter, _ *http.Request) {
		if err := s.Reload(); err != nil {
			writeJSON(w, http.StatusUnprocessableEntity, map[string]string{"error": err.Error()})
			return
		}
		writeJSON(w, http.StatusOK, map[string]string{"hash": s.gen.Load().cfg.Hash})
	})
	return mux
}

func (s *Server) adminList(w http.ResponseWriter, r *http.Request) {
	all, err := s.state.sessions.List(r.Context())
	if err != nil {
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"error": err.Error()})
		return
	}
	infos := make([]SessionInfo, 0, len(all))
	for _, ss := range all {
		infos = append(infos, SessionInfo{
			ID: telemetry.SessionLabel(ss.ID), Form: string(ss.Form), Subject: ss.Subject.ID, Email: ss.Subject.Email,
			Client: ss.Subject.ClientID, Host: ss.Host, Program: ss.Program, Created: ss.Created, Expires: ss.Expires,
			LastUsed: s.state.sessions.LastUsed(ss), Address: ss.ClientAddress, UserAgent: ss.UserAgent,
		})
	}
	writeJSON(w, http.StatusOK, map[string]any{"sessions": infos})
}

func (s *Server) adminRevoke(w http.ResponseWriter, r *http.Request) {
	var req RevokeRequest
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&req); err != nil || !req.One() {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "expected exactly one of id, email and subject"})
		return
	}
	all, err := s.state.sessions.List(r.Context())
	if err != nil {
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"error": err.Error()})
		return
	}
	ended := 0
	for _, ss := range all {
		if !req.matches(ss) {
			continue
		}
		if err := s.state.sessions.End(r.Context(), ss.ID, session.EndRevoked); err != nil {
			writeJSON(w, http.StatusServiceUnavailable, map[string]any{"error": err.Error(), "revoked": ended})
			return
		}
		s.log.Info("session revoked by the operator", slog.String("session-id", telemetry.SessionLabel(ss.ID)), slog.String("user", ss.Subject.ID))
		ended++
	}
	writeJSON(w, http.StatusOK, map[string]any{"revoked": ended})
}

// One reports whether exactly one of ID, Email and Subject is given.
func (q RevokeRequest) One() bool {
	n := 0
	for _, v := range []string{q.ID, q.Email, q.Subject} {
		if v != "" {
			n++
		}
	}
	return n == 1
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

// matches compares e-mails without regard to case, as policies do.
func (q RevokeRequest) matches(s *session.Session) bool {
	switch {
	case q.ID != "":
		return q.ID == telemetry.SessionLabel(s.ID)
	case q.Email != "":
		return strings.EqualFold(q.Email, s.Subject.Email)
	}
	return q.Subject == s.Subject.ID
}
