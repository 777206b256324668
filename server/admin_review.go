package server

import (
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"sallyport/authorize/review"
	"sallyport/directory"
	"sallyport/identity"
)

// SourceRunning and SourceStored name where reviewed people come from.
const (
	SourceRunning = "running instance"
	SourceStored  = "data directory"
)

// Headers of the answer to a review.
const (
	headerAsOf    = "Sallyport-As-Of"
	headerWhole   = "Sallyport-Whole"
	headerWarning = "Sallyport-Warning"
)

// People is a directory as somebody who reviews access reads it: once, and
// without its being in memory at any time.
type People struct {
	Source review.Source
	// Whole is false where the directory is not listed: only those are known who
	// have signed in.
	Whole bool
	// Unread is how many groups have members that are not known yet.
	Unread int
	// Config is the hash of the configuration in force, "" without an instance.
	Config string
	// Pins are the names of groups that mean one group each; see directory.
	Pins map[string]string
	// Each tells of everybody. An error says that somebody may be missing.
	Each func(yield func(*identity.Person)) error
}

func peopleOf(all directory.Everybody, name string) People {
	return People{
		Source: review.Source{Name: name, AsOf: all.AsOf}, Whole: all.Whole, Unread: all.Unread, Pins: all.Pins(),
		Each: func(yield func(*identity.Person)) error {
			all.Each(func(p *identity.Person) bool { yield(p); return true })
			return nil
		},
	}
}

// adminReview answers who reaches what by the configuration and the directory in
// force. One at a time: what it keeps grows with people and policies.
func (s *Server) adminReview() http.HandlerFunc {
	var busy sync.Mutex
	return func(w http.ResponseWriter, r *http.Request) {
		if !busy.TryLock() {
			writeJSON(w, http.StatusTooManyRequests, map[string]string{"error": "another review is being made: try again when it is done"})
			return
		}
		defer busy.Unlock()
		q := r.URL.Query()
		people := peopleOf(s.state.directory.Everybody(), SourceRunning)
		cfg := s.gen.Load().cfg
		made := review.New(cfg.Routes, review.Options{Route: q.Get("route"), Person: q.Get("person"), Pins: people.Pins, MayPass: cfg.Directory.MayPass})
		if err := people.Each(made.Add); err != nil {
			writeJSON(w, http.StatusServiceUnavailable, map[string]string{"error": err.Error()})
			return
		}
		if err := made.Empty(); err != nil {
			writeJSON(w, http.StatusNotFound, map[string]string{"error": err.Error()})
			return
		}
		h := w.Header()
		writeReviewHead(h, people, made.Warnings())
		var err error
		if q.Get("format") == "json" {
			h.Set("Content-Type", "application/json")
			err = made.JSON(w, people.Source)
		} else {
			h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
			err = made.CSV(w)
		}
		if err != nil {
			s.log.Warn("review was not read to its end", slog.Any("error", err))
			panic(http.ErrAbortHandler) // half a review is none
		}
	}
}

func writeReviewHead(h http.Header, people People, warnings []string) {
	h.Set(headerAsOf, people.Source.AsOf.Format(time.RFC3339Nano))
	h.Set(headerWhole, fmt.Sprint(people.Whole))
	h[headerWarning] = warnings
}

// ReviewHead reads what the answer to a review says about its people: how old what
// is known of them is, whether they are all there are, and what an operator should
// know.
func ReviewHead(h http.Header) (s review.Source, whole bool, warnings []string) {
	s.Name = SourceRunning
	if at, err := time.Parse(time.RFC3339Nano, h.Get(headerAsOf)); err == nil {
		s.AsOf = at
	}
	return s, h.Get(headerWhole) == "true", h.Values(headerWarning)
}

// adminPeople streams everybody, for a review of another configuration.
func (s *Server) adminPeople(w http.ResponseWriter, _ *http.Request) {
	people := peopleOf(s.state.directory.Everybody(), SourceRunning)
	people.Config = s.gen.Load().cfg.Hash
	w.Header().Set("Content-Type", "application/x-ndjson")
	if err := writePeople(w, people); err != nil {
		s.log.Warn("people were not read to their end", slog.Any("error", err))
		panic(http.ErrAbortHandler)
	}
}
