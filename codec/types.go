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
	// SMSCode asks a bank to send a code, which the centre made, to the phone on
	// its file of the account (A3).
	SMSCode Type = "sms-code"
	// Details asks for the movements of an account in a period, page by page (C2).
	Details Type = "details"
	// Attach asks a bank to approve that an account of the authenticated
	// certificate is linked; it registers the customer there (C3).
	Attach Type = "attach"
	// Detach asks a bank to end the registration that Attach made (C4).
	Detach Type = "detach"
	// Release tells a bank that a registration has ended at the centre: that of
	// the original it names and earlier ones, never a later (A10).
	Release Type = "release"
	// Appointment asks a bank to book a visit at one of its branches (D1). It
	// concerns no account.
	Appointment Type = "appointment"
	// Movement is a bank's own notice of a movement on an account (D4).
	Movement Type = "movement"
	// AccountEvent is a bank's own advice that an account or its registration
	// ended there (A14); FieldEvent says how.
	AccountEvent Type = "account-event"
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
	// Inbound is what a bank says by itself; it is stored before it is answered,
	// and a repeat is recognised.
	Inbound
)

// traits is what the switch must know of a type.
type traits struct {
	class     Class
	doubt     Type
	stateless bool
}

var catalogue = map[Type]traits{
	Authenticate: {class: Change, doubt: Reversal},
	Deregister:   {class: Change, doubt: Completion},
	Balance:      {class: Enquiry, stateless: true},
	SMSCode:      {class: Enquiry},
	Details:      {class: Enquiry, stateless: true},
	Attach:       {class: Change, doubt: Reversal},
	Detach:       {class: Change, doubt: Completion},
	Appointment:  {class: Change, doubt: Reversal},
	Movement:     {class: Inbound},
	AccountEvent: {class: Inbound},
	Reversal:     {class: Advice},
	Release:      {class: Advice},
	Completion:   {class: Advice},
	SignOn:       {class: Network},
	Echo:         {class: Network},
	SignOff:      {class: Network},
}

// Class returns the type's class, 0 for an unknown type.
func (t Type) Class() Class { return catalogue[t].class }

// Doubt is the advice that settles a Change that timed out: a Reversal for what
// then counts as not done, a Completion for what is to be brought to its end.
// Empty where nothing must be told.
func (t Type) Doubt() Type { return catalogue[t].doubt }

// Stateless reports whether the type is an Enquiry whose end changes nothing of
// the customer's.
func (t Type) Stateless() bool { return catalogue[t].stateless }

// Types returns every type of one class, in no order.
func Types(c Class) []Type {
	var types []Type
	for t, traits := range catalogue {
		if traits.class == c {
			types = append(types, t)
		}
	}
	return types
}
