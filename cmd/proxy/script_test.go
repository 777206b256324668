package main

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"sallyport": func() {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			os.Exit(execute(ctx, os.Args[1:]))
		},
	})
}

// TestScripts runs testdata/*.txt, each a command line session.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			defer ln.Close()
			_, port, err := net.SplitHostPort(ln.Addr().String())
			e.Setenv("PORT", port)
			e.Setenv("HOME", e.WorkDir)
			e.Values[orgKey{}] = &scriptOrg{}
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"expand": expand, "answers": answers, "listening": listening, "until": until, "org": org,
		},
	})
}

// expand FILE replaces $VARIABLES in a file by those of the script.
func expand(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		path := ts.MkAbs(name)
		b, err := os.ReadFile(path)
		ts.Check(err)
		ts.Check(os.WriteFile(path, []byte(os.Expand(string(b), ts.Getenv)), 0o600))
	}
}

// answers HOST waits until the proxy answers /ping for a host.
func answers(ts *testscript.TestScript, neg bool, args []string) {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		req, err := http.NewRequest("GET", "http://127.0.0.1:"+ts.Getenv("PORT")+"/ping", nil)
		ts.Check(err)
		req.Host = args[0]
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			return
		}
	}
	ts.Fatalf("%s does not answer", args[0])
}

// listening fails when something listens on $PORT; with ! when nothing does.
func listening(ts *testscript.TestScript, neg bool, _ []string) {
	conn, err := net.DialTimeout("tcp", "127.0.0.1:"+ts.Getenv("PORT"), time.Second)
	if err == nil {
		conn.Close()
	}
	if (err == nil) == neg {
		ts.Fatalf("listening on %s: %v", ts.Getenv("PORT"), err == nil)
	}
}

func TestPomeriumsFlagsWithOneDash(t *testing.T) {
	for in, want := range map[string]string{
		"-config f.yaml": "--config f.yaml", "-config=f.yaml": "--config=f.yaml", "-version": "--version",
		"--config f.yaml": "--config f.yaml", "validate --config f": "validate --config f", "-h": "-h",
	} {
		if got := strings.Join(pomeriumFlags(strings.Fields(in)), " "); got != want {
			t.Errorf("pomeriumFlags(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestHelpTextsHaveNoSurprises(t *testing.T) {
	root := newRoot()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Short == "" {
			t.Errorf("%s has no short help", cmd.Name())
		}
		if s := bufio.NewScanner(strings.NewReader(cmd.Long)); s.Scan() && len(s.Text()) > 100 {
			t.Errorf("%s: help line longer than 100 characters", cmd.Name())
		}
	}
}
