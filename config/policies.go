package config

import "sallyport/policy"

// policyOptions are what a policy of this configuration may refer to.
func (l *loader) policyOptions() policy.ParseOptions {
	return policy.ParseOptions{Named: l.policies, Used: l.used, ReadFile: l.readValues}
}

// readValues reads a file of values and keeps its lines, for warnings that are
// silenced there.
func (l *loader) readValues(path string) ([]byte, error) {
	text, err := l.read(path)
	if err == nil && l.sources[path] == nil {
		l.sources[path] = newSource(text)
	}
	return text, err
}

// checkUnused warns of policies that nothing uses.
func (l *loader) checkUnused() {
	for name, at := range l.named {
		if !l.used[name] {
			l.warnOf(codeUnusedPolicy, at, "use it, or remove it", "policy %s is used nowhere", shortQuote(name))
		}
	}
}

var namedPolicyKeys = custom("policies", "mapping of name to policy", (*globals).readPolicies,
	"Policies by name, for `use: NAME` in the policy of a route or of a later one here.").ours()

// readPolicies reads every named policy, each of which may use those before it.
func (g *globals) readPolicies(v value) {
	pairs, ok := v.pairs()
	if !ok {
		return
	}
	v.l.policies = make(map[string]*policy.Policy, len(pairs))
	v.l.named, v.l.used = make(map[string]Position, len(pairs)), make(map[string]bool, len(pairs))
	names := make([]string, len(pairs))
	for i, p := range pairs {
		names[i] = p.key.n.Value
	}
	for i, p := range pairs {
		name, options := names[i], v.l.policyOptions()
		options.Pending = names[i:]
		parsed, problems := policy.ParseWith(p.value.n, p.value.file, options)
		v.l.errors = append(v.l.errors, problems...)
		v.l.policies[name], v.l.named[name] = parsed, p.key.position()
	}
}
