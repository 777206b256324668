package policy

import (
	"os"
	"path/filepath"
	"testing"

	"go.yaml.in/yaml/v4"

	"sallyport/identity"
)

// FuzzParse feeds anything that is YAML. Whatever comes: no panic; problems have
// places and words; a policy with problems does not compile; one without does,
// and its evaluators agree.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	for _, mix := range mixtures[:2] {
		f.Add(mix.policy)
	}
	inputs := []*Input{alice(), stranger(), busy(), withMail("a@b@c"), {}}
	f.Fuzz(func(t *testing.T, text string) {
		var node yaml.Node
		if yaml.Unmarshal([]byte(text), &node) != nil {
			return
		}
		policy, problems := Parse(&node, "policy.yaml")
		for _, p := range problems {
			if p.Position.File == "" || p.Position.Line == 0 || p.Position.Col == 0 || p.Message == "" {
				t.Errorf("problem without place or words: %+v", p)
			}
		}
		program, err := Compile(policy)
		if (err != nil) != (len(problems) > 0) {
			t.Fatalf("compile: %v, problems %v", err, problems)
		}
		if err != nil {
			return
		}
		for _, in := range inputs {
			if fast, slow := program.Eval(in), program.Trace(in).Decision; fast != slow {
				t.Errorf("eval %+v, trace %+v", fast, slow)
			}
		}
		if program.Eval(stranger()).Effect == Allow && !policy.Public() {
			t.Error("a stranger passes a policy that is not public")
		}
	})
}

// FuzzMail checks that the comparisons without a folded copy say what comparing
// folded copies says.
func FuzzMail(f *testing.F) {
	for _, mail := range append(mails, unwritable) {
		f.Add(mail, "Alice@Example.COM")
		f.Add(mail, "\u212A\u00c4")
	}
	f.Fuzz(func(t *testing.T, mail, operand string) {
		read := identity.ReadMail(mail)
		address, domain := read.Address, read.Domain
		if domain != "" && address != mail || address != "" && address != mail {
			t.Errorf("%q splits into %q and %q", mail, address, domain)
		}
		want := identity.Fold(operand)
		for name, c := range map[string][2]bool{
			"equal":    {equalFolded(address, want), exact.equal(identity.Fold(address), want)},
			"prefix":   {hasPrefixFolded(address, want), exact.prefix(identity.Fold(address), want)},
			"suffix":   {hasSuffixFolded(address, want), exact.suffix(identity.Fold(address), want)},
			"contains": {containsFolded(address, want), exact.contains(identity.Fold(address), want)},
			"set":      {newFoldedSet([]string{want, "x"}).has(address), identity.Fold(address) == want || identity.Fold(address) == "x"},
		} {
			if c[0] != c[1] {
				t.Errorf("%s of %q and %q: got %v, want %v", name, address, want, c[0], c[1])
			}
		}
	})
}
