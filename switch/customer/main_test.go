package customer

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

// modelRuns is how many orders TestRandomOrders tries unless -rapid.checks says
// otherwise.
const modelRuns = "25"

func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		_ = f.Value.Set(modelRuns)
	}
	goleak.VerifyTestMain(m)
}
