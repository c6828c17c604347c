package iso

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"wxswitch/codec"
)

// What a bank writes where the dialect wants its own constant or a copy is not
// known, and not shown.
func TestReadingHidesWhatIsNotTheDialectsOwn(t *testing.T) {
	d, err := Builtin("cups")
	if err != nil {
		t.Fatal(err)
	}
	m := codec.NewRequest(codec.Balance)
	for f, v := range map[codec.Field]string{
		codec.FieldPAN: "6210081234567893", codec.FieldSent: "1124101010", codec.FieldSTAN: "000001", codec.FieldRRN: "000000000001",
		codec.FieldAcquirer: "48980000", codec.FieldForwarder: "48980000", codec.FieldRemaining: "5000",
	} {
		m.Set(f, v)
	}
	raw, err := d.Pack(m)
	if err != nil {
		t.Fatal(err)
	}
	for own, secret := range map[string]string{"WXSWITCH0000001": "110105491231002", "1010101124": "7788990055"} {
		changed := bytes.Replace(raw, []byte(own), []byte(secret), 1)
		if _, err := d.Unpack(changed); err != nil || bytes.Equal(changed, raw) {
			t.Fatal("the message is not changed, or refused: ", err)
		}
		reading, err := json.Marshal(Describe(d, changed))
		if err != nil || strings.Contains(string(reading), secret[:6]) {
			t.Errorf("the reading holds what the bank wrote: %s %v", reading, err)
		}
	}
}
