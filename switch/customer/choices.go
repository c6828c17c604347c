package customer

// Choices are what forms let a customer choose from, in a page's order.
type Choices struct {
	Banks        []Bank
	Certificates []CertType
	Businesses   []Business
}

// Choices returns what forms let a customer choose from.
func (s *Service) Choices() Choices {
	return Choices{Banks: s.Banks, Certificates: CertTypes(), Businesses: Businesses()}
}
