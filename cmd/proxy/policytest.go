package main

import (
	"fmt"
	"io"
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
decided. Exit status 1 when a decision differs or a file is not understood: then
none is run. Nothing is contacted; people and sessions come from the facts of the
file. "-" reads a file from standard input.`,
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
		var all []policyTests
		var problems []config.Problem
		for _, name := range files {
			one, wrong, err := readPolicyTests(cmd, name)
			if err != nil {
				return err
			}
			all, problems = append(all, one), append(problems, wrong...)
		}
		if len(problems) > 0 {
			return refuse(cmd, problems)
		}
		for _, one := range all {
			if err := paper.Run(one.file, paper.RunOptions{Config: one.config, Coverage: *coverage}, report); err != nil {
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

// policyTests is a file of tests with the configuration that it names.
type policyTests struct {
	file   *policytest.File
	config *config.Config
}

// readPolicyTests reads one file, with what is wrong in it or its configuration.
func readPolicyTests(cmd *cobra.Command, name string) (policyTests, []config.Problem, error) {
	text, name, err := readInput(cmd, name)
	if err != nil {
		return policyTests{}, nil, err
	}
	f, problems := policytest.Read(name, text, os.ReadFile)
	if len(problems) > 0 || f.Config == "" {
		return policyTests{file: f}, problems, nil
	}
	path := f.Config
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(name), path)
	}
	cfg, problems := config.Load(loadOptions(path))
	return policyTests{f, cfg}, problems, nil
}

// readInput reads a file, or standard input where it is called "-".
func readInput(cmd *cobra.Command, path string) (text []byte, name string, err error) {
	if path == "-" {
		text, err = io.ReadAll(cmd.InOrStdin())
		return text, "standard input", err
	}
	text, err = os.ReadFile(path)
	return text, path, err
}

// refuse prints what is wrong with a file that was to be read.
func refuse(cmd *cobra.Command, problems []config.Problem) error {
	config.Format(cmd.ErrOrStderr(), problems, colorful(cmd.ErrOrStderr()))
	fmt.Fprintf(cmd.ErrOrStderr(), "%s; nothing was decided\n", count(len(problems), "problem"))
	return explainedError{}
}
