package iso_test

import (
	"bytes"
	"strings"
	"testing"

	"wxswitch/codec"
	"wxswitch/codec/iso"
)

// TestWhatMustStandInside: a tag that a type needs is missed although its field
// is there.
func TestWhatMustStandInside(t *testing.T) {
	for _, dialect := range iso.Builtins() {
		d := builtin(t, dialect)
		all := customers(d)
		for name, field := range map[string]codec.Field{
			"sms-code-request": codec.FieldSMSCode, "details-request": codec.FieldFirst, "appointment-request": codec.FieldBranch,
			"appointment-reply": codec.FieldAppointment, "movement-request": codec.FieldDirection, "account-event-request": codec.FieldEvent,
		} {
			if _, err := d.Pack(with(clone(all[name]), field, "")); err == nil {
				t.Errorf("%s: %s without %s is packed", dialect, name, field)
			}
		}
	}
	d := builtin(t, "cups")
	raw := pack(t, d, customers(d)["sms-code-request"])
	// The same message with the code's tag under another name.
	if _, err := d.Unpack(bytes.Replace(raw, []byte("SC006"), []byte("AN006"), 1)); err == nil {
		t.Error("a code that is missing is not missed")
	}
}

func TestWordsThatTheDialectDoesNotName(t *testing.T) {
	for _, dialect := range iso.Builtins() {
		d := builtin(t, dialect)
		all := customers(d)
		for name, m := range map[string]*codec.Message{
			"purpose":   with(clone(all["sms-code-request"]), codec.FieldPurpose, "other"),
			"business":  with(clone(all["appointment-request"]), codec.FieldBusiness, "1"),
			"direction": with(clone(all["movement-request"]), codec.FieldDirection, "up"),
			"moment":    with(clone(all["movement-request"]), codec.FieldMoved, "20261324101009"),
			"from":      with(clone(all["details-request"]), codec.FieldFrom, "20260230000000"),
			"code":      with(clone(all["sms-code-request"]), codec.FieldSMSCode, "12345"),
			"phone":     with(clone(all["appointment-request"]), codec.FieldPhone, "1380000000x"),
			"rows":      with(clone(all["details-reply"]), codec.FieldRows, "20261124101009\tin\t1\n"),
			"amount":    with(clone(all["details-reply"]), codec.FieldRows, "20261124101009\tin\t1000000000000\t0\t\n"),
			"credit":    with(clone(all["details-reply"]), codec.FieldRows, "20261124101009\tin\t1\t1000000000000\t\n"),
			"debit":     with(clone(all["details-reply"]), codec.FieldRows, "20261124101009\tin\t1\t-1000000000000\t\n"),
			"summary":   with(clone(all["details-reply"]), codec.FieldRows, "20261124101009\tin\t1\t0\t\xff\n"),
		} {
			if _, err := d.Pack(m); err == nil {
				t.Errorf("%s: %s is packed", dialect, name)
			}
		}
	}
}

// TestRowsThatAreNone: each byte of a row is checked.
func TestRowsThatAreNone(t *testing.T) {
	d := builtin(t, "cups")
	raw := pack(t, d, customers(d)["details-reply"])
	row := []byte("20261123235959D000000003250C000000123456")
	if !bytes.Contains(raw, row) {
		t.Fatalf("%q", raw)
	}
	for _, other := range []string{
		"20261323235959D000000003250C000000123456", "20261123235959X000000003250C000000123456",
		"20261123235959D00000000325xC000000123456", "20261123235959D000000003250X000000123456",
		"20261123235959D000000003250C00000012345 ",
	} {
		if _, err := d.Unpack(bytes.Replace(raw, row, []byte(other), 1)); err == nil {
			t.Errorf("%q is read", other)
		}
	}
	last := "999999999999D000000000001" + strings.Repeat(" ", 20)
	longer := swap(t, swap(t, raw, "120"+string(row), "121"+string(row)), last, last+" ")
	_, err := d.Unpack(relength(d, longer))
	wantFormat(t, err, "F59 details", "rows of")
}
