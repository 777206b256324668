package docs_test

import (
	"go/ast"
	"strings"
	"testing"

	"sallyport/config"
)

// restricting says of each key what proves that it restricts: without the check
// behind it, one of these tests fails. Keys of routes begin with "route.".
var restricting = map[string]string{
	"insecure_server": "TestPlainHTTPIsServedWhereAskedAlone", "http_redirect_addr": "TestPlainHTTPLeadsNowhereElse",
	"timeout_read": "TestSettingsOfConnectionsArrive", "timeout_write": "TestSettingsOfConnectionsArrive", "timeout_idle": "TestSettingsOfConnectionsArrive",
	"autocert":             "TestAnOrderByTLSALPNForTheHostsInForceAlone",
	"autocert_eab_mac_key": "TestAnExternalAccountIsBoundAndItsKeyStaysSecret",

	"authenticate_service_url": "TestT23CallbackOnAnotherHostIsNotFound", "signout_redirect_url": "TestSettingsOfAnswersArrive",
	"programmatic_redirect_domain_whitelist": "TestSettingsOfProgramsArrive", "allow_session_token_in_query": "TestSettingsOfProgramsArrive",
	"idp_provider_url": "TestIDTokenThatMustNotBeBelievedIsRefused", "idp_client_id": "TestIDTokenThatMustNotBeBelievedIsRefused",
	"idp_scopes": "TestSettingsOfSignInArrive", "idp_request_params": "TestSettingsOfSignInArrive", "idp_ca_file": "TestSettingsOfTrustArrive",
	"idp_qps": "TestSettingsOfTheDirectoryArrive", "idp_outage_grace": "TestSettingsOfOutagesArrive",
	"idp_allow_unverified_email": "TestSettingsOfEMailArrive TestUnverifiedAddressIsNoEmail",
	"directory.max_staleness":    "TestEveryKindOfClientIsAnsweredInEveryState", "event_hook.secret": "TestStrangersDoNotUseUpTheEventHook",

	"cookie_name": "TestSettingsOfCookiesArrive", "cookie_http_only": "TestSettingsOfCookiesArrive", "cookie_same_site": "TestSettingsOfCookiesArrive",
	"cookie_expire": "TestSettingsOfLifetimesArrive TestSettingsOfCookiesArrive", "session_idle_timeout": "TestSettingsOfLifetimesArrive",
	"revocation_bound": "TestStreamsOutliveTheStoreByTheRevocationBound", "cookie_secret": "TestSettingsOfSecretsArrive",
	"shared_secret": "TestKeyRotationKeepsReadingUntilTheOldKeyLeaves TestDerivedKeyIsTheSameEverywhereAndRotates",

	"pass_identity_headers": "TestIdentityHeadersAreOffUnlessAsked", "signing_key": "TestSettingsOfAssertionsArrive",
	"merge_slashes": "TestSettingsOfRequestsArrive", "normalize_path": "TestSettingsOfRequestsArrive", "path_with_escaped_slashes_action": "TestSettingsOfRequestsArrive",
	"headers_with_underscores_action": "TestSettingsOfRequestsArrive", "allow_upgrades": "TestSettingsOfRequestsArrive",
	"trusted_proxies": "TestSettingsOfRequestsArrive TestTheRecordHoldsTheAddressThatCounts", "use_proxy_protocol": "TestPROXYProtocolCountsFromTrustedProxiesAlone",
	"xff_num_trusted_hops": "TestSettingsOfRequestsArrive TestTheRecordHoldsTheAddressThatCounts", "skip_xff_append": "TestSettingsOfRequestsArrive",
	"default_upstream_timeout": "TestSettingsOfAnswersArrive", "set_response_headers": "TestSettingsOfAnswersArrive",

	"path_parameters_action": "TestSettingsOfRequestsArrive TestPathParametersActionIsHeeded", "directory.pass_statuses": "TestSettingsOfPeopleArrive", "jwt_groups_filter": "TestSettingsOfPeopleArrive", "route.jwt_groups_filter": "TestUpstreamsAreToldOfTheGroupsTheirRouteLists",

	"data_dir": "TestOpenMakesPrivateDirectoryAndFile", "access_log_fields": "TestAccessRecordHoldsTheFieldsAskedForAndNoSecret",
	"authorize_log_fields": "TestDecisionIsWrittenWithPomeriumsNames", "metrics_address": "TestOperatorsListenersAreNotPublic",
	"metrics_basic_auth": "TestOperatorsListenersAreNotPublic", "health_check_addr": "TestOperatorsListenersAreNotPublic", "debug_address": "TestOperatorsListenersAreNotPublic",
	"policies": "TestEachOptionRestricts", "runtime_flags": "TestSettingsOfSigningOutArrive TestSettingsOfProgramsArrive TestExactPortsOnlyWhenAsked",

	"downstream_mtls.ca": "TestEveryRouteNeedsATrustedCertificateByDefault TestEachOptionOfDownstreamMTLSRestricts", "downstream_mtls.crl": "TestARevokedCertificateLosesAccessOnOpenConnections",
	"downstream_mtls.enforcement":             "TestRejectConnectionEndsTheHandshake TestEnforcementByPolicyLeavesItToTheRules",
	"downstream_mtls.match_subject_alt_names": "TestEachOptionOfDownstreamMTLSRestricts", "downstream_mtls.max_verify_depth": "TestEachOptionOfDownstreamMTLSRestricts",

	"error_details_policy": "TestAnOperatorSeesHowTheyWereDeniedAndNobodyElseDoes TestNobodySeesHowTheyWereDeniedWithoutAPolicyThatSaysSo",

	"route.from":   "TestHostSpellingsAreOneRoute TestConnectionForOneHostDoesNotServeAnother",
	"route.prefix": "TestKeysOfRoutesArrive", "route.path": "TestKeysOfRoutesArrive", "route.regex": "TestKeysOfRoutesArrive",
	"route.policy": "TestEachOptionRestricts TestKeysOfRoutesArrive", "route.allowed_users": "TestKeysOfRoutesArrive", "route.allowed_domains": "TestKeysOfRoutesArrive",
	"route.allowed_groups": "TestKeysOfRoutesArrive", "route.allowed_idp_claims": "TestKeysOfRoutesArrive", "route.sub_policies": "TestKeysOfRoutesArrive",
	"route.allow_any_authenticated_user": "TestKeysOfRoutesArrive", "route.allow_public_unauthenticated_access": "TestKeysOfRoutesArrive",
	"route.cors_allow_preflight": "TestKeysOfRoutesArrive", "route.show_error_details": "TestKeysOfRoutesArrive", "route.pass_identity_headers": "TestKeysOfRoutesArrive",
	"route.idp_client_id": "TestRouteOfAnotherClient TestT23CodeIsGoodForItsHostClientAndAttemptOnly", "route.depends_on": "TestT22LegsAreSigned",
	"route.cors.allow_origins": "TestKeysOfRoutesArrive TestOnlyListedOriginsMayReadAnswers", "route.maintenance": "TestKeysOfRoutesArrive TestMaintenanceIsForThoseWhoMayPass",
	"route.set_request_headers": "TestKeysOfRoutesArrive TestNamesThatARouteSetsAreItsOwn", "route.remove_request_headers": "TestKeysOfRoutesArrive",
	"route.timeout": "TestKeysOfRoutesArrive TestTimeouts", "route.idle_timeout": "TestTimeouts TestSilentWebSocketEndsWhereTheRouteSaysSo",
	"route.allow_websockets": "TestKeysOfRoutesArrive", "route.allow_spdy": "TestKeysOfRoutesArrive", "route.allow_upgrades": "TestKeysOfRoutesArrive",
	"route.tls_skip_verify": "TestKeysOfRoutesArrive TestUpstreamsAreVerified", "route.tls_custom_ca": "TestKeysOfRoutesArrive",
	"route.tls_upstream_server_name": "TestKeysOfRoutesArrive", "route.tls_server_name": "TestKeysOfRoutesArrive",
}

