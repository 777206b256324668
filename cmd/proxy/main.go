// Command sallyport is the proxy and the tools of its operator. Each file of
// this package is one subcommand: it parses flags, calls the package that knows,
// and prints. What a command means is decided elsewhere.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := execute(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// execute runs one command line and returns its exit status: 0 for success, 1
// for a failure that was explained, 2 for a command line that was not
// understood.
func execute(ctx context.Context, args []string) int {
	root := newRoot()
	root.SetArgs(pomeriumFlags(args))
	err := root.ExecuteContext(ctx)
	var explained explainedError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &explained):
		return 1
	case errors.Is(err, errUsage):
		fmt.Fprintln(root.ErrOrStderr(), "sallyport:", err)
		return 2
	}
	fmt.Fprintln(root.ErrOrStderr(), "sallyport:", err)
	return 1
}

// explainedError ends a command whose output has already said what is wrong.
type explainedError struct{}

func (explainedError) Error() string { return "" }

// errUsage marks a command line that was not understood.
var errUsage = errors.New("usage")
