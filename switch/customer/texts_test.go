package customer

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"wxswitch/codec"
	"wxswitch/codec/iso"
	switching "wxswitch/switch"
)

func TestTheTextsAreTheFeatureLists(t *testing.T) {
	data, err := os.ReadFile("testdata/texts/features.txt")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for line := range strings.Lines(string(data)) {
		key, want, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !ok {
			continue
		}
		checked++
		if got := textOf(key); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	if checked < 15 {
		t.Errorf("only %d texts were compared", checked)
	}
}

// textOf looks a key of the list up.
func textOf(key string) string {
	if reason, ok := strings.CutPrefix(key, "reason:"); ok {
		return texts[switching.Reason(reason)]
	}
	if id, ok := strings.CutPrefix(key, "page:"); ok {
		for _, b := range Businesses() {
			if b.ID == id {
				return b.Name
			}
		}
		return ""
	}
	if name, outcome, ok := strings.Cut(key, " "); ok {
		end := switching.End{Outcome: switching.Outcome(outcome)}
		if end.Outcome == switching.Declined {
			end.Code = "05"
		}
		if end.Outcome == switching.Refused {
			end.Reason = "breaker-open"
		}
		return Words(codec.Type(name), end, Bank{Words: map[string]string{"05": "the bank's own"}})
	}
	return ""
}

// Constants of type Reason in the packages whose reasons reach customers.
func reasons(t *testing.T) map[string]bool {
	t.Helper()
	found := make(map[string]bool)
	for _, folder := range []string{".", "..", "../../routing", "../../banks"} {
		files, err := filepath.Glob(folder + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatal(folder, err)
		}
		before := len(found)
		for _, name := range files {
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, decl := range file.Decls {
				collect(t, decl, found)
			}
		}
		if len(found) == before {
			t.Errorf("no reason in %s", folder)
		}
	}
	return found
}

func collect(t *testing.T, decl ast.Decl, into map[string]bool) {
	t.Helper()
	group, ok := decl.(*ast.GenDecl)
	if !ok || group.Tok != token.CONST {
		return
	}
	for _, spec := range group.Specs {
		constant := spec.(*ast.ValueSpec)
		name, _ := constant.Type.(*ast.Ident)
		if selector, ok := constant.Type.(*ast.SelectorExpr); ok {
			name = selector.Sel
		}
		if name == nil || name.Name != "Reason" {
			continue
		}
		for _, v := range constant.Values {
			text, err := strconv.Unquote(v.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			into[text] = true
		}
	}
}

func TestEveryReasonHasItsText(t *testing.T) {
	known := reasons(t)
	if len(known) < 50 {
		t.Errorf("only %d reasons were found", len(known))
	}
	for r := range known {
		if texts[switching.Reason(r)] == "" {
			t.Errorf("reason %s has no text", r)
		}
	}
	for r := range texts {
		if !known[string(r)] {
			t.Errorf("text of %s: there is no such reason", r)
		}
	}
	if Text("never heard of") != textBusy {
		t.Error("a reason that nobody knows is not told safely")
	}
}

// toldTypes are those whose ends customers read.
var toldTypes = []codec.Type{
	codec.Authenticate, codec.Deregister, codec.SMSCode, codec.Attach, codec.Detach, codec.Appointment, codec.Balance, codec.Details,
}

func TestEveryDeclineOfTheDialectsHasWords(t *testing.T) {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for _, name := range []string{"cups", "plain"} {
		d, err := iso.Builtin(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, typ := range toldTypes {
			for i := range len(alphabet) * len(alphabet) {
				code := string([]byte{alphabet[i/len(alphabet)], alphabet[i%len(alphabet)]})
				if d.Meaning(typ, code) != codec.Declined {
					continue
				}
				text, known := wordsOf(typ, switching.End{Outcome: switching.Declined, Code: code}, Bank{})
				if text == "" || !known {
					t.Errorf("%s: %s declined with %s: %q", name, typ, code, text)
				}
			}
		}
	}
}

func TestWords(t *testing.T) {
	bank := Bank{ID: "klb", Words: map[string]string{"05": "昆仑银行：请携带证件到柜面办理"}}
	declined := func(code string) switching.End { return switching.End{Outcome: switching.Declined, Code: code} }
	refused := func(r switching.Reason) switching.End { return switching.End{Outcome: switching.Refused, Reason: r} }
	for name, c := range map[string]struct {
		t     codec.Type
		end   switching.End
		bank  Bank
		want  string
		known bool
	}{
		"identity":                    {codec.Authenticate, declined("05"), Bank{}, textIdentity, true},
		"bank's own words":            {codec.Authenticate, declined("05"), bank, bank.Words["05"], true},
		"other code of that bank":     {codec.Authenticate, declined("54"), bank, codes["54"], true},
		"unmapped code":               {codec.Authenticate, declined("Z9"), bank, "认证未通过，请核对信息后重试或与开户行联系", false},
		"unmapped code of nothing":    {codec.Movement, declined("Z9"), bank, "开户行未予受理，请与开户行联系", false},
		"not registered":              {codec.Deregister, switching.End{Outcome: switching.Approved, Code: "25"}, bank, "交易成功", true},
		"deregister, own words":       {codec.Deregister, declined("05"), bank, "注销失败，请与开户行联系。", true},
		"deregister, no customer":     {codec.Deregister, refused(ReasonNotAuthenticated), bank, "您尚未认证，无需注销", true},
		"deregister, frozen":          {codec.Deregister, refused(ReasonFrozen), bank, "注销失败，请与开户行联系。", true},
		"deregister, settling":        {codec.Deregister, refused(switching.ReasonSettling), bank, "注销失败，请与开户行联系。", true},
		"authenticate, wrong code":    {codec.Authenticate, refused(ReasonCodeUsed), bank, textWrongCode, true},
		"code, no such account":       {codec.SMSCode, declined("14"), bank, textCodeOnItsWay, true},
		"code, breaker":               {codec.SMSCode, refused("breaker-open"), bank, textBankBusy, true},
		"attach of another's account": {codec.Attach, declined("05"), Bank{}, "该账户不是您认证证件名下的账户，无法加挂", true},
		"unknown reason":              {codec.Attach, refused("new"), Bank{}, textBusy, false},
		"balance":                     {codec.Balance, switching.End{Outcome: switching.Approved}, Bank{}, "", true},
		"timed out":                   {codec.Authenticate, switching.End{Outcome: switching.TimedOut, Reason: "no-reply"}, bank, "认证超时，本次认证未生效，请稍后重新认证", true},
		"timed out, unmapped": {
			codec.Attach,
			switching.End{Outcome: switching.TimedOut, Reason: switching.ReasonUnmappedCode, Code: "Z9"},
			bank,
			"加挂超时，本次加挂未生效，请稍后重新加挂", false,
		},
		"no outcome": {codec.Attach, switching.End{}, bank, textBusy, false},
	} {
		t.Run(name, func(t *testing.T) {
			text, known := wordsOf(c.t, c.end, c.bank)
			if text != c.want || known != c.known {
				t.Errorf("%q, known %v; want %q, %v", text, known, c.want, c.known)
			}
		})
	}
}

func TestDoubtIsNeverCalledFailed(t *testing.T) {
	for _, typ := range toldTypes {
		text := Words(typ, switching.End{Outcome: switching.TimedOut, Reason: "no-reply"}, Bank{})
		if text == "" || strings.Contains(text, "失败") {
			t.Errorf("%s: %q", typ, text)
		}
	}
}

func TestUnmappedIsCounted(t *testing.T) {
	r := prometheus.NewRegistry()
	s := New(nil, Doors{Registerer: r, Banks: []Bank{{ID: "klb", Words: map[string]string{"Z1": "已知"}}}})
	if got := s.words(codec.Balance, switching.End{Outcome: switching.Declined, Code: "Z1"}, "klb"); got != "已知" {
		t.Error(got)
	}
	s.words(codec.Balance, switching.End{Outcome: switching.Declined, Code: "Z2"}, "klb")
	s.words(codec.Balance, switching.End{Outcome: switching.Refused, Reason: "new"}, "klb")
	s.words(codec.Balance, switching.End{Outcome: switching.Refused, Reason: "no-link"}, "klb")
	families, err := r.Gather()
	if err != nil || len(families) != 1 {
		t.Fatal(families, err)
	}
	counted := map[string]float64{}
	for _, m := range families[0].GetMetric() {
		for _, l := range m.GetLabel() {
			if l.GetName() == "cause" {
				counted[l.GetValue()] = m.GetCounter().GetValue()
			}
		}
	}
	if want := map[string]float64{"Z2": 1, "new": 1}; !maps.Equal(counted, want) {
		t.Errorf("counted %v, want %v", counted, want)
	}
}

func TestNoticeText(t *testing.T) {
	banks := []Bank{{ID: "urmqccb", Name: "乌鲁木齐银行"}}
	movement := func(change ...string) map[string]string {
		data := map[string]string{
			"account": "7890", "bank": "urmqccb", "direction": "in", "amount": "123456", "balance": "100000000",
			"summary": "工资", "at": "20260228235959",
		}
		for i := 0; i < len(change); i += 2 {
			data[change[i]] = change[i+1]
		}
		return data
	}
	event := map[string]string{"account": "7890", "bank": "urmqccb", "event": "card-lost"}
	for name, c := range map[string]struct {
		kind switching.NoticeKind
		data map[string]string
		want string
	}{
		"in":            {switching.NoticeMovement, movement(), "您尾号7890的账户（乌鲁木齐银行）于2026年02月28日23:59收入¥1,234.56，余额¥1,000,000.00，摘要：工资。"},
		"out":           {switching.NoticeMovement, movement("direction", "out", "amount", "5", "balance", "-100001"), "您尾号7890的账户（乌鲁木齐银行）于2026年02月28日23:59支出¥0.05，余额-¥1,000.01，摘要：工资。"},
		"little known":  {switching.NoticeMovement, map[string]string{"bank": "other"}, "您的账户（other）发生资金变动。"},
		"no amount":     {switching.NoticeMovement, movement("amount", "x", "balance", "", "summary", " "), "您尾号7890的账户（乌鲁木齐银行）于2026年02月28日23:59发生资金变动。"},
		"deregistered":  {switching.NoticeDeregistered, nil, "您的客户注销已办理成功，微信银行服务已终止。"},
		"restored":      {switching.NoticeRestored, nil, "注销失败，请与开户行联系。您的微信银行服务仍可继续使用。"},
		"detached":      {switching.NoticeDetached, event, "您尾号7890的账户（乌鲁木齐银行）已解挂。"},
		"attached":      {switching.NoticeAttached, event, "您尾号7890的账户（乌鲁木齐银行）解挂未成功，仍为加挂状态，请与开户行联系。"},
		"superseded":    {switching.NoticeSuperseded, nil, "您的证件已通过另一微信号完成客户认证，本微信号的微信银行服务已终止。如非本人操作，请立即与开户行联系。"},
		"account ended": {switching.NoticeAccountEnded, event, "您尾号7890的账户（乌鲁木齐银行）已在开户行挂失，已自动解挂。如有疑问，请与开户行联系。"},
		"no such kind":  {"other", event, ""},
		"customer ended": {
			switching.NoticeCustomerEnded,
			map[string]string{"account": "7890", "event": "deregistered"},
			"您尾号7890的账户已在开户行办理微信银行注销，微信银行服务已终止；如需继续使用，请重新进行客户认证。如有疑问，请与开户行联系。",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := NoticeText(switching.Notice{Kind: c.kind, Data: c.data}, banks); got != c.want {
				t.Errorf("%q\nwant %q", got, c.want)
			}
		})
	}
	for _, e := range []string{"deregistered", "closed", "card-lost", "card-replaced"} {
		if eventWords(e) == eventWords("") {
			t.Errorf("event %s has no words", e)
		}
	}
}
