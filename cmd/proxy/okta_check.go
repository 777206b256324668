package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sallyport/config"
	"sallyport/idp/okta"
)

// Addresses of the authenticate service that are registered with Okta.
const (
	callbackPath  = "/oauth2/callback"
	signedOutPath = "/.pomerium/signed_out"
)

func newOktaCheck() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "try what works with this configuration at Okta",
		Long: `Try what works with this configuration at Okta: the organisation, the service
account, each scope and the role, rate limits and how fast changes will be
followed under them; the sign-in app with its redirect URI, refresh grant and, as
far as it can be told without signing in, its sign-out URI.

A few small requests are made, which change nothing. Each problem comes with the
step that fixes it. Exit status 1 when there is one; warnings alone are 0.`,
		Example: `  sallyport okta check --config config.yaml`,
		Args:    noArgs,
	}
	file := configFlag(cmd)
	format := cmd.Flags().String("format", "text", "`text` or json")
	timeout := cmd.Flags().Duration("timeout", time.Minute, "give up after this `time`")
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
		report, err := checkOkta(ctx, cfg)
		if err != nil {
			return err
		}
		if err := printCheck(cmd.OutOrStdout(), report, *format); err != nil {
			return err
		}
		if !report.OK() {
			return explainedError{}
		}
		return nil
	}
	return cmd
}

func checkOkta(ctx context.Context, cfg *config.Config) (*okta.Report, error) {
	d, err := oktaDirectory(cfg)
	if err != nil {
		return nil, err
	}
	report := &okta.Report{Organisation: cfg.Provider.URL, Mode: okta.None, Findings: []okta.Finding{{
		Area: "directory", What: "service account", State: okta.Warning, Detail: "there is none: policies cannot go by groups, and nobody is out before their session ends",
		Step: "\"sallyport okta keygen\" makes one",
	}}}
	if d != nil {
		report = d.Probe(ctx)
	}
	warnOfNames(report, cfg)
	client, err := signInClient(cfg)
	if err != nil {
		return nil, err
	}
	base := cfg.Authenticate.URL.Scheme + "://" + cfg.Authenticate.URL.Host
	for _, app := range signInApps(cfg) {
		app.Issuer, app.RedirectURI, app.SignOutURI, app.HTTP = cfg.Provider.URL, base+callbackPath, base+signedOutPath, client
		app.Probe(ctx, report, d)
	}
	return report, nil
}

// signInApps are the app of the configuration and those of single routes.
func signInApps(cfg *config.Config) []okta.SignIn {
	apps := []okta.SignIn{{ClientID: cfg.Provider.ClientID, ClientSecret: cfg.Provider.ClientSecret}}
	seen := map[string]bool{cfg.Provider.ClientID: true, "": true}
	for _, r := range cfg.Routes {
		if !seen[r.ClientID] {
			seen[r.ClientID] = true
			apps = append(apps, okta.SignIn{ClientID: r.ClientID, ClientSecret: r.ClientSecret})
		}
	}
	return apps
}

func printCheck(out io.Writer, r *okta.Report, format string) error {
	if format == "json" {
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(struct {
			OK bool `json:"ok"`
			*okta.Report
		}{r.OK(), r})
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	counts := map[okta.State]int{}
	for _, f := range r.Findings {
		counts[f.State]++
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", f.State, f.Area, f.What, f.Detail)
		if f.Step != "" {
			fmt.Fprintf(w, "\t\t\tdo: %s\n", f.Step)
		}
	}
	if len(r.Limits) > 0 {
		fmt.Fprintf(w, "\nRATE LIMIT\tA MINUTE\tFOR FOLLOWING\n")
		for _, l := range r.Limits {
			fmt.Fprintf(w, "%s\t%d\t%d\n", l.Bucket, l.Limit, l.Ours)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\nmode: %s; %s, %s\n", r.Mode, count(counts[okta.Problem], "problem"), count(counts[okta.Warning], "warning"))
	return err
}
