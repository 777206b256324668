package server

import (
	"encoding/json"
	"errors"
	"net/http"

	"sallyport/directory"
)

// PinInfo is what a group name in policies means.
type PinInfo = directory.Pin

// PinsAnswer is what GET /v1/directory/pins answers.
type PinsAnswer struct {
	Pins []PinInfo `json:"pins"`
	// Unknown says what names in policies mean nothing, or several things.
	Unknown []string `json:"unknown"`
}

// ConfirmRequest has a name mean whatever group is called so now.
type ConfirmRequest struct {
	Name string `json:"name"`
}

func (s *Server) adminPins(w http.ResponseWriter, _ *http.Request) {
	answer := PinsAnswer{Pins: s.state.directory.Pins(), Unknown: s.state.directory.Unknown()}
	if answer.Pins == nil {
		answer.Pins = []PinInfo{}
	}
	if answer.Unknown == nil {
		answer.Unknown = []string{}
	}
	writeJSON(w, http.StatusOK, answer)
}

func (s *Server) adminConfirm(w http.ResponseWriter, r *http.Request) {
	var req ConfirmRequest
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&req); err != nil || req.Name == "" {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "expected the name of a group"})
		return
	}
	pin, err := s.state.directory.Unpin(r.Context(), req.Name)
	switch {
	case errors.Is(err, directory.ErrNoPin):
		writeJSON(w, http.StatusNotFound, map[string]string{"error": err.Error()})
	case err != nil:
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"error": err.Error()})
	default:
		s.log.Info("the operator confirmed what a group name means", "name", req.Name, "group", pin.ID)
		writeJSON(w, http.StatusOK, pin)
	}
}
