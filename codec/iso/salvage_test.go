package iso

import (
	"testing"

	"wxswitch/codec"
)

func TestSalvage(t *testing.T) {
	for _, name := range Builtins() {
		d, err := Builtin(name)
		if err != nil {
			t.Fatal(err)
		}
		m := codec.NewRequest(codec.Authenticate)
		for f, v := range map[codec.Field]string{
			codec.FieldPAN: "6210081234567893", codec.FieldSTAN: "000123", codec.FieldSent: "1124101010",
			codec.FieldRRN: "000000000077", codec.FieldAcquirer: "48980000", codec.FieldForwarder: "48980000",
			codec.FieldCertType: "01", codec.FieldCertNumber: "11010519491231002X",
		} {
			m.Set(f, v)
		}
		raw, err := d.Pack(m)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []codec.Field{codec.FieldPAN, codec.FieldSTAN, codec.FieldRRN, codec.FieldAcquirer} {
			got := d.Salvage(append(raw, 'x'))
			if got.Get(f) != m.Get(f) {
				t.Errorf("%s: %s was not salvaged", name, f)
			}
		}
		for i := range raw {
			_ = d.Salvage(raw[:i])
		}
	}
}
