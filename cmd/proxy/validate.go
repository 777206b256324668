package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"sallyport/config"
	"sallyport/policy"
	"sallyport/policy/facts"
)

func newValidate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "check a configuration and report every problem",
		Long: `Check a configuration without starting anything. Every problem is reported at
once as file:line:col with the line and a hint. Exit status 1 when there is one;
warnings alone are 0. A warning with a code in brackets is silenced, where it is
meant, by a comment on its line or alone on the line above it:
  # sallyport:ignore CODE reason`,
		Example: `  sallyport validate --config config.yaml
  sallyport validate --config config.yaml --format json
  sallyport validate --config config.yaml --facts facts.yaml`,
		Args: noArgs,
	}
	file := configFlag(cmd)
	format := cmd.Flags().String("format", "text", "`text` or json")
	known := cmd.Flags().String("facts", "", "facts `file`: warn of what it does not know; - is standard input")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		switch *format {
		case "text", "json":
		default:
			return fmt.Errorf("%w: --format: expected text or json, got %q", errUsage, *format)
		}
		o := loadOptions(*file)
		var f *facts.Facts
		if *known != "" {
			var err error
			if f, err = readFacts(cmd, *known); err != nil {
				return err
			}
		}
		o.Look = func(cfg *config.Config) []config.Problem { return look(cfg, f) }
		cfg, problems := config.Load(o)
		report := validation{Problems: problems}
		if cfg != nil {
			report.Warnings, report.routes = cfg.Warnings, len(cfg.Routes)
		}
		if err := report.write(cmd.OutOrStdout(), *format); err != nil {
			return err
		}
		if len(problems) > 0 {
			if *file == "" {
				fmt.Fprintln(cmd.ErrOrStderr(), noFile)
			}
			return explainedError{}
		}
		return nil
	}
	return cmd
}

// look warns of what takes longer to find out than a start should: what can never
// be, whoever asks for whatever, and, where a directory is given, what it does not
// know.
func look(cfg *config.Config, f *facts.Facts) (out []config.Problem) {
	examiner := policy.Examiner{Now: time.Now()}
	for _, r := range cfg.Routes {
		out = append(out, examiner.Examine(r.Policy)...)
		if why := examiner.NobodyPasses(r.Policy); why != "" {
			out = append(out, config.Problem{
				Position: r.Position, Code: policy.LintNobodyPasses, Message: "nobody may pass this route: " + why,
				Hint: "give it a rule that lets somebody pass",
			})
		}
		if f != nil {
			out = append(out, f.Unknown(r.Policy)...)
		}
	}
	if f != nil && cfg.ErrorDetails != nil {
		out = append(out, f.Unknown(cfg.ErrorDetails)...)
	}
	return out
}

// validation is what validate found.
type validation struct {
	Problems []config.Problem
	Warnings []config.Problem
	routes   int
}

func (v validation) write(w io.Writer, format string) error {
	if format == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(map[string]any{
			"valid": len(v.Problems) == 0, "problems": places(v.Problems), "warnings": places(v.Warnings),
		})
	}
	config.Format(w, v.Problems, colorful(w))
	for _, warning := range v.Warnings {
		code := ""
		if warning.Code != "" {
			code = " [" + warning.Code + "]"
		}
		fmt.Fprintf(w, "%s: warning: %s%s\n", warning.Position, warning.Message, code)
		if warning.Hint != "" {
			fmt.Fprintf(w, "  hint: %s\n", warning.Hint)
		}
	}
	if len(v.Problems) > 0 {
		_, err := fmt.Fprintf(w, "not valid: %s; warnings are shown once all are fixed\n", count(len(v.Problems), "problem"))
		return err
	}
	_, err := fmt.Fprintf(w, "valid: %s, %s\n", count(v.routes, "route"), count(len(v.Warnings), "warning"))
	return err
}

// place is a problem in JSON.
type place struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Col     int    `json:"col"`
	Message string `json:"message"`
	Code    string `json:"code,omitempty"` // of a warning that can be silenced
	Hint    string `json:"hint,omitempty"`
}

func places(ps []config.Problem) []place {
	out := make([]place, 0, len(ps))
	for _, p := range ps {
		out = append(out, place{p.Position.File, p.Position.Line, p.Position.Col, p.Message, p.Code, p.Hint})
	}
	return out
}

// count is "1 problem" or "2 problems".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
