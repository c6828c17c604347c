package iso

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"wxswitch/codec"
)

// top returns the number of the plain field where f stands, 0 for none.
func (c *compiler) top(f codec.Field) int {
	for n, w := range c.d.fields {
		if w != nil && w.from == fromField && w.field == f {
			return n
		}
	}
	return 0
}

var pairNames = []string{"processing-code", "stan", "sent"}

// pairing finds the fields that pair a reply with its request. STANs alone
// tell two requests in flight apart, so theirs must be one of them.
func (c *compiler) pairing() error {
	c.d.code, c.d.rrn = c.top(codec.FieldProcessingCode), c.top(codec.FieldRRN)
	for i, name := range c.f.Pairing {
		path := []string{"pairing", strconv.Itoa(i)}
		slot, err := oneOf(name, pairNames, path...)
		if err != nil {
			return err
		}
		f, _ := codec.FieldNamed(name)
		if c.d.pairing[slot] = c.top(f); c.d.pairing[slot] == 0 {
			return bad(name+" stands in no field of its own", path...)
		}
	}
	if c.d.pairing[pairSTAN] == 0 {
		return bad("pairing: stan must be one of them", "pairing")
	}
	c.d.peekLast = max(c.d.code, c.d.rrn, slices.Max(c.d.pairing[:]))
	size := 0
	for _, n := range append(c.d.pairing[:], c.d.rrn) {
		if n > 0 {
			size += c.d.fields[n].max
		}
	}
	if size > 128 {
		return bad("the pairing fields and the RRN take more than 128 bytes", "pairing")
	}
	return nil
}

func (c *compiler) types() error {
	c.d.kinds = map[codec.Type]*kind{}
	for _, t := range slices.Sorted(maps.Keys(c.f.Types)) {
		path := []string{"types", string(t)}
		if t.Class() == 0 {
			return bad(fmt.Sprintf("no type %q", t), path...)
		}
		spec := c.f.Types[t]
		if spec == nil {
			return bad("a type's definition is missing", path...)
		}
		k, err := c.kind(t, spec, path)
		if err != nil {
			return err
		}
		c.d.kinds[t] = k
	}
	return c.doubts()
}

// doubts wants for each change the advice that settles it: without it, one that
// timed out could never be ended. And in its reply what one that comes too late is
// known by: without it, an approval after all would be nobody's.
func (c *compiler) doubts() error {
	for _, t := range slices.Sorted(maps.Keys(c.d.kinds)) {
		if doubt := t.Doubt(); doubt != "" && c.d.kinds[doubt] == nil {
			return bad(fmt.Sprintf("no %s, which settles %s after a time-out", doubt, t), "types", string(doubt))
		}
		if t == codec.Attach && c.d.kinds[codec.Release] == nil {
			return bad("no release, which ends what attach began", "types", string(codec.Release))
		}
		for _, f := range []codec.Field{codec.FieldRRN, codec.FieldSent} {
			if n := c.top(f); t.Class() == codec.Change && (n == 0 || !c.d.kinds[t].wanted[1].has(n)) {
				return bad(fmt.Sprintf("the reply to a change must list the field of %s: one that comes late is known by it", f), "types", string(t), "reply")
			}
		}
	}
	return nil
}

func (c *compiler) kind(t codec.Type, spec *typeSpec, path []string) (*kind, error) {
	k := &kind{t: t, requestMTI: spec.MTI.Request, repeat: spec.MTI.Repeat, reply: spec.MTI.Reply}
	for _, m := range []string{k.requestMTI, k.reply, cmp.Or(k.repeat, k.requestMTI)} {
		if len(m) != 4 || !classN.holds([]byte(m)) {
			return nil, bad("mti: request and reply, of four digits each", append(path, "mti")...)
		}
	}
	if err := c.selector(k, spec, path); err != nil {
		return nil, err
	}
	var err error
	for dir, names := range [][]string{spec.Request, spec.Reply} {
		at := append(slices.Clone(path), []string{"request", "reply"}[dir])
		if k.needs[dir], err = c.needs(names, &k.wanted[dir], at); err != nil {
			return nil, err
		}
		if k.network != "" && !k.wanted[dir].has(networkField) { // and so not write it
			return nil, bad("70: a network message must list it: its type stands there", at...)
		}
	}
	k.approved, err = c.needs(spec.Approved, &k.wantedApproved, append(path, "approved"))
	return k, err
}

// selector reads what tells the type from others of the same MTI.
func (c *compiler) selector(k *kind, spec *typeSpec, path []string) error {
	switch {
	case (spec.Code == "") == (spec.Network == ""):
		return bad("one of code and network", path...)
	case spec.Network != "":
		f := c.d.fields[networkField]
		if f == nil || f.from != fromNetwork || f.check([]byte(spec.Network)) != nil {
			return bad("network: a value of field 70", append(path, "network")...)
		}
		k.network = spec.Network
		c.d.peekLast = max(c.d.peekLast, networkField)
	case c.d.code == 0:
		return bad("code: no field is the processing-code", append(path, "code")...)
	case spec.Code != "original":
		if c.d.fields[c.d.code].check([]byte(spec.Code)) != nil {
			return bad("code: original, or a value of the processing code's field", append(path, "code")...)
		}
		k.code = spec.Code
	}
	return nil
}

