package directory

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"
)

// residentHelper is set for the process whose memory is measured.
const residentHelper = "SALLYPORT_DIRECTORY_RESIDENT"

// TestMain is, where it is asked to be, a process that holds the large directory
// and nothing else, and says how much of it is resident.
func TestMain(m *testing.M) {
	if os.Getenv(residentHelper) == "" {
		os.Exit(m.Run())
	}
	s, _ := big().commit(time.Now())
	debug.FreeOSMemory()
	fmt.Println(residentBytes())
	runtime.KeepAlive(s)
}

// residentBytes is this process's resident set, as Linux tells it.
func residentBytes() int {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	pages, _ := strconv.Atoi(fields[1])
	return pages * os.Getpagesize()
}

// BenchmarkResident is the resident set of a whole process that holds 100,000
// people, 10,000 groups and 1,000,000 memberships, the test binary included.
func BenchmarkResident(b *testing.B) {
	if runtime.GOOS != "linux" {
		b.Skip("reads /proc")
	}
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), residentHelper+"=1")
		out, err := cmd.Output()
		if err != nil {
			b.Fatal(err)
		}
		n, err := strconv.Atoi(strings.TrimSpace(string(out)))
		if err != nil || n == 0 {
			b.Fatalf("got %q", out)
		}
		b.ReportMetric(float64(n)/(1<<20), "MiB-resident")
	}
}
