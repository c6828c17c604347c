package codec_test

import (
	"maps"
	"testing"

	"pgregory.net/rapid"

	"wxswitch/codec"
)

// TestFieldsAreAMap: whatever is set and removed, in copies too, Fields hold
// what a map by field would.
func TestFieldsAreAMap(t *testing.T) {
	type pair struct {
		fields codec.Fields
		want   map[codec.Field]string
	}
	rapid.Check(t, func(t *rapid.T) {
		all := []pair{{want: map[codec.Field]string{}}}
		field := rapid.Uint8Range(0, uint8(codec.FieldEvent))
		for range rapid.IntRange(0, 160).Draw(t, "steps") {
			at := rapid.IntRange(0, len(all)-1).Draw(t, "which")
			if rapid.IntRange(0, 9).Draw(t, "copy") == 0 {
				all = append(all, pair{all[at].fields, maps.Clone(all[at].want)})
			}
			f, v := codec.Field(field.Draw(t, "field")), rapid.SampledFrom([]string{"", "1", "2", "3"}).Draw(t, "value")
			all[at].fields.Set(f, v)
			delete(all[at].want, f)
			if v != "" {
				all[at].want[f] = v
			}
		}
		for i := range all {
			sameAs(t, &all[i].fields, all[i].want)
			for j := range all {
				if got := all[i].fields.Equal(&all[j].fields); got != maps.Equal(all[i].want, all[j].want) {
					t.Fatalf("%v and %v: equal is %t", all[i].want, all[j].want, got)
				}
			}
		}
	})
}

func sameAs(t *rapid.T, s *codec.Fields, want map[codec.Field]string) {
	last, n := -1, 0
	for f, v := range s.All {
		if v != want[f] || int(f) <= last {
			t.Fatalf("%v: %q after %d, want %v", f, v, last, want)
		}
		last, n = int(f), n+1
	}
	for f := codec.FieldPAN; f <= codec.FieldEvent; f++ {
		if s.Get(f) != want[f] || s.Has(f) != (want[f] != "") {
			t.Fatalf("%v: %q, want %q", f, s.Get(f), want[f])
		}
	}
	if n != len(want) || s.Empty() != (len(want) == 0) {
		t.Fatalf("%d values, want %v", n, want)
	}
}

func TestContradicts(t *testing.T) {
	var asked, reply codec.Fields
	asked.SetAccount(codec.NewAccount("6210081234567892"), true)
	all := []codec.Field{codec.FieldRRN, codec.FieldPAN, codec.FieldAccount}
	for _, step := range []struct {
		f    codec.Field
		v    string
		want codec.Field
		is   bool
	}{
		{codec.FieldAccount, "01234567", 0, false}, // not asked about
		{codec.FieldPAN, "6210081234567892", 0, false},
		{codec.FieldPAN, "6210081234567884", codec.FieldPAN, true},
	} {
		reply.Set(step.f, step.v)
		if f, is := asked.Contradicts(&reply, all...); f != step.want || is != step.is {
			t.Errorf("%s: %v %v", step.f, f, is)
		}
	}
	if _, is := asked.Contradicts(&reply, codec.FieldRRN); is {
		t.Error("a field that is not named")
	}
}

// TestCopiesAreApart: what is set in a copy does not show in what it was copied
// from, however many values there are.
func TestCopiesAreApart(t *testing.T) {
	var all codec.Fields
	for f := range codec.Field(20) {
		all.Set(f, "a")
	}
	for f := range codec.Field(20) {
		changed := all
		changed.Set(f, "b")
		removed := all
		removed.Set(f, "")
		for f := range codec.Field(20) {
			if all.Get(f) != "a" {
				t.Fatalf("%s changed in what was copied", f)
			}
		}
	}
}
