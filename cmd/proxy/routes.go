package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"sallyport/config"
)

func newRoutes() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "routes",
		Short: "print the route table as it is matched, with policies in short",
		Long: `Print the routes in the order in which they are tried, with their policies in
short and where each stands in the file. The id is the one that records name.`,
		Example: `  sallyport routes --config config.yaml
  sallyport routes --config config.yaml --format json`,
		Args: noArgs,
	}
	file := configFlag(cmd)
	format := cmd.Flags().String("format", "text", "`text` or json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *format != "text" && *format != "json" {
			return fmt.Errorf("%w: --format: expected text or json, got %q", errUsage, *format)
		}
		cfg, err := load(cmd, *file)
		if err != nil {
			return err
		}
		if *format == "json" {
			return writeRoutesJSON(cmd.OutOrStdout(), cfg)
		}
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "ROUTE\tFROM\tPATH\tTO\tWHO\tAT\tID")
		for _, r := range cfg.Routes {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s:%d\t%s\n", r.Name, fromOf(r.From), matchOf(r.Match), toOf(r), r.Policy, r.Position.File, r.Position.Line, r.ID)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		return writePins(cmd, cfg)
	}
	return cmd
}

// toldRoute is a route in JSON, with the words of the table.
type toldRoute struct {
	Route  string `json:"route"`
	From   string `json:"from"`
	Path   string `json:"path"`
	To     string `json:"to"`
	Policy string `json:"policy"`
	Public bool   `json:"public"` // somebody may pass who is not signed in
	File   string `json:"file"`
	Line   int    `json:"line"`
	ID     string `json:"id"`
}

func writeRoutesJSON(out io.Writer, cfg *config.Config) error {
	all := make([]toldRoute, 0, len(cfg.Routes))
	for _, r := range cfg.Routes {
		all = append(all, toldRoute{
			r.Name, fromOf(r.From), matchOf(r.Match), toOf(r), r.Policy.String(), r.Policy.Public(), r.Position.File, r.Position.Line, r.ID,
		})
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(map[string]any{"routes": all})
}

func fromOf(f config.From) string {
	host := f.Host
	if f.Port != "" {
		host += ":" + f.Port
	}
	return f.Scheme + "://" + host
}

func matchOf(m config.Match) string {
	var parts []string
	if m.Path != "" {
		parts = append(parts, "= "+m.Path)
	}
	if m.Prefix != "" {
		parts = append(parts, m.Prefix+"*")
	}
	if m.Regex != nil {
		parts = append(parts, "~ "+m.Expression())
	}
	if len(parts) == 0 {
		return "*"
	}
	return strings.Join(parts, " and ")
}

func toOf(r *config.Route) string {
	switch {
	case r.Redirect != nil:
		return fmt.Sprintf("redirect %d", r.Redirect.Status)
	case r.Response != nil:
		return fmt.Sprintf("response %d", r.Response.Status)
	}
	urls := make([]string, 0, len(r.To))
	for _, u := range r.To {
		urls = append(urls, u.URL.Redacted())
	}
	return strings.Join(urls, ", ")
}
