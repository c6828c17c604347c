package switching_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/rs/zerolog"

	"wxswitch/banks"
	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/ops"
)

const recoveredCard = "6210081234567884"

// TestEveryEndIsCountedAndLogged: an approval, a decline, a timeout, a refusal, and
// a change whose close could not be written and that the scan ends. The bank takes
// 2 s and the disk a quarter of one, so that each time is known exactly.
func TestEveryEndIsCountedAndLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry, lines := prometheus.NewRegistry(), new(bytes.Buffer)
		r, stop := newPlainRigWith(t, switching.Options{Registerer: registry, Log: zerolog.New(lines)}, false)
		defer stop()
		registry.MustRegister(ops.Advices{Stat: r.j.AdviceStats, Now: time.Now})
		var full atomic.Bool
		disk := func(step string) error {
			if step != "commit-before" {
				return nil
			}
			time.Sleep(250 * time.Millisecond)
			if full.Load() {
				return errors.New("planted")
			}
			return nil
		}
		r.fail.Store(&disk)
		before := values(t, registry)
		for _, result := range []string{"journalled", "unmatched", "error", "unsupported-request", "foreign-account", "repeated-request", "request"} { // else the first would be no increase
			if n, known := before[fmt.Sprintf(`wxswitch_late_messages_total{bank="xjrcu",result=%q}`, result)]; !known || n != 0 {
				t.Errorf("%s late messages before any: %v %v", result, n, known)
			}
		}

		var all []switching.Result
		do := func(kind codec.Type, account, code string) {
			t.Helper()
			r.answers(func(m *codec.Message) *codec.Message {
				time.Sleep(2 * time.Second)
				full.Store(account == recoveredCard)
				if code == "" {
					return nil
				}
				return codec.NewReply(m, code)
			})
			q := request(kind, account+code)
			q.Account = codec.NewAccount(account)
			result, err := r.sw.Do(t.Context(), q)
			if unknown := account == recoveredCard; errors.Is(err, switching.ErrOutcomeUnknown) != unknown || !unknown && err != nil {
				t.Fatal(err)
			}
			all = append(all, result)
		}
		do(codec.Authenticate, "6210081234567892", "00")
		do(codec.Authenticate, "6210081234567918", "14")
		do(codec.Authenticate, "6210081234567926", "")
		timedOut := time.Now() // and its reversal stored
		do(codec.Authenticate, "9999990000000000", "")
		do(codec.Deregister, recoveredCard, "00")
		full.Store(false)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		must(t, r.sw.Run(ctx)) // the scan

		got := values(t, registry)
		for name, n := range before { // the first block of numbers is committed before
			got[name] -= n
		}
		const authenticate, deregister = `{bank="xjrcu",type="authenticate"}`, `{bank="xjrcu",type="deregister"}`
		ended := func(kind codec.Type, bank string, outcome switching.Outcome, reason switching.Reason) string {
			return fmt.Sprintf(`wxswitch_requests_total{bank=%q,outcome=%q,reason=%q,type=%q}`, bank, outcome, reason, kind)
		}
		const commits = 8 // approved 2, declined 2, timed out 2, recovered 2
		want := map[string]float64{
			ended(codec.Authenticate, "xjrcu", switching.Approved, ""):                              1,
			ended(codec.Authenticate, "xjrcu", switching.Declined, ""):                              1,
			ended(codec.Authenticate, "xjrcu", switching.TimedOut, switching.Reason(banks.NoReply)): 1,
			ended(codec.Authenticate, "", switching.Refused, "unknown-bin"):                         1,
			ended(codec.Deregister, "xjrcu", "error", "outcome-unknown"):                            1,

			"wxswitch_bank_seconds_count" + authenticate:   3,
			"wxswitch_bank_seconds_sum" + authenticate:     2 + 2 + 9.75, // the last until its deadline
			"wxswitch_bank_seconds_count" + deregister:     1,
			"wxswitch_bank_seconds_sum" + deregister:       2,
			"wxswitch_switch_seconds_count" + authenticate: 3,
			"wxswitch_switch_seconds_sum" + authenticate:   3 * 0.5,
			"wxswitch_switch_seconds_count" + deregister:   1,
			"wxswitch_switch_seconds_sum" + deregister:     0.25 + 3*(2*0.25+0.02), // three times a close fails, is read back by the writer, and a pause

			"wxswitch_recovered_total":      1,
			"wxswitch_in_flight":            0,
			"wxswitch_commit_batch_count":   commits,
			"wxswitch_commit_batch_sum":     commits,
			"wxswitch_commit_seconds_count": commits,

			`wxswitch_advices{bank="xjrcu",state="pending"}`:               2,
			`wxswitch_advice_oldest_seconds{bank="xjrcu",state="pending"}`: time.Since(timedOut).Seconds() + 0.25,
		}
		for name, value := range want {
			if diff := got[name] - value; diff < -0.001 || diff > 0.001 {
				t.Errorf("%s is %v, want %v", name, got[name], value)
			}
		}
		for name, value := range got {
			if _, known := want[name]; !known && value != 0 && strings.HasPrefix(name, "wxswitch_requests_total") {
				t.Errorf("%s is %v", name, value)
			}
		}
		checkLines(t, r, lines.String(), all)
	})
}

