package api

import (
	"slices"

	switching "wxswitch/switch"
	"wxswitch/switch/customer"
)

// The door's own problem codes of the scope customer, and of operators' calls
// about customers and notices.
const (
	codeFollowerMissing = "follower-missing"
	codeFollowerInvalid = "follower-invalid"
	codeFollowerBusy    = "follower-busy"
	codeKeptFull        = "kept-full"
	codeNoticeUnknown   = "notice-unknown"
	codeNoticeState     = "notice-state"
	codeCustomerUnknown = "customer-unknown"
)

// customerKinds are the problems of what customers do: each reason of package
// customer, but busy, which is the door's too. Their retry is never: what a rule
// refused is mostly journalled under its key, and it is the customer who tries
// again, with what text says.
var customerKinds = []kind{
	of(customer.ReasonCertType, 422, "No kind of certificate", "the kind of certificate was not chosen, or is none that the switch knows"),
	of(customer.ReasonCert, 422, "The certificate's number is wrong", "too long, characters that no certificate has, or a resident ID that breaks GB 11643"),
	of(customer.ReasonAccount, 422, "No account", "the card's or account's number is empty"),
	of(customer.ReasonConsent, 422, "The terms were not accepted", "the version of the accepted service terms and privacy notice is missing"),
	of(customer.ReasonCodeFormat, 422, "No SMS code", "the code is not six digits"),
	of(customer.ReasonLoginForm, 422, "The login password has the wrong form", "8 to 20 characters; see its rule"),
	of(customer.ReasonPaymentForm, 422, "The payment password has the wrong form", "six digits"),
	of(customer.ReasonLoginWeak, 422, "The login password is too easy", "repeats, runs, a birthday, or a part of a certificate or account"),
	of(customer.ReasonPaymentWeak, 422, "The payment password is too easy", "repeats, runs, a birthday, or a part of a certificate or account"),
	of(customer.ReasonSame, 422, "The passwords are equal", "login and payment password must not be equal, nor one within the other"),
	of(customer.ReasonPhone, 422, "The phone number is wrong", "not a mobile number of the mainland"),
	of(customer.ReasonBusiness, 422, "No business", "the business of the visit was not chosen, or is none of the choices"),
	of(customer.ReasonLocation, 422, "The location is wrong", "not decimal degrees, or out of range"),
	of(customer.ReasonRange, 422, "The range is reversed", "it ends before it begins"),
	of(customer.ReasonFuture, 422, "The range lies in the future", "it ends after today"),
	of(customer.ReasonRangeLong, 422, "The range is too long", "it has more days than may be asked for at once"),
	of(customer.ReasonRangeOld, 422, "The range lies too far back", "it begins before the days that may be asked for"),
	of(customer.ReasonRangeFormat, 422, "The range is wrong", "no period, no dates, or a cursor that is not this account's"),

	of(customer.ReasonCodeSoon, 429, "Too soon for another SMS code", "a code was sent within the last 60 s; GET /v1/customer/codes tells the rest"),
	of(customer.ReasonCodesADay, 429, "Too many SMS codes today", "the limit a day, of the follower or of the account, is reached"),
	of(customer.ReasonCodeWrong, 422, "The SMS code is wrong", "the code is not the one that was sent for this account and purpose"),
	of(customer.ReasonCodeExpired, 422, "The SMS code is too old", "the code was right, but its 5 minutes are over"),
	of(customer.ReasonCodeVoid, 422, "The SMS code is void", "a newer code was sent, or it was tried wrongly too often"),
	of(customer.ReasonCodeUsed, 422, "The SMS code was used", "a code is good once"),

	of(customer.ReasonNotAuthenticated, 403, "Not authenticated", "the follower is no authenticated customer"),
	of(customer.ReasonInProgress, 409, "An authentication is under way", "an earlier authentication of the follower has not ended"),
	of(customer.ReasonDeregistering, 409, "A deregistration is under way", "an earlier deregistration is under way or in doubt; until its bank says how it ended, links and passwords stay"),
	of(customer.ReasonFrozen, 403, "The customer is frozen", "an operator froze the customer"),
	of(customer.ReasonOtherCert, 409, "Authenticated by another certificate", "the follower is authenticated by another certificate, and must deregister first; the code is used"),
	of(customer.ReasonUnfollowed, 403, "Not following", "the follower has left"),

	of(customer.ReasonNoSession, 403, "Not logged in", "the header Session-Token is missing, or its session has ended or is another follower's"),
	of(customer.ReasonNoLogin, 403, "No login password", "the customer has set none yet"),
	of(customer.ReasonNoPayment, 403, "No payment password", "the customer has set none yet"),
	of(customer.ReasonLoginWrong, 403, "The login password is wrong", "the try was counted"),
	of(customer.ReasonPaymentWrong, 403, "The payment password is wrong", "the try was counted"),
	of(customer.ReasonLoginLocked, 429, "The login password is locked", "it was wrong too often"),
	of(customer.ReasonPaymentLocked, 429, "The payment password is locked", "it was wrong too often"),
	of(customer.ReasonSetupOver, 403, "The time to set passwords is over", "neither was an SMS code right in the last 10 minutes, nor is the old password given"),
	of(customer.ReasonIdentity, 403, "Not this customer's identity", "certificate or account is not the customer's; the code is used"),
	of(customer.ReasonPageKey, 422, "The password cannot be opened", "sealed with a key that is too old, or with a nonce that was used: load the page again"),

	of(customer.ReasonNoLink, 404, "No such account", "the customer has no account with that id"),
	of(customer.ReasonLinked, 409, "The account is linked", "the customer has it already"),
	of(customer.ReasonLinks, 409, "Too many accounts", "the customer has as many accounts as allowed"),
	of(customer.ReasonPrimary, 409, "The account is the primary", "the account used to authenticate cannot be detached"),

	of(customer.ReasonNoBranch, 404, "No such branch", "there is no branch with that id"),
	of(customer.ReasonVisits, 429, "Too many visits today", "the limit a day, of the follower or of the phone, is reached"),

	{codeFollowerMissing, 400, never, 0, "No follower", "the headers Follower-Channel and Follower-Subject are required"},
	{codeFollowerInvalid, 400, never, 0, "The follower is wrong", "the headers Follower-Channel and Follower-Subject have 1 to 64 and 1 to 128 visible ASCII characters, and stand once"},
	{codeFollowerBusy, 429, later, 1e9, "The follower asks too much", "as many requests as allowed are under way in the name of this follower, or came lately; nothing was sent"},
	{codeKeptFull, 503, later, 0, "No room to keep another value", "as many values as allowed are kept; nothing was done"},
	{codeNoticeUnknown, 404, never, 0, "No such notice", "there is no notice with that id"},
	{codeNoticeState, 409, never, 0, "The notice has ended", "nothing of the notice is left to be sent"},
	{codeCustomerUnknown, 404, never, 0, "No such customer", "there is no customer with that id, or of that follower"},
}

func of(r switching.Reason, status int, title, text string) kind {
	return kind{Code: string(r), Status: status, Retry: never, Title: title, Text: text + "; nothing was sent"}
}

// wordsLike are reasons whose words fit the door's own problems; the others are
// told as busy.
var wordsLike = map[string]switching.Reason{
	codeBodyInvalid:      switching.ReasonUnwritable,
	codeParameterInvalid: switching.ReasonUnwritable,
	codeInProgress:       switching.ReasonSettling,
	codeFollowerBusy:     switching.ReasonSettling,
}

// tell gives a problem of the scope customer its words, where what refused it
// had none.
func (r *refusal) tell(op *operation) {
	if r.text != "" || !slices.Contains(op.scopes, ScopeCustomer) {
		return
	}
	reason, ok := wordsLike[r.Code]
	if !ok {
		reason = switching.Reason(r.Code)
	}
	r.text = customer.Text(reason)
}
