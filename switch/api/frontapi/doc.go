// Package frontapi is what a front serves to the switch: it takes the notices
// that its followers must be told. It is generated from openapi.yaml and
// imports nothing of the project. A front implements [StrictServerInterface]
// (or [ServerInterface]); the switch calls it by [Client].
//
//	h := frontapi.Handler(frontapi.NewStrictHandler(front, nil))
//	http.Handle("/v1/", bearer(token, h)) // the caller's token is the front's to check
//
// What each answer makes the switch do stands in openapi.yaml. A front
// remembers the id and round of what it took, so that one that comes again is
// answered 200 and not told again.
package frontapi

//go:generate go tool oapi-codegen -config generate.yaml -o frontapi.gen.go openapi.yaml
