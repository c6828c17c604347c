// Package parts runs the parts of a program in an order, and stops them in the
// opposite one.
//
//	var s parts.Stack
//	s.Add("database", d.Run)
//	s.Add("api", serve) // stops before the database
//	err := s.Run(ctx)
//
// Besides, what the programs' doors, logs, metrics and processes have in common:
// [Serve], [Guard], [Lines], [Tune].
package parts
