package main

import (
	"fmt"
	"strings"

	"sallyport/config"
	"sallyport/identity"
	"sallyport/idp/okta"
)

// mostNames are shown of the group names that a warning is about.
const mostNames = 5

// warnOfNames adds a warning where policies name groups by name and nothing holds
// a name to one group: that takes the list of all groups.
func warnOfNames(report *okta.Report, cfg *config.Config) {
	if report.Mode != okta.PerPerson {
		return
	}
	names := groupNames(cfg)
	if len(names) == 0 {
		return
	}
	shown := names[:min(len(names), mostNames)]
	more := ""
	if n := len(names) - len(shown); n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	report.Findings = append(report.Findings, okta.Finding{
		Area: "policies", What: "group names", State: okta.Warning,
		Detail: fmt.Sprintf("%s%s: nothing holds such a name to one group, so that a group which gets the name later counts, too", strings.Join(shown, ", "), more),
		Step:   "grant " + okta.ScopeGroups + ", with which a name goes on meaning one group; or name groups by their ids (00g...) in policies",
	})
}

// groupNames are the groups that policies name otherwise than by id, each with the
// place where it is first named.
func groupNames(cfg *config.Config) []string {
	var all []string
	seen := map[string]bool{}
	for _, r := range cfg.Routes {
		for _, ref := range r.Policy.UsesGroups() {
			if !seen[ref.Name] && !identity.IsGroupID(ref.Name) {
				seen[ref.Name] = true
				all = append(all, fmt.Sprintf("%q (%s)", ref.Name, ref.Position))
			}
		}
	}
	return all
}
