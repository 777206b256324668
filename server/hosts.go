package server

import (
	"sallyport/authenticate"
	"sallyport/config"
	"sallyport/proxy"
)

// routeHosts answers which public authorities exist: redirects go nowhere else.
func routeHosts(cfg *config.Config) func(string) (authenticate.Route, bool) {
	router := proxy.NewHosts(cfg.Routes)
	return func(hostport string) (authenticate.Route, bool) {
		r, ok := router.Lookup(hostport)
		if !ok {
			return authenticate.Route{}, false
		}
		return authenticate.Route{Host: hostport, ClientID: r.ClientID, DependsOn: r.DependsOn}, true
	}
}

func certificatesOf(cfg *config.Config) []config.Certificate { return cfg.Listen.Certificates }
