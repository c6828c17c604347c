// Package menu is the menu of the official account as configuration has it: at
// most three columns of at most five items. An item opens a page of the front,
// opens an address, or says a word that the chat answers.
package menu
