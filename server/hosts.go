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
		return authenticate.Route{Host: hostport, ClientID: r.ClientID, DependsOn: r.DependsOn, Origins: originsOf(cfg, r.From)}, true
	}
}

// originsOf are the origins that any route of a host lists: a sign-in is for the
// host as a whole.
func originsOf(cfg *config.Config, from config.From) (origins []string) {
	for _, r := range cfg.Routes {
		if r.From == from {
			origins = append(origins, r.CORS.AllowOrigins...)
		}
	}
	return origins
}

func certificatesOf(cfg *config.Config) []config.Certificate { return cfg.Listen.Certificates }
