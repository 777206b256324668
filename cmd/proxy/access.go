package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"sallyport/authorize/review"
	"sallyport/config"
	"sallyport/identity"
	"sallyport/server"
)

func newAccess() *cobra.Command {
	return newGroup("access", "review who may reach what", newAccessReview())
}

func newAccessReview() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "review",
		Short: "write who may reach what, and why",
		Long: `Write one line for each person and route they may pass: why, and on which
conditions of the request or the sign-in. With --diff only what differs from an
older configuration is written.

Routes are those of the configuration. People are those of the running instance,
found through its data directory; where none runs, those it last knew; with
--facts, those of a file. With --socket alone the running instance tells about
the routes it has in force.`,
		Example: `  sallyport access review --config config.yaml > access.csv
  sallyport access review --config new.yaml --diff config.yaml
  sallyport access review --config config.yaml --person bob@example.com --format json`,
		Args: noArgs,
	}
	a := &access{
		instance: instanceFlags(cmd),
		facts:    cmd.Flags().String("facts", "", "facts `file`: the directory on paper; - is standard input"),
		format:   cmd.Flags().String("format", "csv", "`csv` or json"),
		old:      cmd.Flags().String("diff", "", "older configuration `file` to compare with"),
	}
	cmd.Flags().StringVar(&a.o.Route, "route", "", "only the route with this `name`, id or host")
	cmd.Flags().StringVar(&a.o.Person, "person", "", "only the person with this `e-mail`, login or id")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.run(cmd) }
	return cmd
}

// access is the command line of access review.
type access struct {
	instance
	facts, format, old *string
	o                  review.Options
}

func (a *access) run(cmd *cobra.Command) error {
	inForce := *a.file == "" && *a.socket != ""
	switch {
	case *a.format != "csv" && *a.format != "json":
		return fmt.Errorf("%w: --format: expected csv or json, got %q", errUsage, *a.format)
	case inForce && (*a.old != "" || *a.facts != ""):
		return fmt.Errorf("%w: --diff and --facts need --config: which routes to review", errUsage)
	case inForce:
		return a.reviewInForce(cmd)
	}
	cfg, err := load(cmd, *a.file)
	if err != nil {
		return err
	}
	var was *config.Config
	if *a.old != "" {
		if was, err = load(cmd, *a.old); err != nil {
			return err
		}
	}
	people, done, err := a.people(cmd, cfg)
	if err != nil {
		return err
	}
	defer done()
	a.o.Pins = people.Pins
	now, before := a.of(cfg), (*review.Review)(nil)
	if was != nil {
		before = a.of(was)
	}
	err = people.Each(func(p *identity.Person) {
		now.Add(p)
		if before != nil {
			before.Add(p)
		}
	})
	if err != nil {
		return err
	}
	if err := now.Empty(); err != nil && (before == nil || before.Empty() != nil) {
		return err
	}
	warnings := now.Warnings()
	if people.Unread > 0 {
		warnings = append(warnings, fmt.Sprintf("the members of %d groups have not been read yet: those whom these groups let in are missing", people.Unread))
	}
	if people.Whole && now.People() == 0 && a.o.Person == "" {
		warnings = append(warnings, "nobody is known there: these are only the routes that are public")
	}
	tellSource(cmd, people.Source, people.Whole, warnings)
	if before != nil {
		return a.writeDiff(cmd, review.NewDiff(before, now), people.Source)
	}
	if *a.format == "json" {
		return now.JSON(cmd.OutOrStdout(), people.Source)
	}
	return now.CSV(cmd.OutOrStdout())
}

// of is a review of a configuration's routes, of nobody so far.
func (a *access) of(cfg *config.Config) *review.Review {
	o := a.o
	o.MayPass = cfg.Directory.MayPass
	return review.New(cfg.Routes, o)
}

func (a *access) writeDiff(cmd *cobra.Command, d review.Diff, s review.Source) error {
	for _, line := range d.Summary() {
		fmt.Fprintln(cmd.ErrOrStderr(), line)
	}
	if *a.format == "json" {
		return d.JSON(cmd.OutOrStdout(), s)
	}
	return d.CSV(cmd.OutOrStdout())
}

// reviewInForce hands on what the running instance tells of its own routes.
func (a *access) reviewInForce(cmd *cobra.Command) error {
	q := url.Values{"format": {*a.format}, "route": {a.o.Route}, "person": {a.o.Person}}
	resp, err := ask(cmd.Context(), *a.socket, http.MethodGet, "/v1/review?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	s, whole, warnings := server.ReviewHead(resp.Header)
	tellSource(cmd, s, whole, warnings)
	if _, err := io.Copy(cmd.OutOrStdout(), resp.Body); err != nil {
		return fmt.Errorf("the review ended too early, what was written is a part: %w", err)
	}
	return nil
}
