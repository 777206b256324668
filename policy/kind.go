package policy

import (
	"maps"
	"slices"

	"go.yaml.in/yaml/v4"
)

// kind is a sort of criterion: how it is written, what it asks, and the reasons
// it gives. A new criterion is one entry of kinds.
type kind struct {
	name string
	// path says that a path follows the name ("claim/groups").
	path bool
	// person says that it asks about who is signed in. Without a session it does
	// not hold, and its reason is ReasonUserUnauthenticated.
	person bool
	// list says that it asks about a list of values.
	list bool
	// mail says that it needs the facts about the e-mail.
	mail bool
	// fixed says that the answer is the same for every input: answer.
	fixed, answer bool
	ok, no        Reason

	parse func(*parser, *yaml.Node, *criterion)
	// compile makes the question; a kind on a person may rely on a session.
	compile func(*criterion) question
	// had lists what was there to compare with, for traces.
	had func(facts, *criterion) []string
}

// question asks one criterion of an input.
type question func(facts) bool

// facts are an input and what is derived from it once per decision. They are
// passed by value: five words travel in registers.
type facts struct {
	in *Input
	// mail and domain are empty where there is no usable e-mail.
	mail, domain string
}

var kinds = map[string]*kind{
	"accept": {
		name: "accept", ok: ReasonAccept, no: ReasonAccept, fixed: true, answer: true,
		parse: (*parser).flag, compile: always(true), had: hadNothing,
	},
	"reject": {
		name: "reject", ok: ReasonReject, no: ReasonReject, fixed: true,
		parse: (*parser).flag, compile: always(false), had: hadNothing,
	},
	"authenticated_user": {
		name: "authenticated_user", person: true, ok: ReasonUserOK, no: ReasonUserUnauthenticated,
		parse: (*parser).flag, compile: always(true), had: hadUser,
	},
	"cors_preflight": {
		name: "cors_preflight", ok: ReasonCORSRequest, no: ReasonNonCORSRequest,
		parse: (*parser).flag, compile: compilePreflight, had: hadMethod,
	},
	"email": {
		name: "email", person: true, mail: true, ok: ReasonEmailOK, no: ReasonEmailUnauthorized,
		parse: (*parser).stringMatchers, compile: compileEmail, had: hadMail,
	},
	"domain": {
		name: "domain", person: true, mail: true, ok: ReasonDomainOK, no: ReasonDomainUnauthorized,
		parse: (*parser).stringMatchers, compile: compileDomain, had: hadMail,
	},
	"user": {
		name: "user", person: true, ok: ReasonUserOK, no: ReasonUserUnauthorized,
		parse: (*parser).stringMatchers, compile: compileUser, had: hadUser,
	},
	"groups": {
		name: "groups", list: true, person: true, ok: ReasonGroupsOK, no: ReasonGroupsUnauthorized,
		parse: (*parser).listMatchers, compile: compileGroups, had: hadGroups,
	},
	"claim": {
		name: "claim", path: true, list: true, person: true, ok: ReasonClaimOK, no: ReasonClaimUnauthorized,
		parse: (*parser).listMatchers, compile: compileClaim, had: hadClaim,
	},
	"http_method": {
		name: "http_method", ok: ReasonHTTPMethodOK, no: ReasonHTTPMethodUnauthorized,
		parse: (*parser).stringMatchers, compile: compileMethod, had: hadMethod,
	},
	"http_path": {
		name: "http_path", ok: ReasonHTTPPathOK, no: ReasonHTTPPathUnauthorized,
		parse: (*parser).stringMatchers, compile: compilePath, had: hadPath,
	},
	"source_ip": {
		name: "source_ip", ok: ReasonSourceIPOK, no: ReasonSourceIPUnauthorized,
		parse: (*parser).addresses, compile: compileSourceIP, had: hadAddress,
	},
}

// later are criteria of the language that do not work yet. Leaving one out would
// change who gets in, so each is an error.
var later = []string{
	"app", "auth_age", "auth_context", "auth_method", "client_certificate", "date", "day_of_week", "device",
	"http_header", "invalid_client_certificate", "mcp_tool", "pomerium_routes", "profile", "record", "ssh_ca",
	"ssh_publickey", "ssh_username", "ssh_username_matches_claim", "ssh_username_matches_email", "time_of_day",
	"user_status",
}

// Criteria returns the names of the criteria that work, sorted.
func Criteria() []string { return slices.Sorted(maps.Keys(kinds)) }
