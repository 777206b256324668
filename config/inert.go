package config

import "slices"

// Keys that are known and do nothing. Those that only tune Envoy or talk to
// services that do not exist here warn. Those whose loss would change who gets
// in, what an upstream trusts, or what an operator relies on, fail.

const (
	oneProcess  = "there are no separate services, everything runs in one process"
	envoyOnly   = "it steers Envoy, which is not used"
	dnsOnly     = "names are resolved by the system's resolver"
	otelOnly    = "traces are not exported by this version"
	tracingGone = "Pomerium took it out, and traces are not exported by this version"
	mcpOnly     = "the Model Context Protocol is not served by this version, so there is nothing that it restricts"
	noSSH       = "SSH is not served by this version"
	noCluster   = "replicas do not share records in this version"
	noRecording = "sessions are not recorded by this version"

	noRouteAuthority = "all routes share the authorities of downstream_mtls, and this one would not be kept apart"
	mtlsMoved        = "downstream_mtls took its place"
	notYet           = "remove it if you can do without; it fails rather than be ignored in silence"
)

// inertKeys are the global ones.
var inertKeys = keysOf(NoEffect, "", []inert{
	{"authenticate_internal_service_url", "URL", oneProcess},
	{"authorize_service_url", "URL", oneProcess},
	{"authorize_service_urls", "list", oneProcess},
	{"authorize_internal_service_url", "URL", oneProcess},
	{"databroker_service_url", "URL", oneProcess},
	{"databroker_service_urls", "list", oneProcess},
	{"databroker_internal_service_url", "URL", oneProcess},
	{"grpc_address", "address", oneProcess},
	{"grpc_insecure", "true or false", oneProcess},
	{"grpc_client_timeout", "duration", oneProcess},
	{"override_certificate_name", "text", oneProcess},
	{"tls_derive", "text", oneProcess},
	{"certificate_authority", "PEM", oneProcess},
	{"certificate_authority_file", "path", oneProcess},
	{"cookie_domain", "text", "cookies belong to one host and are never sent to others; a sign-in serves all hosts of routes all the same"},
	{"cookie_secure", "true or false", "cookies are always Secure"},
	{"idp_access_token_allowed_audiences", "list", "the provider's own tokens are not accepted as bearer tokens"},
	{"google_cloud_serverless_authentication_service_account", "base64 of JSON", "routes cannot use it in this version"},
	{"circuit_breaker_thresholds", "mapping", envoyOnly},
	{"dns_lookup_family", "text", dnsOnly},
	{"dns_failure_refresh_rate", "duration", dnsOnly},
	{"dns_query_timeout", "duration", dnsOnly},
	{"dns_query_tries", "number", dnsOnly},
	{"dns_refresh_rate", "duration", dnsOnly},
	{"dns_udp_max_queries", "number", dnsOnly},
	{"dns_use_tcp", "true or false", dnsOnly},
	{"dns_resolvers", "list", dnsOnly},
	{"proxy_log_level", "text", "it is Envoy's; log_level is the level of everything"},
	{"health_check_systemd_disabled", "true or false", "systemd is not notified"},
	{"otel_traces_exporter", "text", otelOnly},
	{"otel_traces_sampler_arg", "number", otelOnly},
	{"otel_resource_attributes", "text", otelOnly},
	{"otel_log_level", "text", otelOnly},
	{"otel_attribute_value_length_limit", "number", otelOnly},
	{"otel_exporter_otlp_endpoint", "URL", otelOnly},
	{"otel_exporter_otlp_protocol", "text", otelOnly},
	{"otel_exporter_otlp_headers", "text", otelOnly},
	{"otel_exporter_otlp_timeout", "number", otelOnly},
	{"otel_exporter_otlp_traces_endpoint", "URL", otelOnly},
	{"otel_exporter_otlp_traces_protocol", "text", otelOnly},
	{"otel_exporter_otlp_traces_headers", "text", otelOnly},
	{"otel_exporter_otlp_traces_timeout", "number", otelOnly},
	{"otel_bsp_schedule_delay", "number", otelOnly},
	{"otel_bsp_max_export_batch_size", "number", otelOnly},
	{"tracing_provider", "text", tracingGone},
	{"tracing_sample_rate", "number", tracingGone},
	{"tracing_datadog_address", "text", tracingGone},
	{"tracing_jaeger_collector_endpoint", "URL", tracingGone},
	{"tracing_jaeger_agent_endpoint", "text", tracingGone},
	{"tracing_zipkin_endpoint", "URL", tracingGone},
	{"mcp_allowed_client_id_domains", "list", mcpOnly},
	{"mcp_allowed_as_metadata_domains", "list", mcpOnly},
	{"session_recording_concurrency", "number", noRecording},
	{"blob_storage", "mapping", noRecording},
	{"envoy_admin_address", "address", envoyOnly},
	{"envoy_admin_access_log_path", "path", envoyOnly},
	{"envoy_admin_profile_path", "path", envoyOnly},
	{"envoy_bind_config_source_address", "text", envoyOnly},
	{"envoy_bind_config_freebind", "true or false", envoyOnly},
	{"envoy_dynamic_extensions", "list", envoyOnly},
	{"cache_service_url", "URL", oneProcess},
	{"cookie_refresh", "duration", "a session lives for cookie_expire, and is refreshed as its tokens ask"},
	{"signing_key_algorithm", "text", "the key says which algorithm it is for"},
	{"auto_apply_changesets", "true or false", "there is no console that makes changesets"},
	{"installation_id", "text", "nothing is reported to anybody"},
})

