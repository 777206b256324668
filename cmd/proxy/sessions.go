package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sallyport/server"
)

func newSessions() *cobra.Command {
	return newGroup("sessions", "list and revoke the sessions of a running instance", newSessionsList(), newSessionsRevoke())
}

func newSessionsList() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "list who is signed in", Args: noArgs,
		Example: `  sallyport sessions list --config config.yaml
  sallyport sessions list --socket /var/lib/sallyport/admin.sock`,
	}
	instance := instanceFlags(cmd)
	format := cmd.Flags().String("format", "text", "`text` or json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var answer struct {
			Sessions []server.SessionInfo `json:"sessions"`
		}
		if err := instance.call(cmd, http.MethodGet, "/v1/sessions", nil, &answer); err != nil {
			return err
		}
		if *format == "json" {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(answer.Sessions)
		}
		return printSessions(cmd.OutOrStdout(), answer.Sessions)
	}
	return cmd
}

func printSessions(out io.Writer, all []server.SessionInfo) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tWHO\tFORM\tSIGNED IN\tLAST USED\tEXPIRES\tFROM")
	for _, s := range all {
		who := s.Email
		if who == "" {
			who = s.Subject
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.ID, who, s.Form, stamp(s.Created), stamp(s.LastUsed), stamp(s.Expires), s.Address)
	}
	return w.Flush()
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

func newSessionsRevoke() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke",
		Short: "end sessions at once, open streams included",
		Long: `End one session, by its id as "sessions list" shows it, or all sessions of a
person. Give exactly one of --id, --email and --subject.

Somebody whom Okta still knows gets a new session at the next click: to keep them
out, suspend them in Okta or change the policy.`,
		Example: `  sallyport sessions revoke --config config.yaml --email bob@example.com
  sallyport sessions revoke --config config.yaml --id 2e30de469ab6`,
		Args: noArgs,
	}
	instance := instanceFlags(cmd)
	var req server.RevokeRequest
	cmd.Flags().StringVar(&req.ID, "id", "", "session `id` as listed")
	cmd.Flags().StringVar(&req.Email, "email", "", "all sessions of the person with this `address`")
	cmd.Flags().StringVar(&req.Subject, "subject", "", "all sessions of the person with this Okta user `id`")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !req.One() {
			return fmt.Errorf("%w: expected exactly one of --id, --email and --subject, as in: sallyport sessions revoke --email bob@example.com", errUsage)
		}
		var answer struct {
			Revoked int `json:"revoked"`
		}
		if err := instance.call(cmd, http.MethodPost, "/v1/sessions/revoke", req, &answer); err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "revoked: %d\n", answer.Revoked)
		if answer.Revoked == 0 {
			fmt.Fprintln(cmd.ErrOrStderr(), "no such session: `sallyport sessions list` shows who is signed in")
			return explainedError{}
		}
		return nil
	}
	return cmd
}

// instance is a running proxy, found through its data directory.
type instance struct{ file, socket *string }

func instanceFlags(cmd *cobra.Command) instance {
	return instance{
		file:   configFlag(cmd),
		socket: cmd.Flags().String("socket", "", "admin socket `path`; without it the data directory of --config"),
	}
}

// call asks the instance and decodes its answer into out.
func (i instance) call(cmd *cobra.Command, method, path string, body, out any) error {
	socket := *i.socket
	if socket == "" {
		cfg, err := load(cmd, *i.file)
		if err != nil {
			fmt.Fprintln(cmd.ErrOrStderr(), "the configuration is needed to find the running instance; or name its socket: --socket DATA_DIR/admin.sock")
			return err
		}
		socket = server.AdminSocket(cfg.Storage.DataDir)
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), 10*time.Second)
	defer cancel()
	resp, err := ask(ctx, socket, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(io.LimitReader(resp.Body, 256<<20)).Decode(out)
}

// ask asks the instance behind a socket. An answer other than 200 is an error.
func ask(ctx context.Context, socket, method, path string, body any) (*http.Response, error) {
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	buf := new(bytes.Buffer)
	if body != nil {
		if err := json.NewEncoder(buf).Encode(body); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://sallyport"+path, buf)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, unreachable(socket, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	var failure struct {
		Error string `json:"error"`
	}
	_ = json.NewDecoder(io.LimitReader(resp.Body, 1<<16)).Decode(&failure)
	return nil, fmt.Errorf("the running instance answered %d: %s", resp.StatusCode, failure.Error)
}

// errNotRunning says that nothing listens where an instance would.
var errNotRunning = errors.New("no running instance")

func unreachable(socket string, err error) error {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%w: %s does not exist; --socket names the admin.sock in the data directory of another", errNotRunning, socket)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%s may be opened by its owner only: run this as the user that runs the proxy", socket)
	}
	return fmt.Errorf("%w at %s: %w", errNotRunning, socket, err)
}
