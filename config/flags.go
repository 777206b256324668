package config

import (
	"slices"

	"sallyport/internal/nearest"
)

// runtimeFlag is one of Pomerium's runtime_flags: set is nil where nothing here
// depends on it.
type runtimeFlag struct {
	name string
	on   bool // Pomerium's default
	set  func(g *globals, on bool)
	doc  string
}

var flags = []runtimeFlag{
	{
		"allow_any_sign_out_redirect_uri", false, func(g *globals, on bool) { g.Authenticate.AllowAnySignOutRedirect = on },
		"people who sign out may be sent anywhere",
	},
	{
		"config_hot_reload", true, func(g *globals, on bool) { g.WatchFiles = on },
		"a changed file is read again",
	},
	{
		"match_any_incoming_port", true, func(g *globals, on bool) { g.exactPorts = !on },
		"`from` without a port stands for every port; people are sent to sign in under the ports of `address` and `authenticate_service_url` and 443 alone, so name any other in `from`",
	},
	{
		"pomerium_jwt_endpoint", false, func(g *globals, on bool) { g.Authenticate.AllowJWTEndpoint = on },
		"`/.pomerium/jwt` answers with the assertion",
	},
	{"add_extra_metrics_labels", true, nil, ""},
	{"authorize_use_synced_data", true, nil, ""},
	{"debug_admin_endpoints", false, nil, ""},
	{"envoy_resource_manager", true, nil, ""},
	{"grpc_databroker_keepalive", true, nil, ""},
	{"mcp", true, nil, ""},
	{"mcp_dynamic_client_registration", false, nil, ""},
	{"refresh_session_at_id_token_expiration", true, nil, ""},
	{"routes_portal", true, nil, ""},
	{"set_envoy_concurrency_to_go_max_procs", true, nil, ""},
	{"ssh_allow_direct_tcpip", false, nil, ""},
	{"ssh_routes_portal", false, nil, ""},
	{"ssh_upstream_tunnel", false, nil, ""},
}

var flagKeys = []key[globals]{
	custom("runtime_flags", "mapping of flag to true or false", readFlags, flagsDoc()).sub(nil),
}

func flagsDoc() string {
	doc := "Switches."
	for _, f := range flags {
		if f.set == nil {
			continue
		}
		doc += " " + f.name + ": " + f.doc + " ("
		if f.on {
			doc += "on"
		} else {
			doc += "off"
		}
		doc += " unless set)."
	}
	return doc + " Pomerium's other flags are known and have no effect."
}

func readFlags(g *globals, v value) {
	ps, ok := v.pairs()
	if !ok {
		return
	}
	for _, p := range ps {
		name := p.key.n.Value
		i := slices.IndexFunc(flags, func(f runtimeFlag) bool { return f.name == name })
		if i < 0 {
			names := make([]string, len(flags))
			for i, f := range flags {
				names[i] = f.name
			}
			hint := ""
			if near := nearest.To(name, names); near != "" {
				hint = "did you mean \"" + near + "\"?"
			}
			p.key.fail(hint, "unknown flag %s", shortQuote(name))
			continue
		}
		on, ok := p.value.boolean()
		switch {
		case !ok:
		case flags[i].set != nil:
			flags[i].set(g, on)
		case on != flags[i].on:
			p.key.warn("delete it", "flag %s has no effect here", name)
		}
	}
}
