package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"sallyport/authorize/review"
	"sallyport/config"
	"sallyport/identity"
	"sallyport/server"
)

// people finds those to review: on paper, in the running instance, else in its
// data directory. done is called when they have been read.
func (a *access) people(cmd *cobra.Command, cfg *config.Config) (people server.People, done func(), err error) {
	done = func() {}
	if *a.facts != "" {
		people, err = paperPeople(cmd, *a.facts)
		return people, done, err
	}
	socket := *a.socket
	if socket == "" {
		socket = server.AdminSocket(cfg.Storage.DataDir)
	}
	resp, err := ask(cmd.Context(), socket, http.MethodGet, "/v1/people", nil)
	switch {
	case err == nil:
		if people, err = server.ReadPeople(resp.Body); err != nil {
			resp.Body.Close()
			return people, done, err
		}
		if people.Config != cfg.Hash {
			fmt.Fprintln(cmd.ErrOrStderr(), "the running instance has another configuration in force: these are the routes of the file, with its people")
		}
		return people, func() { resp.Body.Close() }, nil
	case !errors.Is(err, errNotRunning) || *a.socket != "":
		return people, done, err
	}
	people, stored := server.StoredPeople(cmd.Context(), cfg, slog.New(slog.DiscardHandler))
	if stored != nil {
		return people, done, fmt.Errorf("%w; %w; give --facts FILE to review people on paper", err, stored)
	}
	return people, done, nil
}

func paperPeople(cmd *cobra.Command, path string) (server.People, error) {
	f, err := readFacts(cmd, path)
	if err != nil {
		return server.People{}, err
	}
	return server.People{Source: review.Source{Name: path}, Whole: true, Each: func(yield func(*identity.Person)) error {
		for _, p := range f.People {
			yield(p)
		}
		return nil
	}}, nil
}

// tellSource says on standard error whom the review is about, how old what is
// known of them is, and what is missing.
func tellSource(cmd *cobra.Command, s review.Source, whole bool, warnings []string) {
	out := cmd.ErrOrStderr()
	if s.AsOf.IsZero() {
		fmt.Fprintf(out, "people: %s\n", s.Name)
	} else {
		fmt.Fprintf(out, "people: %s, as of %s (%s ago)\n", s.Name, s.AsOf.UTC().Format(time.RFC3339), time.Since(s.AsOf).Round(time.Second))
	}
	switch {
	case !whole && s.AsOf.IsZero():
		fmt.Fprintln(out, "nobody is known there: without idp_service_account people are known by their sign-in alone, and no review can list them")
	case !whole:
		fmt.Fprintln(out, "these are only the people who have signed in: the directory is not listed, or not yet read to its end")
	}
	for _, w := range warnings {
		fmt.Fprintln(out, w)
	}
}
