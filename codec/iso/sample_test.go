package iso_test

import (
	"maps"
	"testing"
	"time"

	"wxswitch/codec"
	"wxswitch/codec/iso"
)

// Made-up numbers with valid check digits.
const (
	card16   = "6210081234567892"
	card19   = "6217511234567890125"
	passbook = "0301000012345678"
	cert     = "11010519491231002X"
)

func builtin(t testing.TB, name string) *iso.Dialect {
	t.Helper()
	d, err := iso.Builtin(name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// request returns a message of the type with what every dialect needs.
func request(d *iso.Dialect, t codec.Type) *codec.Message {
	m := codec.NewRequest(t)
	m.Set(codec.FieldSTAN, "000123")
	m.Set(codec.FieldSent, "1124101010")
	m.Set(codec.FieldForwarder, "00048980000")
	if t.Class() == codec.Network {
		return m
	}
	_, code, _ := d.Wire(t)
	if code == "" {
		_, code, _ = d.Wire(codec.Deregister)
	}
	m.Set(codec.FieldProcessingCode, code)
	m.Set(codec.FieldPAN, card16)
	m.Set(codec.FieldRRN, "000000000077")
	m.Set(codec.FieldAcquirer, "48980000")
	m.Set(codec.FieldRemaining, "4500")
	return m
}

// with returns m with pairs of field and value set.
func with(m *codec.Message, pairs ...any) *codec.Message {
	for i := 0; i < len(pairs); i += 2 {
		m.Set(pairs[i].(codec.Field), pairs[i+1].(string))
	}
	return m
}

func authenticate(d *iso.Dialect) *codec.Message {
	return with(request(d, codec.Authenticate), codec.FieldPAN, card19,
		codec.FieldCertType, "01", codec.FieldCertNumber, cert, codec.FieldHolder, "阿卜杜拉•艾买提𠮷")
}

func reversal(d *iso.Dialect) *codec.Message {
	_, code, _ := d.Wire(codec.Authenticate)
	return with(request(d, codec.Reversal), codec.FieldProcessingCode, code,
		codec.FieldOriginalMTI, "0100", codec.FieldOriginalSTAN, "000122",
		codec.FieldOriginalSent, "1124100955", codec.FieldOriginalAcquirer, "48980000")
}

func repeated(m *codec.Message) *codec.Message {
	m.Repeat = true
	return m
}

func balances(m *codec.Message) *codec.Message {
	return with(m, codec.FieldBalance, "123456", codec.FieldAvailable, "-7", codec.FieldCurrency, "156")
}

// customers are the messages of what customers do, and of what banks say by
// themselves.
func customers(d *iso.Dialect) map[string]*codec.Message {
	code := with(request(d, codec.SMSCode), codec.FieldSMSCode, "042137", codec.FieldSeconds, "300", codec.FieldPurpose, "attach")
	attach := with(request(d, codec.Attach), codec.FieldCertType, "03", codec.FieldCertNumber, "E12345678")
	details := with(request(d, codec.Details), codec.FieldFrom, "20261101000000", codec.FieldTo, "20261124101010", codec.FieldFirst, "1")
	rows := codec.FormatRows([]codec.Row{
		{At: moment("20261123235959"), Out: true, Amount: 3250, Balance: 123456, Summary: "消费"},
		{At: moment("20261101000000"), Amount: 999_999_999_999, Balance: -1, Summary: ""},
	})
	visit := with(request(d, codec.Appointment), codec.FieldPAN, "", codec.FieldBranch, "0102", codec.FieldBusiness, "vip", codec.FieldPhone, "13899990000")
	moved := with(balances(request(d, codec.Movement)), codec.FieldAvailable, "", codec.FieldRemaining, "", codec.FieldAmount, "3250",
		codec.FieldDirection, "out", codec.FieldMoved, "20261124101009", codec.FieldSummary, "消费 𠮷野家")
	cancel := with(reversal(d), codec.FieldPAN, "", codec.FieldProcessingCode, visit.Get(codec.FieldProcessingCode))
	event := with(request(d, codec.AccountEvent), codec.FieldRemaining, "", codec.FieldEvent, "card-lost")
	release := reversal(d)
	release.Type = codec.Release
	return map[string]*codec.Message{
		"sms-code-request":           code,
		"sms-code-reply":             codec.NewReply(code, "00"),
		"attach-request":             attach,
		"attach-approved":            with(codec.NewReply(attach, "00"), codec.FieldHolder, "阿卜杜拉•艾买提"),
		"detach-request":             request(d, codec.Detach),
		"detach-unknown":             codec.NewReply(request(d, codec.Detach), "25"),
		"details-request":            details,
		"details-reply":              with(codec.NewReply(details, "00"), codec.FieldRows, rows, codec.FieldMore, "1"),
		"details-none":               codec.NewReply(details, "00"),
		"appointment-request":        visit,
		"appointment-reply":          with(codec.NewReply(visit, "00"), codec.FieldAppointment, "YY-000017", codec.FieldText, "请携带身份证"),
		"appointment-reversal":       cancel,
		"appointment-reversal-reply": codec.NewReply(cancel, "00"),
		"movement-request":           moved,
		"movement-repeat":            repeated(with(clone(moved), codec.FieldSummary, "")),
		"movement-reply":             codec.NewReply(moved, "00"),
		"account-event-request":      event,
		"account-event-reply":        codec.NewReply(event, "00"),
		"release-request":            release,
		"release-reply":              codec.NewReply(release, "25"),
	}
}

func clone(m *codec.Message) *codec.Message {
	c := *m
	return &c
}

func moment(s string) time.Time {
	t, ok := codec.Moment(s).Time()
	if !ok {
		panic(s)
	}
	return t
}

// goldens are the messages that stand in testdata/wire, by name.
func goldens(d *iso.Dialect) map[string]*codec.Message {
	deregister, balance := request(d, codec.Deregister), request(d, codec.Balance)
	book := with(request(d, codec.Balance), codec.FieldPAN, "", codec.FieldAccount, passbook)
	all := map[string]*codec.Message{
		"authenticate-request":     authenticate(d),
		"authenticate-approved":    with(codec.NewReply(authenticate(d), "00"), codec.FieldAuthCode, "A1B2", codec.FieldText, "ئەلۋەتتە 成功"),
		"authenticate-declined":    with(codec.NewReply(authenticate(d), "05"), codec.FieldText, "证件与户名不符"),
		"deregister-request":       deregister,
		"deregister-approved":      codec.NewReply(deregister, "00"),
		"deregister-unknown":       codec.NewReply(deregister, "25"),
		"balance-request":          balance,
		"balance-approved":         balances(codec.NewReply(balance, "00")),
		"balance-declined":         codec.NewReply(balance, "51"),
		"balance-passbook-request": book,
		"balance-passbook-reply":   balances(codec.NewReply(book, "00")),
		"reversal-request":         reversal(d),
		"reversal-repeat":          repeated(reversal(d)),
		"reversal-reply":           codec.NewReply(reversal(d), "00"),
		"completion-request":       request(d, codec.Completion),
		"completion-repeat":        repeated(request(d, codec.Completion)),
		"completion-reply":         codec.NewReply(request(d, codec.Completion), "00"),
	}
	maps.Copy(all, customers(d))
	for _, t := range codec.Types(codec.Network) {
		m := request(d, t)
		all[string(t)+"-request"], all[string(t)+"-reply"] = m, codec.NewReply(m, "00")
	}
	return all
}
