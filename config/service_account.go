package config

import (
	"errors"

	"sallyport/internal/serviceaccount"
)

// Given reports whether there is a service account, so that the directory is
// read.
func (a ServiceAccount) Given() bool { return a.APIKey != "" || len(a.Raw) > 0 }

// readServiceAccount checks the whole value, keys included: Okta would say less
// about what is wrong with it, and later.
func readServiceAccount(g *globals, v value) {
	s, ok := v.word()
	if !ok {
		return
	}
	account, err := serviceaccount.Parse(s)
	var wrong *serviceaccount.Error
	if errors.As(err, &wrong) {
		v.fail(wrong.Hint, "%s", wrong.Message)
		return
	}
	g.Provider.ServiceAccount = ServiceAccount{APIKey: account.APIKey, Raw: serviceaccount.JSON(s)}
}
