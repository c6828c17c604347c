package journal

import (
	"testing"

	switching "wxswitch/switch"
)

func TestSending(t *testing.T) {
	for _, want := range []switching.Entry{
		{},
		{Client: "of three words"},
		{MTI: "0100", Code3: "930000", Sent: "1128165634", Instance: "7f3a", Operation: "transactions", Client: "front"},
	} {
		s, err := joinSending(&want)
		if err != nil {
			t.Fatal(err)
		}
		var got switching.Entry
		if err := splitSending(&got, s); err != nil || got.MTI != want.MTI || got.Code3 != want.Code3 || got.Sent != want.Sent ||
			got.Instance != want.Instance || got.Operation != want.Operation || got.Client != want.Client {
			t.Errorf("%q: %v", s, err)
		}
	}
	if _, err := joinSending(&switching.Entry{Operation: "two words"}); err == nil {
		t.Error("a space that would shift the parts")
	}
	if err := splitSending(new(switching.Entry), "0100 930000 1128165634"); err == nil {
		t.Error("a part of it")
	}
}
