package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"sallyport/config"
	"sallyport/idp/okta"
)

// steps are what is left to do, in the order of Okta's console.
func (k keygen) steps(cmd *cobra.Command, id string) []string {
	console, app, file := "your organisation's Admin Console", "the API Services app", "/etc/sallyport/okta-service-account"
	if k.config != "" {
		if cfg, _ := config.Load(loadOptions(k.config)); cfg == nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s has problems (sallyport validate shows them): the steps are without its values\n", k.config)
		} else if url := consoleURL(cfg.Provider.URL); url != "" {
			console = url + "/admin/apps/active"
		}
	}
	if k.out != "" {
		file = k.out
	}
	paste := "General > Client Credentials: choose \"Public key / Private key\" and \"Save keys in Okta\"; Add key, paste the public key above, Done, Save"
	if k.rotate != "" {
		return []string{
			"Put the new value in the place of the one in " + k.rotate + " and reload: Sallyport goes on with the present key.",
			"Open " + console + ", the app with the client id " + k.clientID + ". " + paste + ".",
			"Run \"sallyport okta check\": once it says that key 1 of 2 is in use, delete the old key there.",
		}
	}
	steps := []string{"Open " + console + ": Create App Integration > API Services, and give it a name."}
	if k.clientID != "" {
		app = "the app with the client id " + k.clientID
		steps = []string{"Open " + console + ", " + app + "."}
	}
	steps = append(steps, paste+". Its id is "+id+".",
		"Okta API Scopes: grant "+strings.Join(okta.Scopes, ", ")+".",
		"Admin roles > Edit assignments: Read-only Administrator, no more.")
	if k.clientID == "" {
		return append(steps, "Make the value for idp_service_account of the private key in "+file+` and the app's client id: {"client_id": "...", "private_key": ...}, in base64.`)
	}
	return append(steps, "Set idp_service_account_file: "+file+", which holds the value alone, then run \"sallyport okta check\".")
}

func (m made) print(w io.Writer, format string) error {
	if format == "json" {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(m)
	}
	fmt.Fprintf(w, "Public key, to be pasted into Okta:\n\n%s\n\n", m.Public)
	if m.File != "" {
		fmt.Fprintf(w, "The private half is in %s, readable by its owner only.\n\n", m.File)
	} else {
		fmt.Fprintf(w, "Value for idp_service_account, which holds the private half and is secret:\n\n%s\n\n", m.Private)
	}
	fmt.Fprintln(w, "Steps:")
	for i, step := range m.Steps {
		fmt.Fprintf(w, "%d. %s\n", i+1, step)
	}
	return nil
}
