package main

import (
	"fmt"
	"io"
	"path/filepath"
)

// explain fills one screen: what runs where, who can sign in, what the browser
// will say, what to try.
func explain(out io.Writer, dir string) {
	fmt.Fprintf(out, `
Sallyport is running, with a stand-in for Okta and a sample application.

  Open      https://verify.localhost:8443     anyone who signs in
            https://admin.localhost:8443      members of the group "admins"

  Sign in   alice / %s    in the group "admins"
            bob   / %s       in no group

  Your browser will warn twice, once for port 8443 and once for 8444: the
  certificate was made a moment ago on this machine and nobody vouches for it.
  That is expected here; choose "Advanced", then "Proceed". (Safari does not
  know *.localhost names; use Chrome, Edge or Firefox.)

  Try next
    1. open verify as alice: the application prints who you are
    2. open admin: no second sign-in, and alice may pass
    3. sign out at https://verify.localhost:8443/.pomerium/sign_out
    4. come back as bob and open admin: a page says why not
    5. change a policy in config.yaml: it takes effect as you save

  What runs where
    proxy               127.0.0.1:8443   sign-in host authenticate.localhost
    stand-in Okta       127.0.0.1:8444   okta.localhost
    sample application  %s
    configuration       %s
    log                 %s

  Ctrl-C ends it.

`, alicePassword, bobPassword, appAddr, filepath.Join(dir, "config.yaml"), filepath.Join(dir, "proxy.log"))
}
