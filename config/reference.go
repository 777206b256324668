package config

import "slices"

// Section is a part of the reference: keys that belong together.
type Section struct {
	Title string
	Intro string
	// Environment says that the keys have variables.
	Environment bool
	Keys        []Key
}

// Reference returns every key that is known, for the reference page.
func Reference() []Section {
	return []Section{
		{"Listening", "Where connections come in, and with which certificates.", true, slices.Concat(described(listenKeys), described(downstreamMTLSKeys))},
		{"Certificates by ACME", "Certificates that obtain and renew themselves.", true, described(autocertKeys)},
		{"Sign-in", "The authenticate host and the identity provider.", true, slices.Concat(described(authenticateKeys), described(providerKeys), described(eventHookKeys))},
		{"Sessions and cookies", "", true, described(sessionKeys)},
		{"What upstreams learn", "", true, described(identityKeys)},
		{"Requests and responses", "", true, slices.Concat(described(hygieneKeys), described(headerKeys))},
		{"Pages", "What people see of the proxy itself.", true, described(brandingKeys)},
		{"Storage", "", true, described(storageKeys)},
		{"Logs, metrics and health", "", true, slices.Concat(described(telemetryKeys), described(healthKeys))},
		{"Routes and the rest", "", true, slices.Concat(described(globalRouteKeys), described(flagKeys))},
		{"Keys of a route: what it matches and where it leads", "Routes are tried in the order of the file within one host; an exact host comes before a wildcard.", false, slices.Concat(described(matchKeys), described(destinationKeys), described(nameKeys))},
		{"Keys of a route: who may pass", "", false, slices.Concat(described(policyKeys), described(routeIdentityKeys))},
		{"Keys of a route: what the proxy itself answers", "", false, described(answerKeys)},
		{"Keys of a route: what is changed on the way", "", false, slices.Concat(described(rewriteKeys), described(routeHeaderKeys), described(timeKeys))},
		{"Keys of a route: TLS towards the upstream", "", false, described(tlsKeys)},
		{"Known keys that do not work here", "Pomerium has these. Those without effect warn, with the reason; those whose loss would change who gets in, what an upstream trusts or what an operator relies on are errors.", true, slices.Concat(inertKeys, described(inertAutocertKeys), described(metricsTLSKeys), refusedKeys)},
		{"Known keys of a route that do not work here", "", false, inertRouteKeys},
	}
}

func described[T any](keys []key[T]) []Key {
	list := make([]Key, len(keys))
	for i, k := range keys {
		list[i] = k.Key
	}
	return list
}
