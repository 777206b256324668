package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"sallyport/internal/serviceaccount"
)

// rsaBits is what Okta generates itself.
const rsaBits = 2048

func newOktaKeygen() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keygen",
		Short: "make the key pair of an API Services app",
		Long: `Make a key pair with which Sallyport reads Okta's directory as an API Services app.

The private half is written to --out (0600), or printed: with --client-id as a
value that is ready for idp_service_account. The public half is printed, to be
pasted into the app, with the steps to take in Okta's Admin Console; --config
puts this deployment's own values into them.

--rotate FILE makes a new key for the service account in FILE and keeps the
present one beside it, so that reading goes on until Okta has the new one.`,
		Example: `  sallyport okta keygen --client-id 0oa1b2c3d4e5f6g7h8i9 --out okta-service-account --config config.yaml
  sallyport okta keygen --rotate okta-service-account --out okta-service-account.new`,
		Args: noArgs,
	}
	var k keygen
	cmd.Flags().StringVar(&k.clientID, "client-id", "", "client `id` of the API Services app")
	cmd.Flags().StringVar(&k.algorithm, "algorithm", "RS256", "`RS256` or ES256")
	cmd.Flags().StringVar(&k.out, "out", "", "write the private half to this new `file`, readable by its owner only")
	cmd.Flags().StringVar(&k.rotate, "rotate", "", "`file` with the service account that gets a new key")
	cmd.Flags().StringVar(&k.format, "format", "text", "`text` or json")
	cmd.Flags().StringVar(&k.config, "config", "", "configuration `file` whose values the steps show")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return k.run(cmd) }
	return cmd
}

type keygen struct{ clientID, algorithm, out, rotate, format, config string }

// made is what keygen tells.
type made struct {
	KeyID   string          `json:"kid"`
	Public  json.RawMessage `json:"public_jwk"`
	Private string          `json:"service_account,omitempty"` // what is to be kept secret, unless it went to a file
	File    string          `json:"file,omitempty"`
	Steps   []string        `json:"steps"`
}

func (k keygen) run(cmd *cobra.Command) error {
	if err := checkFormat(k.format); err != nil {
		return err
	}
	old, err := k.present()
	if err != nil {
		return err
	}
	switch {
	case k.clientID == "" && k.out == "":
		return fmt.Errorf("%w: give --client-id ID to print a value for idp_service_account, or --out FILE to write the private half to", errUsage)
	case k.algorithm != "RS256" && k.algorithm != "ES256":
		return fmt.Errorf("%w: --algorithm: expected RS256 or ES256, got %q", errUsage, k.algorithm)
	}
	private, public, id, err := newPair(k.algorithm)
	if err != nil {
		return err
	}
	m := made{KeyID: id, Public: public, File: k.out}
	if m.Private, err = k.value(private, old); err != nil {
		return err
	}
	if k.out != "" {
		if err := writeSecret(k.out, m.Private); err != nil {
			return err
		}
		m.Private = ""
	}
	m.Steps = k.steps(cmd, id)
	return m.print(cmd.OutOrStdout(), k.format)
}

// present reads the account that is to get a new key, and takes its client id.
func (k *keygen) present() (*serviceaccount.Account, error) {
	if k.rotate == "" {
		return nil, nil
	}
	text, err := os.ReadFile(k.rotate)
	if err != nil {
		return nil, err
	}
	a, err := serviceaccount.Parse(string(text))
	switch {
	case err != nil:
		return nil, fmt.Errorf("--rotate %s: %w", k.rotate, err)
	case a.ClientID == "":
		return nil, fmt.Errorf("--rotate %s: it holds an API token, which has no key; --client-id makes a value for an API Services app", k.rotate)
	case k.clientID != "" && k.clientID != a.ClientID:
		return nil, fmt.Errorf("%w: --client-id %s is not the app of %s", errUsage, k.clientID, k.rotate)
	}
	k.clientID = a.ClientID
	return a, nil
}

// value is what goes into idp_service_account, or the bare key where the app is
// not known yet. The key before the new one stays, older ones go.
func (k keygen) value(private json.RawMessage, old *serviceaccount.Account) (string, error) {
	if k.clientID == "" {
		return string(private), nil
	}
	document := map[string]any{"client_id": k.clientID, "private_key": private}
	if old != nil {
		before, err := encodeJWK(old.Keys[0].Private, old.Keys[0].ID, string(old.Keys[0].Algorithm))
		if err != nil {
			return "", err
		}
		document = map[string]any{"client_id": k.clientID, "private_keys": []json.RawMessage{private, before}}
		if old.Scopes != nil {
			document["scopes"] = old.Scopes
		}
	}
	text, err := json.Marshal(document)
	if err != nil {
		return "", err
	}
	value := base64.StdEncoding.EncodeToString(text)
	if _, err := serviceaccount.Parse(value); err != nil {
		return "", fmt.Errorf("--client-id: %w", err)
	}
	return value, nil
}