// A message that breaks a rule of the dialect is logged with field and rule, and
// without its value: with the reason alone nobody could mend the dialect.
func TestBrokenRuleIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lines := new(bytes.Buffer)
		r, stop := newPlainRigWith(t, switching.Options{Log: zerolog.New(lines)}, false)
		defer stop()
		r.answers(func(m *codec.Message) *codec.Message {
			reply := codec.NewReply(m, "00")
			reply.Set(codec.FieldPAN, "6210081234567918")
			return reply
		})
		unwritable := request(codec.Authenticate, "unwritable")
		unwritable.Fields.Set(codec.FieldCertNumber, "123456789012345678901")
		for _, c := range []struct {
			request switching.Request
			reason  switching.Reason
			cause   string
		}{
			{unwritable, switching.ReasonUnwritable, "F61 certificate number"},
			{request(codec.Deregister, "foreign"), switching.Reason(banks.BadReply), "pan: the same as in the request"},
		} {
			lines.Reset()
			result, err := r.sw.Do(t.Context(), c.request)
			must(t, err)
			if got := lines.String(); result.End.Reason != c.reason || !strings.Contains(got, `"cause":"`+c.cause) || strings.Contains(got, "12345678901") {
				t.Errorf("%s: %s", result.End.Reason, got)
			}
		}
	})
}

// checkLines wants one line of each transaction, which names it as the journal and
// the bank do.
func checkLines(t *testing.T, r *rig, text string, all []switching.Result) {
	t.Helper()
	var logged []map[string]any
	for line := range strings.Lines(text) {
		var fields map[string]any
		must(t, json.Unmarshal([]byte(line), &fields))
		if fields["message"] == "transaction" {
			logged = append(logged, fields)
		}
	}
	if len(logged) != len(all) {
		t.Fatalf("%d lines of %d transactions: %s", len(logged), len(all), text)
	}
	// Of the last, which answered an error, the journal knows.
	last := all[len(all)-1]
	var err error
	last.Entry, _, err = r.j.Find(t.Context(), r.keys.Index("idempotency", "c", "op", recoveredCard+"00"))
	must(t, err)
	if last.ID == 0 || last.End.Outcome != switching.TimedOut || last.End.Reason != switching.ReasonRecovered {
		t.Errorf("the scan left %+v", last.Entry)
	}
	recovered := fmt.Sprintf(`{"level":"warn","id":%d,"type":"deregister","bank":"xjrcu","rrn":%q,"stan":%q,"sent":%q,"outcome":"timed-out","message":"recovered"}`,
		last.ID, last.RRN, last.STAN, last.Sent)
	if n := strings.Count(text, recovered); n != 1 {
		t.Errorf("%d lines %s in %s", n, recovered, text)
	}
	last.End = switching.End{Outcome: "error", Reason: "outcome-unknown"}
	all[len(all)-1] = last
	for i, e := range all {
		want := map[string]any{
			"level": "info", "message": "transaction", "client": "c", "id": float64(e.ID), "type": string(e.Type), "bank": e.Bank,
			"rrn": string(e.RRN), "stan": string(e.STAN), "sent": string(e.Sent),
			"outcome": string(e.End.Outcome), "reason": string(e.End.Reason), "code": e.End.Code, "replayed": false,
		}
		got := maps.Clone(logged[i])
		for _, took := range []string{"took", "bank_took"} {
			if _, known := got[took].(float64); !known {
				t.Errorf("line %d has no %s", i, took)
			}
			delete(got, took)
		}
		if !maps.Equal(got, want) {
			t.Errorf("line %d is %v, want %v", i, got, want)
		}
		if sent := e.End.Outcome != switching.Refused; sent && (e.ID == 0 || e.RRN == "" || e.STAN == "" || e.Sent == "") {
			t.Errorf("transaction %d has no numbers: %+v", i, e)
		}
	}
}