// free are the keys that restrict nothing, by why that is.
var free = map[string]string{
	"only a place": `address event_hook event_hook.path downstream_mtls idp_provider databroker_storage_type databroker_storage_connection_string
		directory routes route.cors route.redirect route.response route.to`,
	"what is shown to prove who we are": `certificates certificate certificate_key idp_client_secret idp_service_account autocert_eab_key_id autocert_email
		autocert_ca autocert_use_staging autocert_must_staple route.idp_client_secret route.tls_client_cert route.tls_client_key`,
	"how fast something is noticed or given up; max_staleness holds in the end": "idp_refresh_directory_interval idp_refresh_directory_timeout directory.rate_limit_share drain_delay drain_timeout route.connect_timeout",
	"what is trusted beside the system's":                                       "autocert_trusted_ca",
	"what is said to applications and people, not to whom": `jwt_issuer_format jwt_claims_headers route.jwt_issuer_format log_level
		branding branding.name branding.logo_file branding.accent_color branding.accent_color_dark branding.support_url branding.support_text branding.template_dir
		route.id route.name route.description route.logo_url route.answers route.maintenance.message route.maintenance.retry_after`,
	"there is one value": "services bearer_token_format codec_type route.bearer_token_format route.load_balancing_policy",
	"what an answer of ours says, once the policy has allowed it": `route.redirect.https_redirect route.redirect.scheme_redirect route.redirect.host_redirect
		route.redirect.port_redirect route.redirect.path_redirect route.redirect.prefix_rewrite route.redirect.response_code route.redirect.strip_query
		route.response.status route.response.body`,
	"how an allowed request is put to the upstream": `route.prefix_rewrite route.regex_rewrite_pattern route.regex_rewrite_substitution route.preserve_host_header
		route.host_rewrite route.host_rewrite_header route.host_path_regex_rewrite_pattern route.host_path_regex_rewrite_substitution
		route.set_response_headers route.rewrite_response_headers route.tls_upstream_allow_renegotiation`,
}

