package config

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Every key that Pomerium documents, and the ones it took out, is known here:
// it works, warns or fails, but it is never an unknown word.
func TestPomeriumsKeysAreKnown(t *testing.T) {
	for _, name := range strings.Fields(pomeriumGlobal) {
		if globalTable.byName[name] == nil {
			t.Errorf("global key %s is not known", name)
		}
	}
	for _, name := range strings.Fields(pomeriumRoute) {
		if routeTable.byName[name] == nil {
			t.Errorf("route key %s is not known", name)
		}
	}
}

const pomeriumGlobal = `
address insecure_server http_redirect_addr services routes policy policy_file authenticate_service_url
authenticate_internal_service_url authorize_service_url authorize_service_urls authorize_internal_service_url
databroker_service_url databroker_service_urls databroker_internal_service_url signout_redirect_url shared_secret
shared_secret_file cookie_secret cookie_secret_file cookie_name cookie_domain cookie_http_only cookie_expire
cookie_same_site idp_provider idp_provider_url idp_client_id idp_client_secret idp_client_secret_file idp_scopes
idp_request_params idp_access_token_allowed_audiences identity_providers bearer_token_format jwt_issuer_format
jwt_claims_headers pass_identity_headers signing_key signing_key_file set_response_headers default_upstream_timeout
timeout_read timeout_write timeout_idle certificates certificate certificate_key certificate_file certificate_key_file
certificate_authority certificate_authority_file override_certificate_name tls_derive autocert autocert_ca
autocert_email autocert_use_staging autocert_dir autocert_must_staple autocert_eab_key_id autocert_eab_mac_key
autocert_trusted_ca autocert_trusted_ca_file downstream_mtls codec_type merge_slashes normalize_path
path_with_escaped_slashes_action headers_with_underscores_action allow_upgrades use_proxy_protocol skip_xff_append
xff_num_trusted_hops circuit_breaker_thresholds dns_lookup_family dns_failure_refresh_rate dns_query_timeout
dns_query_tries dns_refresh_rate dns_udp_max_queries dns_use_tcp dns_resolvers log_level proxy_log_level
access_log_fields authorize_log_fields metrics_address metrics_basic_auth metrics_certificate metrics_certificate_key
metrics_certificate_file metrics_certificate_key_file metrics_client_ca metrics_client_ca_file otel_traces_exporter
otel_traces_sampler_arg otel_resource_attributes otel_log_level otel_attribute_value_length_limit
otel_exporter_otlp_endpoint otel_exporter_otlp_protocol otel_exporter_otlp_headers otel_exporter_otlp_timeout
otel_exporter_otlp_traces_endpoint otel_exporter_otlp_traces_protocol otel_exporter_otlp_traces_headers
otel_exporter_otlp_traces_timeout otel_bsp_schedule_delay otel_bsp_max_export_batch_size debug_address
health_check_addr health_check_systemd_disabled grpc_address grpc_insecure grpc_client_timeout
databroker_storage_type databroker_storage_connection_string databroker_storage_connection_string_file
databroker_cluster_node_id databroker_cluster_nodes databroker_cluster_leader_id databroker_raft_bind_address
programmatic_redirect_domain_whitelist google_cloud_serverless_authentication_service_account ssh_address
ssh_host_key_files ssh_host_keys ssh_user_ca_key ssh_user_ca_key_file ssh_rls_enabled ssh_rls_additional_entries
mcp_allowed_client_id_domains mcp_allowed_as_metadata_domains session_recording_concurrency blob_storage
envoy_admin_address envoy_admin_access_log_path envoy_admin_profile_path envoy_bind_config_source_address
envoy_bind_config_freebind envoy_dynamic_extensions auto_apply_changesets installation_id runtime_flags
client_ca client_ca_file tracing_provider tracing_sample_rate tracing_datadog_address tracing_zipkin_endpoint
tracing_jaeger_collector_endpoint tracing_jaeger_agent_endpoint
idp_service_account idp_service_account_file idp_refresh_directory_interval idp_refresh_directory_timeout idp_qps`

