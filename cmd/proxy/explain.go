package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sallyport/authorize"
	"sallyport/config"
	"sallyport/internal/clientcert"
	"sallyport/policy"
	"sallyport/policy/facts"
	"sallyport/server"
	"sallyport/server/paper"
)

func newExplain() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain METHOD URL",
		Short: "tell why somebody may or may not pass",
		Long: `Tell what is decided about a request and why: the decision, the smallest change
that would let them in, and every rule with what it wanted and what was there.

With --facts nothing is contacted: routes come from the configuration, people
and sessions from the file. Without it a running instance is asked through its
admin socket.`,
		Example: `  sallyport explain --config config.yaml --as bob@example.com GET https://wiki.example.com/x
  sallyport explain --config config.yaml --anonymous --ip 192.0.2.7 GET https://wiki.example.com/
  sallyport explain --config new.yaml --facts facts.yaml --as bob@example.com GET https://wiki.example.com/x`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fmt.Errorf("%w: a method and a URL are expected, as in: sallyport explain --as bob@example.com GET https://wiki.example.com/x", errUsage)
			}
			return nil
		},
	}
	q := questionFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return q.run(cmd, args[0], args[1]) }
	return cmd
}

// question is the command line of explain.
type question struct {
	instance
	as, session, facts, format, ip, at *string
	certificate                        *string
	headers                            *[]string
	anonymous                          *bool
}

func questionFlags(cmd *cobra.Command) *question {
	f := cmd.Flags()
	return &question{
		instance:    instanceFlags(cmd),
		as:          f.String("as", "", "`e-mail`, login or id of somebody: their session in the running instance, else as if they had just signed in"),
		session:     f.String("session", "", "session `id`, of the facts or as listed by the running instance"),
		anonymous:   f.Bool("anonymous", false, "nobody is signed in"),
		facts:       f.String("facts", "", "facts `file`: the directory on paper; - is standard input"),
		format:      f.String("format", "text", "`text` or json"),
		ip:          f.String("ip", "", "client `address`"),
		at:          f.String("at", "", "`time` of the request (RFC 3339), with --facts"),
		certificate: f.String("client-certificate", "", "PEM `file` of the client's certificate and those it sends along"),
		headers:     f.StringArray("header", nil, "request header as `NAME: VALUE`; may be repeated"),
	}
}

func (q *question) run(cmd *cobra.Command, method, rawURL string) error {
	asked, err := q.read(method, rawURL)
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	var e authorize.Explanation
	if *q.facts != "" {
		e, err = q.onPaper(cmd, asked)
	} else {
		e, err = q.live(cmd, asked)
	}
	if err != nil {
		return err
	}
	if slices.Contains(e.Reasons, policy.ReasonClientCertificateRequired.String()) && *q.certificate == "" {
		e.Notes = append(e.Notes, "nobody showed a client certificate: --client-certificate FILE does")
	}
	if *q.ip == "" && e.Decision != "allow" && asks(e.Rules, "source_ip") {
		e.Notes = append(e.Notes, "no address was given, and rules ask for one: --ip ADDRESS does")
	}
	if *q.format == "json" {
		enc := json.NewEncoder(cmd.OutOrStdout())
		enc.SetIndent("", "  ")
		return enc.Encode(e)
	}
	return e.WriteText(cmd.OutOrStdout())
}

// asks reports whether one of the rules has the criterion.
func asks(rules []authorize.ToldRule, criterion string) bool {
	for _, r := range rules {
		for _, l := range r.Lists {
			if slices.ContainsFunc(l.Criteria, func(c authorize.ToldCriterion) bool { return c.Name == criterion }) {
				return true
			}
		}
	}
	return false
}

