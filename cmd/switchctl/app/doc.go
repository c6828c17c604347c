// Package app is switchctl, the operators' command line.
//
//	switchctl config check FILE                 is a configuration right?
//	switchctl key new FILE                      make the key file that switchd needs
//	switchctl key rotate FILE                   encrypt with a new key from now on
//	switchctl token new [FILE]                  make a client's token
//	switchctl route explain ACCOUNT             which bank, by which rule
//	switchctl routes reload                     read routes and places again
//	switchctl bank list                         breakers, bulkheads, links
//	switchctl advice list|retry|close           what must still be told to banks
//	switchctl notice list|resend|discard        what customers are told
//	switchctl customer show|freeze|release      one customer
//	switchctl wire decode --dialect NAME|FILE   a message in words, masked
//
// What needs a running switch asks its API at --url (WXSWITCH_URL, default
// http://127.0.0.1:8480) with the token in --token-file or WXSWITCH_TOKEN, and
// none where neither is given. A token or an account in an argument would stand
// in the shell's history: there is no flag for a token, and - reads the account
// from standard input.
//
// # Exit codes
//
//	0  done
//	1  refused, or what was asked about is wrong; standard error says why
//	2  wrong usage
//	3  the switch did not answer
package app
