package oktatest

// Secrets are all codes and tokens issued so far, so that a test can look for
// them where they must not be.
func (k *Okta) Secrets() []string {
	g := k.grants
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []string
	for value := range g.codes {
		all = append(all, value)
	}
	for value := range g.access {
		all = append(all, value)
	}
	for value := range g.refresh {
		all = append(all, value)
	}
	return all
}
