package main

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sallyport/config"
	"sallyport/idp/okta"
	"sallyport/internal/httpout"
	"sallyport/internal/oktaurl"
)

func newOkta() *cobra.Command {
	return newGroup("okta", "create a key for Okta, check the set-up there, read the directory once", newOktaKeygen(), newOktaCheck(), newOktaSync(), newOktaPins())
}

// loadOkta reads a configuration whose provider is Okta.
func loadOkta(cmd *cobra.Command, file string) (*config.Config, error) {
	cfg, err := load(cmd, file)
	if err != nil {
		return nil, err
	}
	if cfg.Provider.Name != "okta" {
		return nil, fmt.Errorf("this command is for idp_provider: okta; the configuration says %q", cfg.Provider.Name)
	}
	return cfg, nil
}

// oktaDirectory is the client that the proxy would use, nil without a service
// account.
func oktaDirectory(cfg *config.Config) (*okta.Directory, error) {
	account := cfg.Provider.ServiceAccount
	if !account.Given() {
		return nil, nil
	}
	client, err := httpout.New(httpout.Options{Timeout: time.Minute, MaxBody: 8 << 20, CAFile: cfg.Provider.CAFile})
	if err != nil {
		return nil, err
	}
	return okta.NewDirectory(okta.Options{
		OrgURL: cfg.Provider.URL, APIKey: account.APIKey, ServiceAccount: account.Raw, HTTP: client, QPS: cfg.Provider.QPS, Share: cfg.Directory.RateLimitShare,
	})
}

// signInClient shows redirects, which are the answers of authorization
// endpoints.
func signInClient(cfg *config.Config) (*http.Client, error) {
	return httpout.New(httpout.Options{CAFile: cfg.Provider.CAFile, ShowRedirects: true})
}

// consoleURL is where the Admin Console of an organisation is, "" where its
// address does not tell.
func consoleURL(issuer string) string {
	org, err := oktaurl.OrgURL(issuer)
	if err != nil {
		return ""
	}
	host := strings.TrimPrefix(org, "https://")
	name, domain, _ := strings.Cut(host, ".")
	if !oktaurl.OnOkta(host) {
		return ""
	}
	return "https://" + name + "-admin." + domain
}

func checkFormat(format string) error {
	if format != "text" && format != "json" {
		return fmt.Errorf("%w: --format: expected text or json, got %q", errUsage, format)
	}
	return nil
}