// values are those of every collector, by name and labels; of histograms, count
// and sum.
func values(t *testing.T, r *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	must(t, err)
	all := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			where := ""
			if len(labels) > 0 {
				where = "{" + strings.Join(labels, ",") + "}"
			}
			if f.GetType() == dto.MetricType_HISTOGRAM {
				all[f.GetName()+"_count"+where] = float64(m.GetHistogram().GetSampleCount())
				all[f.GetName()+"_sum"+where] = m.GetHistogram().GetSampleSum()
				continue
			}
			all[f.GetName()+where] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return all
}

// What nobody waited for is counted by what became of it.
func TestLateMessagesAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		r, stop := newPlainRigWith(t, switching.Options{Registerer: registry, Log: zerolog.Nop()}, false)
		defer stop()
		r.answers(approves)
		e := r.do(request(codec.Authenticate, "k"))
		r.lateTook(codec.Authenticate, e.ID, e.Sent)
		r.lateTook(codec.Authenticate, e.ID+1, e.Sent)
		broken := func(string) error { return errors.New("planted") }
		r.fail.Store(&broken)
		r.lateTook(codec.Authenticate, e.ID, e.Sent)
		r.sw.Incoming(t.Context(), "xjrcu", codec.NewRequest(codec.Balance))
		stopped, stopNow := context.WithCancel(t.Context())
		stopNow()
		must(t, r.sw.Run(stopped)) // until then the third is kept
		got := values(t, registry)
		for _, result := range []string{"journalled", "unmatched", "error", "unsupported-request"} {
			if n := got[fmt.Sprintf(`wxswitch_late_messages_total{bank="xjrcu",result=%q}`, result)]; n != 1 {
				t.Errorf("%s: %v", result, n)
			}
		}
	})
}

// meanwhile is a journal in which something happens while the scan looks.
type meanwhile struct {
	switching.Journal
	happens func()
}

func (m meanwhile) Due(ctx context.Context, t time.Time, limit int) ([]switching.Entry, error) {
	due, err := m.Journal.Due(ctx, t, limit)
	if len(due) > 0 {
		m.happens()
	}
	return due, err
}

// left is a row that another process has opened, and ten seconds to end.
func left(t *testing.T, r *rig) switching.Entry {
	e := switching.Entry{
		ID: 7, Client: "c", Operation: "op", Type: codec.Deregister, Bank: "xjrcu", Card: true, Account: codec.NewAccount("6210081234567892"),
		MTI: "0100", Code3: "890100", STAN: codec.NewSTAN(7), Sent: codec.NewStamp(time.Now()), RRN: codec.NewRRN(7),
		BodyHash: []byte("b"), Opened: time.Now(), Deadline: time.Now().Add(10 * time.Second),
	}
	_, err := r.j.Open(t.Context(), e)
	must(t, err)
	return e
}

// abandoned is a row that a process left open which crashed.
func abandoned(t *testing.T, r *rig) switching.Entry {
	e := left(t, r)
	time.Sleep(time.Minute)
	return e
}

