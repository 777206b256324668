package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"sallyport/config"
	"sallyport/policy/policytest"
	"sallyport/server/paper"
)

func newPolicy() *cobra.Command {
	return newGroup("policy", "test policies", newPolicyTest())
}

func newPolicyTest() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test FILE...",
		Short: "run policy tests, for a build job",
		Long: `Run files of policy tests: each test says who asks for what and what is to be
decided. Exit status 1 when a decision differs or a file is not understood.
Nothing is contacted; people and sessions come from the facts of the file.`,
		Example: `  sallyport policy test policies.test.yaml
  sallyport policy test --coverage --format junit tests/a.yaml tests/b.yaml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("%w: a file of policy tests is expected, as in: sallyport policy test policies.test.yaml", errUsage)
			}
			return nil
		},
	}
	format := cmd.Flags().String("format", "text", "`text`, json or junit")
	coverage := cmd.Flags().Bool("coverage", false, "list rules that hold in no test")
	cmd.RunE = func(cmd *cobra.Command, files []string) error {
		report := &policytest.Report{}
		write := map[string]func() error{
			"text":  func() error { return report.Text(cmd.OutOrStdout()) },
			"json":  func() error { return report.JSON(cmd.OutOrStdout()) },
			"junit": func() error { return report.JUnit(cmd.OutOrStdout()) },
		}[*format]
		if write == nil {
			return fmt.Errorf("%w: --format: expected text, json or junit, got %q", errUsage, *format)
		}
		for _, name := range files {
			if err := runPolicyTests(cmd, name, *coverage, report); err != nil {
				return err
			}
		}
		if err := write(); err != nil {
			return err
		}
		if report.Failed() > 0 {
			return explainedError{}
		}
		return nil
	}
	return cmd
}

// runPolicyTests runs one file; what is wrong with the file itself has been
// printed when it returns an error.
func runPolicyTests(cmd *cobra.Command, name string, coverage bool, report *policytest.Report) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	f, problems := policytest.Read(name, text, os.ReadFile)
	if len(problems) > 0 {
		return refuse(cmd, problems)
	}
	o := paper.RunOptions{Coverage: coverage}
	if f.Config != "" {
		path := f.Config
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(name), path)
		}
		if o.Config, problems = config.Load(loadOptions(path)); len(problems) > 0 {
			return refuse(cmd, problems)
		}
	}
	return paper.Run(f, o, report)
}

// refuse prints what is wrong with a file that was to be read.
func refuse(cmd *cobra.Command, problems []config.Problem) error {
	config.Format(cmd.ErrOrStderr(), problems, colorful(cmd.ErrOrStderr()))
	fmt.Fprintf(cmd.ErrOrStderr(), "%s; nothing was decided\n", count(len(problems), "problem"))
	return explainedError{}
}
