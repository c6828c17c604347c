// Package strict reads files that operators write and the switch reloads under
// traffic: YAML of plain maps and lists, checked whole, with everything that is
// wrong told by file, line and column.
//
//	r := strict.New("places.yaml", 4<<20, "no places")
//	root := r.Root(data) // nil, and reported, for what is not plain YAML
//	m := r.Mapping(root, "the file", "branches", "merchants")
//	for _, n := range r.List(m, "branches") { ... r.Report(r.Place(n), "bank %q is not configured", b) }
//	err := r.Err() // Problems, or nil
//
// Plain means: UTF-8, one document, no anchors, tags, directives or tabs, keys
// known and each once. The YAML library takes minutes or hours for some files of a
// megabyte; their shapes are refused before it sees them (plain.go).
package strict
