// Command quickstart runs the whole of Sallyport offline: a stand-in for Okta
// with two people, a sample application, and the proxy between them, ready to
// sign in. It is the first thing a stranger runs; everything it prints is meant
// to be read. Nothing here is for production but config.yaml's shape.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	dir := flag.String("dir", "", "keep state and certificates in this `directory` (default: a new one, removed at the end)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *dir, os.Stdout)
	stop()
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// run starts the three parts, explains them and waits for ctx.
func run(ctx context.Context, dir string, out io.Writer) error {
	dir, remove, err := stateDir(dir)
	if err != nil {
		return err
	}
	defer remove()
	pki, err := newPKI(dir)
	if err != nil {
		return err
	}
	okta, err := startOkta(pki)
	if err != nil {
		return fmt.Errorf("%w (is another quickstart running?)", err)
	}
	defer okta.Close()
	app, err := startApp(pki)
	if err != nil {
		return fmt.Errorf("sample application: %w (is another quickstart running?)", err)
	}
	defer app.Close()
	return runProxy(ctx, dir, pki, func() { explain(out, dir) })
}

func stateDir(dir string) (string, func(), error) {
	if dir != "" {
		return dir, func() {}, os.MkdirAll(dir, 0o700)
	}
	dir, err := os.MkdirTemp("", "sallyport-quickstart-")
	return dir, func() { os.RemoveAll(dir) }, err
}