// read checks the command line.
func (q *question) read(method, rawURL string) (asked paper.Question, err error) {
	n := 0
	for _, given := range []bool{*q.as != "", *q.session != "", *q.anonymous} {
		if given {
			n++
		}
	}
	switch {
	case n != 1:
		return asked, errors.New("expected exactly one of --as, --session and --anonymous")
	case *q.at != "" && *q.facts == "":
		return asked, errors.New("--at needs --facts: a running instance decides by its own clock")
	case *q.socket != "" && *q.facts != "":
		return asked, errors.New("keep one of --facts and --socket: people come from the file or from the running instance")
	case *q.format != "text" && *q.format != "json":
		return asked, fmt.Errorf("--format: expected text or json, got %q", *q.format)
	}
	if upper := strings.ToUpper(method); slices.Contains(policy.MethodNames, upper) {
		method = upper // requests have them in capital letters, people do not
	}
	asked = paper.Question{Who: paper.Who{Session: *q.session, Email: *q.as}, Method: method, Header: http.Header{}}
	if asked.URL, err = url.Parse(rawURL); err != nil || asked.URL.Host == "" {
		return asked, fmt.Errorf("expected a URL such as https://wiki.example.com/x, got %q", rawURL)
	}
	if *q.ip != "" {
		if asked.IP, err = netip.ParseAddr(*q.ip); err != nil {
			return asked, fmt.Errorf("--ip: expected an address, got %q", *q.ip)
		}
	}
	if *q.at != "" {
		if asked.At, err = time.Parse(time.RFC3339, *q.at); err != nil {
			return asked, fmt.Errorf("--at: expected a time such as 2026-01-31T12:00:00Z, got %q", *q.at)
		}
	}
	for _, h := range *q.headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok {
			return asked, fmt.Errorf("--header: expected NAME: VALUE, got %q", h)
		}
		asked.Header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	if *q.certificate != "" {
		asked.ClientCertificates, err = readCertificates(*q.certificate)
	}
	return asked, err
}

func readCertificates(path string) ([]*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--client-certificate: %w", err)
	}
	all, err := clientcert.Bundle(text)
	if err != nil || len(all) == 0 {
		return nil, fmt.Errorf("--client-certificate: expected certificates in PEM in %q", path)
	}
	return all, nil
}

func (q *question) onPaper(cmd *cobra.Command, asked paper.Question) (authorize.Explanation, error) {
	cfg, err := load(cmd, *q.file)
	if err != nil {
		return authorize.Explanation{}, err
	}
	var f *facts.Facts
	if *q.facts != "" {
		if f, err = readFacts(cmd, *q.facts); err != nil {
			return authorize.Explanation{}, err
		}
	}
	w, err := paper.New(cfg, f, nil)
	if err != nil {
		return authorize.Explanation{}, err
	}
	return w.Explain(asked)
}

// readFacts reads a facts file; problems have been printed when it returns an
// error.
func readFacts(cmd *cobra.Command, path string) (*facts.Facts, error) {
	text, name, err := readInput(cmd, path)
	if err != nil {
		return nil, err
	}
	f, problems := facts.Read(name, text)
	if len(problems) > 0 {
		return nil, refuse(cmd, problems)
	}
	return f, nil
}

// live asks the running instance. Where there is none, nobody can be explained
// without it: nobody needs no directory.
func (q *question) live(cmd *cobra.Command, asked paper.Question) (e authorize.Explanation, err error) {
	body := server.ExplainRequest{
		Email: *q.as, Session: *q.session, Anonymous: *q.anonymous, Method: asked.Method, URL: asked.URL.String(), IP: *q.ip, Header: asked.Header,
	}
	for _, c := range asked.ClientCertificates {
		body.ClientCertificate += string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	err = q.call(cmd, http.MethodPost, "/v1/explain", body, &e)
	if err == nil && *q.file != "" {
		if cfg, problems := config.Load(loadOptions(*q.file)); len(problems) == 0 && cfg.Hash != e.Config {
			e.Notes = append(e.Notes, "the running instance has another configuration in force than "+*q.file+": it answers by its own; --facts asks the file")
		}
	}
	var bad explainedError
	if err == nil || errors.As(err, &bad) || *q.file == "" {
		return e, err
	}
	if *q.anonymous {
		return q.onPaper(cmd, asked)
	}
	return e, fmt.Errorf("%w; give --facts FILE to explain on paper", err)
}
