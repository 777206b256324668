package main

import (
	"context"
	_ "embed"
	"encoding/base64"
	"os"
	"path/filepath"

	"sallyport/config"
	"sallyport/server"
)

//go:embed config.yaml
var configYAML []byte

// runProxy writes config.yaml where it can be edited, and runs the proxy on it
// exactly as `sallyport -config` does.
func runProxy(ctx context.Context, dir string, p *pki, ready func()) error {
	file := filepath.Join(dir, "config.yaml")
	if _, err := os.Stat(file); err != nil {
		if err := os.WriteFile(file, configYAML, 0o600); err != nil {
			return err
		}
	}
	log, err := os.OpenFile(filepath.Join(dir, "proxy.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	s, err := server.New(ctx, server.Options{
		Load:  config.LoadOptions{File: file, Environ: environ(dir, p)},
		Log:   log,
		Ready: func(*server.Server) { ready() },
	})
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

// environ is what a deployment would put into its secret store.
func environ(dir string, p *pki) []string {
	account := base64.StdEncoding.EncodeToString([]byte(`{"api_key":"` + apiToken + `"}`))
	return []string{
		"IDP_CLIENT_SECRET=" + clientSecret,
		"IDP_SERVICE_ACCOUNT=" + account,
		"SALLYPORT_IDP_CA_FILE=" + p.certFile,
		"CERTIFICATE_FILE=" + p.certFile,
		"CERTIFICATE_KEY_FILE=" + p.keyFile,
		"SALLYPORT_DATA_DIR=" + dir,
		"SALLYPORT_DRAIN_DELAY=0s",
	}
}
