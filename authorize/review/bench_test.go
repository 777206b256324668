package review

import (
	"fmt"
	"io"
	"syscall"
	"testing"
	"time"

	"sallyport/config"
	"sallyport/identity"
)

// BenchmarkReview reviews 100,000 people in ten of 10,000 groups each against
// 1,000 routes with policies of their own: two groups and an address or a
// department for most, a domain for one in a hundred.
func BenchmarkReview(b *testing.B) {
	const people, groups, routes = 100_000, 10_000, 1_000
	all := make([]*identity.Person, people)
	for i := range all {
		p := identity.Person{
			ID: fmt.Sprintf("00u%07d", i), Email: fmt.Sprintf("person%d@example.com", i), Status: identity.StatusActive,
			Profile: map[string][]string{"department": {fmt.Sprint("d", i%50)}},
		}
		for g := range 10 {
			n := (i*7 + g*1009) % groups
			p.Groups = append(p.Groups, identity.Group{ID: fmt.Sprintf("00g%07d", n), Name: fmt.Sprint("group ", n)})
		}
		all[i] = identity.NewPerson(p)
	}
	var table []*config.Route
	for i := range routes {
		policy := fmt.Sprintf("[{allow: {or: [groups: 'group %d', groups: 'group %d']}}, {allow: {and: [profile/department: d%d, source_ip: 10.%d.0.0/16]}}, {deny: {or: [email: person%d@example.com]}}]",
			i, i+routes, i%50, i%250, i)
		if i%100 == 0 {
			policy = "allow: {or: [domain: example.com]}"
		}
		table = append(table, routed(b, fmt.Sprintf("r%d", i), policy))
	}
	for _, format := range []string{"csv", "json"} {
		b.Run(format, func(b *testing.B) {
			b.ReportAllocs()
			began := spent(b)
			for b.Loop() {
				r := New(table, Options{})
				for _, p := range all {
					r.Add(p)
				}
				n := &counter{}
				var err error
				if format == "csv" {
					err = r.CSV(n)
				} else {
					err = r.JSON(n, Source{})
				}
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(n.lines), "lines/op")
				b.ReportMetric(float64(n.bytes)/1e6, "MB-written/op")
			}
			b.ReportMetric((spent(b)-began).Seconds()/float64(b.N), "CPU-s/op")
		})
	}
}

type counter struct{ lines, bytes int }

var _ io.Writer = (*counter)(nil)

func (c *counter) Write(p []byte) (int, error) {
	c.bytes += len(p)
	for _, b := range p {
		if b == '\n' {
			c.lines++
		}
	}
	return len(p), nil
}

// spent is the processor time of the process: what counts on a busy machine.
func spent(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