// workingKeys are all keys of the reference that do something.
func workingKeys() map[string]bool {
	keys := map[string]bool{}
	var add func(prefix string, k config.Key)
	add = func(prefix string, k config.Key) {
		if k.Status != config.Works {
			return
		}
		keys[prefix+k.Name] = true
		for _, sub := range k.Sub {
			add(prefix+k.Name+".", sub)
		}
	}
	for _, s := range config.Reference() {
		prefix := ""
		if !s.Environment {
			prefix = "route."
		}
		for _, k := range s.Keys {
			add(prefix, k)
		}
	}
	return keys
}

// A new key is somebody's to say: what it restricts and which test proves it, or
// why it restricts nothing.
func TestEachKeyThatRestrictsIsProven(t *testing.T) {
	have := map[string]bool{}
	for path, file := range goFiles(t) {
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasSuffix(path, "_test.go") {
				have[f.Name.Name] = true
			}
		}
	}
	keys, said := workingKeys(), map[string]bool{}
	say := func(key string) {
		if said[key] {
			t.Errorf("key %s is spoken of twice", key)
		}
		if !keys[key] {
			t.Errorf("key %s is spoken of, and is not in the reference", key)
		}
		said[key] = true
	}
	for key, tests := range restricting {
		say(key)
		for name := range strings.FieldsSeq(tests) {
			if !have[name] {
				t.Errorf("key %s: there is no test %s", key, name)
			}
		}
	}
	for _, list := range free {
		for key := range strings.FieldsSeq(list) {
			say(key)
		}
	}
	for key := range keys {
		if !said[key] {
			t.Errorf("key %s: say in this file which test proves that it restricts, or why it restricts nothing", key)
		}
	}
}
