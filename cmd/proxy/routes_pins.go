package main

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"

	"github.com/spf13/cobra"

	"sallyport/config"
	"sallyport/server"
)

// writePins tells which groups the names in policies mean: as the running instance
// has it, else as the data directory does. Where neither knows nothing is told.
func writePins(cmd *cobra.Command, cfg *config.Config) error {
	if !namesGroups(cfg) {
		return nil
	}
	socket := server.AdminSocket(cfg.Storage.DataDir)
	file := ""
	var answer server.PinsAnswer
	err := instance{&file, &socket}.call(cmd, http.MethodGet, "/v1/directory/pins", nil, &answer)
	if err != nil {
		people, err := server.StoredPeople(cmd.Context(), cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			return nil // the table stands without
		}
		for _, name := range slices.Sorted(maps.Keys(people.Pins)) {
			answer.Pins = append(answer.Pins, server.PinInfo{Name: name, ID: people.Pins[name], Called: name, Unclear: people.Pins[name] == ""})
		}
	}
	if len(answer.Pins)+len(answer.Unknown) == 0 {
		return nil
	}
	out := cmd.OutOrStdout()
	fmt.Fprintln(out, "\nGroup names in policies:")
	return printPins(out, answer)
}

func namesGroups(cfg *config.Config) bool {
	return slices.ContainsFunc(cfg.Routes, func(r *config.Route) bool { return len(r.Policy.UsesGroups()) > 0 })
}
