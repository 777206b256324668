package certificates

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

// storedAccount is an account at a certificate authority as it is kept: one
// record, so that account and key belong together.
type storedAccount struct {
	Account acme.Account `json:"account"`
	Key     []byte       `json:"key"` // PEM
}

// accountKey is one per authority, address and external account: who changes
// one of them gets another account.
func (i *issuer) accountKey(directory string) string {
	name := "default"
	if i.settings.Email != "" {
		name = certmagic.StorageKeys.Safe(i.settings.Email)
	}
	if i.settings.EABKeyID != "" {
		name += "+" + certmagic.StorageKeys.Safe(i.settings.EABKeyID)
	}
	return path.Join("accounts", authorityName(directory), name)
}

// account returns the account at the client's authority, and registers it where
// there is none; one replica does, the others wait.
func (i *issuer) account(ctx context.Context, client *acmez.Client) (acme.Account, error) {
	key := i.accountKey(client.Directory)
	account, err := i.loadAccount(ctx, key)
	if !errors.Is(err, fs.ErrNotExist) {
		return account, err
	}
	lock := "account_" + key
	if err := i.storage.Lock(ctx, lock); err != nil {
		return account, fmt.Errorf("register an account: %w", err)
	}
	defer func() { _ = i.storage.Unlock(context.WithoutCancel(ctx), lock) }()
	account, err = i.loadAccount(ctx, key)
	if !errors.Is(err, fs.ErrNotExist) {
		return account, err
	}
	if account, err = i.register(ctx, client); err != nil {
		return account, fmt.Errorf("register an account at %s: %w", client.Directory, err)
	}
	i.log.Info("account registered at the certificate authority", slog.String("ca", client.Directory), slog.String("email", i.settings.Email))
	return account, i.saveAccount(ctx, key, account)
}

// register makes a key and asks for an account. Configuring autocert is the
// operator's consent to the authority's terms.
func (i *issuer) register(ctx context.Context, client *acmez.Client) (acme.Account, error) {
	account := acme.Account{TermsOfServiceAgreed: true}
	if i.settings.Email != "" {
		account.Contact = []string{"mailto:" + i.settings.Email}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return account, err
	}
	account.PrivateKey = key
	if i.settings.EABKeyID != "" {
		eab := acme.EAB{KeyID: i.settings.EABKeyID, MACKey: i.settings.EABMACKey}
		if err := account.SetExternalAccountBinding(ctx, client.Client, eab); err != nil {
			return account, err
		}
	}
	return client.NewAccount(ctx, account)
}

func (i *issuer) loadAccount(ctx context.Context, key string) (acme.Account, error) {
	value, err := i.storage.Load(ctx, key)
	if err != nil {
		return acme.Account{}, err
	}
	var stored storedAccount
	if err := json.Unmarshal(value, &stored); err != nil {
		return acme.Account{}, fmt.Errorf("stored account: %w", err)
	}
	stored.Account.PrivateKey, err = certmagic.PEMDecodePrivateKey(stored.Key)
	if err != nil {
		return acme.Account{}, fmt.Errorf("key of the stored account: %w", err)
	}
	return stored.Account, nil
}

func (i *issuer) saveAccount(ctx context.Context, key string, account acme.Account) error {
	pem, err := certmagic.PEMEncodePrivateKey(account.PrivateKey)
	if err != nil {
		return err
	}
	account.ExternalAccountBinding = nil // used once
	value, err := json.Marshal(storedAccount{Account: account, Key: pem})
	if err != nil {
		return err
	}
	return i.storage.Store(ctx, key, value)
}
