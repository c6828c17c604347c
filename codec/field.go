package codec

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/rs/zerolog"
)

// Field names one thing a message can say. A dialect says where on the wire it
// stands; which types need it is the dialect's business too.
type Field uint8

// The fields. Values are text as a person would write them: no padding, no
// length, no dialect's spelling.
const (
	FieldPAN              Field = iota // card number, digits
	FieldAccount                       // passbook number, digits
	FieldProcessingCode                // F3; set by the dialect, but for advices: the original's
	FieldAmount                        // fen, digits
	FieldSent                          // a Stamp
	FieldSTAN                          // a STAN
	FieldRRN                           // an RRN
	FieldAuthCode                      // F38, what the bank calls its approval
	FieldCode                          // F39, in replies
	FieldAcquirer                      // F32: who asks, the centre's number
	FieldForwarder                     // F33: who sends
	FieldRemaining                     // milliseconds left until the deadline, decimal (E4)
	FieldCertType                      // kind of certificate, in the centre's words: 01 resident ID …
	FieldCertNumber                    // certificate number
	FieldHolder                        // 户名, UTF-8
	FieldBalance                       // ledger balance, fen, may be negative
	FieldAvailable                     // available balance, fen, may be negative
	FieldCurrency                      // ISO 4217 number, 156
	FieldOriginalMTI                   // of the sending that an advice is about (F90)
	FieldOriginalSTAN                  // likewise
	FieldOriginalSent                  // likewise, a Stamp
	FieldOriginalAcquirer              // likewise
	FieldText                          // what the bank says in words, UTF-8
	FieldSMSCode                       // six digits, made by the centre
	FieldSeconds                       // how long the code is valid, seconds
	FieldPurpose                       // what the code is for: authenticate, attach, reset
	FieldFrom                          // of a period, a Moment, included
	FieldTo                            // of a period, a Moment, included
	FieldFirst                         // the first row wanted of the period, from 1
	FieldRows                          // movements, as FormatRows writes them
	FieldMore                          // "1" where more rows follow
	FieldBranch                        // the bank's number of a branch
	FieldBusiness                      // of a visit: personal, corporate, vip
	FieldPhone                         // mobile phone number, 11 digits
	FieldAppointment                   // number of a visit, the bank's
	FieldDirection                     // of a movement: in, out
	FieldSummary                       // of a movement, UTF-8
	FieldMoved                         // when money moved, a Moment
	FieldEvent                         // of an account: deregistered, closed, card-lost, card-replaced
	fieldCount
)

type fieldTraits struct {
	name   string
	masked bool
	keep   keep
}

var fields = [fieldCount]fieldTraits{
	FieldPAN:              {"pan", true, keepPAN},
	FieldAccount:          {"account", true, keepAccount},
	FieldProcessingCode:   {name: "processing-code"},
	FieldAmount:           {name: "amount"},
	FieldSent:             {name: "sent"},
	FieldSTAN:             {name: "stan"},
	FieldRRN:              {name: "rrn"},
	FieldAuthCode:         {name: "auth-code"},
	FieldCode:             {name: "code"},
	FieldAcquirer:         {name: "acquirer"},
	FieldForwarder:        {name: "forwarder"},
	FieldRemaining:        {name: "remaining"},
	FieldCertType:         {name: "cert-type"},
	FieldCertNumber:       {"cert-number", true, keepCert},
	FieldHolder:           {"holder", true, keepNothing},
	FieldBalance:          {name: "balance"},
	FieldAvailable:        {name: "available"},
	FieldCurrency:         {name: "currency"},
	FieldOriginalMTI:      {name: "original-mti"},
	FieldOriginalSTAN:     {name: "original-stan"},
	FieldOriginalSent:     {name: "original-sent"},
	FieldOriginalAcquirer: {name: "original-acquirer"},
	FieldText:             {"text", true, keepNothing},
	FieldSMSCode:          {"sms-code", true, keepNothing},
	FieldSeconds:          {name: "seconds"},
	FieldPurpose:          {name: "purpose"},
	FieldFrom:             {name: "from"},
	FieldTo:               {name: "to"},
	FieldFirst:            {name: "first"},
	FieldRows:             {"rows", true, keepNothing},
	FieldMore:             {name: "more"},
	FieldBranch:           {name: "branch"},
	FieldBusiness:         {name: "business"},
	FieldPhone:            {"phone", true, keepPhone},
	FieldAppointment:      {name: "appointment"},
	FieldDirection:        {name: "direction"},
	FieldSummary:          {"summary", true, keepNothing},
	FieldMoved:            {name: "moved"},
	FieldEvent:            {name: "event"},
}

// String returns the field's name, as dialect files and logs spell it.
func (f Field) String() string {
	if f < fieldCount {
		return fields[f].name
	}
	return fmt.Sprintf("field(%d)", uint8(f))
}

// FieldNamed returns the field of that name.
func FieldNamed(name string) (Field, bool) {
	for f := range fields {
		if fields[f].name == name {
			return Field(f), true
		}
	}
	return 0, false
}

// Mask returns v as people may read it in this field.
func (f Field) Mask(v string) string {
	if f < fieldCount && fields[f].masked {
		return fields[f].keep.mask(v)
	}
	return v
}

// String lists the fields masked.
func (s Fields) String() string {
	var b strings.Builder
	for f, v := range s.All {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s=%s", f, f.Mask(v))
	}
	return b.String()
}

// Format prints the fields masked, whatever the verb.
func (s Fields) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, s.String()) }

// MarshalJSON writes the fields masked.
func (s Fields) MarshalJSON() ([]byte, error) {
	m := make(map[string]string)
	for f, v := range s.All {
		m[f.String()] = f.Mask(v)
	}
	return json.Marshal(m)
}

// MarshalZerologObject logs the fields masked.
func (s Fields) MarshalZerologObject(e *zerolog.Event) {
	for f, v := range s.All {
		e.Str(f.String(), f.Mask(v))
	}
}