// refusedKeys are the global ones that fail.
var refusedKeys = slices.Concat([]Key{{
	Name: "authenticate_callback_path", Type: "path", Status: Removed, Unset: "/oauth2/callback",
	Doc: "the path is always /oauth2/callback", Hint: "register that redirect URI at the provider, and remove the key",
}},
	keysOf(NotSupported, notYet, []inert{
		{"identity_providers", "mapping", "tokens of other issuers are not accepted as bearer tokens"},
		{"databroker_cluster_node_id", "text", noCluster},
		{"databroker_cluster_nodes", "list", noCluster},
		{"databroker_cluster_leader_id", "text", noCluster},
		{"databroker_raft_bind_address", "address", noCluster},
		{"ssh_address", "address", noSSH},
		{"ssh_host_key_files", "list", noSSH},
		{"ssh_host_keys", "list", noSSH},
		{"ssh_user_ca_key", "PEM", noSSH},
		{"ssh_user_ca_key_file", "path", noSSH},
		{"ssh_rls_enabled", "true or false", noSSH},
		{"ssh_rls_additional_entries", "list", noSSH},
	}),
	keysOf(Removed, "make each application a route (from, to, policy), in place of the other proxy", []inert{
		{"forward_auth_url", "URL", "there is no mode that only answers another proxy's questions"},
	}),
	keysOf(Removed, "copy them there", []inert{
		{"policy_file", "path", "the routes stand in the same file, under routes"},
	}),
	keysOf(Removed, "write downstream_mtls: {ca: ...}, or ca_file", []inert{
		{"client_ca", "PEM", mtlsMoved},
		{"client_ca_file", "path", mtlsMoved},
	}))

// inertRouteKeys are those of a route.
var inertRouteKeys = slices.Concat(
	keysOf(NoEffect, "", []inert{
		{"regex_priority_order", "number", "routes of a host are tried in the order of the file"},
		{"idp_access_token_allowed_audiences", "list", "the provider's own tokens are not accepted as bearer tokens"},
		{"tls_downstream_server_name", "text", envoyOnly},
		{"health_checks", "list", "upstreams are not probed: one that is down is noticed when a request fails"},
		{"healthy_panic_threshold", "number", "upstreams are not probed"},
		{"outlier_detection", "mapping", envoyOnly},
		{"circuit_breaker_thresholds", "mapping", envoyOnly},
	}),
	keysOf(NotSupported, notYet, []inert{
		{"identity_providers", "list", "tokens of other issuers are not accepted as bearer tokens"},
		{"kubernetes_service_account_token", "text", "requests are not impersonated towards Kubernetes, which would take them for anonymous"},
		{"kubernetes_service_account_token_file", "path", "requests are not impersonated towards Kubernetes, which would take them for anonymous"},
		{"enable_google_cloud_serverless_authentication", "true or false", "requests do not carry Google's ID token, and the upstream would refuse them"},
		{"mcp", "mapping", "the Model Context Protocol is not served by this version"},
		{"upstream_tunnel", "mapping", noSSH},
		{"session_recording", "mapping", noRecording},
	}),
	keysOf(NotSupported, "give it in downstream_mtls.ca beside the others, and let the policy say whose certificates may pass: client_certificate: {san_dns: ...}", []inert{
		{"tls_downstream_client_ca", "PEM", noRouteAuthority},
		{"tls_downstream_client_ca_file", "path", noRouteAuthority},
	}),
	keysOf(NoEffect, "", []inert{
		{"least_request_lb_config", "mapping", envoyOnly},
		{"maglev_lb_config", "mapping", envoyOnly},
		{"ring_hash_lb_config", "mapping", envoyOnly},
	}),
	keysOf(Removed, "write load_balancing_policy", []inert{
		{"lb_policy", "text", "it was Envoy's name for load_balancing_policy"},
	}),
	keysOf(Removed, "set_request_headers can do it: Authorization: \"Bearer ${pomerium.id_token}\"", []inert{
		{"set_authorization_header", "text", "Pomerium took it out"},
	}))

// inert is a key of which only the name, the type and the reason matter.
type inert struct{ name, typ, why string }

func keysOf(status Status, hint string, list []inert) []Key {
	keys := make([]Key, len(list))
	for i, k := range list {
		keys[i] = Key{Name: k.name, Type: k.typ, Status: status, Doc: k.why, Hint: hint, Secret: secretName(k.name)}
	}
	return keys
}
