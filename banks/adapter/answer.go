package adapter

import "wxswitch/codec"

// answer is what is remembered of a reply: its code and what does not come from
// the request. A repeat's answer is made of it and of the repeat's own fields,
// so that no account number need be kept.
type answer struct {
	code   string
	fields codec.Fields
}

// answerOf takes from a reply what its request cannot give.
func answerOf(reply *codec.Message) answer {
	a := answer{code: reply.Get(codec.FieldCode), fields: reply.Fields}
	var echo codec.Message
	for f := range reply.All {
		echo.Set(f, "-")
	}
	for f := range codec.NewReply(&echo, "-").All {
		a.fields.Set(f, "")
	}
	return a
}

// reply makes the answer to this arrival.
func (a answer) reply(request *codec.Message) *codec.Message {
	m := codec.NewReply(request, a.code)
	for f, v := range a.fields.All {
		m.Set(f, v)
	}
	return m
}
