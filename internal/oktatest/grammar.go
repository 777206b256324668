package oktatest

import (
	"fmt"
	"slices"
	"strings"
)

// grammar is what an endpoint lets filters say.
type grammar struct {
	// operators of a field, nil where there is no such field.
	operators func(field string) []string
	not       bool
	// errors make the answer to a mistake.
	unknown  func(field string) error
	operator func(field, op string) error
	syntax   func(cause string) error
}

var (
	equal      = []string{"eq"}
	comparing  = []string{"eq", "gt", "ge", "lt", "le"}
	operators  = []string{"eq", "ne", "co", "sw", "ew", "pr", "gt", "ge", "lt", "le"}
	logSummary = "eq,co,sw,pr,gt,ge,lt,le"
)

// fieldsGrammar is that of people, groups and applications.
func fieldsGrammar(operators func(string) []string) grammar {
	return grammar{
		operators: operators,
		unknown:   func(field string) error { return errSearch(fmt.Sprintf("The field %q cannot be filtered by.", field)) },
		operator: func(field, op string) error {
			return errSearch(fmt.Sprintf("The operator %q is not supported for %q.", op, field))
		},
		syntax: errSearchSyntax,
	}
}

func errSearchSyntax(cause string) error { return errSearch(cause) }

func table(fields map[string][]string) func(string) []string {
	return func(field string) []string { return fields[field] }
}

var (
	userFilter = fieldsGrammar(table(map[string][]string{
		"status": equal, "lastUpdated": comparing, "id": equal, "profile.login": equal, "profile.email": equal,
		"profile.firstName": equal, "profile.lastName": equal,
	}))
	groupFilter = fieldsGrammar(table(map[string][]string{
		"id": equal, "type": equal, "lastUpdated": comparing, "lastMembershipUpdated": comparing,
	}))
	appFilter = fieldsGrammar(table(map[string][]string{
		"id": equal, "status": equal, "name": equal, "credentials.signing.kid": equal, "settings.slo.enabled": equal,
		"user.id": equal,
	}))
	searchFilter = fieldsGrammar(searchable)
	logFilter    = grammar{
		operators: loggable, not: true,
		unknown: func(field string) error { return errLog("field is not valid: " + field) },
		operator: func(field, op string) error {
			e := errSearch("")
			e.Summary = "The supplied combination of operator and field is not currently supported. Operator: " + op + ", Field: " + field
			e.Causes = []apiCause{}
			return e
		},
		syntax: func(cause string) error { return errLog(cause) },
	}
)

func searchable(field string) []string {
	plain := []string{"id", "status", "type", "source.id", "type.id"}
	dates := []string{"created", "activated", "statusChanged", "lastUpdated", "lastMembershipUpdated"}
	switch {
	case slices.Contains(dates, field):
		return comparing
	case slices.Contains(plain, field), strings.HasPrefix(field, "profile."):
		return []string{"eq", "ne", "sw", "co", "pr", "gt", "ge", "lt", "le"}
	}
	return nil
}

func loggable(field string) []string {
	known := []string{
		"eventType", "uuid", "displayMessage", "severity", "outcome.result", "outcome.reason", "actor.id", "actor.type",
		"actor.alternateId", "actor.displayName", "target.id", "target.type", "target.alternateId", "target.displayName",
		"transaction.type", "legacyEventType", "version",
	}
	if slices.Contains(known, field) {
		return operators
	}
	return nil
}
