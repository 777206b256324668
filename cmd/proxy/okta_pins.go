package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"sallyport/server"
)

func newOktaPins() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pins",
		Short: "show which groups the names in policies mean, confirm a rename",
		Long: `Show which group each name in the policies of a running instance means.

A name is looked up once and then goes on meaning the same group, by its id: a
group that is called so later, or a rename, changes nothing but a warning here, in
the log and in the output of "sallyport routes".

--confirm NAME has the name mean whatever group is called so now. Where several
are, it means none, and routes that name it deny: name the group by its id then.`,
		Example: `  sallyport okta pins --config config.yaml
  sallyport okta pins --config config.yaml --confirm engineering`,
		Args: noArgs,
	}
	instance := instanceFlags(cmd)
	confirm := cmd.Flags().String("confirm", "", "`name` that is to mean the group called so now")
	format := cmd.Flags().String("format", "text", "`text` or json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := checkFormat(*format); err != nil {
			return err
		}
		if *confirm != "" {
			return confirmPin(cmd, instance, *confirm, *format)
		}
		var answer server.PinsAnswer
		if err := instance.call(cmd, http.MethodGet, "/v1/directory/pins", nil, &answer); err != nil {
			return err
		}
		if *format == "json" {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(answer)
		}
		return printPins(cmd.OutOrStdout(), answer)
	}
	return cmd
}

func confirmPin(cmd *cobra.Command, i instance, name, format string) error {
	var pin server.PinInfo
	if err := i.call(cmd, http.MethodPost, "/v1/directory/pins/confirm", server.ConfirmRequest{Name: name}, &pin); err != nil {
		return err
	}
	if format == "json" {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(pin)
	}
	switch {
	case pin.ID != "":
		fmt.Fprintf(cmd.OutOrStdout(), "%s means %s from now on\n", name, pin.ID)
	case pin.Unclear:
		fmt.Fprintf(cmd.ErrOrStderr(), "several groups are called %s now, so that routes which name it deny: name the one you mean by its id in policies: %s\n", name, strings.Join(pin.Rivals, ", "))
		return explainedError{}
	default:
		fmt.Fprintf(cmd.OutOrStdout(), "no group is called %s now: the name means none until one is\n", name)
	}
	return nil
}

func printPins(out io.Writer, answer server.PinsAnswer) error {
	if len(answer.Pins)+len(answer.Unknown) == 0 {
		_, err := fmt.Fprintln(out, "no name means a group yet: policies name none, or the groups were not listed (sallyport okta check tells whether they can be)")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tMEANS\tBUT")
	for _, p := range answer.Pins {
		id := p.ID
		if id == "" {
			id = "none"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", p.Name, id, p.Odd())
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, p := range answer.Pins {
		if p.ID != "" && p.Called != p.Name && len(p.Rivals) == 1 { // with more the name would mean none
			fmt.Fprintf(out, "to have %q mean %s instead: sallyport okta pins --confirm %q\n", p.Name, p.Rivals[0], p.Name)
		}
	}
	for _, sentence := range answer.Unknown {
		fmt.Fprintln(out, sentence)
	}
	return nil
}
