package policy

import (
	"net/netip"
	"strings"

	"go.yaml.in/yaml/v4"

	"sallyport/identity"
)

// criterion reads a mapping of one criterion; nil if it cannot be known which.
func (p *parser) criterion(n *yaml.Node) *criterion {
	if n.Kind != yaml.MappingNode {
		p.problem(n, `write "name: value", for example "accept: true"`, "expected a criterion, got %s", describe(n))
		return nil
	}
	members := p.members(n)
	if len(n.Content) != 2 {
		p.problem(n, `begin each criterion with its own "- "`, "expected one criterion in each list item, got %d keys", len(n.Content)/2)
	}
	var c *criterion
	for _, m := range members {
		c = p.criterionNamed(m)
	}
	return c
}

// named is what the path of a criterion names.
var named = map[string]string{"claim": "claim", "profile": "attribute", "http_header": "header"}

// criterionNamed reads the criterion m.name with its data.
func (p *parser) criterionNamed(m member) *criterion {
	name, path, hasPath := strings.Cut(m.name, "/")
	k := kinds[name]
	switch {
	case later[name] != "":
		p.problem(m.key, later[name], "criterion %q is not supported", m.name)
		return nil
	case k == nil, hasPath && !k.path:
		p.problem(m.key, hintCriterion(m.name), "unknown criterion %q", m.name)
		return nil
	case k.path && path == "":
		p.problem(m.key, `write "`+name+`/NAME"`, "criterion %q names no %s", m.name, named[name])
		return nil
	}
	c := &criterion{pos: p.position(m.key), kind: k, path: path}
	if name == "claim" {
		c.claim = identity.NewClaimPath(path)
	}
	n := p.visit(m.value)
	if n == nil {
		return nil
	}
	k.parse(p, n, c)
	return c
}

// flag reads the value of a criterion that takes none but true. Pomerium ignores
// the value; here what reads like "no" is an error, since it would mean yes.
func (p *parser) flag(n *yaml.Node, c *criterion) {
	if n.Kind == yaml.ScalarNode && affirms(n) {
		return
	}
	p.problem(n, "write "+c.kind.name+": true, or leave the criterion out", "expected true for %q, got %s", c.kind.name, describe(n))
}

func affirms(n *yaml.Node) bool {
	switch n.ShortTag() {
	case "!!null":
		return true
	case "!!int":
		v, ok := number(n)
		return ok && v != 0
	}
	switch strings.ToLower(n.Value) {
	case "true", "yes", "on":
		return true
	}
	return false
}

// addresses reads one address or network, or a list of them.
func (p *parser) addresses(n *yaml.Node, c *criterion) {
	list := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		list = n.Content
		if len(list) == 0 {
			p.problem(n, "", "expected at least one address or network for %q, got an empty list", c.kind.name)
		}
	}
	for _, item := range list {
		if item != n {
			item = p.visit(item)
		}
		if item == nil {
			return
		}
		if item.Kind != yaml.ScalarNode || item.ShortTag() != "!!str" {
			p.problem(item, `write "10.0.0.0/8" or a list of such`, "expected an address or network for %q, got %s", c.kind.name, describe(item))
			continue
		}
		network, hint, ok := parseNetwork(item.Value)
		if !ok {
			p.problem(item, hint, "expected an address or network for %q, got %s", c.kind.name, describe(item))
			continue
		}
		c.networks = append(c.networks, network)
	}
}

// mapped is where IPv6 holds the addresses of IPv4.
var mapped = netip.MustParsePrefix("::ffff:0:0/96")

// parseNetwork reads an address as the network of it alone, v4-mapped ones as
// IPv4. Bits beyond the prefix are dropped, as Pomerium does.
func parseNetwork(s string) (network netip.Prefix, hint string, ok bool) {
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		addr, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, `write an address like "192.0.2.7" or a network like "192.0.2.0/24"`, false
		}
		if addr.Zone() != "" {
			return netip.Prefix{}, "leave out the zone: it names an interface, not an address", false
		}
		prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	if !prefix.Addr().Is4In6() {
		return prefix.Masked(), "", true
	}
	if prefix.Bits() < mapped.Bits() {
		return netip.Prefix{}, "write the IPv4 network instead", false
	}
	return netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-mapped.Bits()).Masked(), "", true
}
