package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"sallyport/server"
)

func newOktaSync() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sync",
		Short: "read the whole directory once, and tell what it took",
		Long: `Read the whole directory once, with this configuration's credentials and within its
rate limits, and tell how many people, groups and memberships there are, how many
requests it took, how long, and how much memory. Nothing is kept, and a running
instance is left alone; but both draw from the same rate limits.

Without --all it ends where a start does: once everybody, all groups and the
members of the groups that policies name were read.`,
		Example: `  sallyport okta sync --config config.yaml`,
		Args:    noArgs,
	}
	file := configFlag(cmd)
	all := cmd.Flags().Bool("all", false, "read the members of every group")
	format := cmd.Flags().String("format", "text", "`text` or json")
	timeout := cmd.Flags().Duration("timeout", time.Hour, "give up after this `time`")
	verbose := cmd.Flags().Bool("verbose", false, "log what happens meanwhile")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := checkFormat(*format); err != nil {
			return err
		}
		cfg, err := loadOkta(cmd, *file)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), *timeout)
		defer cancel()
		o := server.SyncOptions{Config: cfg, All: *all}
		if *verbose {
			o.Logger = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
		}
		if *format == "text" {
			o.Progress = progress(cmd.ErrOrStderr())
		}
		report, err := server.OktaSync(ctx, o)
		if errors.Is(err, context.DeadlineExceeded) {
			return late(*timeout, report)
		}
		if err != nil {
			return err
		}
		return printSync(cmd.OutOrStdout(), report, *format)
	}
	return cmd
}

// late says why a reading did not end in time, as far as that is known.
func late(timeout time.Duration, r server.SyncReport) error {
	why := "--timeout gives it longer"
	if r.Problem != "" {
		why = r.Problem + "; \"sallyport okta check\" says what to look at"
	}
	return fmt.Errorf("not done after %s and %d requests: %s", timeout, r.Total(), why)
}

// progress tells every ten seconds how far it got, and what is in the way.
func progress(w io.Writer) func(server.SyncReport) {
	next := 10.0
	return func(r server.SyncReport) {
		if r.Seconds >= next {
			next = r.Seconds + 10
			fmt.Fprintf(w, "%.0f s: %d people, %d groups, %d of them not read yet, %d requests\n", r.Seconds, r.People, r.Groups, r.Unread, r.Total())
			if r.Problem != "" {
				fmt.Fprintf(w, "  the last attempt failed: %s\n", r.Problem)
			}
		}
	}
}

func printSync(w io.Writer, r server.SyncReport, format string) error {
	if format == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	fmt.Fprintf(w, "organisation: %s\npeople:       %d\ngroups:       %d\nmemberships:  %d\n", r.Organisation, r.People, r.Groups, r.Memberships)
	if r.Unread > 0 {
		fmt.Fprintf(w, "not read:     members of %s that no policy names (--all reads them)\n", count(r.Unread, "group"))
	}
	fmt.Fprintf(w, "time:         %.1f s\nmemory:       %.1f MiB\nrequests:     %d\n", r.Seconds, float64(r.MemoryBytes)/(1<<20), r.Total())
	for _, bucket := range slices.Sorted(maps.Keys(r.Requests)) {
		fmt.Fprintf(w, "  %-22s %d\n", bucket, r.Requests[bucket])
	}
	return nil
}