const pomeriumRoute = `
id name description logo_url from to redirect response prefix path regex regex_priority_order prefix_rewrite
regex_rewrite_pattern regex_rewrite_substitution preserve_host_header host_rewrite host_rewrite_header
host_path_regex_rewrite_pattern host_path_regex_rewrite_substitution policy allowed_users allowed_domains
allowed_idp_claims allowed_groups allow_any_authenticated_user allow_public_unauthenticated_access
cors_allow_preflight sub_policies show_error_details timeout idle_timeout allow_websockets allow_spdy allow_upgrades
set_request_headers remove_request_headers set_response_headers rewrite_response_headers pass_identity_headers
jwt_issuer_format bearer_token_format idp_client_id idp_client_secret idp_access_token_allowed_audiences
identity_providers depends_on kubernetes_service_account_token kubernetes_service_account_token_file
enable_google_cloud_serverless_authentication tls_skip_verify tls_server_name tls_upstream_server_name
tls_downstream_server_name tls_custom_ca tls_custom_ca_file tls_client_cert tls_client_key tls_client_cert_file
tls_client_key_file tls_downstream_client_ca tls_downstream_client_ca_file tls_upstream_allow_renegotiation
load_balancing_policy health_checks healthy_panic_threshold outlier_detection circuit_breaker_thresholds mcp
upstream_tunnel session_recording set_authorization_header jwt_groups_filter`

func TestTablesAreWhole(t *testing.T) {
	seen := map[string]int{}
	for _, s := range Reference() {
		if len(s.Keys) == 0 {
			t.Errorf("section %q is empty", s.Title)
		}
		for _, k := range s.Keys {
			seen[k.Name]++
			switch {
			case k.Doc == "" || k.Type == "" || k.Status == "":
				t.Errorf("key %s lacks a text, a type or a status", k.Name)
			case k.Status == Works && !strings.HasSuffix(k.Doc, "."):
				t.Errorf("key %s: expected a sentence, got %q", k.Name, k.Doc)
			case k.Status != Works && strings.HasSuffix(k.Doc, "."):
				t.Errorf("key %s: expected a reason without a stop, got %q", k.Name, k.Doc)
			}
		}
	}
	for _, k := range append(globalTable.list(), routeTable.list()...) {
		if seen[k.Name] == 0 {
			t.Errorf("key %s is in no section of the reference", k.Name)
		}
	}
}

// A key that looks secret and is not declared so is a slip of the table.
func TestSecretKeysAreDeclared(t *testing.T) {
	public := map[string]bool{
		"allow_session_token_in_query": true, "bearer_token_format": true, "idp_access_token_allowed_audiences": true,
	}
	for _, k := range append(globalTable.list(), routeTable.list()...) {
		if looks := secretName(k.Name); looks != k.Secret && !public[k.Name] {
			t.Errorf("key %s: looks secret: %v, declared: %v", k.Name, looks, k.Secret)
		}
	}
}

// The page on disk names every key there is.
func TestEveryKeyStandsInTheReference(t *testing.T) {
	page, err := os.ReadFile("../docs/reference/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range append(globalTable.list(), routeTable.list()...) {
		if !regexp.MustCompile("(?m)^\\| `" + k.Name + "`").Match(page) {
			t.Errorf("key %s is not in the reference", k.Name)
		}
	}
}

func TestPatternCovers(t *testing.T) {
	for _, c := range []struct {
		pattern, host string
		want          bool
	}{
		{"a.example.com", "a.example.com", true},
		{"a.example.com", "b.example.com", false},
		{"*.example.com", "a.b.example.com", true},
		{"*.example.com", "example.com", false},
		{"*.example.com", ".example.com", true},
		{"a*.example.com", "abc.example.com", true},
		{"a*b*c", "a-b-c", true},
		{"a*b*c", "a-c-b", false},
		{"aa*aa", "aaa", false},
		{"*", "anything", true},
	} {
		if got := patternCovers(c.pattern, c.host); got != c.want {
			t.Errorf("patternCovers(%q, %q) = %v, want %v", c.pattern, c.host, got, c.want)
		}
	}
}
