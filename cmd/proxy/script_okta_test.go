package main

import (
	"encoding/json"
	"regexp"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/rogpeppe/go-internal/testscript"

	"sallyport/idp/okta"
	"sallyport/internal/oktatest"
)

// orgKey finds the scriptOrg of a script.
type orgKey struct{}

// scriptOrg is the stand-in Okta of a script, nil until "org start".
type scriptOrg struct{ *oktatest.Okta }

// org changes the script's stand-in Okta, all of whose people are in the group
// engineering:
//
//	org start FILE       starts it with the key that "okta keygen --format json"
//	                     printed to FILE; $OKTA is its URL, $ACCOUNT the private half
//	org scopes SCOPE...  grants the service app these alone
//	org rename FROM TO   renames a group
//	org group NAME       adds a group
//	org id NAME VAR      puts a group's id into a variable
//	org stop             takes it away
func org(ts *testscript.TestScript, _ bool, args []string) {
	k := ts.Value(orgKey{}).(*scriptOrg)
	if len(args) < 2 {
		args = append(args, "", "")
	}
	switch args[0] {
	case "start":
		k.start(ts, args[1])
	case "scopes":
		k.ChangeClient(serviceApp, func(c *oktatest.Client) { c.APIScopes = args[1:] })
	case "rename":
		k.RenameGroup(args[1], args[2])
	case "group":
		k.AddGroup(oktatest.Group{Name: args[1]})
	case "id":
		ts.Setenv(args[2], k.GroupID(args[1]))
	case "stop":
		k.Close()
	default:
		ts.Fatalf("org %q: no such command", args[0])
	}
}

func (k *scriptOrg) start(ts *testscript.TestScript, file string) {
	var m made
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(file)), &m))
	var public jose.JSONWebKey
	ts.Check(public.UnmarshalJSON(m.Public))
	var err error
	k.Okta, err = oktatest.New(oktatest.Options{
		Groups: []oktatest.Group{{Name: "engineering"}, {Name: "others"}},
		People: []oktatest.Person{{Login: "alice@example.com", Groups: []string{"engineering", "others"}}, {Login: "bob@example.com", Groups: []string{"engineering"}}},
		Clients: []oktatest.Client{
			{
				ID: signInApp, Secret: "a-client-secret", RedirectURIs: []string{"https://authenticate.example.com/oauth2/callback"},
				PostLogoutRedirectURIs: []string{"https://authenticate.example.com/.pomerium/signed_out"},
			},
			{ID: serviceApp, Keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}}, APIScopes: okta.Scopes, Role: oktatest.ReadOnlyAdmin},
		},
	})
	ts.Check(err)
	ts.Defer(k.Close)
	ts.Setenv("OKTA", k.URL())
	ts.Setenv("ACCOUNT", m.Private)
}

// until REGEXP COMMAND... runs a command until its output matches.
func until(ts *testscript.TestScript, _ bool, args []string) {
	expected := regexp.MustCompile("(?m)" + args[0])
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err := ts.Exec(args[1], args[2:]...); err == nil && expected.MatchString(ts.ReadFile("stdout")) {
			return
		}
	}
	ts.Fatalf("no match for %q in the output of %q:\n%s%s", args[0], args[1:], ts.ReadFile("stdout"), ts.ReadFile("stderr"))
}
