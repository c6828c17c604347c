package iso

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"wxswitch/codec"
)

func (c *compiler) parts(whole *slot, specs []partSpec, path []string) ([]slot, error) {
	var parts []slot
	size := 0
	for i := range specs {
		at := append(slices.Clone(path), strconv.Itoa(i))
		number, _, _ := strings.Cut(whole.label, " ")
		p, err := c.slot(number, &specs[i], at)
		if err != nil {
			return nil, err
		}
		if !p.fixed() {
			return nil, bad("a part has a fixed format", at...)
		}
		size += p.max
		parts = append(parts, p)
	}
	if size < whole.min || size > whole.max {
		return nil, bad(fmt.Sprintf("the parts take %d bytes, the field %s", size, whole.lengthRule), path...)
	}
	return parts, nil
}

func (c *compiler) balances(whole *slot, spec *balancesSpec, path []string) (*balances, error) {
	for _, v := range []string{spec.Account, spec.Ledger, spec.Available} {
		if len(v) != 2 || !classAN.holds([]byte(v)) {
			return nil, bad("account, ledger, available: two letters or digits each", path...)
		}
	}
	if spec.Currency != "" && !isCurrency(spec.Currency) {
		return nil, bad("currency: three digits", append(path, "currency")...)
	}
	if spec.Ledger == spec.Available {
		return nil, bad("ledger and available must differ", path...)
	}
	if whole.max < 2*balanceRow {
		return nil, bad("two rows of 20 bytes must fit", path...)
	}
	for _, f := range balanceFields {
		if err := c.place(f, whole.label, path); err != nil {
			return nil, err
		}
	}
	return &balances{spec.Account, spec.Currency, spec.Ledger, spec.Available}, nil
}

func (c *compiler) rows(whole *slot, spec *rowsSpec, path []string) (*rows, error) {
	if len(spec.In) != 1 || len(spec.Out) != 1 || spec.In == spec.Out || !classAN.holds([]byte(spec.In+spec.Out)) {
		return nil, bad("in and out: a letter or digit each, which differ", path...)
	}
	r := &rows{in: spec.In[0], out: spec.Out[0], summary: spec.Summary}
	if r.summary < 4 || r.summary > 60 || whole.max < r.size() {
		return nil, bad("summary: 4 to 60 bytes, and a row must fit", path...)
	}
	return r, c.place(codec.FieldRows, whole.label, path)
}

func (c *compiler) tlv(whole *slot, spec *tlvSpec, path []string) (*tlv, error) {
	if spec.Tag < 1 || spec.Tag > 8 || spec.Length < 1 || spec.Length > 4 {
		return nil, bad("tag: 1 to 8 characters; length: 1 to 4 digits", path...)
	}
	unknown, err := oneOf(spec.Unknown, []string{"", "ignore"}, append(path, "unknown")...)
	if err != nil {
		return nil, err
	}
	if len(spec.Tags) > 64 || len(spec.Usage) > 8 || !classAN.holds([]byte(spec.Usage)) {
		return nil, bad("at most 64 tags, and a usage of at most 8 letters and digits", path...)
	}
	t := &tlv{usage: spec.Usage, tag: spec.Tag, digits: spec.Length, ignoreUnknown: unknown == 1}
	number, _, _ := strings.Cut(whole.label, " ")
	for _, name := range slices.Sorted(maps.Keys(spec.Tags)) {
		at := append(slices.Clone(path), "tags", name)
		if len(name) != t.tag || !classAN.holds([]byte(name)) || spec.Tags[name] == nil {
			return nil, bad(fmt.Sprintf("a tag is %d letters and digits, and has a definition", t.tag), at...)
		}
		s, err := c.slot(number+"."+name, spec.Tags[name], at)
		if err != nil {
			return nil, err
		}
		if s.max >= pow10(t.digits) {
			return nil, bad(fmt.Sprintf("format: too long for %d digits of length", t.digits), at...)
		}
		t.tags = append(t.tags, tag{s, name})
	}
	return t, nil
}
