package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"sallyport/config"
	"sallyport/server"
)

func newRun() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "run the proxy",
		Long: `Run the proxy until SIGTERM or SIGINT, then drain.

SIGHUP and a change of the file reload the configuration; a bad file keeps the
last good one in force.`,
		Example: `  sallyport run --config /etc/sallyport/config.yaml`,
		Args:    noArgs,
	}
	file := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return run(cmd, *file) }
	return cmd
}

func run(cmd *cobra.Command, file string) error {
	s, err := server.New(cmd.Context(), server.Options{Load: loadOptions(file), Log: cmd.ErrOrStderr()})
	var bad *server.ConfigError
	if errors.As(err, &bad) {
		printProblems(cmd.ErrOrStderr(), file, bad.Problems)
		return explainedError{}
	}
	if err != nil {
		return err
	}
	return s.Run(cmd.Context())
}

func loadOptions(file string) config.LoadOptions {
	return config.LoadOptions{File: file, Environ: os.Environ()}
}

// environmentConfigures reports whether the environment alone could be meant as
// a configuration: containers run Pomerium that way.
func environmentConfigures() bool {
	for _, name := range []string{"IDP_PROVIDER", "AUTHENTICATE_SERVICE_URL", "ROUTES", "POLICY"} {
		if os.Getenv(name) != "" {
			return true
		}
	}
	return false
}

const noFile = "no --config FILE was given, so the environment alone was read"

func printProblems(w io.Writer, file string, problems []config.Problem) {
	config.Format(w, problems, colorful(w))
	if file == "" {
		fmt.Fprintln(w, noFile)
	}
	fmt.Fprintf(w, "%s; nothing was started or changed\n", count(len(problems), "problem"))
}

// colorful reports whether w is a terminal that wants colour (https://no-color.org).
func colorful(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || strings.EqualFold(os.Getenv("TERM"), "dumb") {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
