package server

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sallyport/config"
	"sallyport/directory"
	"sallyport/idp"
	"sallyport/idp/okta"
	"sallyport/internal/httpout"
	"sallyport/internal/oktaurl"
	"sallyport/store/memory"
)

// SyncOptions for OktaSync. Config is required, with a service account.
type SyncOptions struct {
	Config *config.Config
	// All goes on until the members of every group were read; else those of the
	// groups that policies name are enough, as they are for a start.
	All bool
	// Progress is told of now and then; nil: nobody.
	Progress func(SyncReport)
	Logger   *slog.Logger // nil: no log
}

// SyncReport is how far one reading of the whole directory got and what it took.
type SyncReport struct {
	Organisation string         `json:"organisation"`
	People       int            `json:"people"`
	Groups       int            `json:"groups"`
	Memberships  int            `json:"memberships"`
	Unread       int            `json:"groups_not_read"` // whose members were not read
	Requests     map[string]int `json:"requests"`        // by rate-limit bucket
	Seconds      float64        `json:"seconds"`
	MemoryBytes  uint64         `json:"memory_bytes"` // of the directory, and of its copy as the store has it
	// Problem is why the last request did not get on, "" where it did.
	Problem string `json:"problem,omitempty"`
}

// Total is the number of requests.
func (r SyncReport) Total() (n int) {
	for _, count := range r.Requests {
		n += count
	}
	return n
}

// progressEvery is how often the reading is looked at.
const progressEvery = 250 * time.Millisecond

// OktaSync reads the directory once, into memory, with the configuration's
// credentials and limits. It leaves nothing behind, but what it asks counts
// against the same rate limits as what a running instance does.
func OktaSync(ctx context.Context, o SyncOptions) (SyncReport, error) {
	run, err := newSyncRun(o)
	if err != nil {
		return SyncReport{}, err
	}
	if err := run.directory.Start(ctx); err != nil {
		return SyncReport{}, err
	}
	defer run.directory.Stop()
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		report := run.report()
		if run.done(report) {
			report.MemoryBytes, report.Problem = run.memory(), ""
			return report, nil
		}
		if err := run.source.refused.Load(); err != nil {
			return report, *err
		}
		select {
		case <-ctx.Done():
			return report, ctx.Err()
		case <-tick.C:
			if o.Progress != nil {
				o.Progress(report)
			}
		}
	}
}

// syncRun is one OktaSync.
type syncRun struct {
	o         SyncOptions
	org       string
	source    *watched
	directory *directory.Directory
	registry  *prometheus.Registry
	began     time.Time
	heap      uint64
}

func newSyncRun(o SyncOptions) (*syncRun, error) {
	cfg := o.Config
	if !cfg.Provider.ServiceAccount.Given() {
		return nil, errNoDirectory
	}
	org, err := oktaurl.OrgURL(cfg.Provider.URL)
	if err != nil {
		return nil, err
	}
	client, err := httpout.New(httpout.Options{Timeout: listingTimeout, MaxBody: listingMaxBody, CAFile: cfg.Provider.CAFile})
	if err != nil {
		return nil, err
	}
	r := &syncRun{o: o, org: org, registry: prometheus.NewRegistry(), began: time.Now(), heap: heapInUse()}
	source, err := okta.NewDirectory(okta.Options{
		OrgURL: org, APIKey: cfg.Provider.ServiceAccount.APIKey, ServiceAccount: cfg.Provider.ServiceAccount.Raw,
		HTTP: client, QPS: cfg.Provider.QPS, Share: cfg.Directory.RateLimitShare, Attributes: relevantTo(cfg).Attributes, Logger: o.Logger, Registry: r.registry,
	})
	if err != nil {
		return nil, err
	}
	r.source = &watched{Directory: source}
	r.directory, err = directory.New(directory.Options{
		Source: r.source, Listing: func() (directory.Source, string) { return r.source, org },
		Relevant: func() directory.Relevant { return relevantTo(cfg) }, Store: memory.New(memory.Options{}), Logger: o.Logger,
	})
	return r, err
}

func (r *syncRun) report() SyncReport {
	report := SyncReport{Organisation: r.org, Requests: r.requests(), Seconds: time.Since(r.began).Seconds()}
	if last := r.source.last.Load(); last != nil && *last != nil {
		report.Problem = (*last).Error()
	}
	if snap := r.directory.Snapshot(); snap != nil {
		c := snap.Counts()
		report.People, report.Groups, report.Memberships, report.Unread = c.People, c.Groups, c.Memberships, c.Unread
	}
	return report
}

func (r *syncRun) done(report SyncReport) bool {
	return r.directory.Snapshot() != nil && (!r.o.All || report.Unread == 0)
}

// watched is the source, with what the last request for a listing came to, and the
// last refusal to list people or groups: without those waiting does not help.
type watched struct {
	*okta.Directory
	last, refused atomic.Pointer[error]
}

// Log is what a reading begins with. One may be without the right to it, but not
// without credentials that Okta takes.
func (w *watched) Log(ctx context.Context, q idp.LogQuery, cursor string) (idp.Page[idp.Event], error) {
	page, err := w.Directory.Log(ctx, q, cursor)
	var forbidden *idp.ForbiddenError
	if !errors.As(err, &forbidden) {
		w.note(ctx, err)
	}
	return page, err
}

func (w *watched) Users(ctx context.Context, q idp.UserQuery, cursor string) (idp.Page[idp.User], error) {
	page, err := w.Directory.Users(ctx, q, cursor)
	w.note(ctx, err)
	return page, err
}

func (w *watched) Groups(ctx context.Context, q idp.GroupQuery, cursor string) (idp.Page[idp.Group], error) {
	page, err := w.Directory.Groups(ctx, q, cursor)
	w.note(ctx, err)
	return page, err
}

func (w *watched) note(ctx context.Context, err error) {
	w.tell(ctx, err)
	if definite(err) {
		w.refused.Store(&err)
	}
}

func (w *watched) tell(ctx context.Context, err error) {
	if ctx.Err() == nil { // else nobody waits for it
		w.last.Store(&err)
	}
}

func definite(err error) bool {
	var e *okta.Error
	return errors.As(err, &e) && e.Definite()
}

// requests reads the counts off the metrics.
func (r *syncRun) requests() map[string]int {
	counts := map[string]int{}
	families, err := r.registry.Gather()
	if err != nil {
		return counts
	}
	for _, f := range families {
		if f.GetName() != "sallyport_okta_requests_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "bucket" {
					counts[l.GetValue()] += int(m.GetCounter().GetValue())
				}
			}
		}
	}
	return counts
}

// memory is what the directory holds once garbage is gone.
func (r *syncRun) memory() uint64 {
	now := heapInUse()
	runtime.KeepAlive(r.directory)
	return now - min(now, r.heap)
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