// What another ends between the scan's look and its own close, a late reply or another
// instance's scan, was not recovered here, and is not said to have been.
func TestWhatAnotherEndsIsNotRecovered(t *testing.T) {
	for name, c := range map[string]struct {
		ends func(*testing.T, *rig, switching.Entry)
		as   switching.Outcome
	}{
		"a late reply": {func(_ *testing.T, r *rig, e switching.Entry) { r.lateTook(e.Type, e.ID, e.Sent) }, switching.Approved},
		"another's scan": {func(t *testing.T, r *rig, e switching.Entry) {
			_, err := r.j.Close(t.Context(), e, switching.End{Outcome: switching.TimedOut, Reason: switching.ReasonRecovered})
			must(t, err)
		}, switching.TimedOut},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				registry, lines := prometheus.NewRegistry(), new(bytes.Buffer)
				r, stop := newPlainRigWith(t, switching.Options{Registerer: registry, Log: zerolog.New(lines)}, false)
				defer stop()
				e := abandoned(t, r)
				r.sw.Journal = meanwhile{r.j, func() { c.ends(t, r, e) }}
				ctx, end := context.WithCancel(t.Context())
				time.AfterFunc(500*time.Millisecond, end)
				must(t, r.sw.Run(ctx))
				row, _, err := r.j.Get(t.Context(), e.ID)
				must(t, err)
				if row.End.Outcome != c.as {
					t.Errorf("ended as %s", row.End.Outcome)
				}
				if n := values(t, registry)["wxswitch_recovered_total"]; n != 0 || strings.Contains(lines.String(), "recovered") {
					t.Errorf("%v recovered: %s", n, lines)
				}
			})
		})
	}
}

// A bank that answers what it was never asked, or says what changes nothing, again
// and again, is counted and fills no log. What is new is logged, however much comes.
func TestABankFillsNoLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		registry := prometheus.NewRegistry()
		r, stop := newPlainRigWith(t, switching.Options{Registerer: registry, Log: zerolog.New(&log)}, false)
		defer stop()
		r.answers(approves)
		e := r.do(request(codec.Authenticate, "k"))
		for range 100 {
			r.lateTook(codec.Authenticate, e.ID+1, e.Sent)
		}
		synctest.Wait()
		if n := strings.Count(log.String(), "reply to nothing"); n < 1 || n > 10 {
			t.Errorf("%d lines in a moment", n)
		}
		if n := values(t, registry)[`wxswitch_late_messages_total{bank="xjrcu",result="unmatched"}`]; n != 100 {
			t.Errorf("%v counted", n)
		}
		other, err := banks.New(banks.Config{
			Name: "klb", Links: []banks.LinkConfig{{Name: "l", Addresses: []string{"x:1"}}}, Deadline: time.Second, Acquirer: "48980000", Forwarder: "48980000",
		}, r.bank.Dialect(), r.sw, banks.Options{Numbers: r.numbers})
		must(t, err)
		r.sw.AddBank(other)
		r.sw.Incoming(t.Context(), "klb", codec.NewRequest(codec.Balance))
		if !strings.Contains(log.String(), `"bank":"klb"`) {
			t.Error("one bank keeps another's lines out")
		}
		log.Reset()
		for range 100 {
			r.lateTook(codec.Authenticate, e.ID, e.Sent)
		}
		if n := strings.Count(log.String(), `"late reply"`); n > 10 {
			t.Errorf("%d lines of one answer", n)
		}
		movement := codec.NewRequest(codec.Movement)
		movement.SetAccount(codec.NewAccount("6210081234567892"), true)
		foreign := codec.NewRequest(codec.Movement)
		foreign.SetAccount(codec.NewAccount("9999990000000000"), true)
		for result, m := range map[string]*codec.Message{
			"unsupported-request": codec.NewRequest(codec.Balance), "foreign-account": foreign, "repeated-request": movement, "error": movement,
		} {
			time.Sleep(time.Minute)
			log.Reset()
			if result == "error" {
				broken := func(string) error { return errors.New("planted") }
				r.fail.Store(&broken)
			}
			for range 101 {
				r.sw.Incoming(t.Context(), "xjrcu", m)
			}
			r.fail.Store(nil)
			if n := strings.Count(log.String(), "\n"); n < 1 || n > 10 {
				t.Errorf("%s: %d lines in a moment", result, n)
			}
			if n := values(t, registry)[fmt.Sprintf(`wxswitch_late_messages_total{bank="xjrcu",result=%q}`, result)]; n < 100 {
				t.Errorf("%s: %v counted", result, n)
			}
		}
		time.Sleep(time.Minute)
		log.Reset()
		for i := range 20 {
			movement.Set(codec.FieldSTAN, string(codec.NewSTAN(int64(i)+1)))
			r.sw.Incoming(t.Context(), "xjrcu", movement)
		}
		if n := strings.Count(log.String(), `"result":"request"`); n != 20 {
			t.Errorf("%d lines of 20 movements", n)
		}
	})
}
