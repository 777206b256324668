package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sallyport/config"
)

const about = `Sallyport is an identity-aware reverse proxy for organisations on Okta.

One YAML file says which applications there are and who may reach them; people
sign in through Okta, and applications read who is there from signed headers.`

// newRoot is the whole command tree. Without a subcommand it runs the proxy,
// as Pomerium does with -config FILE.
func newRoot() *cobra.Command {
	var file string
	var version bool
	root := &cobra.Command{
		Use:   "sallyport",
		Short: "identity-aware reverse proxy for organisations on Okta",
		Long:  about,
		Example: `  sallyport validate --config config.yaml     # every problem, and what to do about it
  sallyport okta check --config config.yaml   # try the set-up at Okta
  sallyport -config config.yaml               # run`,
		Args:          noArgs,
		SilenceUsage:  true,
		SilenceErrors: true,

		SuggestionsMinimumDistance: 2,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case version:
				return printVersion(cmd.OutOrStdout())
			case file == "" && !environmentConfigures():
				return cmd.Help()
			}
			return run(cmd, file)
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w: %w", errUsage, err) })
	root.Flags().StringVar(&file, "config", "", "run with this configuration `file`")
	root.Flags().BoolVar(&version, "version", false, "print the version")
	root.AddCommand(newRun(), newValidate(), newRoutes(), newExplain(), newPolicy(), newAccess(), newSessions(), newOkta(), newVersion())
	return root
}

// newGroup is a command that only holds others. Alone it prints its help; a name
// that none of them has is a mistake, so that a build job with one does not pass.
func newGroup(name, short string, commands ...*cobra.Command) *cobra.Command {
	group := &cobra.Command{
		Use: name, Short: short, Args: noArgs, DisableFlagsInUseLine: true,
		SuggestionsMinimumDistance: 2,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	group.AddCommand(commands...)
	return group
}

// noArgs refuses arguments, with what was probably meant.
func noArgs(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case !cmd.HasAvailableSubCommands() && cmd.Flags().Lookup("config") != nil:
		return fmt.Errorf("%w: %q takes no arguments, got %q: a configuration is named with --config FILE", errUsage, cmd.CommandPath(), args[0])
	case !cmd.HasAvailableSubCommands():
		return fmt.Errorf("%w: %q takes no arguments, got %q", errUsage, cmd.CommandPath(), args[0])
	}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return fmt.Errorf("%w: unknown command %q: did you mean %q?", errUsage, args[0], near[0])
	}
	return fmt.Errorf("%w: unknown command %q: %s --help lists them", errUsage, args[0], cmd.CommandPath())
}

// pomeriumFlags lets -config and -version with one dash work, as Pomerium's do.
func pomeriumFlags(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		for _, name := range []string{"config", "version"} {
			if a == "-"+name || strings.HasPrefix(a, "-"+name+"=") {
				a = "-" + a
			}
		}
		out[i] = a
	}
	return out
}

// configFlag gives a command its --config.
func configFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("config", "", "configuration `file`; without it only the environment is read")
}

// load reads a configuration for a command that does not run it; problems have
// been printed when it returns an error.
func load(cmd *cobra.Command, file string) (*config.Config, error) {
	cfg, problems := config.Load(loadOptions(file))
	if len(problems) > 0 {
		printProblems(cmd.ErrOrStderr(), file, problems)
		return nil, explainedError{}
	}
	return cfg, nil
}
