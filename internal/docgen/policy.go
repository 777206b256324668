package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sallyport/policy"
)

const policyHead = `<!-- Written by go run ./internal/docgen; change package policy instead. -->

# Policies

A policy is a list of rules that allow or deny. Each holds lists of criteria under ` + "`and`, `or`, `not` or `nor`" + `; all lists of
all rules of one effect are alternatives, and a deny rule that holds beats every allow rule. What nothing allows is denied.

` + "```yaml" + `
policy:
  - allow:
      and:
        - groups: {has: engineering}
        - source_ip: 10.0.0.0/8
  - deny:
      or:
        - email: {is: mallory@example.com}
` + "```" + `

` + "`not`" + ` holds where none of its criteria does, ` + "`nor`" + ` where at least one does not. A criterion on the person never holds
without a session, and asks for a sign-in. What is missing never helps whoever asks: a criterion on an e-mail or a header that is
not there does not hold under allow, and under deny (or ` + "`not`" + ` of allow) its ` + "`not`" + ` and ` + "`not_in`" + ` do; an e-mail that two
readers could take for two addresses meets every one there, and one that the provider does not vouch for those that are about it.

- ` + "`use: NAME`" + ` stands for the rules of a policy under ` + "`policies`" + ` at the top of the configuration.
- ` + "`mode: shadow`" + `, beside or below allow and deny, has rules evaluated and recorded that never decide
  ([how to](../how-to/shadow-a-rule.md)).
- String operators: ` + "`is`, `not`, `in`, `not_in`, `contains`, `starts_with`, `ends_with`" + `; a bare value means ` + "`is`" + `.
  List operators: ` + "`has`, `exclude`, `is`" + ` (that one and no other); a bare value means ` + "`has`" + `. Several in one mapping must all hold.
- Long lists stand in files, one value a line: ` + "`in_file`, `not_in_file`, `has_file`, `exclude_file`" + ` take a path. Empty lines
  and lines that begin with # do not count; has_file holds for any of the values. The file is watched.

Policies are [tested](../how-to/test-a-policy.md), [explained](../how-to/explain-a-decision.md) and
[reviewed](../how-to/review-access.md).

## Criteria

| criterion | written | asks about | reasons |
|---|---|---|---|
`

// policies is the page of the language.
func policies() string {
	var b strings.Builder
	b.WriteString(policyHead)
	for _, c := range policy.Reference() {
		doc := c.Doc
		if c.Person {
			doc += " *Needs a session.*"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | `%s` |\n", c.Name, cell(c.Data), cell(doc), strings.Join(c.Reasons, "`, `"))
	}
	b.WriteString("\nCriteria of Pomerium's language that are errors here, since leaving one out would change who gets in:\n\n| criterion | why |\n|---|---|\n")
	unsupported := policy.Unsupported()
	for _, name := range slices.Sorted(maps.Keys(unsupported)) {
		fmt.Fprintf(&b, "| %s | %s |\n", name, cell(unsupported[name]))
	}
	b.WriteString("\n## Reasons\n\nLogs, pages, explanations and tests name them; their names stay.\n\n| reason | means |\n|---|---|\n")
	for _, r := range policy.AllReasons() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", r, r.Sentence())
	}
	return b.String()
}
