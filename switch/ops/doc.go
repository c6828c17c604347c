// Package ops is what operators watch: the metrics page and the two health
// questions.
//
//	http.Serve(listener, ops.Handler(ops.Options{Registry: reg, Checks: checks, Banks: sw.Banks()}))
//
//	/metrics  Prometheus text; our names begin with wxswitch_
//	/livez    200 while the process runs: restart it if not
//	/readyz   200 if the switch would take a request, 503 if not; the body says
//	          in words what it looked at, a line each
//
// Readiness looks at what the switch itself needs: its journal, and that it is
// not draining. A bank without a link is named there but does not make the
// switch unready: its other banks are served.
package ops
