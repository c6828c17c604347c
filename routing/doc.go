// Package routing finds the bank that holds an account.
//
// A [Table] is read whole from one file by [Load]; it never changes. A [Router]
// holds the table in use and lets another take its place under traffic:
//
//	table, err := routing.Load("routes.yaml", []routing.Bank{"xjrcu", "klb"})
//	router := routing.NewRouter(table)
//	target, err := router.Route(account, "")      // *Refusal: nothing was sent
//
//	next, err := routing.Load("routes.yaml", banks) // on SIGHUP
//	if err == nil {
//		router.Swap(next) // else the old table stays in use
//	}
//
// # The file
//
// YAML, UTF-8, at most 2 MiB, one document of plain maps and lists: no anchors,
// tags, directives or tabs. Two lists, of which one may be missing:
//
//	cards:
//	  - bank: xjrcu         # id of a configured bank
//	    prefix: "621008"    # BIN, 3 to 10 digits; quoted, so that it stays text
//	    lengths: [16]       # digits of the whole number, 12 to 19
//	  - {bank: klb, prefix: "621029", lengths: [19], luhn: false}
//	passbooks:
//	  - bank: xjrcu
//	    prefix: "30"        # 0 to 10 digits; "" for any beginning
//	    length: 17          # digits of the whole number, 8 to 28
//	  - {bank: klb, prefix: "", length: 12, shared: true}
//	  - {bank: korla, prefix: "7", length: 12, shared: true}
//
//	key      default  meaning
//	bank     needed   the bank's id
//	prefix   needed   what the number begins with; it leaves at least 6 digits open
//	lengths  needed   of cards: the lengths that the BIN's numbers have
//	length   needed   of passbooks
//	luhn     true     of cards: the last digit is checked (ISO/IEC 7812-1 annex B)
//	shared   false    of passbooks: other banks may have the same numbers
//
// A file is taken whole or refused whole. The error is [Problems], one line for
// each thing that is wrong (at most 100, and of YAML's own syntax the first only):
//
//	routes.yaml:9:5: card "621008" of klb: prefix and length 16 are taken by card "621008" of xjrcu at routes.yaml:3:5
//
// # How a number finds its bank
//
// Cards: of the rules that have the number's length and its beginning, the
// longest prefix wins. BINs nest (621260 and 621260001 may be two banks') and
// repeat with other lengths (622302 with 16 and with 18 digits), so the same
// prefix may stand twice if the lengths differ, and a longer prefix without the
// number's length leaves it to a shorter one that has it.
//
// Passbooks have no BIN and no check digit: a bank's own (prefix, length) rules
// decide. Where rules of two banks may match one number, both must say
// shared: true; such a number needs the customer's choice, whichever prefix is
// longer. Rules of one bank may nest.
//
// No number may match a card rule and a passbook rule: such a file is refused.
//
// The customer's chosen 开户行 picks among the banks of a shared passbook number;
// elsewhere it must agree with the rule. What is wrong is told in this order:
//
//	account-invalid  not 8 to 28 digits; a known BIN with another length; Luhn
//	unknown-bin      no rule has such a number
//	bank-mismatch    the chosen bank is not among those whose rules match
//	bank-needed      several banks' rules match and none was chosen
//
// [Table.Explain] tells which rules were looked at, where they stand in the
// file, which won, and why the others lost. The account in it is masked.
package routing