// needs reads a list of field numbers, which wanted gets; 2|102 is one or the other.
func (c *compiler) needs(names []string, wanted *bitset, path []string) ([]need, error) {
	var needs []need
	for i, name := range names {
		at := append(slices.Clone(path), strconv.Itoa(i))
		var n need
		if f, ok := codec.FieldNamed(name); ok && c.placed[f] != "" {
			needs = append(needs, need{field: f, label: c.placed[f]})
			continue
		}
		for text := range strings.SplitSeq(name, "|") {
			number, err := strconv.Atoi(strings.TrimSpace(text))
			if err != nil || number < 2 || number > maxField || c.d.fields[number] == nil {
				return nil, bad(fmt.Sprintf("%q: a field of the table, some as 2|102, or what stands in one", name), at...)
			}
			n.oneOf = append(n.oneOf, number)
			n.account = n.account || number == c.top(codec.FieldPAN) || number == c.top(codec.FieldAccount)
			wanted.set(number)
		}
		n.label = c.d.fields[n.oneOf[0]].label
		if len(n.oneOf) > 1 {
			n.label = "F" + strings.ReplaceAll(name, " ", "")
		}
		needs = append(needs, n)
	}
	return needs, nil
}

// mtis gives each MTI one meaning, and each message one type.
func (c *compiler) mtis() error {
	c.d.mtis = map[string]*mti{}
	for _, t := range slices.Sorted(maps.Keys(c.d.kinds)) {
		k := c.d.kinds[t]
		for i, name := range []string{k.requestMTI, k.repeat, k.reply} {
			if name == "" {
				continue
			}
			is := mti{class: k.requestMTI, repeat: i == 1, reply: i == 2, network: k.network != ""}
			if err := c.meet(name, is, k); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *compiler) meet(name string, is mti, k *kind) error {
	path := []string{"types", string(k.t), "mti"}
	old := c.d.mtis[name]
	if old == nil {
		old = &is
		c.d.mtis[name] = old
	}
	if old.class != is.class || old.reply != is.reply || old.repeat != is.repeat || old.network != is.network {
		return bad(fmt.Sprintf("MTI %s has two meanings", name), path...)
	}
	for _, other := range old.kinds {
		if other.network == k.network && (other.code == k.code || other.code == "" || k.code == "") {
			return bad(fmt.Sprintf("cannot be told from %s: same MTI %s and code", other.t, name), path...)
		}
	}
	old.kinds = append(old.kinds, k)
	return nil
}

const fallbackBlock = "default"

// codes reads what response codes mean.
func (c *compiler) codes() error {
	c.d.meanings = map[codec.Type]map[string]codec.Meaning{}
	names := map[string]codec.Meaning{}
	for _, m := range []codec.Meaning{codec.Approved, codec.Declined, codec.InDoubt, codec.Unmapped} {
		names[m.String()] = m
	}
	for _, t := range slices.Sorted(maps.Keys(c.f.Codes)) {
		block, err := codeBlock(c, c.f.Codes[t], names, "codes", string(t))
		switch {
		case err != nil:
			return err
		case t == fallbackBlock:
			c.d.fallback = block
		case c.d.kinds[t] == nil:
			return bad(fmt.Sprintf("no type %q in this dialect", t), "codes", string(t))
		default:
			c.d.meanings[t] = block
		}
	}
	if c.d.fallback == nil {
		return bad("codes: no default block", "codes")
	}
	return nil
}

// advices reads the classes of answers to advices that undo.
func (c *compiler) advices() error {
	c.d.advices = map[codec.Type]map[string]codec.AdviceClass{}
	names := map[string]codec.AdviceClass{}
	for _, a := range []codec.AdviceClass{codec.Park, codec.Done, codec.NotFound, codec.Retry} {
		names[a.String()] = a
	}
	for _, t := range slices.Sorted(maps.Keys(c.f.Advices)) {
		if t.Class() != codec.Advice || c.d.kinds[t] == nil {
			return bad(fmt.Sprintf("no advice %q in this dialect", t), "advices", string(t))
		}
		if t == codec.Completion { // what stood here would be heeded by nobody
			return bad("an answer to a completion is read by codes", "advices", string(t))
		}
		block, err := codeBlock(c, c.f.Advices[t], names, "advices", string(t))
		if err != nil {
			return err
		}
		c.d.advices[t] = block
	}
	for _, t := range []codec.Type{codec.Reversal, codec.Release} {
		if c.d.kinds[t] != nil && c.d.advices[t] == nil {
			return bad(fmt.Sprintf("advices: no block for %s", t), "advices")
		}
	}
	return nil
}

// codeBlock turns lists of codes by meaning into meanings by code.
func codeBlock[M comparable](c *compiler, lists map[string][]string, names map[string]M, path ...string) (map[string]M, error) {
	code := c.d.fields[c.top(codec.FieldCode)]
	if code == nil {
		return nil, bad("no field is the code", path...)
	}
	block := map[string]M{}
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		at := append(slices.Clone(path), name)
		meaning, ok := names[name]
		if !ok {
			return nil, bad(fmt.Sprintf("%q: one of %s", name, strings.Join(slices.Sorted(maps.Keys(names)), ", ")), at...)
		}
		for i, v := range lists[name] {
			where := append(slices.Clone(at), strconv.Itoa(i))
			if code.check([]byte(v)) != nil {
				return nil, bad(fmt.Sprintf("%q: a value of %s", v, code.label), where...)
			}
			if _, twice := block[v]; twice {
				return nil, bad(fmt.Sprintf("%q has two meanings", v), where...)
			}
			block[v] = meaning
		}
	}
	return block, nil
}
