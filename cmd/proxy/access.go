package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"sallyport/authorize/review"
	"sallyport/identity"
)

func newAccess() *cobra.Command {
	cmd := &cobra.Command{Use: "access", Short: "review who may reach what"}
	cmd.AddCommand(newAccessReview())
	return cmd
}

func newAccessReview() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "review",
		Short: "write who may reach what, and why",
		Long: `Write one line for each person and route they may pass: why, and on which
conditions of the request or the sign-in. People come from a facts file. With
--diff only what differs from an older configuration is written.`,
		Args: noArgs,
	}
	file := configFlag(cmd)
	facts := cmd.Flags().String("facts", "", "facts `file`: the directory on paper")
	format := cmd.Flags().String("format", "csv", "`csv` or json")
	old := cmd.Flags().String("diff", "", "older configuration `file` to compare with")
	var o review.Options
	cmd.Flags().StringVar(&o.Route, "route", "", "only the route with this `name`, id or host")
	cmd.Flags().StringVar(&o.Person, "person", "", "only the person with this `e-mail`, login or id")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *format != "csv" && *format != "json" {
			return fmt.Errorf("%w: --format: expected csv or json, got %q", errUsage, *format)
		}
		people, err := reviewed(cmd, *facts)
		if err != nil {
			return err
		}
		now, err := newReview(cmd, *file, people, o)
		if err != nil {
			return err
		}
		out := bufio.NewWriterSize(cmd.OutOrStdout(), 1<<16)
		if err := writeReview(cmd, out, now, *old, *format, people, o); err != nil {
			return err
		}
		return out.Flush()
	}
	return cmd
}

func newReview(cmd *cobra.Command, file string, people []*identity.Person, o review.Options) (*review.Review, error) {
	cfg, err := load(cmd, file)
	if err != nil {
		return nil, err
	}
	r := review.New(cfg.Routes, people, o)
	switch {
	case o.Route != "" && r.Routes() == 0:
		return nil, fmt.Errorf("no route is called %q", o.Route)
	case o.Person != "" && r.People() == 0:
		return nil, fmt.Errorf("nobody is called %q", o.Person)
	}
	return r, nil
}

func writeReview(cmd *cobra.Command, out io.Writer, now *review.Review, old, format string, people []*identity.Person, o review.Options) error {
	switch {
	case old == "" && format == "json":
		return now.JSON(out)
	case old == "":
		return now.CSV(out)
	}
	was, err := load(cmd, old)
	if err != nil {
		return err
	}
	changes := review.Diff(review.New(was.Routes, people, o), now)
	for _, line := range review.Summary(changes) {
		fmt.Fprintln(cmd.ErrOrStderr(), line)
	}
	if format == "json" {
		return review.DiffJSON(out, changes)
	}
	return review.DiffCSV(out, changes)
}

// reviewed are the people to tell about.
func reviewed(cmd *cobra.Command, path string) ([]*identity.Person, error) {
	if path == "" {
		return nil, errors.New("give --facts FILE: whom to review")
	}
	f, err := readFacts(cmd, path)
	if err != nil {
		return nil, err
	}
	return f.People, nil
}
