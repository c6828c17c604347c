package codec

// Type is a transaction type: what is asked, whatever its MTI at one bank.
type Type string

// The types of bank messages.
const (
	// Authenticate asks a bank to confirm certificate and account and to
	// register the customer (A5).
	Authenticate Type = "authenticate"
	// Deregister asks a bank to end a registration (A8, A9).
	Deregister Type = "deregister"
	// Balance asks for the balance of an account (C1).
	Balance Type = "balance"
	// Reversal tells a bank that an operation in doubt ended as not done (E4).
	Reversal Type = "reversal"
	// Completion tells a bank that an operation in doubt is to be brought to
	// its end (E4); it carries the operation's own RRN and processing code.
	Completion Type = "completion"
	// SignOn opens a link for traffic.
	SignOn Type = "sign-on"
	// Echo asks whether the other end of a link is alive.
	Echo Type = "echo"
	// SignOff announces that a link will carry no more requests.
	SignOff Type = "sign-off"
)

// Class is what a type is to the switch.
type Class uint8

// The classes of types.
const (
	// Enquiry changes nothing; nothing of it is left to settle.
	Enquiry Class = iota + 1
	// Change alters the customer's standing at the bank.
	Change
	// Advice tells the bank of what was decided; it is stored and repeated
	// until it is acknowledged.
	Advice
	// Network concerns a link alone.
	Network
)

// Traits is what the switch must know of a type.
type Traits struct {
	Class Class
	// Doubt is the advice that settles a Change that timed out: a Reversal for
	// what then counts as not done, a Completion for what is to be brought to
	// its end. Empty where nothing must be told.
	Doubt Type
}

var catalogue = map[Type]Traits{
	Authenticate: {Class: Change, Doubt: Reversal},
	Deregister:   {Class: Change, Doubt: Completion},
	Balance:      {Class: Enquiry},
	Reversal:     {Class: Advice},
	Completion:   {Class: Advice},
	SignOn:       {Class: Network},
	Echo:         {Class: Network},
	SignOff:      {Class: Network},
}

// Traits returns what is known of the type; ok is false for an unknown one.
func (t Type) Traits() (traits Traits, ok bool) {
	traits, ok = catalogue[t]
	return traits, ok
}

// Class returns the type's class, 0 for an unknown type.
func (t Type) Class() Class { return catalogue[t].Class }

// Types returns every type of one class, in no order.
func Types(c Class) []Type {
	var types []Type
	for t, traits := range catalogue {
		if traits.Class == c {
			types = append(types, t)
		}
	}
	return types
}
