package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "write docs/reference/command-line.md anew")

const referenceFile = "../../docs/reference/command-line.md"

// TestCommandLineReferenceIsCurrent holds the reference page to the commands.
// `go test ./cmd/proxy -run Reference -update` writes it.
func TestCommandLineReferenceIsCurrent(t *testing.T) {
	root := newRoot()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	var b strings.Builder
	b.WriteString("# Command line\n\n<!-- generated from the code: go test ./cmd/proxy -run Reference -update -->\n\n")
	b.WriteString("Flags take one dash or two (`-config`, `--config`) at the top level, as Pomerium's do. Exit status: 0 for\nsuccess, 1 for a failure that was explained, 2 for a command line that was not understood.\n")
	describe(&b, root)
	if *update {
		if err := os.WriteFile(referenceFile, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), string(have)); diff != "" {
		t.Errorf("docs/reference/command-line.md is stale; run `go test ./cmd/proxy -run Reference -update`\n%s", diff)
	}
}

func describe(b *strings.Builder, cmd *cobra.Command) {
	fmt.Fprintf(b, "\n## `%s`\n\n", cmd.CommandPath())
	text := cmd.Long
	if text == "" {
		text = cmd.Short
	}
	if cmd.Name() == "completion" {
		fmt.Fprintf(b, "%s.\n\n`sallyport completion bash|zsh|fish|powershell` prints a script; its `--help` says where to put it.\n", cmd.Short)
		return
	}
	fmt.Fprintf(b, "%s\n", strings.TrimSpace(text))
	if cmd.Example != "" {
		fmt.Fprintf(b, "\n```\n%s\n```\n", strings.ReplaceAll(strings.TrimPrefix(cmd.Example, "  "), "\n  ", "\n"))
	}
	if flags := cmd.NonInheritedFlags().FlagUsagesWrapped(90); flags != "" {
		fmt.Fprintf(b, "\n```text\n%s```\n", flags)
	}
	for _, sub := range cmd.Commands() {
		if sub.Name() != "help" && !sub.Hidden {
			describe(b, sub)
		}
	}
}

// Every command that does something shows how it is called, and what it shows is
// understood.
func TestExamplesAreCommandLinesThatWork(t *testing.T) {
	var each func(cmd *cobra.Command)
	each = func(cmd *cobra.Command) {
		if cmd.Runnable() && !cmd.HasAvailableSubCommands() && cmd.Example == "" && cmd.Name() != "version" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		for line := range strings.Lines(cmd.Example) {
			line, _, _ = strings.Cut(line, "#")
			line, _, _ = strings.Cut(line, ">")
			args := pomeriumFlags(strings.Fields(line)[1:])
			found, rest, err := newRoot().Find(args)
			if err == nil {
				err = found.ParseFlags(rest)
			}
			if err == nil {
				err = found.ValidateArgs(found.Flags().Args())
			}
			if err != nil || found.CommandPath() != cmd.CommandPath() && cmd.HasParent() {
				t.Errorf("example of %s: %s: %v", cmd.CommandPath(), line, err)
			}
		}
		for _, sub := range cmd.Commands() {
			each(sub)
		}
	}
	each(newRoot())
}
