package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/spf13/cobra"

	"sallyport/config"
	"sallyport/idp/okta"
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
		Args: cobra.NoArgs,
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

// newPair makes a key whose id is the thumbprint of RFC 7638.
func newPair(algorithm string) (private, public json.RawMessage, id string, err error) {
	var key crypto.Signer
	if algorithm == "ES256" {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		key, err = rsa.GenerateKey(rand.Reader, rsaBits)
	}
	if err != nil {
		return nil, nil, "", err
	}
	if id, err = serviceaccount.Thumbprint(key.Public()); err != nil {
		return nil, nil, "", err
	}
	if private, err = encodeJWK(key, id, algorithm); err != nil {
		return nil, nil, "", err
	}
	public, err = encodeJWK(key.Public(), id, algorithm)
	return private, public, id, err
}

func encodeJWK(key any, id, algorithm string) (json.RawMessage, error) {
	return (&jose.JSONWebKey{Key: key, KeyID: id, Algorithm: algorithm, Use: "sig"}).MarshalJSON()
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

// writeSecret makes a new file: an old one might be the only copy of a key.
func writeSecret(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s exists already: it may hold a key that is in use", path)
	}
	if err != nil {
		return err
	}
	if _, err := f.WriteString(text + "\n"); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

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
